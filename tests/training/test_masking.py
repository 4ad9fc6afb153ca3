"""Masks where the recipe leaves them open: on, but where they stand before an encoder that stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.data.augment import SpecAugment
from speech_tl.models.load import load_model
from speech_tl.strategies.base import BaseStrategy
from speech_tl.strategies.trained import Full, HeadOnly
from speech_tl.training.masking import USUAL_TIME_SHARE, set_masks
from tests.tiny import tiny_ctc, tiny_whisper


@pytest.mark.parametrize(
    ("strategy", "options", "share"),
    [
        (Full(), SpecAugment(), USUAL_TIME_SHARE),
        (None, SpecAugment(), USUAL_TIME_SHARE),
        (HeadOnly(), SpecAugment(), 0.0),
        (HeadOnly(lstm=8), SpecAugment(), 0.0),
        (HeadOnly(layers="weighted"), SpecAugment(), USUAL_TIME_SHARE),
        (HeadOnly(), SpecAugment(time_share=0.1), 0.1),
        (HeadOnly(), SpecAugment(feature_share=0.1), USUAL_TIME_SHARE),
        (Full(), SpecAugment(time_share=0.0), 0.0),
    ],
)
def test_share_of_masked_frames(
    strategy: BaseStrategy | None, options: SpecAugment, share: float, tmp_path: Path
) -> None:
    model = load_model(tiny_ctc(tmp_path / "m"), language="en")
    if strategy:
        strategy.prepare(model)
    set_masks(model, options, strategy)
    config = model.network.config
    assert config.mask_time_prob == share
    assert config.apply_spec_augment == (share > 0 or options.feature_share > 0)


def test_whisper_is_masked_as_ever(tmp_path: Path) -> None:
    model = load_model(tiny_whisper(tmp_path / "m"), language="en")
    HeadOnly().prepare(model)
    set_masks(model, SpecAugment(), HeadOnly())
    assert model.network.config.mask_time_prob == USUAL_TIME_SHARE
