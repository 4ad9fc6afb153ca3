"""Networks from nothing: any text can be written, files are those of published checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.models.random_initialisation import new_model, special_tokens

WHISPER_SHAPE = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
}
WAV2VEC2_SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (16, 16),
    "conv_kernel": (40, 8),
    "conv_stride": (20, 8),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
TEXTS = ["the cat sat on the mat", "then the other cat came", "the end"]


def test_a_new_wav2vec2_writes_the_characters_of_its_texts(tmp_path: Path) -> None:
    model = new_model("new:wav2vec2", ["Bad, cab!", "\u00e4h"], WAV2VEC2_SHAPE)
    assert {t for t in model.vocabulary if len(t) == 1} == set("|abcdh\u00e4")
    model.save(tmp_path)
    assert load_model(tmp_path).vocabulary == model.vocabulary
    assert json.loads((tmp_path / "config.json").read_text())["ctc_zero_infinity"] is True


@pytest.mark.parametrize("text", ["the cat", "\u0d2e\u0d32\u0d2f\u0d3e\u0d33\u0d02", "a\u00e9\U0001f600 7!"])
def test_a_new_whisper_writes_anything(text: str) -> None:
    model = new_model("new:whisper", TEXTS, {**WHISPER_SHAPE, "merges": 10})
    ids = model.encode(text)
    assert model.tokenizer.decode(ids, skip_special_tokens=True) == " " + text
    assert max(ids) < model.network.config.vocab_size


def test_merges_are_learnt_from_the_texts(tmp_path: Path) -> None:
    model = new_model("new:whisper", TEXTS, {**WHISPER_SHAPE, "merges": 10})
    none = new_model("new:whisper", TEXTS, {**WHISPER_SHAPE, "merges": 0})
    assert len(model.tokenizer) - len(none.tokenizer) == 10
    assert "\u0120the" in model.tokenizer.get_vocab()
    assert len(none.encode("the cat")) == len(" the cat") + 1
    model.save(tmp_path)
    assert load_model(tmp_path, language="en").encode("the other cat") == model.encode("the other cat")


def test_special_tokens_are_whisper_s_in_whisper_s_order() -> None:
    model = new_model("new:whisper", TEXTS, WHISPER_SHAPE)
    ids = model.tokenizer.convert_tokens_to_ids(special_tokens())
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert special_tokens()[:3] == ["<|endoftext|>", "<|startoftranscript|>", "<|en|>"]
    assert special_tokens()[-2:] == ["<|nospeech|>", "<|notimestamps|>"]
    first = model.tokenizer.convert_tokens_to_ids("<|0.00|>")
    assert first == ids[-1] + 1
    assert model.tokenizer.convert_tokens_to_ids("<|30.00|>") == first + 1500 == len(model.tokenizer) - 1
    assert model.network.config.decoder_start_token_id == ids[1]


def test_an_architecture_we_do_not_make() -> None:
    with pytest.raises(BadInput, match=r"new:bert.*new:wav2vec2, new:whisper"):
        new_model("new:bert", TEXTS, {})


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("new:wav2vec2", {"hidden_size": 15, "num_attention_heads": 2}),
        ("new:whisper", {"merges": "many"}),
        ("new:wav2vec2", {**WAV2VEC2_SHAPE, "log_mel_filters": 5}),
        ("new:wav2vec2", {**WAV2VEC2_SHAPE, "hiden_size": 16}),
        ("new:whisper", {**WHISPER_SHAPE, "layers": 3}),
    ],
)
def test_a_shape_that_does_not_fit_is_one_line(source: str, shape: dict) -> None:
    with pytest.raises(BadInput, match=f"model.shape does not fit {source}") as error:
        new_model(source, TEXTS, shape)
    assert "\n" not in str(error.value)


def test_a_mistyped_field_gets_the_nearest() -> None:
    with pytest.raises(BadInput, match="no field hiden_size; did you mean hidden_size"):
        new_model("new:wav2vec2", TEXTS, {**WAV2VEC2_SHAPE, "hiden_size": 16})
