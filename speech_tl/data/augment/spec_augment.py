"""SpecAugment: random masks over what the encoder sees."""

from __future__ import annotations

from pydantic import Field

from speech_tl.options import Options


class SpecAugment(Options):
    """Random masks over time and channels while training (Park et al. 2019, arXiv 1904.08779).

    Attributes:
        time_share: about the share of frames that is masked; 0 turns time masks off. None is 0.05, and 0 where all
            below a CTC head is fixed (`strategy=head_only`): later epochs then need not compute it again.
        time_width: frames of one mask: encoder frames for CTC, mel frames for Whisper.
        feature_share: about the share of channels that is masked.
        feature_width: channels of one mask.
    """

    time_share: float | None = Field(None, ge=0, lt=1)
    time_width: int = Field(5, ge=1)
    feature_share: float = Field(0.0, ge=0, lt=1)
    feature_width: int = Field(10, ge=1)
