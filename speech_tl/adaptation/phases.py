"""What a whole run takes: wall time in all and by phase, over every session of a run that was resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speech_tl.text import read_noted, write_atomically

SECONDS_BETWEEN_NOTES = 15.0
"""While training, the clock is noted so often: a killed run loses no more."""

IN_ORDER = ("preparation", "pseudo_labels", "before", "training", "validation", "choices", "after", "report", "other")
"""As a report lists them; `choices` are the passes over dev after training, `other` what nobody measured."""


class Phases:
    """The clock of a run; it starts when it is made.

    Attributes:
        seconds: of each phase so far, by name.
    """

    def __init__(self) -> None:
        """Nothing has passed yet."""
        self.seconds: dict[str, float] = {}
        self._path: Path | None = None
        self._began = self._noted = time.perf_counter()
        self._earlier_s = 0.0

    def open(self, path: Path) -> None:
        """Keep the clock in a file, and go on from what an earlier session left there."""
        self._path = path
        if path.is_file():
            earlier = read_noted(path)
            self._earlier_s = earlier["run_seconds"]
            for name, seconds in earlier["phases"].items():
                self.add(name, seconds)
        self.note()

    def add(self, name: str, seconds: float) -> None:
        """Count more seconds of a phase."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what happens inside as a phase, also where it fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)
            self.note()

    @property
    def run_seconds(self) -> float:
        """Wall time of all sessions, as far as it was noted."""
        return self._earlier_s + time.perf_counter() - self._began

    def note(self) -> None:
        """Write the clock down."""
        self._noted = time.perf_counter()
        if self._path is not None and self._path.parent.is_dir():  # a folder that somebody removed is not made anew
            values = {"run_seconds": round(self.run_seconds, 1), "phases": self.seconds}
            write_atomically(self._path, json.dumps(values) + "\n")

    def tick(self) -> None:
        """Write it down if that is some time ago."""
        if time.perf_counter() - self._noted > SECONDS_BETWEEN_NOTES:
            self.note()

    def figures(self, training: Mapping[str, Any]) -> dict[str, Any]:
        """`run_seconds` and `phases` for report.json; the training's own clock says how its time divides.

        Args:
            training: the trainer's figures, or `phase_seconds` of several trainings.
        """
        inside = training.get("phase_seconds") or {
            "training": training.get("seconds") or 0.0,
            "validation": training.get("validation_seconds") or 0.0,
        }
        found = {**self.seconds, **inside}
        found["other"] = max(0.0, self.run_seconds - sum(found.values()))
        order = {name: place for place, name in enumerate(IN_ORDER)}
        names = sorted(found, key=lambda name: order.get(name, len(order)))
        return {
            "run_seconds": round(self.run_seconds, 1),
            "phases": {name: round(found[name], 1) for name in names if found[name]},
        }
