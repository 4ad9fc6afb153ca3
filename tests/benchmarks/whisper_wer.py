"""What trimmed windows cost Whisper: WER at equal steps beside 30 s padding: `python -m tests.benchmarks whisper_wer`.

Both sides take the same steps from starter-whisper with the same learning rate over the real train split, once for each
of three seeds, and both results are decoded with 30 s windows. With `--share` both the steps and the test clips are
fewer.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from speech_tl.models.options import DecodingOptions, ModelOptions
from tests.benchmarks import ours, plain
from tests.benchmarks.frame import Row, Setting, in_own_process, told
from tests.benchmarks.material import speech, write_manifest
from tests.benchmarks.ours import Ours
from tests.benchmarks.plain import Plan

STEPS = 275  # an epoch of the train split
SEEDS = 3
BATCH = 8


def run(setting: Setting) -> list[Row]:
    """One row, over all seeds."""
    steps = setting.part(STEPS)
    rows = speech(setting.corpora, "train", None, setting.seed)
    clips = speech(setting.corpora, "test")
    test = write_manifest(setting.scratch / "test.csv", clips[: setting.part(len(clips))], split="test")
    found: dict[str, list[Any]] = {"ours": [], "plain": []}
    for seed in range(setting.seed, setting.seed + SEEDS):
        plan = Plan(
            "starter-whisper", rows, "cpu", steps, seed, BATCH, freeze_feature_encoder=False, learning_rate=3e-4
        )
        for name in found:
            place = replace(plan, out=setting.scratch / f"{name}-{seed}")
            side = partial(ours.trained, Ours(place)) if name == "ours" else partial(plain.train_whisper, place)
            print(f"  seed {seed} {name:6s} {told(in_own_process(side))}", flush=True)
            found[name].append(_scored(place.out, test))
            print(f"  seed {seed} {name:6s} WER {100 * found[name][-1].score.wer:.2f} %", flush=True)
    return [_lost(found, steps)]


def _scored(model: Path, test: Path) -> Any:
    """The test split by a trained model, with 30 s windows."""
    from speech_tl.evaluation import evaluate

    decoding = DecodingOptions(audio_context="full")
    return evaluate(str(model), test, language="en", normaliser="english", decoding=decoding)


def _lost(found: dict[str, list[Any]], steps: int) -> Row:
    """The change from plain to ours over all seeds together; speakers are drawn with all their seeds' utterances."""
    from speech_tl.scoring.significance import change_interval

    together = {
        name: replace(seeds[0], utterances=[utterance for seed in seeds for utterance in seed.utterances])
        for name, seeds in found.items()
    }
    change = change_interval(together["plain"], together["ours"])
    low, high = (100 * end for end in change.ci95)
    rates = {name: " / ".join(f"{100 * seed.score.wer:.1f}" for seed in seeds) for name, seeds in found.items()}
    share = ModelOptions().full_context_share
    return Row(
        f"Whisper fine-tuning, starter-whisper: WER after {steps} equal steps, decoded with 30 s, {SEEDS} seeds",
        f"plain Seq2SeqTrainer, 30 s windows, batches of {BATCH}",
        "upper 95 % bound of the WER lost < 2 points",
        f"{100 * change.absolute:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}; {change.method}): "
        f"{rates['ours']} against {rates['plain']} %; {share:.1%} of the utterances at 30 s; "
        f"{len(found['ours'][0].utterances)} test clips",
        high < 2,
    )
