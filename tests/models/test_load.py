"""From a name to a model: starters, folders of every state, characters that are added, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.ctc import CTCModel
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full
from tests.sounds import voice
from tests.tiny import tiny_ctc, tiny_whisper

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"


def row(model: CTCModel, character: str) -> torch.Tensor:
    """What the head knows about a character."""
    return model.network.lm_head.weight[model.vocabulary[character]]


# ---- characters


def test_train_texts_add_characters_and_leave_known_ones_alone(ctc_folder: Path) -> None:
    before = load_model(ctc_folder)
    after = load_model(ctc_folder, texts=["\u00c4pfel und B\u00e4ume", "7 na\u00efve"])
    assert set(after.vocabulary) - set(before.vocabulary) == {"\u00e4", "\u00ef", "7"}
    for character in "abcdefghijklmnopqrstuvwxyz'|":
        assert after.vocabulary[character] == before.vocabulary[character]
        assert torch.equal(row(after, character), row(before, character))
    assert after.network.lm_head.out_features == len(after.vocabulary) == after.network.config.vocab_size
    assert after.blank == before.blank
    assert after.unwritable("\u00c4pfel 7") == set()


def test_texts_that_bring_nothing_new_change_nothing(ctc_folder: Path) -> None:
    before, after = load_model(ctc_folder), load_model(ctc_folder, texts=["plain words", "don't"])
    assert after.vocabulary == before.vocabulary
    assert torch.equal(after.network.lm_head.weight, before.network.lm_head.weight)


def test_an_upper_case_vocabulary_is_used_as_it_is(tmp_path: Path) -> None:
    folder = tiny_ctc(tmp_path / "upper", characters=UPPER)
    before, after = load_model(folder), load_model(folder, texts=["caf\u00e9 noir"])
    assert set(after.vocabulary) - set(before.vocabulary) == {"\u00c9"}, "a capital, as all the others"
    assert torch.equal(row(after, "C"), row(before, "C"))


def test_a_vocabulary_with_its_own_names_for_blank_and_unknown_keeps_them(tmp_path: Path) -> None:
    folder = other_names(tiny_ctc(tmp_path / "xlsr"))
    before, after = load_model(folder), load_model(folder, texts=["na\u00efve"])
    assert before.tokenizer.convert_ids_to_tokens(before.blank) == "[PAD]"
    assert after.blank == before.blank == after.tokenizer.pad_token_id == after.network.config.pad_token_id
    assert set(after.vocabulary) - set(before.vocabulary) == {"\u00ef"}
    assert torch.equal(row(after, "a"), row(before, "a"))
    assert "[" not in decode_waveforms(after, [voice(1.0)])[0]
    after.save(tmp_path / "saved")
    assert load_model(tmp_path / "saved").tokenizer.pad_token == "[PAD]"


def other_names(folder: Path) -> Path:
    """The vocabulary as many fine-tuned XLSR checkpoints have it: [PAD] and [UNK], no sentence tokens, pad last."""
    from transformers import AutoConfig, AutoModelForCTC, Wav2Vec2CTCTokenizer

    (folder / "tokenizer_config.json").unlink()
    vocabulary = {c: i for i, c in enumerate([*"abcdefghijklmnopqrstuvwxyz'", "|", "[UNK]", "[PAD]"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    config = AutoConfig.from_pretrained(folder, vocab_size=len(vocabulary), pad_token_id=vocabulary["[PAD]"])
    AutoModelForCTC.from_config(config).save_pretrained(folder)
    return folder


def test_a_checkpoint_without_a_head_gets_one_from_the_train_texts(tmp_path: Path, ctc_folder: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    whole = load_model(ctc_folder)
    folder = tmp_path / "base"
    whole.network.base_model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    with pytest.raises(BadInput, match=r"no CTC head.*adapt it first"):
        load_model(folder)
    model = load_model(folder, texts=["b\u00e4d cab"])
    assert {t for t in model.vocabulary if len(t) == 1} == set("|abcd\u00e4")
    for name, weight in model.network.base_model.state_dict().items():
        assert torch.equal(weight, whole.network.base_model.state_dict()[name]), name
    model.save(tmp_path / "saved")
    assert load_model(tmp_path / "saved").vocabulary == model.vocabulary


def test_a_head_that_was_never_trained_is_not_scored(tmp_path: Path, ctc_folder: Path) -> None:
    """facebook/wav2vec2-base has a vocabulary but no head: its words would be noise."""
    from safetensors.torch import load_file, save_file

    folder = tiny_ctc(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    save_file(
        {n: w for n, w in weights.items() if "lm_head" not in n},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(BadInput, match="no CTC head"):
        load_model(folder)
    model = load_model(folder, texts=["words"])
    assert model.vocabulary == load_model(ctc_folder).vocabulary


def test_a_vocabulary_without_characters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="vocabulary without characters"):
        load_model(tiny_ctc(tmp_path / "m", characters=""))


# ---- random weights


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_from_scratch_keeps_the_shape_and_not_the_weights(family: str, ctc_folder: Path, whisper_folder: Path) -> None:
    folder = {"ctc": ctc_folder, "whisper": whisper_folder}[family]
    trained = load_model(folder, texts=["words"], language="en")
    torch.manual_seed(5)
    fresh = load_model(folder, texts=["words"], language="en", from_scratch=True)
    weights, others = trained.network.state_dict(), fresh.network.state_dict()
    assert {n: w.shape for n, w in weights.items()} == {n: w.shape for n, w in others.items()}
    matrices = [n for n, w in weights.items() if w.ndim > 1 and "embed_positions" not in n]
    assert not any(torch.equal(weights[n], others[n]) for n in matrices)
    assert fresh.encode("words") == trained.encode("words")
    if family == "whisper":
        assert fresh.network.generation_config.to_dict() == trained.network.generation_config.to_dict()


def test_from_scratch_is_the_seed_s(ctc_folder: Path) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return load_model(ctc_folder, texts=["a"], from_scratch=True).network.lm_head.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


# ---- MMS


def test_an_mms_adapter_is_picked_by_language(tmp_path: Path) -> None:
    folder = tiny_mms(tmp_path / "mms")
    german, english = load_model(folder, language="deu"), load_model(folder, language="eng")
    assert "\u00e4" in german.vocabulary and "\u00e4" not in english.vocabulary
    assert german.network.lm_head.out_features == len(german.vocabulary)
    assert english.network.lm_head.out_features == len(english.vocabulary)
    assert adapter_sum(german) == pytest.approx(3.0)
    assert adapter_sum(english) == pytest.approx(1.0)
    german.save(tmp_path / "saved")
    again = load_model(tmp_path / "saved")
    assert again.vocabulary == german.vocabulary
    assert decode_waveforms(again, [voice(1.0)]) == decode_waveforms(german, [voice(1.0)])


@pytest.mark.parametrize("language", ["de", "German", "de-DE", "deu", "ger", "DEU", "Deutsch"])
def test_an_mms_adapter_is_found_by_any_name_of_its_language(language: str, tmp_path: Path) -> None:
    assert adapter_sum(load_model(tiny_mms(tmp_path), language=language)) == pytest.approx(3.0)


def test_a_language_without_an_adapter_is_one_line(tmp_path: Path) -> None:
    folder = tiny_mms(tmp_path)
    for given in ({}, {"texts": ["abc"]}):
        with pytest.raises(BadInput, match=r"has no adapter for language=dut .*; there are deu, eng$"):
            load_model(folder, language="dut", **given)
    with pytest.raises(BadInput, match=r"did you mean German\?"):
        load_model(folder, language="Germn")


def test_an_mms_model_that_was_adapted_is_of_its_one_language(tmp_path: Path) -> None:
    """Its folder has no adapters to choose from; the manifest's language does no harm to it."""
    tiny_mms(tmp_path / "mms")
    for name, texts in (("same", ["\u00e4b"]), ("more", ["\u00e4b\u00f1"])):
        model = load_model(tmp_path / "mms", language="de", texts=texts)
        model.save(tmp_path / name)
        for language in (None, "de", "deu", "nl"):
            again = load_model(tmp_path / name, language=language)
            assert again.vocabulary == model.vocabulary and adapter_sum(again) == pytest.approx(3.0)


def adapter_sum(model: CTCModel) -> float:
    """The value that an adapter's biases were filled with."""
    return float(model.network.wav2vec2.encoder.layers[0].adapter_layer.linear_1.bias.detach().mean())


def tiny_mms(folder: Path) -> Path:
    """A checkpoint with one adapter and one vocabulary a language, as facebook/mms-1b-all has them."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCTC, Wav2Vec2CTCTokenizer

    tiny_ctc(folder)
    characters = {"eng": "abcdefghijklmnopqrstuvwxyz'", "deu": "abcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00fc\u00df"}
    vocabulary = {
        code: {t: i for i, t in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *letters])}
        for code, letters in characters.items()
    }
    (folder / "tokenizer_config.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), target_lang="eng").save_pretrained(folder)
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, adapter_attn_dim=4)
    for code, fill in (("deu", 3.0), ("eng", 1.0)):
        config.vocab_size = len(vocabulary[code])
        network = AutoModelForCTC.from_config(config)
        adapters = {n: p.detach().clone() for n, p in network._get_adapters().items()}
        for name, weight in adapters.items():
            if name.endswith("linear_1.bias"):
                weight.fill_(fill)
        save_file(adapters, folder / f"adapter.{code}.safetensors", metadata={"format": "pt"})
    network.save_pretrained(folder)
    return folder


# ---- Whisper


def test_a_whisper_from_before_generation_settings_is_given_them(tmp_path: Path) -> None:
    """Many fine-tuned checkpoints of 2022 have no generation_config.json; `generate` refuses a language then."""
    folder = tiny_whisper(tmp_path / "m")
    wanted = load_model(folder, language="de")
    (folder / "generation_config.json").unlink()
    model = load_model(folder, language="de")
    settings = model.network.generation_config
    assert model.prompt == wanted.prompt
    assert settings.lang_to_id == wanted.network.generation_config.lang_to_id
    assert settings.max_length == model.longest_label
    assert decode_waveforms(model, [voice(1.0)]) == decode_waveforms(wanted, [voice(1.0)])
    model.save(tmp_path / "saved")
    assert load_model(tmp_path / "saved").language == "de"


# ---- refusals: one line, which thing, what to do


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("starter-wav2vec", "did you mean starter-wav2vec2"),
        ("starter-wisper", "did you mean starter-whisper"),
        ("./nowhere", "./nowhere does not exist"),
        ("a/b/c", "does not exist"),
        ("", "name is empty"),
    ],
)
def test_a_name_that_is_nothing(source: str, message: str) -> None:
    refused(source, message)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_bytes(b"x")
    refused(tmp_path / "m.txt", "is a file")


def test_a_folder_without_config_points_to_the_model_inside(tmp_path: Path, ctc_folder: Path) -> None:
    refused(tmp_path, "no config.json: expected a Hugging Face model folder$")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    refused(tmp_path, "did you mean .*model")


def test_a_damaged_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{not json")
    refused(tmp_path, "cannot be loaded")


def test_a_config_without_weights(tmp_path: Path, whisper_folder: Path, ctc_folder: Path) -> None:
    for name, source in (("w", whisper_folder), ("c", ctc_folder)):
        folder = tmp_path / name
        folder.mkdir()
        for file in source.iterdir():
            if file.suffix == ".json":
                (folder / file.name).write_bytes(file.read_bytes())
        refused(folder, r"has no weights \(model.safetensors\)")


def test_truncated_weights(tmp_path: Path) -> None:
    folder = tiny_ctc(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    refused(folder, "cannot be loaded")


@pytest.mark.parametrize("model_type", ["bert", "speech_to_text", "wav2vec2-bert"])
def test_a_model_of_another_task(tmp_path: Path, model_type: str) -> None:
    from transformers import AutoConfig

    AutoConfig.for_model(model_type).save_pretrained(tmp_path)
    refused(tmp_path, f"is a {model_type} model: expected")


def test_an_impossible_task(whisper_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"task=sing: expected transcribe or translate"):
        load_model(whisper_folder, task="sing")


def refused(source: str | Path, message: str) -> None:
    """Loading says so in one line."""
    with pytest.raises(BadInput, match=message) as error:
        load_model(source)
    assert "\n" not in str(error.value)


def test_what_a_loader_s_worker_gets_has_no_weights(tmp_path: Path) -> None:
    """Nor what a strategy put into the network: where processes are spawned, each worker is sent this."""
    import pickle

    for folder, freeze in ((tiny_ctc(tmp_path / "c"), True), (tiny_whisper(tmp_path / "w"), False)):
        model = load_model(folder)
        Full(freeze_feature_encoder=freeze).prepare(model, 0)
        sent = pickle.dumps(model)
        assert b"torch" not in sent
        copy = pickle.loads(sent)
        assert copy.network is None
        np.testing.assert_equal(copy.features(voice(0.5)), model.features(voice(0.5)))
        assert copy.encode("a b") == model.encode("a b")


def test_the_parts_of_a_copy_are_its_own(tmp_path: Path) -> None:
    for folder in (tiny_ctc(tmp_path / "c"), tiny_whisper(tmp_path / "w")):
        copy = load_model(folder).untouched()
        own = {id(parameter) for parameter in copy.network.parameters()}
        for role, modules in copy.parts().items():
            assert {id(parameter) for module in modules for parameter in module.parameters()} <= own, role
