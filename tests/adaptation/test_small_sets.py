"""Test sets too small for a claim and dev splits too small for a choice: said before a run, and heeded in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from speech_tl.adaptation import adapt, plan
from speech_tl.recipe import Recipe, recipe_from_yaml
from tests.small import made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc

SMALL = "dev has 2 utterances and 14 words, and a choice takes 30 and 200"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with half of its train transcribed, a model, and a recipe of two steps."""
    folder = tmp_path_factory.mktemp("shop")
    data = made_corpus(folder / "data")
    rows = rows_of(data)
    for row in rows[4:8]:
        row["text"] = ""
    written(folder / "half.csv", rows)
    made_corpus(folder / "guard", shortest_s=1.5)
    recipe_yaml(folder / "small.yaml", tiny_ctc(folder / "ctc"), data, learning_rate=0.02, max_steps=2, eval_steps=1)
    return folder


def small(shop: Path, *overrides: str) -> Recipe:
    return recipe_from_yaml(shop / "small.yaml").with_overrides([f"data.root={shop / 'half.csv'}", *overrides])


def test_a_dry_run_says_first_what_is_too_small_to_tell(shop: Path) -> None:
    guard = [f"guards.other.data={shop / 'guard'}", "guards.other.split=test", "keep=interpolate", "keep.utterances=50"]
    told = plan(small(shop, f"data.root={shop / 'data'}", *guard))
    lines = told.splitlines()
    assert re.fullmatch(r"test: 2 speakers, \d+ words: too few to tell", lines[0])
    assert lines[1] == lines[0].replace("test", "guard other")
    assert f"note      {SMALL}: the run keeps its last weights and chooses nothing on dev" in lines
    assert f"note      not interpolated: {SMALL}: the new weights are kept whole" in lines


def test_nothing_is_interpolated_where_dev_cannot_choose_a_share(shop: Path, tmp_path: Path) -> None:
    guard = [f"guards.other.data={shop / 'guard'}", "guards.other.split=test"]
    base = small(shop, f"data.root={shop / 'data'}", *guard)
    kept, plain = adapt(base.with_overrides(["keep=interpolate"]), tmp_path / "kept"), adapt(base, tmp_path / "plain")
    assert "interpolation" not in kept.report.as_dict()["training"]
    assert f"not interpolated: {SMALL}: the new weights are kept whole" in kept.report.notes
    weights = [(folder / "model" / "model.safetensors").read_bytes() for folder in (kept.folder, plain.folder)]
    assert weights[0] == weights[1]


def test_the_last_round_of_pseudo_labels_is_taken_where_dev_cannot_choose(shop: Path, tmp_path: Path) -> None:
    run = small(shop, "unlabelled={}", "unlabelled.min_agreement=0", "unlabelled.keep_share=0.75")
    report = adapt(run, tmp_path / "run").report.as_dict()
    training = report["training"]
    assert training["pseudo_labels"]["chosen"] == len(training["pseudo_labels"]["rounds"]) - 1
    assert f"{SMALL}: the last round of pseudo-labels is taken" in report["notes"]
    assert training["phases"]["training"] >= training["seconds"], "of all rounds"
    assert "pseudo_labels" in training["phases"]
