"""Whisper: the published features and prompts, batches that change nothing, short contexts, plain folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.base import Batch
from speech_tl.models.load import load_model
from speech_tl.models.whisper import IGNORED, WhisperModel
from tests.sounds import voice
from tests.tiny import tiny_whisper

CLIPS = [voice(seconds, seed) for seed, seconds in enumerate((0.3, 1.0, 1.7, 2.9))]
TEXTS = ["hi", "one two", "well then", "what is it"]


@pytest.fixture
def model(whisper_folder: Path) -> WhisperModel:
    """Multilingual."""
    return load_model(whisper_folder, language="en")


@pytest.fixture
def english(english_whisper_folder: Path) -> WhisperModel:
    """English only."""
    return load_model(english_whisper_folder)


def training_batch(model: WhisperModel, which: slice = slice(None)) -> Batch:
    """Clips with their texts."""
    return model.collate([model.features(c) for c in CLIPS[which]], [model.encode(t) for t in TEXTS[which]])


def names(model: WhisperModel, ids: list[int]) -> list[str]:
    """Tokens as text."""
    return model.tokenizer.convert_ids_to_tokens(ids)


def spoken_up(model: WhisperModel) -> WhisperModel:
    """Random weights say one special token for ever: louder ones that may write letters only say something."""
    letters = set(model.tokenizer.convert_tokens_to_ids([*"abcdefghijklmnopqrstuvwxyz\u0120"]))
    silenced = [i for i in range(len(model.tokenizer)) if i not in letters and i != model.end]
    model.network.generation_config.suppress_tokens = silenced
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if weight.ndim == 2 and "_attn." in name:
                weight.mul_(30)
    return model


# ---- waveform -> features


@pytest.mark.parametrize("seconds", [0.02, 0.1, 5.0, 29.96, 29.99, 30.0, 31.5])
@pytest.mark.parametrize("folder", ["whisper_folder", "english_whisper_folder"])
def test_features_are_the_published_30_s_ones(seconds: float, folder: str, request: pytest.FixtureRequest) -> None:
    model = load_model(request.getfixturevalue(folder))
    clip = voice(seconds)
    ours = model.collate([model.features(clip)], None)["input_features"][0].numpy()
    published = model.extractor(clip, sampling_rate=16000, return_tensors="np").input_features[0]
    assert ours.shape == published.shape == (model.network.config.num_mel_bins, 3000)
    np.testing.assert_allclose(ours, published, rtol=0, atol=1e-6)  # rounding differs with a matrix's width


def test_features_of_a_batch_are_each_clip_s_own(model: WhisperModel) -> None:
    together = model.collate([model.features(c) for c in CLIPS], None)["input_features"]
    for row, clip in zip(together, CLIPS, strict=True):
        assert torch.equal(row, model.collate([model.features(clip)], None)["input_features"][0])


# ---- batches


@pytest.mark.parametrize("folder", ["whisper_folder", "english_whisper_folder"])
def test_an_utterance_gets_the_same_text_alone_and_in_a_batch(folder: str, request: pytest.FixtureRequest) -> None:
    model = spoken_up(load_model(request.getfixturevalue(folder)))
    alone = [decode_waveforms(model, [clip])[0] for clip in CLIPS]
    assert decode_waveforms(model, CLIPS) == alone
    assert len({text[:8] for text in alone}) > 1, "the network says the same to everything: this test could not fail"


def test_an_utterance_costs_the_same_alone_and_in_a_batch(model: WhisperModel) -> None:
    with torch.inference_mode():
        together = float(model.loss(model.network, training_batch(model)))
        alone = [float(model.loss(model.network, training_batch(model, slice(i, i + 1)))) for i in range(len(CLIPS))]
    assert together == pytest.approx(sum(alone), rel=1e-5)


def test_the_loss_is_the_cross_entropy_of_each_target_token(model: WhisperModel) -> None:
    batch = training_batch(model)
    with torch.inference_mode():
        scores = model.network(
            input_features=batch["input_features"], decoder_input_ids=batch["decoder_input_ids"]
        ).logits.log_softmax(-1)
        loss = float(model.loss(model.network, batch))
    wanted = 0.0
    for row, text in zip(scores, TEXTS, strict=True):
        for place, token in enumerate(model.encode(text), start=len(model.prompt) - 1):
            wanted -= float(row[place, token])
    assert loss == pytest.approx(wanted, rel=1e-4)
    assert model.items(batch) == sum(len(model.encode(text)) for text in TEXTS)


def test_an_endless_decoder_is_stopped_by_each_clip_s_own_length(model: WhisperModel) -> None:
    model = spoken_up(model)
    model.network.generation_config.suppress_tokens.append(model.end)
    long_and_short = [voice(0.2), voice(12.0)]
    alone = [decode_waveforms(model, [clip])[0] for clip in long_and_short]
    assert decode_waveforms(model, long_and_short) == alone
    assert 0 < len(alone[0]) < len(alone[1]) < 400


# ---- text <-> labels


@pytest.mark.parametrize(
    ("folder", "prompt"),
    [
        ("whisper_folder", ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]),
        ("english_whisper_folder", ["<|startoftranscript|>", "<|notimestamps|>"]),
    ],
)
def test_the_decoder_is_given_the_prompt_once_and_scored_on_the_text_alone(
    folder: str, prompt: list[str], request: pytest.FixtureRequest
) -> None:
    model = load_model(request.getfixturevalue(folder))
    texts = ["hi", "oh well"]
    batch = model.collate([model.features(c) for c in CLIPS[:2]], [model.encode(text) for text in texts])
    rows = zip(batch["decoder_input_ids"].tolist(), batch["labels"].tolist(), texts, strict=True)
    for given, targets, text in rows:
        scored = [t for t in targets if t != IGNORED]
        assert names(model, given[: len(prompt)]) == prompt
        assert names(model, given).count("<|startoftranscript|>") == 1
        assert names(model, scored)[-1] == "<|endoftext|>"
        assert model.tokenizer.decode(scored[:-1]) == " " + text
        assert targets[: len(prompt) - 1] == [IGNORED] * (len(prompt) - 1)
        end = len(prompt) - 1 + len(scored)
        assert given[len(prompt) : end] == scored[:-1], "each token is predicted from those before it"


def test_labels_are_those_that_the_stock_forward_would_make(model: WhisperModel) -> None:
    from transformers.models.whisper.modeling_whisper import shift_tokens_right

    batch, config = training_batch(model), model.network.config
    rows = [torch.tensor(model.prompt[1:] + model.encode(text)) for text in TEXTS]
    labels = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED)
    stock = shift_tokens_right(labels, config.pad_token_id, config.decoder_start_token_id)
    assert torch.equal(batch["decoder_input_ids"], stock)


@pytest.mark.parametrize("folder", ["whisper_folder", "english_whisper_folder"])
def test_generation_starts_from_the_prompt_that_training_used(folder: str, request: pytest.FixtureRequest) -> None:
    model = load_model(request.getfixturevalue(folder))
    inputs = model.collate([model.features(CLIPS[0])], None)["input_features"]
    whole = model.network.generate(inputs, max_new_tokens=1, force_unique_generate_call=True)
    assert whole[0, : len(model.prompt)].tolist() == model.prompt


@pytest.mark.parametrize(("language", "code"), [("de", "de"), ("German", "de"), ("en-GB", "en"), ("castilian", "es")])
def test_a_language_is_a_code_or_a_name(whisper_folder: Path, language: str, code: str) -> None:
    model = load_model(whisper_folder, language=language)
    assert model.language == code
    assert names(model, model.prompt)[1] == f"<|{code}|>"
    assert model.network.generation_config.language == code


def test_the_task_is_set_for_labels_and_generation(whisper_folder: Path) -> None:
    model = load_model(whisper_folder, language="de", task="translate")
    assert "<|translate|>" in names(model, model.prompt)
    assert model.network.generation_config.task == "translate"


def test_a_language_it_lacks_is_refused_with_the_nearest(whisper_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"language=Germn.*did you mean German"):
        load_model(whisper_folder, language="Germn")


def test_an_english_only_checkpoint_refuses_other_languages(english_whisper_folder: Path) -> None:
    assert load_model(english_whisper_folder, language="English").language == "en"
    with pytest.raises(BadInput, match="English only, not language=de"):
        load_model(english_whisper_folder, language="de")


def test_448_tokens_fit_and_449_do_not(model: WhisperModel) -> None:
    room = 448 - len(model.prompt) - 1  # prompt in front, end token behind; " xx" is one token a byte here
    assert model.label_problem("x" * (room - 1), 20.0) is None
    assert model.label_problem("x" * room, 20.0) == "labels longer than Whisper's 448 tokens (449)"


def test_audio_beyond_the_window_cannot_be_learnt(model: WhisperModel) -> None:
    assert model.label_problem("hi", 30.0) is None
    assert "30 s window" in model.label_problem("hi", 30.5)


# ---- training extras


def test_masks_fall_on_training_only(model: WhisperModel) -> None:
    def cost() -> float:
        with torch.no_grad():
            return float(model.loss(model.network, training_batch(model)))

    plain = cost()
    model.set_spec_augment(0.5, 20, 0.4, 10)
    assert cost() == plain
    model.network.train()
    assert cost() != plain


def test_the_auxiliary_loss_comes_and_goes_without_a_trace(tmp_path: Path, model: WhisperModel) -> None:
    from transformers import WhisperForConditionalGeneration

    plain = float(model.loss(model.network, training_batch(model)).detach())
    model.attach_auxiliary_ctc(0.3)
    loss = model.loss(model.network, training_batch(model))
    assert loss.item() > plain
    loss.backward()
    assert model.network.auxiliary_ctc.head.weight.grad.abs().sum() > 0
    model.detach_auxiliary_ctc()
    model.detach_auxiliary_ctc()
    assert model.loss(model.network, training_batch(model)).item() == plain
    model.save(tmp_path / "saved")
    _, info = WhisperForConditionalGeneration.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not info["unexpected_keys"] and not info["missing_keys"]


# ---- folders


def test_a_saved_folder_is_a_plain_one(tmp_path: Path) -> None:
    from transformers import AutoProcessor, WhisperForConditionalGeneration, pipeline

    model = spoken_up(load_model(tiny_whisper(tmp_path / "tiny", tokens=32), language="english"))
    model.save(tmp_path / "saved")
    settings = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert not settings.get("forced_decoder_ids")
    assert (settings["language"], settings["task"]) == ("en", "transcribe")
    ours = decode_waveforms(model, CLIPS)
    assert all(ours), "nothing to compare"
    network = WhisperForConditionalGeneration.from_pretrained(tmp_path / "saved").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "saved")
    inputs = processor(CLIPS, sampling_rate=16000, return_tensors="pt")
    texts = processor.batch_decode(network.generate(**inputs), skip_special_tokens=True)
    assert starts_like(texts, ours)
    recogniser = pipeline("automatic-speech-recognition", model=str(tmp_path / "saved"), device="cpu")
    greedy = {"num_beams": 1}  # the pipeline's own default is 5
    texts = [recogniser({"raw": c.copy(), "sampling_rate": 16000}, generate_kwargs=greedy)["text"] for c in CLIPS]
    assert starts_like(texts, ours)
    assert decode_waveforms(load_model(tmp_path / "saved"), CLIPS) == ours


def starts_like(texts: list[str], ours: list[str]) -> bool:
    """Whether ours are their beginnings: only we stop an endless decoder by the length of the speech."""
    return all(text.strip().startswith(own) for text, own in zip(texts, ours, strict=True))


def test_a_multilingual_checkpoint_must_be_told_what_it_learns(whisper_folder: Path) -> None:
    model = load_model(whisper_folder)
    model.language = None
    assert "model.language" in model.training_problem()
    assert load_model(whisper_folder, language="de").training_problem() is None
