"""How sure a model is of what it wrote: the mean probability of that, whatever it shared a batch with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speech_tl.audio import load_audio, save_audio
from speech_tl.data.manifest import Utterance
from speech_tl.decoding.decode import decode
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from tests.sounds import voice
from tests.tiny import tiny_ctc


@pytest.fixture(scope="module", params=["ctc", "whisper"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    if request.param == "whisper":
        return load_model("starter-whisper", language="en", device="cpu")  # random weights write the same of everything
    return load_model(tiny_ctc(tmp_path_factory.mktemp("confidence") / "m"), device="cpu")


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("clips")
    for number, seconds in enumerate((1.0, 2.3, 1.4)):
        save_audio(folder / f"{number}.wav", voice(seconds, number), 16000)
    return [Utterance(str(n), str(folder / f"{n}.wav")) for n in range(3)]


def by_hand(model: AcousticModel, utterance: Utterance, text: str) -> float:
    """From the frames' probabilities, or from the loss of the text as a target."""
    features = [model.features(load_audio(utterance.audio))]
    with torch.no_grad():
        if model.family == "ctc":
            shares = model.frame_log_probabilities(model.collate(features, None))[0][0].exp().numpy()
            unwritten = set(model.tokenizer.all_special_ids) - {model.vocabulary["|"]}  # blank among them
            spoken = shares[~np.isin(shares.argmax(-1), sorted(unwritten))].max(-1)
            return float(np.exp(np.log(spoken).mean()))
        batch = model.collate(features, [model.encode(text)])
        return float(torch.exp(-model.loss(model.network, batch) / model.items(batch)))


def test_confidence_is_the_mean_probability_of_what_was_written(
    model: AcousticModel, utterances: list[Utterance]
) -> None:
    found = decode(model, utterances, DecodingOptions(workers=0), confidence=True)
    assert [h.text for h in found] == [h.text for h in decode(model, utterances)]
    assert all(h.text for h in found), "for this test to mean anything"
    wanted = [by_hand(model, *pair) for pair in zip(utterances, [h.text for h in found], strict=True)]
    assert [h.confidence for h in found] == pytest.approx(wanted, rel=1e-3)
    assert all(0 < value < 1 for value in wanted) and len(set(wanted)) == 3


def test_it_does_not_depend_on_the_batch(model: AcousticModel, utterances: list[Utterance]) -> None:
    together = decode(model, utterances, DecodingOptions(workers=0), confidence=True)
    alone = [decode(model, [one], confidence=True)[0].confidence for one in utterances]
    assert [h.confidence for h in together] == pytest.approx(alone, rel=1e-4)


def test_nobody_is_told_who_did_not_ask(model: AcousticModel, utterances: list[Utterance]) -> None:
    assert {h.confidence for h in decode(model, utterances[:1])} == {None}


def test_nothing_written_is_no_confidence(tmp_path: Path, utterances: list[Utterance]) -> None:
    model = load_model(tiny_ctc(tmp_path / "m"), device="cpu")
    with torch.no_grad():
        model.network.lm_head.bias[model.blank] = 1e4
    assert [(h.text, h.confidence) for h in decode(model, utterances[:1], confidence=True)] == [("", 0.0)]
