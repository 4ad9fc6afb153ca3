"""Which rate and which precision a run gets when nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.adapters import Adapters, LoRA
from speech_tl.strategies.base import BaseStrategy
from speech_tl.strategies.trained import BitFit, Full, HeadOnly
from speech_tl.training.options import TrainingOptions, cpu_multiplies_bf16, peak_learning_rate, resolved_precision


class Sized:
    """A model of a family and a size; nothing else decides the rate."""

    def __init__(self, family: str, parameters: float) -> None:
        self.family, self.parameters, self.has_decoder = family, int(parameters), family == "whisper"

    def parameter_counts(self) -> tuple[int, int]:
        return self.parameters, self.parameters


def test_larger_models_bear_smaller_rates() -> None:
    for family in ("ctc", "whisper"):
        rates = [peak_learning_rate(TrainingOptions(), Sized(family, n)) for n in (6e6, 39e6, 95e6, 316e6, 1.6e9)]
        assert rates == sorted(rates, reverse=True) and len(set(rates)) > 2
    assert peak_learning_rate(TrainingOptions(), Sized("whisper", 244e6)) == pytest.approx(1.25e-5)


def test_a_rate_that_was_asked_for_is_taken(folders: dict[str, Path]) -> None:
    model: AcousticModel = load_model(folders["ctc"])
    assert peak_learning_rate(TrainingOptions(learning_rate=0.25), model) == 0.25
    assert peak_learning_rate(TrainingOptions(learning_rate=0.25), model, LoRA()) == 0.25


@pytest.mark.parametrize("few", [LoRA(), Adapters(), BitFit(), HeadOnly()])
def test_few_weights_learn_faster(few: BaseStrategy) -> None:
    model, options = Sized("ctc", 95e6), TrainingOptions()
    assert peak_learning_rate(options, model, few) == pytest.approx(10 * peak_learning_rate(options, model, Full()))


def test_whisper_s_decoder_is_not_few_weights() -> None:
    model, options = Sized("whisper", 39e6), TrainingOptions()
    assert peak_learning_rate(options, model, HeadOnly()) == peak_learning_rate(options, model, Full())


def test_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved_precision(TrainingOptions(precision="float32"), "cuda") == "float32"
    assert resolved_precision(TrainingOptions(), "mps") == "float32"
    assert resolved_precision(TrainingOptions(), "cpu") == ("bf16" if cpu_multiplies_bf16() else "float32")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert resolved_precision(TrainingOptions(), "cuda") == "bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert resolved_precision(TrainingOptions(), "cuda") == "float32"


@pytest.mark.parametrize(
    "values", [{"max_steps": 0}, {"learning_rate": -1}, {"batch_seconds": 0}, {"warmup_share": 1}, {"step": 5}]
)
def test_impossible_values_are_refused(values: dict) -> None:
    with pytest.raises(ValidationError):
        TrainingOptions(**values)
