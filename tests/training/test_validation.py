"""How much of dev is decoded, and how often: a share of the training, by counts alone; what is asked for is obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.training.options import TrainingOptions
from speech_tl.training.validation import DECODING, MOST_SHARE, Validation, validation
from tests.tiny import tiny_ctc, tiny_whisper

TRAIN_S, DEV_S = [4.0] * 2000, [4.0] * 500


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    model = load_model(tiny_whisper(tmp_path_factory.mktemp("whisper"), tokens=64), language="en", device="cpu")
    model.set_audio_context("auto", 1 / 32)
    return model


def planned(model: AcousticModel, steps: int, dev_s: list[float] = DEV_S, **options: object) -> Validation:
    return validation(model, TRAIN_S, dev_s, steps, TrainingOptions(**options), DecodingOptions())


def test_whole_windows_of_a_short_training_are_decoded_less(whisper: AcousticModel) -> None:
    found = planned(whisper, 800)
    assert found == planned(whisper, 800)
    assert 50 < found.utterances < 200 and 5 < found.passes < 11
    trained_s = 3 * 800 * 40.0 * (31 / 32 * whisper.window_s(4.0, whisper.trained_context) + 30 / 32) / 4
    decoded_s = found.passes * found.utterances * 30 * DECODING[True]
    assert MOST_SHARE - 0.05 < decoded_s / (decoded_s + trained_s) <= MOST_SHARE
    assert planned(whisper, 100_000).utterances == 200


def test_few_steps_keep_what_a_choice_needs(whisper: AcousticModel) -> None:
    found = planned(whisper, 20)
    assert (found.utterances, found.passes, found.eval_steps) == (50, 3, 10)
    assert planned(whisper, 20, DEV_S[:7]).utterances == 7
    assert planned(whisper, 20, []).passes == 0


def test_numbers_are_obeyed_whatever_they_cost(whisper: AcousticModel) -> None:
    assert planned(whisper, 20, eval_steps=1, dev_limit=200) == Validation(1, 21, 200)
    assert planned(whisper, 20, eval_steps=1, dev_limit=None).utterances == 500
    assert planned(whisper, 1600, dev_limit=200).passes < planned(whisper, 1600).passes
    assert planned(whisper, 800, eval_steps=400).utterances > planned(whisper, 800).utterances


def test_no_pass_falls_behind_the_last_step_and_frozen_weights_leave_less(tmp_path: Path) -> None:
    model = load_model(tiny_ctc(tmp_path), device="cpu")
    for steps in (1, 3, 15, 19, 831):
        found = planned(model, steps)
        assert 1 <= found.eval_steps <= steps and found.passes == 1 + steps // found.eval_steps <= 11
    whole = planned(model, 300)
    model.network.requires_grad_(False)
    assert planned(model, 300).utterances < whole.utterances


@pytest.mark.parametrize("wrong", [0, -1, "some", True, 1.5])
def test_a_limit_is_a_number_or_a_word(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected auto, null"):
        TrainingOptions(dev_limit=wrong)
