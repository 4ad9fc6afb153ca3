"""Long recordings beside openai-whisper and faster-whisper: WER, CPU seconds, memory, text where nobody speaks.

    python -m tests.benchmarks.transcribing_peers MODEL CORPORA [--minutes 18.6] [--only PART ...] [--threads 1]

MODEL is the folder of a Whisper that writes English; every program gets its weights (exported by `speech_tl`), CORPORA
the folder of the corpora. Parts: `reading` (ljspeech_part joined with pauses of 0.2 to 1.2 s), `speakers`
(librispeech_mini, a recording for each speaker), `noisy` (the reading in noise at 10 dB), `clips` (500 files of single
sentences of the splits train and dev, see `material`), `nothing` (clips of noise without speech: how many get text).
The peers live in an environment of their own, `--peers` (made there if it is missing). Each program transcribes a part
in a process of its own, which loads its model before the clock starts; CPU seconds are of all threads; peak is of the
whole process. WER with the normaliser `english`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

RATE = 16000
PAUSE_S = (0.2, 1.2)
SNR_DB = 10.0
CLIPS = 200
PEERS = ("openai-whisper==20250625", "faster-whisper==1.2.1")
SHORT = 500
PARTS = ("reading", "speakers", "noisy", "clips", "nothing")
SIDES = (
    "openai-whisper",
    "openai-whisper, beam of 5",
    "faster-whisper",
    "faster-whisper, batched",
    "faster-whisper, batched, beam of 5",
    "speech_tl, text",
    "speech_tl, every format",
    "speech_tl, every format, one hypothesis",
    "speech_tl, every format, windows of 30 s",
)


# ---- the programs, each in a process of its own; of the peers' environment, so that nothing else is imported


def transcriber(side: str, model: str, threads: int) -> Callable[[list[str]], list[str]]:
    """What turns files into texts, its model loaded."""
    beam = 5 if side.endswith("beam of 5") else 1
    if side.startswith("openai-whisper"):
        import torch
        import whisper

        torch.set_num_threads(threads)
        loaded = whisper.load_model(model, device="cpu")
        asked = {"language": "en", "fp16": False, "beam_size": None if beam == 1 else beam}
        return lambda files: [loaded.transcribe(file, **asked)["text"] for file in files]
    if side.startswith("faster-whisper"):
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        fast = WhisperModel(model, device="cpu", cpu_threads=threads, compute_type="int8")
        if "batched" in side:
            pipeline = BatchedInferencePipeline(fast)
            settings = {"language": "en", "batch_size": 8, "beam_size": beam}
            return lambda files: [_joined(pipeline.transcribe(file, **settings)[0]) for file in files]
        settings = {"language": "en", "vad_filter": True, "beam_size": beam}
        return lambda files: [_joined(fast.transcribe(file, **settings)[0]) for file in files]
    from speech_tl import transcribe
    from speech_tl.models.options import DecodingOptions
    from speech_tl.transcribing.transcribe import ModelName

    options = DecodingOptions(audio_context="full" if side.endswith("windows of 30 s") else "auto")
    if side.endswith("one hypothesis"):
        options = DecodingOptions(beam=1)
    ours, alone = ModelName(model, "en").known(options, threads), side.endswith("text")

    def texts(files: list[str]) -> list[str]:
        told = transcribe(ours, files, join=alone, words=not alone, options=options).transcripts
        found = {transcript.audio: transcript.text for transcript in told}
        return [found[file] for file in files]

    return texts


def _joined(segments: Iterable) -> str:
    return " ".join(segment.text.strip() for segment in segments)


def run_side(side: str, model: str, threads: int, files: list[str]) -> None:
    """Print what a program makes of files, as JSON."""
    write = transcriber(side, model, threads)
    began = time.process_time()
    texts = write(files)
    spent_s = time.process_time() - began
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    print(json.dumps({"texts": texts, "cpu_s": spent_s, "peak": peak}))


# ---- what they hear


def rows(corpora: Path, name: str) -> list[dict[str, str]]:
    """A corpus's manifest, with whole paths."""
    with (corpora / name / "manifest.csv").open(encoding="utf-8") as stream:
        return [row | {"audio": str(corpora / name / row["audio"])} for row in csv.DictReader(stream)]


def joined(found: list[dict[str, str]], file: Path, minutes: float, snr_db: float | None = None) -> tuple[str, str]:
    """A recording of clips with pauses, up to so many minutes: (its file, what is said)."""
    import numpy as np

    from speech_tl.audio import load_audio, save_audio
    from speech_tl.data.augment.levels import mixed
    from speech_tl.data.augment.noise import coloured_noise

    rng = np.random.default_rng(0)
    parts, said = [], []
    for row in found:
        clip = load_audio(row["audio"], RATE)
        if sum(map(len, parts)) + len(clip) > minutes * 60 * RATE:
            break
        parts += [clip, np.zeros(round(rng.uniform(*PAUSE_S) * RATE), np.float32)]
        said.append(row["text"])
    sound = np.concatenate(parts)
    if snr_db is not None:
        sound = mixed(sound, coloured_noise(len(sound), "pink", rng, RATE), snr_db).astype(np.float32)
    save_audio(file, sound / max(1.0, float(np.abs(sound).max())), RATE)
    return str(file), " ".join(said)


def material(part: str, corpora: Path, folder: Path, minutes: float) -> list[tuple[str, str]]:
    """(File, text) of a part; the text of clips without speech is empty."""
    if part == "speakers":
        speakers = defaultdict(list)
        for row in rows(corpora, "librispeech_mini"):
            if row["split"] in ("train", "dev"):
                speakers[row["speaker"]].append(row)
        return [joined(found, folder / f"{name}.wav", minutes) for name, found in sorted(speakers.items())]
    if part == "clips":
        parts = [(name, "dev") for name in ("librispeech_mini", "ljspeech_part", "speechocean762")]
        parts += [("librispeech_mini", "train"), ("speechocean762", "train")]
        short = [row for name, split in parts for row in rows(corpora, name) if row["split"] == split]
        return [(row["audio"], row["text"]) for row in short[:SHORT]]
    if part == "nothing":
        clips = [file for kind in ("wav", "flac", "ogg") for file in sorted((corpora / "noise").rglob(f"*.{kind}"))]
        return [(str(file), "") for file in clips[:CLIPS]]
    return [
        joined(rows(corpora, "ljspeech_part"), folder / f"{part}.wav", minutes, SNR_DB if part == "noisy" else None)
    ]


# ---- the table


def peers_python(folder: Path) -> Path:
    """The interpreter of the peers' environment, made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python


def exported(model: str, folder: Path) -> dict[str, str]:
    """The model in each program's format, by the first word of its name."""
    from speech_tl.exporting.export import export

    for target in ("openai", "ctranslate2"):
        export(model, target, folder / target, compared=False)
    (weights,) = (folder / "openai").glob("*.pt")
    return {"openai-whisper": str(weights), "faster-whisper": str(folder / "ctranslate2"), "speech_tl": model}


def convert(model: str, clip: str) -> None:
    """Let `speech_tl` do for a model what it does once: convert it, and hold the conversion against the model."""
    from speech_tl import transcribe
    from speech_tl.transcribing.transcribe import ModelName

    transcribe(ModelName(model, "en"), clip)


def measured(side: str, python: Path, model: str, threads: int, files: list[str]) -> dict:
    """What a program printed of the files."""
    own = side.startswith("speech_tl")
    # as a module: beside this file lies a coverage.py, which would be taken for the package of that name
    script = ["-m", "tests.benchmarks.transcribing_peers", model, "-", *files]
    command = [str(python), *script, "--side", side, "--threads", str(threads)]
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    if not own:
        env.pop("PYTHONPATH", None)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=env, cwd=root)
    return json.loads(done.stdout.splitlines()[-1])


def row_of(part: str, side: str, found: dict, texts: list[str]) -> str:
    """A line of the table."""
    from jiwer import wer

    from speech_tl.text import get_normaliser

    normal = get_normaliser("english")
    if part == "nothing":
        figure = f"{sum(bool(normal(text)) for text in found['texts'])} of {len(texts)} with text"
    else:
        figure = f"{100 * wer([normal(text) for text in texts], [normal(text) for text in found['texts']]):.1f} %"
    return f"| {part} | {side} | {figure} | {found['cpu_s']:.0f} | {found['peak'] / 1e9:.2f} GB |"


def main() -> None:
    """Print the table, a row a part and program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("corpora")
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=18.6, help="of the reading, at most")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "speech_tl_peers")
    asked = parser.parse_args()
    if asked.side:
        run_side(asked.side, asked.model, asked.threads, asked.files)
        return
    python = peers_python(asked.peers)
    convert(asked.model, rows(Path(asked.corpora), "ljspeech_part")[0]["audio"])
    with tempfile.TemporaryDirectory() as scratch:
        models = exported(asked.model, Path(scratch))
        print("| part | program | WER | CPU s | peak |\n|:--|:--|--:|--:|--:|", flush=True)
        for part in asked.only:
            heard = material(part, Path(asked.corpora), Path(scratch), asked.minutes)
            files, texts = [file for file, _ in heard], [text for _, text in heard]
            for side in asked.sides:
                own = side.startswith("speech_tl")
                model = models[side.split(",")[0]]
                found = measured(side, Path(sys.executable) if own else python, model, asked.threads, files)
                print(row_of(part, side, found, texts), flush=True)


if __name__ == "__main__":
    main()
