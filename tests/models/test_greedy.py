"""Our greedy search writes what transformers' `generate` writes, token by token, and leaves to it what it cannot do."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from speech_tl.audio import load_audio
from speech_tl.data.manifest import Manifest
from speech_tl.models.audio_context import AudioContext
from speech_tl.models.greedy import Limits, _Steps, greedy_tokens, heard_languages, is_plain
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from tests.sounds import voice
from tests.tiny import tiny_whisper

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"


@pytest.fixture(scope="module")
def starter() -> WhisperModel:
    """A model that ends its sentences."""
    return load_model("starter-whisper", language="en", device="cpu")


@pytest.fixture(scope="module")
def spoken() -> list:
    """Clips whose sentences are of different length."""
    rows = Manifest.read(QUICKSTART)
    return [load_audio(rows[index].audio) for index in range(0, 24, 3)]


@pytest.fixture
def tiny(tmp_path: Path) -> WhisperModel:
    """Random weights, which never end."""
    return load_model(tiny_whisper(tmp_path / "tiny", tokens=24), device="cpu")


def heard(model: WhisperModel, waveforms: list) -> torch.Tensor:
    """The encoder's states on a window long enough for them."""
    batch = model.collate([model.features(waveform) for waveform in waveforms], None)
    with torch.inference_mode():
        return model.network.model.encoder(batch["input_features"][..., :400]).last_hidden_state


def both(model: WhisperModel, states: torch.Tensor, allowed: torch.Tensor) -> tuple[list, list]:
    """Each row's tokens by our search and by `generate`, without the end tokens behind."""
    with torch.inference_mode():
        ours = greedy_tokens(model.network, states, model._prompts(states), Limits(allowed))
        theirs = model._generated(BaseModelOutput(last_hidden_state=states), allowed, DecodingOptions())
    ours, theirs = ([[t for t in row if t != model.end] for row in ids.tolist()] for ids in (ours, theirs))
    return ours, theirs


def test_sentences_of_a_trained_model_are_the_same(starter: WhisperModel, spoken: list) -> None:
    states = heard(starter, spoken)
    ours, theirs = both(starter, states, torch.full((len(spoken),), 60))
    assert ours == theirs
    assert len({len(row) for row in ours}) > 3, "rows must end at different steps for this to mean anything"


def test_each_row_has_a_limit_of_its_own(tiny: WhisperModel) -> None:
    states = heard(tiny, [voice(1.0 + n / 3, n) for n in range(5)])
    ours, theirs = both(tiny, states, torch.tensor([3, 20, 7, 1, 12]))
    assert ours == theirs
    assert [len(row) for row in ours] == [3, 20, 7, 1, 12]


def test_rows_that_are_done_leave_no_trace_in_the_others(starter: WhisperModel, spoken: list) -> None:
    states = heard(starter, spoken)
    allowed = torch.full((len(spoken),), 60)
    with torch.inference_mode():
        together = greedy_tokens(starter.network, states, starter._prompts(states), Limits(allowed)).tolist()
        for row, tokens in enumerate(together):
            alone = greedy_tokens(starter.network, states[row, None], starter._prompts(states[:1]), Limits(allowed[:1]))
            assert alone[0].tolist() == tokens[: alone.shape[1]]
            assert set(tokens[alone.shape[1] :]) <= {starter.end}


def test_suppressed_tokens_are_not_written(tiny: WhisperModel) -> None:
    states = heard(tiny, [voice(1.0, 1), voice(2.0, 2)])
    allowed = torch.tensor([10, 10])
    free = both(tiny, states, allowed)[0]
    settings = tiny.network.generation_config
    settings.begin_suppress_tokens = [free[0][0]]
    settings.suppress_tokens = [free[1][1]]
    ours, theirs = both(tiny, states, allowed)
    assert ours == theirs != free
    assert ours[0][0] != free[0][0] and not any(free[1][1] in row for row in ours)


def test_the_language_is_heard_where_nobody_said_it(tmp_path: Path) -> None:
    model = load_model(tiny_whisper(tmp_path / "m"), device="cpu")
    model.language = model.network.generation_config.language = None
    states = heard(model, [voice(1.0 + n / 2, n) for n in range(4)])
    with torch.inference_mode():
        theirs = model.network.detect_language(encoder_outputs=BaseModelOutput(last_hidden_state=states))
        assert heard_languages(model.network, states).tolist() == theirs.tolist()
    ours, theirs = both(model, states, torch.full((4,), 8))
    assert ours == theirs


def test_adapters_within_the_decoder_are_heard(tiny: WhisperModel) -> None:
    states = heard(tiny, [voice(1.0, 1), voice(2.0, 2)])
    allowed = torch.tensor([10, 10])
    before = both(tiny, states, allowed)[0]
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj", "fc1"], init_lora_weights=False)
    peft.inject_adapter_in_model(config, tiny.network)
    assert is_plain(tiny.network)
    ours, theirs = both(tiny, states, allowed)
    assert ours == theirs != before


@pytest.mark.parametrize("name, value", [("repetition_penalty", 1.3), ("no_repeat_ngram_size", 3), ("min_length", 5)])
def test_unusual_settings_are_left_to_transformers(tiny: WhisperModel, name: str, value: float) -> None:
    assert is_plain(tiny.network)
    setattr(tiny.network.generation_config, name, value)
    assert not is_plain(tiny.network)


def test_a_decoder_that_is_listened_to_is_left_to_transformers(tiny: WhisperModel) -> None:
    hook = tiny.network.model.decoder.layers[0].register_forward_hook(lambda *_: None)
    assert not is_plain(tiny.network)
    hook.remove()
    assert is_plain(tiny.network)


def test_without_shortcuts_transformers_searches(
    starter: WhisperModel, spoken: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, generate = [], starter.network.generate
    monkeypatch.setattr(starter.network, "generate", lambda *a, **k: asked.append(1) or generate(*a, **k))
    monkeypatch.setattr(starter, "decoding_context", AudioContext.wanted("auto"))
    batch = starter.collate([starter.features(waveform) for waveform in spoken[:3]], None)
    fast = starter.transcribe(batch, DecodingOptions())
    assert not asked
    monkeypatch.setattr(starter, "shortcuts", False)
    assert starter.transcribe(batch, DecodingOptions()) == fast
    assert asked


def test_a_row_is_stopped_by_its_characters(starter: WhisperModel, spoken: list) -> None:
    states, many = heard(starter, spoken[:2]), torch.full((2,), 60)
    with torch.inference_mode():
        prompts = starter._prompts(states)
        free = greedy_tokens(starter.network, states, prompts, Limits(many))
        limits = Limits(many, torch.tensor([5, 1000]), starter.token_characters)
        held = greedy_tokens(starter.network, states, prompts, limits)
    short, whole = starter._texts(held)
    assert starter._texts(free)[1] == whole and starter._texts(free)[0].startswith(short)
    assert 5 <= len(short) < len(starter._texts(free)[0])


def test_at_a_temperature_tokens_are_drawn_as_their_scores_say(tiny: WhisperModel) -> None:
    states = heard(tiny, [voice(1.0)]).expand(2000, -1, -1)
    prompts, one = tiny._prompts(states[:1]), torch.ones(2000, dtype=torch.long)
    settings = tiny.network.generation_config
    with torch.inference_mode():
        scores = _Steps(tiny.network, states[:1], prompts.shape[1]).forward(prompts)[0]
        scores[[*(settings.begin_suppress_tokens or []), *(settings.suppress_tokens or [])]] = -torch.inf
        torch.manual_seed(0)
        for temperature in (0.5, 1.0):
            wanted = (scores / temperature).softmax(-1)
            drawn = DecodingOptions(temperature=temperature)
            ours = greedy_tokens(tiny.network, states, prompts.repeat(2000, 1), Limits(one), temperature)
            theirs = tiny._generated(BaseModelOutput(last_hidden_state=states), one, drawn)
            for tokens in (ours, theirs):
                found = torch.bincount(tokens[:, 0], minlength=len(wanted)) / 2000
                assert (found - wanted).abs().max() < 0.05
    assert wanted.max() < 0.9, "something is left to chance"
