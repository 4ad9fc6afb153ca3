"""What a training run did so far: counts, times, the log that a report draws its curves from, and a line to look at."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from transformers import (
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from speech_tl.data.batching import BatchFacts
from speech_tl.decoding.memory import FreedMemory
from speech_tl.text import Rate, write_atomically

StepProgress = Callable[[int, int, dict[str, float]], None]
"""Called with (steps done, steps in all, {"loss", "dev_wer" or "dev_cer"} as far as known)."""


class TrainingFacts:
    """Counts that survive a kill: they are written with every log entry and read back on resume.

    Attributes:
        seconds: wall time of training steps, without dev decoding, in seconds.
        validation_seconds: wall time of dev decoding.
        audio_seconds: audio trained on, in seconds.
        source_seconds: how many of them were speech of the source domain, heard so as not to forget it.
        padded_seconds: all with padding.
        skipped_losses: micro-batches whose loss, and steps whose gradient, was not finite.
        problems: dataset index -> why it could not be loaded.
        pieces: how many parts a batch was taken in, in the end, because memory ran out.
        rate: the error rate of dev that selects the weights.
    """

    CLOCKS = ("seconds", "validation_seconds")
    COUNTS = ("seconds", "validation_seconds", "audio_seconds", "source_seconds", "padded_seconds", "skipped_losses")

    def __init__(self, rate: Rate = "wer") -> None:
        """Start from nothing."""
        self.rate = rate
        self.seconds = self.validation_seconds = self.audio_seconds = self.source_seconds = self.padded_seconds = 0.0
        self.skipped_losses = self.bad_in_a_row = 0
        self.pieces = 1
        self.problems: dict[int, str] = {}
        self._since: float | None = None

    def add_batch(self, batch: BatchFacts) -> None:
        """Count one batch."""
        self.audio_seconds += batch.seconds
        self.source_seconds += batch.source_seconds
        self.padded_seconds += batch.padded_seconds
        self.problems.update(batch.problems)

    def resume(self) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def pause(self) -> None:
        """Stop the clock."""
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
            self._since = None

    def counts(self) -> dict[str, float]:
        """The counts at this moment."""
        if self._since is not None:
            self.pause()
            self.resume()
        exact = {name: getattr(self, name) for name in self.COUNTS}  # amounts go on from here to the last bit
        return exact | {name: round(exact[name], 3) for name in self.CLOCKS}

    def restore(self, entries: list[dict[str, Any]]) -> None:
        """Continue from the log's last counts, which its last entry need not have, and the problems of all."""
        counts = {name: entry[name] for entry in entries for name in self.COUNTS if name in entry}
        for name in self.COUNTS:
            setattr(self, name, counts.get(name, 0))
        for entry in entries:
            self.problems |= {int(index): problem for index, problem in entry.get("problems", {}).items()}

    @property
    def padding_share(self) -> float:
        """Share of the padded audio that is padding."""
        return 1 - self.audio_seconds / self.padded_seconds if self.padded_seconds else 0.0


class LogFile(TrainerCallback):
    """Appends each log entry to `log.jsonl`: step, epoch, loss, learning rate, gradient norm, dev WER, counts.

    With several processes the first one writes; its counts of audio are its own.
    """

    NAMES: ClassVar[dict[str, str]] = {"eval_wer": "dev_wer", "eval_cer": "dev_cer"}

    def __init__(self, path: Path, facts: TrainingFacts, progress: StepProgress | None = None) -> None:
        """Write to `path`; `progress` hears of every step."""
        self.path, self.facts, self.progress = path, facts, progress
        self.latest: dict[str, float] = {}
        self.logged_problems = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Forget what a killed run logged after the checkpoint that this one continues from."""
        entries = [e for e in read_log(self.path) if e["step"] <= state.global_step] if state.global_step else []
        if state.is_world_process_zero:
            write_atomically(self.path, "".join(json.dumps(e) + "\n" for e in entries))
        if entries:
            self.facts.restore(entries)
            self.logged_problems = len(self.facts.problems)
        self.facts.resume()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict | None = None, **kw: Any
    ) -> None:
        """Append one entry."""
        entry = {self.NAMES.get(key, key): value for key, value in (logs or {}).items() if "runtime" not in key}
        if not {"loss", "dev_wer"} & set(entry) or not state.is_world_process_zero:
            return
        shown = ("loss", f"dev_{self.facts.rate}")
        self.latest.update({key: entry[key] for key in shown if key in entry})
        line: dict[str, Any] = {"step": state.global_step, "epoch": state.epoch, **entry, **self.facts.counts()}
        if new_problems := dict(list(self.facts.problems.items())[self.logged_problems :]):
            line["problems"] = new_problems
            self.logged_problems = len(self.facts.problems)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())  # before the checkpoint of this step: its counts are here alone

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Log at every checkpoint, so that a resumed run has the entries of an unbroken one; tell the screen."""
        control.should_log |= control.should_save
        if self.progress is not None:
            self.progress(state.global_step, state.max_steps, self.latest)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Stop the clock."""
        self.facts.pause()


class BoundMemory(TrainerCallback):
    """Gives freed memory back between steps where gaps between blocks of ever new shapes have added up."""

    def __init__(self, device_type: str) -> None:
        """On a CPU only; see `FreedMemory`."""
        self.device_type = device_type
        self.freed: FreedMemory | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Begin with what the process has before its first step."""
        self.freed = FreedMemory(self.device_type)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Look at what has added up."""
        if self.freed is not None:
            self.freed.bound()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Decoding has given its own back."""
        self.freed = FreedMemory(self.device_type)


class TimeLimit(TrainerCallback):
    """Ends training, after a last validation, when its own steps have taken `minutes`."""

    def __init__(self, minutes: float, facts: TrainingFacts) -> None:
        """The clock is the one of `facts`, so dev decoding does not count and a resumed run goes on counting."""
        self.minutes, self.facts = minutes, facts

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kw: Any) -> None:
        """Look at the clock."""
        if self.facts.counts()["seconds"] >= 60 * self.minutes:
            control.should_training_stop = True
            control.should_log = control.should_evaluate = control.should_save = True


def read_log(path: Path) -> list[dict[str, Any]]:
    """Entries of a `log.jsonl`, without a last line that a kill cut short."""
    entries = []
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if not isinstance(entry, dict) or "step" not in entry:
                break
            entries.append(entry)
    return entries
