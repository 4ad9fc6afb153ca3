"""Speed: the tape played faster or slower."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from speech_tl.data.augment.base import Effect

Factor = Annotated[float, Field(ge=0.5, le=2.0)]


class Speed(Effect):
    """Speech played at another speed, pitch and all (Ko et al. 2015, "Audio augmentation for speech recognition").

    It is the one effect that changes how long an utterance is. One whose text would no longer fit its length keeps
    its own speed.

    Attributes:
        factors: 1.1 is a tenth faster and so shorter; each is as likely.
    """

    factors: list[Factor] = Field([0.9, 1.0, 1.1], min_length=1)

    def drawn(self, rng: np.random.Generator) -> float:
        """The factor of one utterance."""
        if rng.random() >= self.share:
            return 1.0
        return self.factors[int(rng.integers(len(self.factors)))]


def played(waveform: np.ndarray, sample_rate: int, factor: float) -> np.ndarray:
    """The waveform `(samples,)` at `factor` times its speed: `(samples / factor,)`, of the same type."""
    if factor == 1.0:
        return waveform
    import soxr

    return soxr.resample(waveform, sample_rate * factor, sample_rate).astype(waveform.dtype, copy=False)
