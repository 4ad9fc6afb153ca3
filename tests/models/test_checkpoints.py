"""Files and folders that are no whole model: each is named for what it is, with what to do, in one line."""

from __future__ import annotations

import json
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from speech_tl.cli import main
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from tests.tiny import tiny_ctc, tiny_whisper

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def linked(source: Path, folder: Path, *without: str) -> Path:
    """The same folder without some of its files."""
    folder.mkdir(parents=True)
    for file in source.iterdir():
        if file.name not in without:
            (folder / file.name).symlink_to(file)
    return folder


def refused(source: str | Path, *parts: str, **options: str) -> None:
    """Loading says all of this in one line."""
    with pytest.raises(BadInput) as error:
        load_model(source, **options)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


# ---- folders that lack something


def test_a_trainer_s_checkpoint_without_a_tokenizer(
    published_whisper: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """transformers 5 loads it with an empty tokenizer: it would transcribe nothing, and be adapted to nothing."""
    folder = linked(published_whisper("whisper-tiny.en"), tmp_path / "checkpoint-500", *TOKENIZER)
    (folder / "trainer_state.json").write_text("{}")
    refused(folder, "no tokenizer", "copy tokenizer.json and tokenizer_config.json", "openai/whisper-tiny.en")
    with pytest.raises(SystemExit) as left:
        main(["transcribe", "--model", str(folder), str(Path(__file__).parents[2] / "speech_tl/starters/quickstart")])
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.count("\n") == 1 and "processing_class" in said


@pytest.mark.parametrize("missing", ["tokenizer.json", "preprocessor_config.json"])
def test_what_a_whisper_folder_lacks_is_named(missing: str, whisper_folder: Path, tmp_path: Path) -> None:
    folder = linked(whisper_folder, tmp_path / "out" / "checkpoint-1", missing)
    refused(folder, f"copy {missing}", "from the checkpoint it was trained from")
    for name in (missing, "tokenizer_config.json"):
        (tmp_path / "out" / name).write_bytes((whisper_folder / name).read_bytes())
    refused(folder, f"from {tmp_path / 'out'}")


def test_a_tokenizer_of_another_whisper(
    whisper_folder: Path, english_whisper_folder: Path, published_whisper: Callable[[str], Path], tmp_path: Path
) -> None:
    pairs = [(published_whisper("whisper-tiny.en"), published_whisper("whisper-base"))]
    pairs += [(published_whisper("whisper-base"), published_whisper("whisper-tiny.en"))]
    pairs += [(published_whisper("whisper-base"), whisper_folder)]
    for number, (model, other) in enumerate(pairs):
        folder = linked(model, tmp_path / str(number), *TOKENIZER)
        for name in TOKENIZER:
            (folder / name).symlink_to(other / name)
        refused(folder, "the tokenizer of another Whisper", "copy tokenizer.json")


def test_a_preprocessor_of_another_whisper(whisper_folder: Path, tmp_path: Path) -> None:
    folder = linked(whisper_folder, tmp_path / "m", "preprocessor_config.json")
    settings = json.loads((whisper_folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(settings | {"feature_size": 128}))
    refused(folder, "hears 80 mel bins", "makes 128")


def test_a_processor_s_file_of_transformers_5_serves_as_well(whisper_folder: Path, tmp_path: Path) -> None:
    from transformers import WhisperFeatureExtractor, WhisperProcessor, WhisperTokenizer

    folder = linked(whisper_folder, tmp_path / "m", "preprocessor_config.json", *TOKENIZER)
    extractor, tokenizer = (k.from_pretrained(whisper_folder) for k in (WhisperFeatureExtractor, WhisperTokenizer))
    WhisperProcessor(extractor, tokenizer).save_pretrained(folder)
    assert (folder / "processor_config.json").is_file() and not (folder / "preprocessor_config.json").exists()
    assert load_model(folder).source == str(folder)


def test_what_a_ctc_folder_lacks_is_named(ctc_folder: Path, tmp_path: Path) -> None:
    refused(linked(ctc_folder, tmp_path / "a", "preprocessor_config.json"), "copy preprocessor_config.json")
    without = linked(ctc_folder, tmp_path / "b", "vocab.json")
    refused(without, "no vocabulary", "copy vocab.json")
    refused(without, "no vocabulary", texts=["its head knows other rows"])
    other = linked(ctc_folder, tmp_path / "c", "vocab.json")
    vocabulary = json.loads((ctc_folder / "vocab.json").read_text())
    (other / "vocab.json").write_text(json.dumps(vocabulary | {"\u00e4": len(vocabulary)}))
    refused(other, "the vocabulary of another model")


def test_weights_that_are_not_all_there(whisper_folder: Path, ctc_folder: Path, tmp_path: Path) -> None:
    for number, source in enumerate((whisper_folder, ctc_folder)):
        folder = linked(source, tmp_path / str(number), "model.safetensors")
        refused(folder, "has no weights (model.safetensors)")
        (folder / "encoder_model.onnx").write_bytes(b"\x08\x07")
        refused(folder, "has no weights", "ONNX")
        shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
        (folder / shards["a"]).write_bytes(b"")
        refused(folder, "lacks 1 of its 2 files of weights", shards["b"])
        (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        refused(folder, "git lfs pull")


# ---- what is for other programs


def ctranslate2_folder(folder: Path) -> Path:
    """As ct2-transformers-converter leaves it."""
    folder.mkdir()
    (folder / "model.bin").write_bytes(struct.pack("<IH", 6, 12) + b"WhisperSpec\0" + bytes(64))
    (folder / "vocabulary.json").write_text("[]")
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.mark.parametrize("config", [None, '{"alignment_heads": [], "lang_ids": []}'])
def test_a_folder_of_ctranslate2(config: str | None, tmp_path: Path) -> None:
    folder = ctranslate2_folder(tmp_path / "faster-whisper")
    if config:
        (folder / "config.json").write_text(config)
    refused(folder, "is a CTranslate2 model", "converted from")
    refused(folder / "model.bin", "is a CTranslate2 model")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ggml-base.en.bin", b"lmgg" + bytes(60), ["a ggml file", "openai/whisper-base.en"]),
        ("mine.gguf", b"GGUF" + bytes(60), ["a GGUF file", "converted from"]),
        ("model.onnx", b"\x08\x07" + bytes(60), ["an ONNX file"]),
        ("old.pt", b"\x80\x02}q\x00.", ["pickled", "nothing is unpickled"]),
        ("notes.txt", b"words", ["is a file: expected a folder, a Hub id or starter-wav2vec2"]),
        ("config.json", b"{}", ["give its folder"]),
        ("empty", b"", ["is a file"]),
    ],
)
def test_a_file_is_named_for_what_it_is(name: str, content: bytes, said: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, *said)


def test_a_pickled_file_is_known_without_being_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    for name, advice in (("large-v3-turbo.pt", "openai/whisper-large-v3-turbo"), ("mine.ckpt", "convert it")):
        torch.save({"dims": {}, "trap": Trap()}, tmp_path / name)
        refused(tmp_path / name, "a pickled PyTorch file", advice)
    refused(tmp_path, "no config.json", "large-v3-turbo.pt in it is a pickled PyTorch file")
    assert not (tmp_path / "sprung").exists()


def test_safetensors_archives_and_nemo_files(tmp_path: Path, whisper_folder: Path) -> None:
    refused(whisper_folder / "model.safetensors", "give its folder")
    for name, said in (("m.nemo", "a NeMo file"), ("m.tar", "unpack it")):
        with tarfile.open(tmp_path / name, "w") as archive:
            archive.add(whisper_folder / "config.json", "config.json")
        refused(tmp_path / name, said)


# ---- folders with something else in them


def test_folders_around_a_model_point_to_it(whisper_folder: Path, tmp_path: Path) -> None:
    linked(whisper_folder, tmp_path / "run" / "model")
    refused(tmp_path / "run", f"did you mean {tmp_path / 'run' / 'model'}?")
    for step in (500, 1000):
        linked(whisper_folder, tmp_path / "trainer" / f"checkpoint-{step}")
    refused(tmp_path / "trainer", "did you mean", "checkpoint-1000?")
    linked(whisper_folder, tmp_path / "models--openai--whisper-tiny" / "snapshots" / "0a1b")
    refused(tmp_path / "models--openai--whisper-tiny", "did you mean", "0a1b?")


def test_folders_of_parts(tmp_path: Path) -> None:
    whole = tiny_whisper(tmp_path / "whole")
    everything = [file.name for file in whole.iterdir()]
    only = [name for name in everything if name not in TOKENIZER]
    refused(linked(whole, tmp_path / "tokenizer", *only), "holds a tokenizer only")
    refused(linked(whole, tmp_path / "weights", "config.json"), "copy config.json")


# ---- words between which something else than | stands


@pytest.mark.parametrize("told", [True, False], ids=["told", "from the vocabulary"])
@pytest.mark.parametrize("delimiter", [" ", "\u2581", "_", "<space>", "[SPACE]"])
def test_any_word_delimiter(delimiter: str, told: bool, tmp_path: Path) -> None:
    from tests.sounds import voice

    usual = load_model(tiny_ctc(tmp_path / "usual"))
    folder = tiny_ctc(tmp_path / "other")
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({t if t != "|" else delimiter: i for t, i in vocabulary.items()}))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("word_delimiter_token", None)
    settings |= {"word_delimiter_token": delimiter} if told else {}
    settings.pop("added_tokens_decoder", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    model = load_model(folder)
    assert model.delimiter == delimiter and model.encode("one two") == usual.encode("one two")
    assert model.blank_and_delimiter() == usual.blank_and_delimiter()
    assert model._texts(torch.tensor([model.encode("we do")])) == ["we do"]
    batch = [model.collate([model.features(voice(1.0))], None), usual.collate([usual.features(voice(1.0))], None)]
    assert torch.equal(model.logits(model.network, batch[0])[0], usual.logits(usual.network, batch[1])[0])
    grown = load_model(folder, texts=["na\u00efve words"])
    assert set(grown.vocabulary) - set(model.vocabulary) == {"\u00ef"} and grown.delimiter == delimiter
    grown.save(tmp_path / "saved")
    again = load_model(tmp_path / "saved")
    assert again.delimiter == delimiter and again.vocabulary == grown.vocabulary
    assert again._texts(torch.tensor([again.encode("na\u00efve do")])) == ["na\u00efve do"]
