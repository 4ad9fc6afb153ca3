"""Whisper on less than 30 s: which window an utterance gets, what it changes, and that 30 s stay the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import speech_tl
from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.audio_context import FULL, SPARE_POSITIONS, STEP_POSITIONS, AudioContext
from speech_tl.models.base import Batch, DecodingOptions
from speech_tl.models.load import load_model
from speech_tl.models.options import ModelOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.recipe import Recipe
from tests.models.test_whisper import CLIPS, TEXTS, spoken_up
from tests.sounds import voice
from tests.tiny import tiny_whisper

TRIMMED = AudioContext.wanted("auto")
QUICKSTART = Manifest.read(Path(speech_tl.__file__).parent / "starters" / "quickstart", split="test")
RNG = np.random.default_rng(0)


@pytest.fixture
def model(whisper_folder: Path) -> WhisperModel:
    """Multilingual, 1500 positions."""
    return load_model(whisper_folder, language="en")


def batch_of(model: WhisperModel, *, rows: list[int] | None = None) -> Batch:
    """A training batch of some of the clips."""
    rows = list(range(len(CLIPS))) if rows is None else rows
    features = [model.training_features(CLIPS[row], np.random.default_rng(row)) for row in rows]
    return model.collate(features, [model.encode(TEXTS[row]) for row in rows])


def loss_of(model: WhisperModel, batch: Batch) -> float:
    """Summed loss."""
    with torch.inference_mode():
        return float(model.loss(model.network, batch))


# ---- which window


@given(own=st.integers(1, 1500), window=st.sampled_from([750, 1500]), least_s=st.floats(0, 30), most_s=st.floats(1, 30))
def test_a_window_has_64_spare_positions_or_is_the_whole_one(
    own: int, window: int, least_s: float, most_s: float
) -> None:
    own = min(own, window)
    got = AudioContext(most_s, least_s).positions(own, window)
    if got == window:
        return
    assert SPARE_POSITIONS == 64 <= got - own
    assert got % STEP_POSITIONS == 0
    assert round(least_s * window / 30) <= got <= round(most_s * window / 30)
    assert got - own < SPARE_POSITIONS + STEP_POSITIONS or got - least_s * window / 30 <= STEP_POSITIONS


def test_what_dev_could_not_vouch_for_gets_30_s() -> None:
    checked = AudioContext(at_most_s=5.12)
    assert [checked.positions(own, 1500) for own in (100, 192, 193, 900)] == [176, 256, 1500, 1500]
    assert FULL.positions(100, 1500) == 1500


@pytest.mark.parametrize("context", [FULL, TRIMMED, AudioContext(7.68, 5.0)])
def test_a_context_survives_a_file(context: AudioContext) -> None:
    assert AudioContext.read(json.loads(json.dumps(context.saved()))) == context


@pytest.mark.parametrize("junk", [None, "trimmed", 3, {}, {"at_most_s": "much"}, {"other": 1}])
def test_a_folder_that_says_nothing_sensible_means_30_s(junk: object) -> None:
    assert AudioContext.read(junk) == FULL


def test_the_option_is_auto_full_or_seconds() -> None:
    base = Recipe(name="x")
    chosen = [base.with_overrides([f"model.audio_context={v}"]).model.audio_context for v in ("auto", "full", "7.5")]
    assert chosen == ["auto", "full", 7.5]
    assert [AudioContext.wanted(option) for option in chosen] == [TRIMMED, FULL, AudioContext(30.0, 7.5)]
    for wrong in ("trimmed", "31", "0", "true"):
        with pytest.raises(
            BadInput, match=r"override: model.audio_context: .*expected auto, full, or seconds up to 30"
        ):
            base.with_overrides([f"model.audio_context={wrong}"])


def test_seconds_are_refused_where_there_is_no_window(ctc_folder: Path) -> None:
    other = load_model(ctc_folder)
    other.set_audio_context("auto", 0.1)
    with pytest.raises(BadInput, match=r"model.audio_context=8: .*only Whisper has a window"):
        other.set_audio_context(8.0, 0.1)


# ---- what the encoder makes of it


def test_the_encoder_on_30_s_is_the_stock_one(whisper_folder: Path, model: WhisperModel) -> None:
    from transformers import WhisperForConditionalGeneration

    stock = WhisperForConditionalGeneration.from_pretrained(whisper_folder).eval()
    inputs = model.collate([model.features(c) for c in CLIPS], None)["input_features"]
    with torch.inference_mode():
        assert torch.equal(
            model.network.model.encoder(inputs).last_hidden_state, stock.model.encoder(inputs).last_hidden_state
        )
        with pytest.raises(ValueError, match="3000"):
            stock.model.encoder(inputs[..., :400])
        short = model.network.model.encoder(inputs[..., :400]).last_hidden_state
    assert short.shape == (len(CLIPS), 200, 32)


def test_the_encoder_on_a_short_window_is_the_stock_one_of_a_shorter_whisper(whisper_folder: Path) -> None:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    model = load_model(whisper_folder)
    config = WhisperConfig(**{**model.network.config.to_dict(), "max_source_positions": 200})
    stock = WhisperEncoder(config).eval()
    weights = model.network.model.encoder.state_dict()
    weights["embed_positions.weight"] = weights["embed_positions.weight"][:200]
    stock.load_state_dict(weights)
    inputs = torch.randn(2, 80, 400)
    with torch.inference_mode():
        ours = model.network.model.encoder(inputs).last_hidden_state
        torch.testing.assert_close(ours, stock(inputs).last_hidden_state)


def test_a_short_window_holds_the_first_frames_of_the_long_one(model: WhisperModel) -> None:
    whole = model.collate([model.features(c) for c in CLIPS], None)["input_features"]
    model.decoding_context = TRIMMED
    short = model.collate([model.features(c) for c in CLIPS], None)["input_features"]
    assert short.shape[-1] < whole.shape[-1] / 6
    assert torch.equal(short, whole[..., : short.shape[-1]])


def test_a_model_that_knows_short_windows_writes_nearly_the_same_and_the_whole_one_the_very_same() -> None:
    """What differs, and how much: nothing hides the silence from Whisper's attention, so every score moves a little.

    starter-whisper was pre-trained on trimmed windows with 30 s among them. Of the log probabilities of what was said,
    trimming moves each by 0.13 on average, up as often as down (their mean by 0.002); 94 % of the best tokens stay.
    """
    model, chosen = load_model("starter-whisper", language="en"), QUICKSTART.sample(12, seed=0)
    examples = [(model.features(u.load(16000)), model.encode(u.text)) for u in chosen]

    def scores(option: str | float) -> torch.Tensor:
        model.set_audio_context(option, full_share=0.0)
        found = []
        for features, labels in examples:
            batch = model.collate([features], [labels])
            with torch.inference_mode():
                given = {name: batch[name] for name in ("input_features", "decoder_input_ids")}
                logits = model.network(**given).logits[0, -len(labels) :]
            found.append(logits.log_softmax(-1))
        return torch.cat(found)

    said = torch.tensor([token for _, labels in examples for token in labels])[:, None]
    whole, trimmed = scores("full"), scores("auto")
    moved = (trimmed - whole).gather(1, said)
    assert 0.01 < moved.abs().mean() < 0.2
    assert moved.mean().abs() < 0.05
    assert (trimmed.argmax(-1) == whole.argmax(-1)).float().mean() > 0.9
    assert torch.equal(scores(30.0), whole)


# ---- training


def test_full_training_sees_30_s_and_trimmed_what_the_longest_needs(model: WhisperModel) -> None:
    assert batch_of(model)["input_features"].shape[-1] == 3000
    model.set_audio_context("auto", full_share=0.0)
    batch = batch_of(model)
    longest = int(batch["frames"].max())
    assert longest + 2 * 64 <= batch["input_features"].shape[-1] <= longest + 2 * (64 + 16)
    assert "whole_rows" not in batch
    model.set_audio_context(10.0, full_share=0.0)
    assert batch_of(model)["input_features"].shape[-1] == pytest.approx(1000, abs=64)


def test_rows_of_30_s_cost_what_they_would_in_a_batch_of_their_own(model: WhisperModel) -> None:
    model.set_audio_context("auto", full_share=0.4)
    mixed = batch_of(model)
    whole = mixed["whole_rows"].tolist()
    assert 0 < len(whole) < len(CLIPS), "the draw gave no mixture: this test could not fail"
    model.set_audio_context("full", 0.0)
    alone = sum(loss_of(model, batch_of(model, rows=[row])) for row in whole)
    model.set_audio_context("auto", 0.0)
    trimmed = batch_of(model)
    rest = {key: value[mixed["trimmed_rows"]] for key, value in trimmed.items()}
    assert loss_of(model, mixed) == pytest.approx(alone + loss_of(model, rest), rel=1e-5)
    assert loss_of(model, mixed) != pytest.approx(loss_of(model, trimmed), rel=1e-6)
    assert model.items(mixed) == model.items(trimmed)


def test_a_share_of_one_is_the_published_training(model: WhisperModel) -> None:
    published = loss_of(model, batch_of(model))
    model.set_audio_context("auto", full_share=1.0)
    assert loss_of(model, batch_of(model)) == pytest.approx(published, rel=1e-6)


def test_as_many_utterances_as_asked_keep_their_30_s(model: WhisperModel) -> None:
    model.set_audio_context("auto", full_share=0.2)
    drawn = [bool(model.training_features(CLIPS[0][:400], RNG)["whole_window"]) for _ in range(1000)]
    assert 150 < sum(drawn) < 250


def test_padding_is_counted_as_the_encoder_sees_it(model: WhisperModel) -> None:
    assert model.padded_seconds(batch_of(model)) == 30 * len(CLIPS)
    model.set_audio_context("auto", full_share=0.4)
    batch = batch_of(model)
    whole, frames = len(batch["whole_rows"]), batch["input_features"].shape[-1]
    assert model.padded_seconds(batch) == pytest.approx(30 * whole + (len(CLIPS) - whole) * frames / 100)


def test_the_auxiliary_loss_counts_in_both_kinds_of_windows(model: WhisperModel) -> None:
    model.set_audio_context("auto", full_share=0.4)
    plain = loss_of(model, batch_of(model))
    model.attach_auxiliary_ctc(0.3)
    loss = model.loss(model.network, batch_of(model))
    assert loss.item() > plain
    loss.backward()
    assert model.network.auxiliary_ctc.head.weight.grad.abs().sum() > 0


# ---- decoding


def test_an_utterance_gets_the_same_text_alone_and_in_a_batch(model: WhisperModel) -> None:
    clips = [*CLIPS, voice(6.3, 9), voice(12.0, 8)]
    spoken_up(model).decoding_context = AudioContext(at_most_s=9.0)
    alone = [decode_waveforms(model, [clip])[0] for clip in clips]
    assert decode_waveforms(model, clips) == alone
    assert len({text[:8] for text in alone}) > 1, "the network says the same to everything: this test could not fail"


def test_a_trimmed_text_comes_from_the_trimmed_window(model: WhisperModel) -> None:
    """With random weights the window matters, as it does to a checkpoint that never saw a short one."""
    spoken_up(model)
    whole = decode_waveforms(model, CLIPS)
    model.decoding_context = TRIMMED
    assert decode_waveforms(model, CLIPS) != whole
    assert decode_waveforms(model, CLIPS, DecodingOptions(audio_context="full")) == whole


def test_beams_and_the_language_s_detection_work_on_short_windows(whisper_folder: Path) -> None:
    model = spoken_up(load_model(whisper_folder))
    model.network.generation_config.language = None
    model.decoding_context = TRIMMED
    assert all(decode_waveforms(model, CLIPS, DecodingOptions(beam=2)))


def test_the_conditions_say_which_window(model: WhisperModel) -> None:
    assert model.decoding_conditions(DecodingOptions()) == {"audio_context": "full"}
    model.decoding_context = AudioContext(at_most_s=7.68)
    assert model.decoding_conditions(DecodingOptions()) == {"audio_context": "trimmed (at most 7.68 s)"}
    assert model.decoding_conditions(DecodingOptions(audio_context="full")) == {"audio_context": "full"}


# ---- folders


def test_a_folder_keeps_how_it_is_decoded_and_plain_transformers_does_not_care(tmp_path: Path) -> None:
    from transformers import WhisperForConditionalGeneration

    model = spoken_up(load_model(tiny_whisper(tmp_path / "tiny", tokens=64), language="en"))
    model.decoding_context = AudioContext(at_most_s=7.68)
    trimmed = decode_waveforms(model, CLIPS)
    model.save(tmp_path / "saved")
    loaded = load_model(tmp_path / "saved")
    assert loaded.decoding_context == model.decoding_context
    assert decode_waveforms(loaded, CLIPS) == trimmed
    plain, info = WhisperForConditionalGeneration.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not info["unexpected_keys"] and not info["missing_keys"]
    inputs = loaded.extractor(CLIPS, sampling_rate=16000, return_tensors="pt").input_features
    with torch.inference_mode():
        hidden = plain.eval().model.encoder(inputs).last_hidden_state
        assert torch.equal(hidden, model.network.model.encoder(inputs).last_hidden_state)


def test_learning_starts_from_30_s_whatever_the_folder_says(tmp_path: Path) -> None:
    model = load_model(tiny_whisper(tmp_path / "tiny"))
    model.decoding_context = TRIMMED
    model.save(tmp_path / "saved")
    again = load_model(tmp_path / "saved", language="en")
    again.set_audio_context("auto", ModelOptions().full_context_share)
    assert (again.trained_context, again.decoding_context) == (TRIMMED, FULL)
