"""The language and the normaliser of a run: one choice that training, dev, tests and guards share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from speech_tl.adaptation import adapt, plan
from speech_tl.adaptation.preparation import prepare
from speech_tl.evaluation import evaluate
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.screen import Screen
from speech_tl.text import get_normaliser
from tests.small import made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

TURKISH = ["Işık iyi", "İyi akşamlar", "ISPARTA güzel", "Kızım İzmir'de", "DİYARBAKIR sıcak", "Ilık bir gün"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small corpus without a language, the same with tags, the same in Turkish, and two Whispers."""
    folder = tmp_path_factory.mktemp("languages")
    rows = [{k: v for k, v in row.items() if k != "language"} for row in rows_of(made_corpus(folder / "made"))]
    written(folder / "unsaid.csv", rows)
    written(folder / "turkish.csv", [r | {"text": TURKISH[n % 6], "language": "tr-TR"} for n, r in enumerate(rows)])
    written(folder / "german.csv", [row | {"text": "Die Straße", "language": "de"} for row in rows[-2:]])
    tagged = {0: "[laughter]", 1: "(coughs) we <COMMA> call it", 2: "the \u0394 [\u03a9] cat", len(rows) - 1: "[noise]"}
    written(folder / "tags.csv", [row | {"text": tagged.get(n, row["text"])} for n, row in enumerate(rows)])
    tiny_whisper(folder / "english_only", multilingual=False, tokens=64)
    tiny_whisper(folder / "many", tokens=64)
    tiny_ctc(folder / "ctc")
    return folder


def recipe_of(folder: Path, model: str, data: str, **more: object) -> Recipe:
    path = recipe_yaml(folder / "recipe.yaml", folder / model, folder / f"{data}.csv", max_steps=2)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | more))
    return recipe_from_yaml(path)


def test_an_english_only_checkpoint_is_scored_as_english_and_says_why(folder: Path) -> None:
    guards = {
        "same": {"data": str(folder / "unsaid.csv")},
        "german": {"data": str(folder / "german.csv"), "split": None},
    }
    recipe = recipe_of(folder, "english_only", "unsaid", guards=guards)
    model, data = prepare(recipe, Screen())
    assert data.normaliser.name == "english" == model.scored_by.name and data.facts["language"] == "en"
    assert {guard.name: guard.test.normaliser.name for guard in data.guards} == {"same": "english", "german": "basic"}
    assert "scored    with the normaliser english (the checkpoint's language is en)" in plan(recipe, Screen())
    found = evaluate(str(folder / "english_only"), folder / "unsaid.csv")
    assert (found.normaliser, found.data["language"]) == ("english", "en")
    assert found.normaliser_reason == data.normaliser.reason == "the checkpoint's language is en"


def test_whoever_says_the_language_is_believed_before_the_checkpoint(folder: Path) -> None:
    _, data = prepare(recipe_of(folder, "ctc", "unsaid"), Screen())
    assert (data.normaliser.name, data.normaliser.reason) == ("basic", "no language is given")
    _, data = prepare(recipe_of(folder, "ctc", "turkish"), Screen())
    assert (data.normaliser.name, data.normaliser.reason) == ("basic", "the language is tr-TR")
    recipe = recipe_of(folder, "english_only", "unsaid", scoring={"normaliser": "basic"})
    _, data = prepare(recipe, Screen())
    assert (data.normaliser.name, data.normaliser.reason) == ("basic", "as asked")


def test_a_run_in_turkish_folds_case_as_turkish_does_everywhere(folder: Path, tmp_path: Path) -> None:
    guards = {"german": {"data": str(folder / "german.csv"), "split": None}}
    result = adapt(recipe_of(folder, "ctc", "turkish", guards=guards), tmp_path / "run")
    rules = {"": get_normaliser("basic", "tr").rules_hash, "guards/german/": get_normaliser("basic").rules_hash}
    for where, wanted in rules.items():
        for stage in ("before", "after"):
            summary = json.loads((tmp_path / "run" / where / stage / "summary.json").read_text(encoding="utf-8"))
            assert (summary["normaliser"], summary["normaliser_hash"]) == ("basic", wanted)
    assert result.report["normaliser_hash"] == rules[""]
    assert "ılık bir gün" in [row.reference for row in result.after.utterances]
    assert set("ışü") <= set(result.model.added_characters) and "\u0307" not in result.model.vocabulary
    told = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "the same for references and both models; the language is tr-TR" in told


def test_tags_are_not_learnt_counted_or_given_characters_and_are_named(folder: Path) -> None:
    recipe = recipe_of(folder, "ctc", "tags")
    model, data = prepare(recipe, Screen())
    assert set(model.added_characters) == {"\u03b4"}, "of a letter that is said, not of one in a tag"
    assert [(row.problem, row.split) for row in data.excluded] == [("no_words", "train")]
    assert "[noise]" in data.test.column("text"), "a clip without speech"
    (note,) = [note for note in data.notes if "tags" in note]
    assert note.startswith("tags in the texts are neither learnt nor scored (normaliser basic): ")
    assert "[laughter] in 1 row" in note and "<COMMA> in 1 row" in note and note in plan(recipe, Screen())
    model, data = prepare(recipe_of(folder, "ctc", "tags", scoring={"normaliser": "none"}), Screen())
    assert "\u03c9" in model.added_characters, "what is scored is learnt"
    assert any("are learnt and scored as words (normaliser none)" in note for note in data.notes)


def test_a_clip_of_tags_alone_is_a_clip_without_speech(folder: Path) -> None:
    found = evaluate(str(folder / "ctc"), folder / "tags.csv", silence=True)
    assert [row.reference_raw for row in found.utterances] == ["[noise]"]
    assert found.data["silence"]["clips"] == 1
