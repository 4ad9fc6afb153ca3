"""Recipes as values: overrides of nested tables, guards begun and left out, what a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.data.augment import Gain, Noise, Room
from speech_tl.data.guards import GuardOptions
from speech_tl.errors import BadInput
from speech_tl.recipe import Recipe, read_recipe, recipe_from_yaml, validated

DEMO = Recipe(name="demo", guards={"libri": GuardOptions(data="libri.csv", limit=0.05)})


def test_a_guard_is_begun_changed_and_left_out_by_override() -> None:
    recipe = DEMO.with_overrides(
        ["guards.ours=mine.csv", "guards.ours.split=null", "guards.ours.where.accent=us", "guards.libri.limit=0.01"]
    )
    assert recipe.guards == {
        "libri": GuardOptions(data="libri.csv", limit=0.01),
        "ours": GuardOptions(data="mine.csv", split=None, where={"accent": "us"}),
    }
    assert recipe.with_overrides(["guards.libri=null"]).guards.keys() == {"ours"}
    assert DEMO.with_overrides(["guards.libri=null"]).guards == {}
    assert DEMO.guards["libri"].limit == 0.05, "the recipe itself stays as it was"


def test_guards_and_report_survive_being_saved(tmp_path: Path) -> None:
    recipe = DEMO.with_overrides(["guards.ours=mine.csv", "report.audio=none", "report.strict_guards=true"])
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert recipe_from_yaml(tmp_path / "recipe.yaml") == recipe
    assert recipe.report.strict_guards is True and recipe.report.audio == "none"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("guards.libri.limt=0.1", "unknown key guards.libri.limt; did you mean guards.libri.limit?"),
        ("guards.new.limit=0.1", "guards.new.data: "),
        ("guards.libri.limit=-1", "guards.libri.limit: "),
        ("guards.libri.split.x=1", "unknown key guards.libri.split.x"),
        ("guards.a b=x.csv", "guards.a b"),
        ("report.audio=loud", "report.audio: "),
        ("report.strict=true", "unknown key report.strict; did you mean report.strict_guards?"),
    ],
)
def test_a_mistake_names_the_key(override: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        DEMO.with_overrides([override])
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_effects_are_switched_on_changed_and_off_by_override(tmp_path: Path) -> None:
    keys = ["augment.noise.folders=street", "augment.noise.snr_db=[0, 10]", "augment.noise.where.label=rain"]
    recipe = DEMO.with_overrides([*keys, "augment.room.method=decay", "augment.gain.gain_db=3"])
    assert recipe.augment.noise == Noise(folders=["street"], snr_db=(0, 10), where={"label": "rain"})
    assert recipe.augment.room == Room(method="decay") and recipe.augment.gain == Gain(gain_db=(3, 3))
    assert recipe.with_overrides(["augment.noise=null"]).augment.noise is None
    assert DEMO.augment.noise is None
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert recipe_from_yaml(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("augment.noise.snr=5", "unknown key augment.noise.snr; did you mean augment.noise.snr_db?"),
        ("augment.nois.snr_db=5", "unknown key augment.nois.snr_db; did you mean augment.noise.snr_db?"),
        ("augment.noise.snr_db=5", "augment.noise: Value error, noise needs a source"),
        ("augment.speed.factors=[9]", "augment.speed.factors.0: "),
        ("augment.room.rt60_s=[0.8, 0.2]", "0.8 is above 0.2"),
        ("augment.telephone.band_hz=-1", "augment.telephone.band_hz.0: "),
    ],
)
def test_a_mistake_in_an_effect_names_the_key(override: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        DEMO.with_overrides([override])
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_guard_s_name_is_a_folder_s_name() -> None:
    with pytest.raises(BadInput, match="guards"):
        validated({"name": "demo", "guards": {"../up": {"data": "x.csv"}}}, "recipe")


@pytest.mark.parametrize(
    "override",
    [
        "training.learning_rate=.inf",
        "training.learning_rate=.nan",
        "training.learning_rate=-1e-4",
        "training.learning_rate=50",
        "training.epochs=.inf",
        "training.epochs=1e400",
        "training.max_steps=1" + "0" * 30,
        "training.max_grad_norm=.inf",
        "training.weight_decay=.nan",
        "training.batch_seconds=.inf",
        "training.max_minutes=.inf",
        "training.workers=1000000",
        "data.max_duration_s=.inf",
        "data.cache_gb=.inf",
        "data.split_seed=-1",
        "data.where.age=.inf",
        "decoding.batch_seconds=.inf",
        "decoding.beam=1" + "0" * 15,
        "keep.l2_sp.weight=.inf",
        "augment.noise.snr_db=[0,.inf]",
        "augment.noise.babble_voices=[1,1000000]",
        "augment.room.rt60_s=1000",
        "strategy.freeze_layers=1" + "0" * 40,
        "unlabelled.rounds=1" + "0" * 40,
        "model.shape.hidden_size=.nan",
        "model.audio_context=.nan",
        "seed=" + "1" * 5000,
        "seed=2020-13-45",
        "seed=" + "[" * 3000,
        "data.where=&a {x: *a}",
    ],
    ids=lambda override: override[:40],
)
def test_no_number_that_cannot_be_meant_gets_into_a_recipe(override):
    with pytest.raises(BadInput) as refused:
        Recipe(name="demo").with_overrides([override])
    assert len(str(refused.value).splitlines()) == 1
    assert override.partition("=")[0].split(".")[-1] in str(refused.value) or "unknown key" in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: x\ndata: &a {where: {b: *a}}\n", "alias"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"b{n}: &b{n} [{','.join([f'*{m}'] * 10)}]\n" for n, m in
         enumerate(["a", *(f"b{n}" for n in range(7))])), "aliases"),
        ("name: " + "[" * 5000, "nested too deeply"),
        ("name: " + "[" * 200 + "]" * 200, "inside each other"),
        ("name: x\nseed: " + "9" * 5000, "4300 digits"),
        ("name: x\nseed: 2020-13-45\n", "month"),
        ("name: x\nseed: \x00\n", "not YAML"),
        ("name: x\nseed: !!python/object/apply:os.getcwd []\n", "not YAML"),
        ("name: '" + "x" * 1_100_000 + "'\n", "characters"),
    ],
    ids=["an alias inside itself", "billion laughs", "brackets", "deep", "digits", "date", "NUL", "a tag", "long"],
)  # fmt: skip
def test_yaml_tricks_are_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(BadInput, match=said) as refused:
        read_recipe(str(path))
    assert str(path) in str(refused.value) and len(str(refused.value).splitlines()) == 1
