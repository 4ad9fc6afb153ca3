"""Decoding 2 500 clips to a WER, against the plain evaluate loop: `python -m tests.benchmarks evaluation`.

Both sides begin with audio files and end with a WER. The plain side computes its features first (`map`) and could keep
them for a second evaluation, so the note also gives the ratio to its loop alone, with all of our side's time. Its
Whisper loop is slow enough to be measured on fewer clips; rates are by seconds of audio. Train and dev clips only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.benchmarks.frame import Pair, Row, Setting, Side, Timed, alternate, in_own_process
from tests.benchmarks.material import Rows, seconds, speech, trimmed_starter, write_manifest

CLIPS, WHISPER_CLIPS = 2500, 160
NORMALISER = "english"


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    what: str
    model: str
    whisper: bool
    at_least: float | None


def run(setting: Setting) -> list[Row]:
    """CTC; Whisper as an untouched checkpoint is scored, with 30 s, and as one that learnt on trimmed windows is."""
    trimmed = trimmed_starter(setting.scratch / "trimmed")
    cases = [
        Case("evaluation, CTC (starter-wav2vec2)", "starter-wav2vec2", False, 1.5),
        Case("evaluation, Whisper adapted on trimmed windows (starter-whisper's weights)", str(trimmed), True, 6),
        Case("evaluation, Whisper untouched, 30 s windows (starter-whisper)", "starter-whisper", True, None),
    ]
    rows = speech(setting.corpora, ("train", "dev"), setting.part(CLIPS))
    table = [measured(case, rows, setting) for case in cases]
    return [*table, memory(cases[0], rows, setting), memory(cases[1], rows, setting)]


def measured(case: Case, rows: Rows, setting: Setting) -> Row:
    """Both sides, alternating."""
    print(f" {case.what}", flush=True)
    few = rows[: setting.part(WHISPER_CLIPS)] if case.whisper else rows
    pair = alternate(
        partial(ours, case.model, rows if case.whisper and case.at_least else few, setting.device),
        partial(theirs, case.model, few, setting.device, setting.seed),
        setting.repeats,
    )
    loop = [replace(side, seconds=side.facts["loop_seconds"]) for side in pair.plain]
    alone = Pair(pair.ours, loop).ratio
    note = f"{alone:.2f} times the loop alone, its features ready"
    return pair.row(case.what, "`Trainer.evaluate`, batches of 8, features by `map`", case.at_least, note)


def memory(case: Case, rows: Rows, setting: Setting) -> Row:
    """Peak memory above the model with a fifth of the clips and with all."""
    sizes = [len(rows) // 5, len(rows)]
    sides = [in_own_process(partial(ours, case.model, rows[:size], setting.device)) for size in sizes]
    above = [(side.peak_memory - side.memory_before) / 1e6 for side in sides]
    told = "; ".join(f"{size} clips: {mb:.0f} MB above the model" for size, mb in zip(sizes, above, strict=True))
    flat = above[1] < 1.25 * above[0] + 20
    return Row(f"{case.what}: peak memory", "a fifth of the clips", "flat in the number of clips", told, flat)


def ours(model: str, rows: Rows, device: str) -> Side:
    """`speech_tl.evaluate` from a manifest to a WER."""
    from tempfile import TemporaryDirectory

    from speech_tl.evaluation import evaluate
    from speech_tl.models.load import load_model

    loaded = load_model(model, language="en", device=device)
    with TemporaryDirectory() as folder:
        manifest = write_manifest(Path(folder) / "manifest.csv", rows)
        with Timed(device) as timed:
            evaluation = evaluate(loaded, manifest, split=None, normaliser=NORMALISER)
    return timed.side(seconds(rows), evaluation.score.wer)


def theirs(model: str, rows: Rows, device: str, seed: int) -> Side:
    """The plain loop; its texts are scored as ours, outside the timed work."""
    from tests.benchmarks.plain import Plan, evaluate_ctc, evaluate_whisper

    evaluate = evaluate_whisper if "whisper" in model or Path(model).name == "trimmed" else evaluate_ctc
    side = evaluate(Plan(model, rows, device, seed=seed))
    return replace(side, wer=word_errors(rows, side.facts.pop("texts")))


def word_errors(rows: Rows, texts: list[str]) -> float | None:
    """WER as speech_tl scores it."""
    from speech_tl.data.manifest import Utterance
    from speech_tl.scoring.wer import score

    said = [Utterance(str(number), row["audio"], row["text"]) for number, row in enumerate(rows)]
    return score(said, texts, NORMALISER).score.wer
