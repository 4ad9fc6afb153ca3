"""Another engine for Whisper: the same texts from converted weights, refused where it would write other words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import decode
from speech_tl.decoding.words import decode_words
from speech_tl.errors import BadInput
from speech_tl.models import engine
from speech_tl.models.audio_context import AudioContext
from speech_tl.models.converted_decoder import ConvertedDecoder
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from tests.tiny import tiny_ctc

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"
OTHER = DecodingOptions(engine="ctranslate2", workers=0)


@pytest.fixture
def model() -> WhisperModel:
    """Decoded on short windows, which is quicker."""
    model = load_model("starter-whisper", language="en", device="cpu")
    model.decoding_context = AudioContext.wanted("auto")
    return model


@pytest.fixture(scope="module")
def utterances() -> Manifest:
    """Real sentences, which end."""
    return Manifest.read(QUICKSTART, split="test").sample(8, seed=1)


def test_texts_are_the_same_in_windows_of_any_length(model: WhisperModel, utterances: Manifest) -> None:
    own = decode(model, utterances, DecodingOptions(workers=0))
    assert decode(model, utterances, OTHER) == own
    converted = model.engine
    assert converted.compared >= engine.COMPARED
    model.decoding_context = AudioContext()
    few = utterances.select([0])
    assert decode(model, few, OTHER) == decode(model, few, DecodingOptions(workers=0))


def test_weights_are_converted_once_and_again_when_they_changed(model: WhisperModel, utterances: Manifest) -> None:
    few = utterances.select([0, 1])
    decode(model, few, OTHER)
    first = model.engine
    decode(model, few, OTHER)
    assert model.engine is first
    with torch.no_grad():
        model.network.model.decoder.layers[0].fc2.weight.mul_(1.01)
    assert decode(model, few, OTHER) == decode(model, few, DecodingOptions(workers=0))
    decode(model, few, OTHER)
    assert model.engine is not first


def test_each_row_has_a_limit_of_its_own(model: WhisperModel, utterances: Manifest) -> None:
    features = [model.features(utterances[row].load(16000)) for row in range(3)]
    inputs = model.collate(features, None)["input_features"][..., :600]
    model.set_engine(OTHER)
    whole = model.engine.tokens(inputs, model.prompt, torch.tensor([60, 60, 60]), 1)
    assert min(map(len, whole)) > 5
    cut = model.engine.tokens(inputs, model.prompt, torch.tensor([4, 2, 60]), 1)
    assert cut == [whole[0][:4], whole[1][:2], whole[2]]


def test_other_words_are_refused(model: WhisperModel, utterances: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = engine.CTranslate2.tokens
    monkeypatch.setattr(engine.CTranslate2, "tokens", lambda *a: [row[: len(row) // 2] for row in tokens(*a)])
    with pytest.raises(BadInput, match="writes other words than the model itself .* leave it out"):
        decode(model, utterances, OTHER)


def test_a_missing_package_is_named(model: WhisperModel, utterances: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(BadInput, match="pip install ctranslate2"):
        decode(model, utterances, OTHER)


def test_other_families_and_unknown_languages_are_refused(
    model: WhisperModel, utterances: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="engine ctranslate2 is for Whisper"):
        decode(load_model(tiny_ctc(tmp_path / "m"), device="cpu"), utterances, OTHER)
    model.language = None
    with pytest.raises(BadInput, match="give --language"):
        decode(model, utterances, OTHER)


def test_words_are_where_the_model_itself_places_them(model: WhisperModel, utterances: Manifest) -> None:
    waveforms = [utterance.load(model.sample_rate) for utterance in utterances.select([0, 1])]
    own = decode_words(model, waveforms, DecodingOptions(workers=0))
    for (text, words), (other_text, other) in zip(own, decode_words(model, waveforms, OTHER), strict=True):
        assert other_text == text and [word.text for word in other] == [word.text for word in words]
        assert all(abs(one.first - two.first) <= 5 for one, two in zip(words, other, strict=True))
        assert all(
            one.probability == pytest.approx(two.probability, abs=0.02) for one, two in zip(words, other, strict=True)
        )


def test_a_text_that_fills_the_decoder_is_placed(model: WhisperModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.set_engine(OTHER)
    monkeypatch.setattr(ConvertedDecoder, "_written", lambda *_: [[5] * model.longest_label])
    heard = torch.zeros(1, 80, 600)
    ((text, times),) = model.engine.tokens_with_times(heard, model.prompt, torch.tensor([9]), 1, 0.0, [300], model.end)
    assert len(text) == len(times.probabilities) == model.longest_label - len(model.prompt) - 1
