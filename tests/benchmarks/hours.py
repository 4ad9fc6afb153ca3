"""5 000 hours through table, sampler, loader and resume: `python -m tests.benchmarks hours` (SPEECH_TL_HOURS: so many).

Three million rows of generated audio: parts of a few long files, in a manifest of Parquet parts. starter-wav2vec2
takes 1 000 steps, is stopped half-way and resumed. For every step: how long it waited for data, and the memory of all
processes. Nothing is aimed at but that memory stays flat and that nobody waits.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

STEPS = int(os.environ.get("SPEECH_TL_STEPS", "1000"))
ROW_S = 6.0
FILE_S, FILES, PARTS = 600, 12, 16
BATCH_S = 10.0


def main() -> None:
    """Make the rows, train, and print."""
    hours = float(os.environ.get("SPEECH_TL_HOURS", "5000"))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        measure(Path(scratch), int(hours * 3600 / ROW_S))


def make_rows(folder: Path, rows: int) -> None:
    """A manifest in parts: each row is a few seconds of one of the files, 4 to 8 s long."""
    import pyarrow as pa
    from pyarrow import parquet

    from speech_tl.audio import save_audio
    from tests.sounds import SAMPLE_RATE, voice

    for number in range(FILES):
        save_audio(folder / f"{number}.flac", voice(FILE_S, number), SAMPLE_RATE)
    rng = np.random.default_rng(0)
    for part, numbers in enumerate(np.array_split(np.arange(rows), PARTS)):
        length_s = rng.uniform(4, 8, len(numbers)).round(2)
        start_s = (numbers * ((FILE_S - 8) / rows)).round(6)  # no two rows are the same utterance
        columns = {
            "audio": [f"{number % FILES}.flac" for number in numbers],
            "start": start_s,
            "end": start_s + length_s,
            "text": [" ".join("abcdefghij"[int(digit)] for digit in str(number)) for number in numbers],
            "speaker": [f"s{number % 5000}" for number in numbers],
        }
        parquet.write_table(pa.table(columns), folder / f"manifest-{part:03d}.parquet")


def measure(folder: Path, rows: int) -> None:
    """One training in two halves."""
    from speech_tl.data.manifest import Manifest

    make_rows(folder / "rows", rows)
    before = memory_mb()
    began = time.perf_counter()
    manifest = Manifest.read(folder / "rows")
    hours = float(manifest.durations_s().sum()) / 3600
    read_s = time.perf_counter() - began
    print(f"{len(manifest):,} rows, {hours:,.0f} h: read in {read_s:.1f} s, {memory_mb() - before:,.0f} MB", flush=True)
    seen = [half(manifest, folder, stop_at=STEPS // 2 + 10), half(manifest, folder, resume=True)]
    for name, steps in zip(("first half", "resumed"), seen, strict=True):
        print(f"{name}: {told(steps)}")


class Steps:
    """What the steps of a half took: seconds in all and of them for data, and memory."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.ended: list[float] = []
        self.waits: list[float] = []
        self.megabytes: list[float] = []

    def end(self, *_: Any) -> None:
        """A step has ended."""
        self.ended.append(time.perf_counter() - self.began)
        if len(self.ended) % 10 == 0:
            self.megabytes.append(memory_mb())


def half(manifest: Any, folder: Path, *, stop_at: int = 0, resume: bool = False) -> Steps:
    """Train to a step, or on from there to the end."""
    from speech_tl.data.augment import Augmenter, AugmentOptions
    from speech_tl.models.load import load_model
    from speech_tl.models.options import DecodingOptions
    from speech_tl.strategies.trained import Full
    from speech_tl.training.options import TrainingOptions
    from speech_tl.training.train import train

    model, strategy = load_model("starter-wav2vec2", language="en", device="cpu"), Full()
    strategy.prepare(model, 0)
    steps = Steps()

    def progress(done: int, total: int, latest: dict[str, float]) -> None:
        steps.end()
        if stop_at and done >= stop_at:
            raise KeyboardInterrupt

    options = TrainingOptions(
        max_steps=STEPS, eval_steps=STEPS // 4, batch_seconds=BATCH_S, precision="float32", workers=1
    )
    with timed_loader(steps), suppress(KeyboardInterrupt):
        train(
            model,
            manifest,
            None,
            options,
            folder / "training",
            seed=0,
            augmenter=Augmenter(AugmentOptions()),
            decoding=DecodingOptions(),
            strategy=strategy,
            resume=resume,
            progress=progress,
        )
    return steps


class timed_loader:
    """Notes how long every step waits for its batches."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def __enter__(self) -> None:
        from speech_tl.training.trainer import AdaptationTrainer

        self.usual = usual = AdaptationTrainer.get_batch_samples
        waits = self.steps.waits

        def timed(trainer: Any, iterator: Iterator, *given: Any) -> Any:
            waited = [0.0]

            def counted() -> Iterator:
                while True:
                    began = time.perf_counter()
                    try:
                        batch = next(iterator)
                    except StopIteration:
                        return
                    waited[0] += time.perf_counter() - began
                    yield batch

            found = usual(trainer, counted(), *given)
            waits.append(waited[0])
            return found

        AdaptationTrainer.get_batch_samples = timed

    def __exit__(self, *_: object) -> None:
        from speech_tl.training.trainer import AdaptationTrainer

        AdaptationTrainer.get_batch_samples = self.usual


def told(steps: Steps) -> str:
    """One line."""
    took = np.diff([0.0, *steps.ended])[1:]
    shares = np.array(steps.waits[1 : len(took) + 1]) / took
    memory = np.array(steps.megabytes)
    return (
        f"{len(steps.ended)} steps, the first after {steps.ended[0]:.1f} s, then {np.median(took) * 1000:.0f} ms each; "
        f"waiting for data: {np.median(shares):.1%} of a step, 99 of 100 below {np.quantile(shares, 0.99):.1%}, at "
        f"most {shares.max():.1%}; memory {memory[0]:,.0f} MB after 10 steps, {memory[-1]:,.0f} MB at the end"
    )


def memory_mb() -> float:
    """Of this process and the loader's workers; what they share counts once."""
    process = psutil.Process()
    own = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            own += child.memory_full_info().uss
        except psutil.Error:
            continue
    return own / 1e6
