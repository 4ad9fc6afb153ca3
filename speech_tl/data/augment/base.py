"""What all augmentations share: a typed description in the recipe, what it is opened with, what it is applied to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from speech_tl.errors import BadInput
from speech_tl.options import Options

if TYPE_CHECKING:
    from speech_tl.data.manifest import Utterance

Part = Literal["train", "dev", "test"]


def _pair(value: Any) -> Any:
    """One number stands for a range without width."""
    return (value, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _in_order(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"a range is (lowest, highest), and {value[0]:g} is above {value[1]:g}")
    return value


_Number = Annotated[float, Field(ge=-1e5, le=1e5)]
Range = Annotated[tuple[_Number, _Number], BeforeValidator(_pair), AfterValidator(_in_order)]
"""(lowest, highest): a value is drawn from between them for each utterance, all equally likely."""

_Positive = Annotated[float, Field(gt=0, le=1e5)]
_Share = Annotated[float, Field(ge=0, lt=1)]
PositiveRange = Annotated[tuple[_Positive, _Positive], BeforeValidator(_pair), AfterValidator(_in_order)]
ShareRange = Annotated[tuple[_Share, _Share], BeforeValidator(_pair), AfterValidator(_in_order)]


@dataclass(frozen=True)
class Opening:
    """For whom an effect is opened.

    Attributes:
        part: whose utterances will hear it; each part has noise and rooms of its own.
        sample_rate: of the waveforms, in Hz.
        seed: of rooms that are simulated.
        voices: utterances that may talk in the background; the same part's.
        snr_db: overrides every range of signal-to-noise ratios, for measuring at one of them.
    """

    part: Part = "train"
    sample_rate: int = 16000
    seed: int = 0
    voices: Sequence[Utterance] = ()
    snr_db: float | None = None


@dataclass(frozen=True)
class Scene:
    """One utterance that an effect is applied to: its rate in Hz, where all chance comes from, and which it is."""

    sample_rate: int
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    utterance: Utterance | None = None


Apply = Callable[[np.ndarray, Scene], tuple[np.ndarray, str]]
"""From a waveform `(samples,)` to the changed one and what was done, in a few words."""

Sounds = Any
"""Recordings that an effect has read, or None."""

Progress = Callable[[int, int], None]
"""Called with (recordings looked at, recordings in all)."""


class Effect(Options):
    """One thing that may happen to speech on its way to a recogniser.

    Attributes:
        share: about the share of the utterances that it happens to.
    """

    share: float = Field(1.0, ge=0, le=1)

    def sounds(self, progress: Progress | None = None) -> Sounds:
        """The recordings that the effect needs, read and looked at; None where it needs none.

        Raises:
            BadInput: a folder without audio, a recording that is silent or cannot be read.
        """
        return None

    def opened(self, opening: Opening, sounds: Sounds) -> Apply:
        """The effect itself, ready for the utterances of one part, with what `sounds` gave."""
        raise NotImplementedError


def one_of(folders: Any) -> Any:
    """A single folder where a list of them is expected."""
    return [folders] if isinstance(folders, str) else folders


Folders = Annotated[list[str], BeforeValidator(one_of)]
"""Folders of recordings (or manifests of them); a single one may stand without a list."""


def silent_speech() -> BadInput:
    """The error of speech that has no level to set anything against."""
    return BadInput("silent, so that no signal-to-noise ratio can be set; take it out (`speech-tl check` finds such)")
