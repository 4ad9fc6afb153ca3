"""Adapting with a language model: weights chosen on dev once for both sides, greedy figures beside the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.adaptation import adapt, plan
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.lm import make_lm
from speech_tl.recipe import Recipe, read_recipe
from tests.small import any_dev_chooses, made_corpus, recipe_yaml
from tests.tiny import tiny_ctc


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("lm")
    corpus = made_corpus(folder / "corpus")
    (folder / "more.txt").write_text("the bear sat\nopen the cat\n", encoding="utf-8")
    make_lm([corpus, folder / "more.txt"], folder / "lm.arpa", order=2, not_in=[corpus], drop=True)
    path = recipe_yaml(folder / "recipe.yaml", tiny_ctc(folder / "m"), corpus)
    return read_recipe(str(path), [f"decoding.lm={folder / 'lm.arpa'}", "decoding.beam=6"])


def test_both_sides_have_the_weights_that_dev_chose_and_greedy_figures_beside(recipe: Recipe, tmp_path: Path) -> None:
    with any_dev_chooses():
        result = adapt(recipe, tmp_path / "run")
        chosen = json.loads((tmp_path / "run" / "training" / "lm_weights.json").read_text())
        again = adapt(recipe, tmp_path / "run", resume=True)
    assert chosen["errors"] <= chosen["default_errors"]
    for side in (result.before, result.after):
        assert side.decoding["lm_weight"] == f"{chosen['lm_weight']:g}"
        assert side.decoding["word_bonus"] == f"{chosen['word_bonus']:g}"
        assert side.decoding["beam"] == 6
    report = result.report.as_dict()
    assert report["conditions"] == []
    assert chosen["finding"] in report["notes"] and again.report.notes == report["notes"]
    greedy = report["search"]["greedy"]
    for side in ("before", "after"):
        summary = json.loads((tmp_path / "run" / f"{side}_greedy" / "summary.json").read_text())
        assert summary["decoding"]["beam"] == 1 and "lm" not in summary["decoding"]
        assert greedy[side]["wer"] == summary["score"]["wer"]
        assert report["search"][side]["absolute"] == pytest.approx(report["target"][side]["wer"] - greedy[side]["wer"])
    for page in ("report.md", "report.html"):
        assert "Decoded greedily: WER" in (tmp_path / "run" / page).read_text()


def test_weights_that_are_said_are_not_chosen(recipe: Recipe, tmp_path: Path) -> None:
    result = adapt(recipe.with_overrides(["decoding.lm_weight=0.3", "decoding.word_bonus=2"]), tmp_path / "run")
    assert not (tmp_path / "run" / "training" / "lm_weights.json").exists()
    assert (result.after.decoding["lm_weight"], result.after.decoding["word_bonus"]) == ("0.3", "2")


def test_a_dev_split_that_is_too_small_chooses_nothing(recipe: Recipe, tmp_path: Path) -> None:
    result = adapt(recipe, tmp_path / "run")
    assert (result.after.decoding["lm_weight"], result.after.decoding["word_bonus"]) == ("0.8", "1")
    assert any("counts as it usually does" in note for note in result.report.notes)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_model_that_has_read_dev_or_test_is_refused_before_anything(
    recipe: Recipe, split: str, tmp_path: Path
) -> None:
    spoken = Manifest.read(recipe.data.root).split(split).texts("text")
    (tmp_path / "leak.txt").write_text("\n".join(spoken), encoding="utf-8")
    make_lm([tmp_path / "leak.txt"], tmp_path / "leak.arpa")
    leaking = recipe.with_overrides([f"decoding.lm={tmp_path / 'leak.arpa'}"])
    with pytest.raises(BadInput, match=rf"was made from \d+ sentences of {split}"):
        plan(leaking)
