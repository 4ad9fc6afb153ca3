"""How many clips without speech get text, beside the peers, and what the guard against it costs speech.

    python -m tests.benchmarks.nothing MODEL CORPORA [--part report|tune] [--sides SIDE ...] [--music 16]
    python -m tests.benchmarks.nothing MODEL CORPORA --speech [--clips 100]

MODEL is the folder of a Whisper that writes English, CORPORA the folder of the corpora. First: the clips of the corpus
`noise` (`--part tune`: its split train, on which the thresholds of `decoding/no_speech.py` were chosen; `report`: dev
and test, of other recordings) and music made on the spot, by every program in this process, each with its own settings;
openai-whisper and faster-whisper must be installed and get the same weights. `--speech`: the WER (normaliser `english`)
of up to `--clips` clips each of speechocean762 dev, librispeech_mini train and dev, and ljspeech_part dev, transcribed
with the guard and, where it took a text, without.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from speech_tl.audio import load_audio, save_audio
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.decoding import no_speech
from speech_tl.models.converted_decoder import ConvertedDecoder
from speech_tl.models.load import load_model
from speech_tl.scoring.wer import score
from speech_tl.text import get_normaliser
from speech_tl.transcribing.transcribe import transcribe
from tests.benchmarks.transcribing_peers import RATE, exported

SIDES = (
    "speech_tl",
    "speech_tl without the guard",
    "faster-whisper, vad_filter",
    "faster-whisper, no vad_filter",
    "openai-whisper",
)
SPEECH = {"speechocean762": ("dev",), "librispeech_mini": ("train", "dev"), "ljspeech_part": ("dev",)}
SEED = 5
CHORDS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (-3, 0, 4))
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)

Write = Callable[[str], str]
"""A file -> its text."""


def music(seed: int, seconds: float = 10.0) -> np.ndarray:
    """Chords with a melody above them, of tones with harmonics that are struck and die away; float32 mono at `RATE`."""
    rng = np.random.default_rng(seed)
    beat_s, key, harmonics = rng.uniform(0.25, 0.6), rng.integers(48, 66), rng.integers(3, 9)
    decay = rng.uniform(1.0, 5.0)
    sound = np.zeros(round(seconds * RATE))
    for beat in range(int(seconds / beat_s)):
        notes = [key + note for note in CHORDS[beat // 4 % 4]] if beat % 4 == 0 else []
        notes.append(key + 12 + SCALE[rng.integers(len(SCALE))])
        first = round(beat * beat_s * RATE)
        for note in notes:
            t = np.arange(len(sound) - first) / RATE
            hertz = 440 * 2 ** ((note - 69) / 12)
            tone = sum(np.sin(2 * np.pi * hertz * n * t) / n for n in range(1, harmonics + 1))
            sound[first:] += tone * np.exp(-decay * t) * np.minimum(1, t / 0.01)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


@contextmanager
def unguarded() -> Iterator[None]:
    """Within, every text is taken."""
    most, no_speech.MOST_NO_SPEECH = no_speech.MOST_NO_SPEECH, 1.0
    try:
        yield
    finally:
        no_speech.MOST_NO_SPEECH = most


def writer(side: str, models: dict[str, str]) -> Write:
    """A program with its model loaded."""
    model = models[side.split(",")[0].split()[0]]
    if side == "openai-whisper":
        import whisper

        loaded = whisper.load_model(model, device="cpu")
        return lambda file: loaded.transcribe(file, language="en", fp16=False)["text"]
    if side.startswith("faster-whisper"):
        from faster_whisper import WhisperModel

        fast, vad = WhisperModel(model, device="cpu", cpu_threads=1), "no" not in side.split()
        return lambda file: " ".join(s.text for s in fast.transcribe(file, language="en", vad_filter=vad)[0])
    ours = load_model(model, device="cpu")

    def write(file: str) -> str:
        if not side.endswith("without the guard"):
            return transcribe(ours, file).text
        with unguarded():
            return transcribe(ours, file).text

    return write


def without_speech(corpora: Path, part: str, count: int, folder: Path) -> dict[str, list[str]]:
    """Files by kind."""
    rows = Manifest.read(corpora / "noise" / "manifest.csv")
    splits = rows.texts("split")
    wanted = ("train",) if part == "tune" else ("dev", "test")
    noise = [str(row.audio) for row, split in zip(rows, splits, strict=True) if split in wanted]
    first = 0 if part == "tune" else 1000
    made = [save_audio(folder / f"{seed}.flac", music(seed), RATE) for seed in range(first, first + count)]
    return {"noise": noise, "music": [str(file) for file in made]}


def compare_programs(given: argparse.Namespace) -> None:
    """Print a row a program: clips with text, of how many."""
    normal = get_normaliser("english")
    with tempfile.TemporaryDirectory() as scratch:
        models = exported(given.model, Path(scratch))
        clips = without_speech(given.corpora, given.part, given.music, Path(scratch))
        print(f"| | {' | '.join(clips)} | CPU s |\n|:--|{'--:|' * (len(clips) + 1)}", flush=True)
        for side in given.sides:
            write, cells, began = writer(side, models), [], time.process_time()
            for files in clips.values():
                texts = [write(file) for file in files]
                wrong = {Path(file).stem: text for file, text in zip(files, texts, strict=True) if normal(text)}
                cells.append(f"{len(wrong)} of {len(files)}")
                print(*(f"{name}: {text[:60]}" for name, text in wrong.items()), sep="\n", file=sys.stderr, flush=True)
            print(f"| {side} | {' | '.join(cells)} | {time.process_time() - began:.0f} |", flush=True)


def clips_of(corpora: Path, corpus: str, most: int) -> list[Utterance]:
    """Clips with speech, of the splits on which something may be chosen."""
    found: list[Utterance] = []
    for split in SPEECH[corpus]:
        rows = Manifest.read(corpora / corpus / "manifest.csv", split=split)
        found += rows
    return random.Random(SEED).sample(found, min(most, len(found)))


def cost_to_speech(given: argparse.Namespace) -> None:
    """Print a row a corpus: WER with the guard and without, and how many texts were doubted and taken."""
    model = load_model(given.model, device="cpu")
    doubted: list[float] = []
    ask = ConvertedDecoder.no_speech

    def noting(decoder: ConvertedDecoder, features: np.ndarray, prompt: Sequence[int]) -> list[float]:
        found = ask(decoder, features, prompt)
        doubted.extend(found)
        return found

    ConvertedDecoder.no_speech = noting
    print("| | clips | doubted | taken | WER with the guard | without |\n|:--|--:|--:|--:|--:|--:|", flush=True)
    for corpus in SPEECH:
        clips, cells = clips_of(given.corpora, corpus, given.clips), []
        with tempfile.TemporaryDirectory() as folder:
            sounds = [load_audio(clip.audio, RATE)[: 30 * RATE] for clip in clips]
            files = [save_audio(Path(folder) / f"{n:04d}.flac", sound, RATE) for n, sound in enumerate(sounds)]
            doubted.clear()
            guarded = free = transcribe(model, files)
            cells += [str(len(doubted)), str(sum(found > no_speech.MOST_NO_SPEECH for found in doubted))]
            if max(doubted, default=0.0) > no_speech.MOST_NO_SPEECH:
                with unguarded():
                    free = transcribe(model, files)
        for result in (guarded, free):
            texts = [transcript.text for transcript in result.transcripts]
            cells.append(f"{100 * score(clips, texts, 'english').score.wer:.2f} %")
        print(f"| {corpus} | {len(clips)} | {' | '.join(cells)} |", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--music", type=int, default=16, help="clips of it")
    parser.add_argument("--speech", action="store_true", help="what the guard costs speech")
    parser.add_argument("--clips", type=int, default=100, help="with speech, of each corpus")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    (cost_to_speech if given.speech else compare_programs)(given)


if __name__ == "__main__":
    main(sys.argv[1:])
