"""A model's folder runs no code of its own, and nothing outside it is read."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.models.foreign import refuse_foreign
from speech_tl.models.load import load_model, only_language
from speech_tl.models.options import ModelOptions
from speech_tl.models.random_initialisation import new_model
from tests.security.test_code import Runs
from tests.tiny import tiny_ctc, tiny_whisper

CODE = "needs code of its own"
OUTSIDE = "points outside the model's folder"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    tiny_ctc(folder / "ctc")
    tiny_whisper(folder / "whisper")
    return folder


@pytest.fixture
def changed(bases: Path, tmp_path: Path) -> Callable[..., Path]:
    """A model's folder with other settings in one of its files."""

    def make(family: str, file: str, **settings: Any) -> Path:
        folder = tmp_path / family
        shutil.copytree(bases / family, folder)
        there = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
        (folder / file).write_text(json.dumps(there | settings))
        return folder

    return make


MAP = {"AutoConfig": "own.Config", "AutoModelForCTC": "own.Model", "AutoModel": "own.Model"}


@pytest.mark.parametrize(
    ("family", "file", "settings", "said"),
    [
        ("ctc", "config.json", {"model_type": "own", "auto_map": MAP}, CODE),
        ("ctc", "config.json", {"auto_map": MAP}, CODE),
        ("whisper", "config.json", {"model_type": "own", "auto_map": MAP}, CODE),
        ("ctc", "config.json", {"auto_map": {"AutoModelForCTC": "somebody/else--own.Model"}}, CODE),
        ("ctc", "preprocessor_config.json", {"auto_map": {"AutoFeatureExtractor": "own.Model"}}, CODE),
        ("ctc", "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.Model", None]}}, CODE),
        ("ctc", "processor_config.json", {"feature_extractor": {"auto_map": {"AutoProcessor": "own.Model"}}}, CODE),
        ("ctc", "config.json", {"_attn_implementation": "somebody/kernel"}, CODE),
        ("whisper", "config.json", {"attn_implementation": "somebody/kernel@main"}, CODE),
        ("ctc", "tokenizer_config.json", {"vocab_file": "/etc/passwd"}, OUTSIDE),
        ("ctc", "tokenizer_config.json", {"vocab_file": "../secret.json"}, OUTSIDE),
        ("whisper", "tokenizer_config.json", {"merges_file": "a/../../secret.json"}, OUTSIDE),
        ("whisper", "tokenizer_config.json", {"fast_tokenizer_files": ["tokenizer./../../secret.json"]}, OUTSIDE),
        ("whisper", "config.json", {"configuration_files": ["config./../../secret.json"]}, OUTSIDE),
        ("ctc", "model.safetensors.index.json", {"weight_map": {"a": "../whisper/model.safetensors"}}, OUTSIDE),
    ],
)
def test_settings_that_ask_for_code_or_files_elsewhere(changed, tmp_path, monkeypatch, family, file, settings, said):
    monkeypatch.setattr("builtins.input", lambda *asked: "y")  # transformers would ask, and a user say yes
    monkeypatch.chdir(tmp_path)
    folder = changed(family, file, **settings)
    own = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    for place in (folder, tmp_path):
        (place / "own.py").write_text(own)
    (tmp_path / "secret.json").write_text('{"a": 0}')
    with pytest.raises(BadInput, match=f"{said} \\(|{file} {said}") as refused:
        load_model(folder)
    assert file in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(BadInput, match=said):
        only_language(ModelOptions(source=str(folder)))
    assert not (tmp_path / "ran").exists()


def test_the_command_line_ends_with_one_line(changed, tmp_path, capsys):
    folder = changed("ctc", "config.json", model_type="own", auto_map=MAP)
    assert _run(["evaluate", "--model", str(folder), "--data", str(table(tmp_path))]) == 2
    assert CODE in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("source", ["new:wav2vec2", "new:whisper"])
def test_the_shape_of_a_new_model_names_no_code(source):
    with pytest.raises(BadInput, match="attn_implementation 'somebody/kernel' would be code of the Hub"):
        new_model(source, ["one"], {"attn_implementation": "somebody/kernel"})


def table(folder: Path) -> Path:
    (folder / "said.csv").write_text("audio,text\na.wav,one\n")
    return folder / "said.csv"


def test_paths_that_published_folders_hold_are_no_orders(changed):
    paths = {"special_tokens_map_file": "/content/x/special_tokens_map.json", "tokenizer_file": None}
    folder = changed("ctc", "tokenizer_config.json", **paths, name_or_path="/root/x", vocab_file="vocab.json")
    assert load_model(folder).family == "ctc"


def test_a_folder_made_of_links_as_the_hub_s_cache_is(bases, tmp_path):
    (tmp_path / "snapshot").mkdir()
    for file in (bases / "ctc").iterdir():
        (tmp_path / "snapshot" / file.name).symlink_to(file)
    assert load_model(tmp_path / "snapshot").family == "ctc"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "fifo"])
@pytest.mark.parametrize("file", ["config.json", "vocab.json", "tokenizer_config.json", "model.safetensors"])
def test_a_link_to_a_device_is_no_file(changed, tmp_path, file, device):
    folder = changed("ctc", "config.json")
    (folder / file).unlink()
    if device == "fifo":
        os.mkfifo(folder / file)
    else:
        (folder / file).symlink_to(device)
    try:
        load_model(folder)  # without its tokenizer_config.json it can be loaded
    except BadInput as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("family", ["ctc", "whisper"])
@pytest.mark.parametrize("how", ["as torch", "bare"])
def test_pickled_weights_run_nothing(changed, tmp_path, family, how):
    folder = changed(family, "config.json")
    (folder / "model.safetensors").unlink()
    hostile = Runs(tmp_path / "ran")
    if how == "as torch":
        torch.save({"lm_head.weight": hostile}, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(hostile))
    with pytest.raises(BadInput, match=r"pickled weights \(pytorch_model.bin\) .* never unpickled"):
        load_model(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"megatron_config": {"a": 1}, "megatron_core": "own"},
        {"peft_type": "XLORA", "adapters": {"a": "/elsewhere"}},
    ],
    ids=["a module", "other adapters"],
)
def test_an_adapter_s_settings_name_no_code(bases, tmp_path, settings):
    values = {"peft_type": "LORA", "base_model_name_or_path": str(bases / "ctc")} | settings
    (tmp_path / "adapter_config.json").write_text(json.dumps(values))
    shutil.copy(bases / "ctc" / "model.safetensors", tmp_path / "adapter_model.safetensors")
    (tmp_path / "model.safetensors").unlink(missing_ok=True)
    with pytest.raises(BadInput, match=CODE):
        load_model(tmp_path)


def test_the_base_of_an_adapter_is_told(bases, tmp_path, capsys):
    from tests.models.test_adapter_folder import peft_folder
    from tests.small import made_corpus

    peft_folder(bases / "ctc", tmp_path / "adapter")
    model = load_model(tmp_path / "adapter")
    assert model.describe()["base"] == str(bases / "ctc") and "base" not in load_model(bases / "ctc").describe()
    corpus = made_corpus(tmp_path / "corpus")
    command = ["transcribe", str(corpus.parent / "audio" / "00.wav"), "--model", str(tmp_path / "adapter")]
    assert _run(command) == 0
    assert f"is an adapter; it was loaded on {bases / 'ctc'}" in capsys.readouterr().err.replace("\n", " ")


def test_settings_that_cannot_be_read_are_left_to_the_loader(tmp_path):
    (tmp_path / "config.json").write_text("[" * 100_000)
    (tmp_path / "tokenizer_config.json").write_text("[]")
    refuse_foreign("m", tmp_path)
