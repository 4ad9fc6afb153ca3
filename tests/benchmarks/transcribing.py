"""500 short files and one hour into text, against the ASR pipeline: `python -m tests.benchmarks transcribing`.

Short files are clips of the train split. The hour is such clips one after the other with pauses, one file. Both sides
begin with audio files and a loaded model. Random weights would never end a sentence, hence the starters.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.evaluation import word_errors
from tests.benchmarks.frame import Row, Setting, Side, Timed, alternate, in_own_process
from tests.benchmarks.material import Rows, speech, trimmed_starter

FILES, COMPARED, HOUR_S = 500, 100, 3600.0
PAUSES_S = (0.3, 1.5)
ABOVE_MODEL = 1.5e9
"""Bytes that transcribing an hour may take above the model."""


def run(setting: Setting) -> list[Row]:
    """Both families, short and long."""
    trimmed = str(trimmed_starter(setting.scratch / "trimmed"))
    files = speech(setting.corpora, "train", setting.part(FILES))
    table = []
    for name, model, at_least in (
        ("CTC (starter-wav2vec2)", "starter-wav2vec2", 1.5),
        ("Whisper, windows trimmed (starter-whisper's weights)", trimmed, 4),
        ("Whisper, 30 s windows (starter-whisper)", "starter-whisper", None),
    ):
        table.append(short(f"{len(files)} short files, {name}", model, files, at_least, setting))
    hour = one_hour(setting)
    for name, model in (
        ("CTC (starter-wav2vec2)", "starter-wav2vec2"),
        ("Whisper, windows trimmed (starter-whisper's weights)", trimmed),
        ("Whisper, 30 s windows (starter-whisper)", "starter-whisper"),
    ):
        table += long(f"one hour, {name}", model, hour, setting)
    return table


def short(what: str, model: str, files: Rows, at_least: float | None, setting: Setting) -> Row:
    """Many short files; then some of them one at a time through the pipeline, to compare texts."""
    print(f" {what}", flush=True)
    sides = (partial(ours, model, files, setting.device), partial(theirs, model, files, setting.device, 8))
    pair = alternate(*sides, setting.repeats)
    alone = in_own_process(partial(theirs, model, files[: setting.part(COMPARED)], setting.device, 1))
    texts = alone.facts["texts"]
    found = zip(pair.ours[0].facts["texts"], texts, strict=False)
    same = sum(one.lower().split() == other.lower().split() for one, other in found) / len(texts)
    note = f"{100 * same:.0f} % of {len(texts)} texts as the pipeline's at batch size 1"
    return pair.row(what, "ASR pipeline, batch size 8", at_least, note)


def long(what: str, model: str, hour: Rows, setting: Setting) -> list[Row]:
    """One file; speed, and memory above the model."""
    print(f" {what}", flush=True)
    sides = (partial(ours, model, hour, setting.device), partial(theirs, model, hour, setting.device, 8, 30.0))
    pair = alternate(*sides, setting.repeats)
    above = max(side.peak_memory - side.memory_before for side in pair.ours)
    held = Row(f"{what}: peak memory above the model", "", "< 1.5 GB", f"{above / 1e9:.2f} GB", above < ABOVE_MODEL)
    return [pair.row(what, "ASR pipeline, chunks of 30 s, batch size 8", 1), held]


def ours(model: str, rows: Rows, device: str) -> Side:
    """`speech_tl.transcribe`."""
    from speech_tl.models.load import load_model
    from speech_tl.transcribing.transcribe import transcribe

    loaded = load_model(model, language="en", device=device)
    files = list(dict.fromkeys(row["audio"] for row in rows))
    with Timed(device) as timed:
        result = transcribe(loaded, files, join=True)  # as the command does for txt
    told = {transcript.audio: transcript for transcript in result.transcripts}
    texts = [told[row["audio"]].text for row in rows]
    return timed.side(sum(t.duration_s for t in result.transcripts), word_errors(rows, texts), texts=texts)


def theirs(model: str, rows: Rows, device: str, batch: int, chunk_s: float = 0.0) -> Side:
    """The pipeline."""
    from tests.benchmarks.plain import transcribe

    side = transcribe(model, [row["audio"] for row in rows], device, batch, chunk_s)
    return replace(side, wer=word_errors(rows, side.facts["texts"]))


def one_hour(setting: Setting) -> Rows:
    """A recording of an hour, as the only row of a table with everything that is said in it."""
    import soundfile

    chance = np.random.default_rng(setting.seed)
    path = Path(setting.scratch) / "hour.wav"
    said, length_s = [], 0.0
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        for row in speech(setting.corpora, "train"):
            if length_s > HOUR_S * setting.share:
                break
            waveform, _ = soundfile.read(row["audio"], dtype="float32")
            pause = chance.normal(0, 1e-4, int(16000 * chance.uniform(*PAUSES_S))).astype(np.float32)
            file.write(np.concatenate([waveform, pause]))
            said.append(row["text"])
            length_s += (len(waveform) + len(pause)) / 16000
    return [{"audio": str(path), "text": " ".join(said), "duration": f"{length_s:.2f}"}]
