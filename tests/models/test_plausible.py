"""Settings that can be no network's, or are of one that is too large, are refused before a weight is allocated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCTC

from speech_tl.errors import BadInput
from speech_tl.models.checkpoints import Checkpoint
from speech_tl.models.load import load_model
from speech_tl.models.plausible import require_config, require_room
from tests.tiny import tiny_ctc, tiny_whisper

Spoilt = Callable[..., Path]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {"ctc": tiny_ctc(folder / "ctc"), "whisper": tiny_whisper(folder / "whisper")}


@pytest.fixture
def spoilt(whole: dict[str, Path], tmp_path: Path) -> Spoilt:
    """A model's folder with one value of one file changed, or another content."""

    def change(family: str, file: str, **values: Any) -> Path:
        folder = Path(shutil.copytree(whole[family], tmp_path / "model"))
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(content | values))
        return folder

    return change


def refused(folder: Path, *names: str) -> None:
    """In one line, which names what is wrong, and before anything is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("weights are loaded")
        )
        with pytest.raises(BadInput) as error:
            load_model(folder)
    line = str(error.value)
    assert len(line.splitlines()) == 1 and str(folder) in line and len(line) < 500
    for name in names:
        assert name in line, line


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conv_stride", [20, 0, 4]),
        ("conv_stride", [20, -8, 4]),
        ("conv_stride", []),
        ("conv_stride", "abc"),
        ("conv_stride", [20, 8]),
        ("conv_stride", [4096, 4096, 4]),
        ("conv_kernel", [40, 8, 0]),
        ("conv_dim", [32, 32, 10**9]),
        ("hidden_size", 10**9),
        ("hidden_size", 0),
        ("hidden_size", "32"),
        ("hidden_size", 32.0),
        ("hidden_size", True),
        ("num_hidden_layers", 10**9),
        ("num_attention_heads", 0),
        ("intermediate_size", 10**12),
        ("vocab_size", 10**10),
        ("num_conv_pos_embeddings", 0),
        ("layer_norm_eps", float("nan")),
        ("hidden_dropout", 1.5),
        ("layerdrop", float("inf")),
        ("mask_time_prob", "often"),
    ],
)
def test_a_config_that_can_be_no_networks(spoilt, field, value):
    refused(spoilt("ctc", "config.json", **{field: value}), "config.json", field)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hidden_size": 4096, "intermediate_size": 65536, "num_hidden_layers": 100}, "network of"),
        ({"hidden_size": 48}, "config.json makes no network"),
        ({"num_attention_heads": 7}, "config.json makes no network"),
    ],
)
def test_a_config_of_another_network(spoilt, values, said):
    values = values | ({"num_conv_pos_embedding_groups": 7} if values == {"hidden_size": 48} else {})
    refused(spoilt("ctc", "config.json", **values), said)


@pytest.mark.parametrize(
    ("field", "value"),
    [("d_model", 10**9), ("decoder_layers", 0), ("num_mel_bins", -80), ("max_source_positions", 10**9)],
)
def test_a_whisper_whose_config_can_be_no_networks(spoilt, field, value):
    refused(spoilt("whisper", "config.json", **{field: value}), "config.json", field)


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("ctc", "sampling_rate", 0),
        ("ctc", "sampling_rate", 10**12),
        ("ctc", "sampling_rate", "16k"),
        ("ctc", "padding_value", float("nan")),
        ("whisper", "sampling_rate", 1),
        ("whisper", "hop_length", 0),
        ("whisper", "n_fft", 10**9),
        ("whisper", "chunk_length", 10**6),
        ("whisper", "feature_size", 10**6),
    ],
)
def test_features_that_no_sound_has(spoilt, family, field, value):
    refused(spoilt(family, "preprocessor_config.json", **{field: value}), "preprocessor_config.json", field)


@pytest.mark.parametrize("row", [10**9, -1, "x", 1.5, None])
def test_tokens_whose_rows_are_in_no_head(spoilt, row):
    folder = spoilt("ctc", "vocab.json", a=row)
    with pytest.raises(BadInput, match="vocab"):
        load_model(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decoder_start_token_id", -3),
        ("suppress_tokens", "all"),
        ("begin_suppress_tokens", [1, None]),
        ("begin_suppress_tokens", [10**9]),
        ("lang_to_id", {"<|en|>": [1]}),
        ("lang_to_id", "en"),
        ("task_to_id", ["transcribe"]),
        ("forced_decoder_ids", [-1]),
        ("forced_decoder_ids", 7),
    ],
)
def test_generation_settings_that_mean_nothing(spoilt, field, value):
    with pytest.raises(BadInput, match=rf"generation_config\.json: {field} is .*expected") as error:
        load_model(spoilt("whisper", "generation_config.json", **{field: value}))
    assert len(str(error.value).splitlines()) == 1


def test_forced_tokens_of_old_that_are_no_pairs(spoilt):
    with pytest.raises(BadInput, match=r" config\.json: forced_decoder_ids is 'x', expected pairs"):
        load_model(spoilt("whisper", "config.json", forced_decoder_ids="x"))


def test_a_blank_that_is_in_no_vocabulary(spoilt):
    with pytest.raises(BadInput, match="pad token, which is CTC's blank"):
        load_model(spoilt("ctc", "tokenizer_config.json", pad_token=None))


def test_a_tokenizer_whose_settings_break_while_it_writes(spoilt):
    refused(spoilt("ctc", "tokenizer_config.json", replace_word_delimiter_char=[0, 1]), "tokenizer_config.json")


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("family", ["ctc", "whisper"])
@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 5000, "{", "", "null", "[]", '{"a": ' + "9" * 5000 + "}", "\0"]
)
def test_brackets_without_end(whole, tmp_path, family, file, content):
    folder = Path(shutil.copytree(whole[family], tmp_path / "model"))
    (folder / file).write_text(content)
    with pytest.raises(BadInput) as error:
        load_model(folder)
    assert len(str(error.value).splitlines()) == 1


def test_chance_goes_on_as_if_nothing_had_been_looked_at(whole):
    checkpoint = Checkpoint("tiny", str(whole["ctc"]))
    config = AutoConfig.from_pretrained(whole["ctc"])
    torch.manual_seed(3)
    require_room(checkpoint, lambda: AutoModelForCTC.from_config(config), config)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.rand(1) == after


def test_published_settings_are_taken():
    from transformers import HubertConfig, SEWConfig, UniSpeechConfig, Wav2Vec2Config, WavLMConfig, WhisperConfig

    for kind in (Wav2Vec2Config, HubertConfig, SEWConfig, UniSpeechConfig, WavLMConfig, WhisperConfig):
        require_config("published", json.loads(json.dumps(kind().to_dict())))
    large = Wav2Vec2Config(hidden_size=1920, num_hidden_layers=48, intermediate_size=7680, classifier_dropout=None)
    require_config("XLS-R 2B", large.to_dict())
