"""How much of Whisper's 30 s window its encoder is given: all of it, or what an utterance needs and some silence.

Most utterances last a few seconds; padded to 30 s, nine tenths of the encoder's work is on silence. The published
models were never shown less than 30 s and fail on it. Training on short windows cures that, if 64 to 128 positions of
silence stay after the speech: tiny.en's word errors of 4.7 % on 30 s are 226 % on short windows before such training,
and 5.0 and 5.5 % after it (futo-org/whisper-acft).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WINDOW_S = 30.0
"""Seconds that Whisper's encoder was made for."""

SPARE_POSITIONS = 64
"""Positions of silence after the speech of a model that was trained so; a position is 20 ms in the published models."""

STEP_POSITIONS = 16
"""Windows are a multiple of this: few different shapes, and an utterance's window is its own, whatever its batch."""


@dataclass(frozen=True)
class AudioContext:
    """Which part of the window an utterance gets.

    Attributes:
        at_most_s: an utterance that needs a longer window than this gets all 30 s; 0 gives 30 s to all.
        at_least_s: no window is shorter.
        spare_positions: of silence after the speech, at least.
    """

    at_most_s: float = 0.0
    at_least_s: float = 0.0
    spare_positions: int = SPARE_POSITIONS

    @classmethod
    def wanted(cls, option: str | float) -> AudioContext:
        """From `model.audio_context`: "full", "auto" (what each utterance needs), or at least so many seconds."""
        if option == "full":
            return FULL
        return cls(WINDOW_S, 0.0 if option == "auto" else float(option))

    @classmethod
    def read(cls, saved: Any) -> AudioContext:
        """From what a model's config.json holds; anything else than `saved` wrote means 30 s."""
        known = saved if isinstance(saved, dict) else {}
        values = [known.get(name, 0.0) for name in ("at_most_s", "at_least_s")]
        return cls(*map(float, values)) if all(isinstance(value, int | float) for value in values) else FULL

    def saved(self) -> dict[str, float]:
        """For config.json."""
        return {"at_most_s": self.at_most_s, "at_least_s": self.at_least_s}

    @property
    def trims(self) -> bool:
        """Whether any utterance gets less than 30 s."""
        return self.at_most_s > 0

    def positions(self, own: int, window: int) -> int:
        """Encoder positions for an utterance.

        Args:
            own: positions that the utterance itself fills.
            window: positions of 30 s.
        """
        a_second = window / WINDOW_S
        needed = max(own + self.spare_positions, round(self.at_least_s * a_second))
        needed = -(-needed // STEP_POSITIONS) * STEP_POSITIONS
        return needed if needed <= min(window, round(self.at_most_s * a_second)) else window

    def __str__(self) -> str:
        """In words, for reports."""
        if not self.trims:
            return "full"
        least = f"at least {self.at_least_s:g} s, " if self.at_least_s else ""
        return f"trimmed ({least}at most {self.at_most_s:g} s)"


FULL = AudioContext()
"""30 s for everything, as published."""

SHORTENED = AudioContext(WINDOW_S, at_least_s=15.0, spare_positions=100)
"""What `transcribe` gives a Whisper that was never shown less than 30 s, if it writes the same words then: from 15 s
on, two seconds of silence after the speech are enough for the published ones, whose WER moves by −0.5 to +0.2 points
(docs/results.md, long recordings); shorter windows cost words."""
