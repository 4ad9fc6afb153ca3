"""What a model learns of a text: tags as the run's normaliser has them, case as the language and the vocabulary do."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model, only_language
from speech_tl.models.options import ModelOptions
from speech_tl.models.random_initialisation import new_model
from speech_tl.text import get_normaliser
from tests.tiny import tiny_ctc, tiny_whisper

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    return load_model(tiny_ctc(tmp_path_factory.mktemp("ctc")))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    return load_model(tiny_whisper(tmp_path_factory.mktemp("whisper"), tokens=64))


def spelt(model: AcousticModel, text: str) -> str:
    """The label as characters."""
    ids = model.encode(text)
    if model.family == "whisper":
        return model.tokenizer.convert_tokens_to_string(model.tokenizer.convert_ids_to_tokens(ids[:-1]))
    names = {row: name for name, row in model.vocabulary.items()}
    return "".join(names[row] for row in ids).replace("|", " ")


@pytest.mark.parametrize("tag", ["<COMMA>", "[laughter]", "(coughs)", "<unk>", "{noise}", "<|nospeech|>", "[[x]]"])
@pytest.mark.parametrize("rules", ["english", "basic"])
def test_a_tag_that_is_not_scored_is_not_learnt(
    tag: str, rules: str, ctc: AcousticModel, whisper: AcousticModel
) -> None:
    for model, label in ((ctc, "good morning"), (whisper, " Good morning.")):
        model.scored_by = get_normaliser(rules)
        assert spelt(model, f"Good {tag} morning.") == label == spelt(model, f"{tag} Good morning.")
        assert pickle.loads(pickle.dumps(model)).encode(f"Good {tag} morning.") == model.encode("Good morning.")
        model.scored_by = get_normaliser("none")
        assert spelt(model, f"Good {tag} morning.") != label


def test_a_text_of_tags_alone_leaves_nothing_to_learn(ctc: AcousticModel, whisper: AcousticModel) -> None:
    ctc.scored_by = whisper.scored_by = get_normaliser("english")
    assert ctc.encode("[noise]") == [] and "no character" in ctc.label_problem("[noise]", 5.0)
    assert whisper.encode("[noise]") == [whisper.end]


SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|0.00|>", "<|nospeech|>", "<|notimestamps|>"]


@pytest.mark.parametrize("rules", ["none", "english"])
@pytest.mark.parametrize("name", SPECIAL)
def test_the_name_of_a_token_in_a_text_is_no_token(name: str, rules: str, whisper: AcousticModel) -> None:
    whisper.scored_by = get_normaliser(rules)
    ids = whisper.encode(f"He wrote {name} here.")
    assert ids[-1] == whisper.end and max(ids[:-1]) < whisper.end
    kept = f" He wrote {name} here." if rules == "none" else " He wrote here."
    assert spelt(whisper, f"He wrote {name} here.") == kept


def test_the_name_of_a_token_is_no_token_for_published_checkpoints(published_whisper: Callable[[str], Path]) -> None:
    from transformers import WhisperTokenizer

    from speech_tl.models.whisper_text import WhisperText

    for folder in ("whisper-tiny.en", "whisper-base"):
        tokenizer = WhisperTokenizer.from_pretrained(published_whisper(folder))
        model = SimpleNamespace(tokenizer=tokenizer, end=tokenizer.eos_token_id, scored_by=get_normaliser("none"))
        plain = "Plain text, as before: it's 5 < 6."
        assert WhisperText.encode(model, plain)[:-1] == tokenizer.encode(f" {plain}", add_special_tokens=False)
        for name in SPECIAL:
            assert max(WhisperText.encode(model, f"He wrote {name} here.")[:-1]) < model.end


@pytest.mark.parametrize(
    ("characters", "language", "added", "label"),
    [
        (UPPER, "tr", "İŞ", "IŞIK İYİ"),
        (UPPER, "Turkish", "İŞ", "IŞIK İYİ"),
        (UPPER, None, "ıŞ", "IŞIK IYI"),
        (UPPER.lower(), "tr-TR", "ış", "ışık iyi"),
        ("", "az", "iyışk", "ışık iyi"),
    ],
)
def test_new_characters_are_in_the_vocabularys_case_and_the_languages(
    characters: str, language: str | None, added: str, label: str, tmp_path: Path
) -> None:
    folder = tiny_ctc(tmp_path / "ctc", characters=characters)
    model = load_model(folder, language=language, texts=["Işık İyi"])
    assert set(model.added_characters) == set(added)
    assert spelt(model, "IŞIK iyi!") == label and not model.unwritable("Işık İyi")
    assert get_normaliser("basic", language)(label) == get_normaliser("basic", language)("IŞIK iyi!")


def test_a_new_model_knows_its_language() -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = new_model("new:wav2vec2", ["Işık İyi"], shape, "tr")
    assert {"ı", "i"} <= set(model.vocabulary) and spelt(model, "IŞIK İYİ") == "ışık iyi"


def test_only_an_english_only_whisper_is_sure_of_its_language(tmp_path: Path) -> None:
    tiny_whisper(tmp_path / "en", multilingual=False)
    tiny_whisper(tmp_path / "many")
    tiny_ctc(tmp_path / "ctc")
    found = {name: only_language(ModelOptions(source=str(tmp_path / name))) for name in ("en", "many", "ctc")}
    assert found == {"en": "en", "many": None, "ctc": None}
    assert only_language(ModelOptions(source="new:whisper")) is None
    (tmp_path / "en" / "generation_config.json").unlink()  # as in old checkpoints: the vocabulary's size tells
    assert only_language(ModelOptions(source=str(tmp_path / "en"))) is None


def test_the_published_english_only_whisper_is(published_whisper: Callable[[str], Path]) -> None:
    found = [only_language(ModelOptions(source=str(published_whisper(n)))) for n in ("whisper-tiny.en", "whisper-base")]
    assert found == ["en", None]
