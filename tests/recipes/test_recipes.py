"""Every shipped recipe is a page that can be read, run, listed and copied."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from speech_tl.adaptation import adapt
from speech_tl.errors import BadInput
from speech_tl.recipe import Recipe, copy_recipe, read_recipe, recipe_from_yaml, script_titles, shipped_recipes
from tests.data.augment.made import noise_folder
from tests.small import made_corpus, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

NAMES = sorted(shipped_recipes())


def docstring(name: str) -> str:
    return ast.get_docstring(ast.parse(shipped_recipes()[name].read_text(encoding="utf-8"))) or ""


def test_the_recipes_of_the_readme_are_shipped():
    assert {"quickstart", "accent/mandarin_english", "speaker/my_voice"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_is_named_after_its_file(name: str):
    recipe = read_recipe(name)
    assert recipe.name in (Path(name).name, name.replace("/", "-"))


def test_no_two_runs_share_a_folder_by_default():
    names = [read_recipe(name).name for name in NAMES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
def test_docstring_says_what_it_costs_to_use(name: str):
    text = docstring(name)
    title = text.partition("\n")[0]
    assert 20 < len(title) <= 100, "the first line is what `speech-tl recipes` shows"
    assert f"speech-tl adapt {name}" in text, "the command"
    assert re.search(r"licen[cs]e|CC BY|CC0|public domain", text), "the licence of the data"


@pytest.mark.parametrize("name", NAMES)
def test_the_model_s_licence_is_no_freer_than_the_data_s(name: str):
    """The card of a run states both; where the data are the user's own, nobody can know them here."""
    report = read_recipe(name).report
    assert bool(report.licence) == bool(report.data_licence)
    if found := re.search(r"CC (BY[A-Z-]*) ([0-9.]+)", report.data_licence or ""):
        assert report.licence == f"cc-{found[1]}-{found[2]}".lower()


@pytest.mark.parametrize("name", NAMES)
def test_commands_in_the_docstring_are_accepted(name: str):
    """Every override that a docstring shows fits the recipe."""
    for command in re.findall(r"speech-tl adapt ((?:[^\n\\]|\\\n)+)", docstring(name)):
        words = shlex.split(command.replace("\\\n", " ").partition(" #")[0])
        overrides = [word for word in words[1:] if "=" in word]
        read_recipe(words[0]).with_overrides(overrides)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_page_not_a_program(name: str):
    """One `recipe = Recipe(...)`, the two lines that run it, and nothing that branches or repeats."""
    tree = ast.parse(shipped_recipes()[name].read_text(encoding="utf-8"))
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While | ast.FunctionDef | ast.ClassDef)
    ]
    recipes = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Recipe"
    ]
    assert len(recipes) == 1
    last = tree.body[-1]
    assert ast.unparse(last) == "if __name__ == '__main__':\n    run_recipe(__file__)"


@pytest.mark.parametrize("name", NAMES)
def test_survives_being_saved(name: str, tmp_path: Path):
    recipe = read_recipe(name)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert recipe_from_yaml(tmp_path / "recipe.yaml") == recipe


ADAPTING = [name for name in NAMES if name.partition("/")[0] in ("accent", "language", "noise")]

TEXTS = {
    "ml": ["കാക്ക വന്നു", "മഴ പെയ്തു", "അമ്മ വിളിച്ചു"],
    "de": ["schöne Grüße", "es ist spät", "große Straße"],
    "tr": ["güneş doğdu", "çok iyi", "ağaç altı"],
    "cy": ["tŷ bach", "mae hi'n bwrw", "bore da"],
}


@pytest.mark.parametrize("name", ADAPTING)
def test_docstring_names_a_checkpoint_of_the_hub_the_hours_and_a_run_without_a_network(name: str):
    text = docstring(name)
    assert re.search(r"(facebook|openai)/[\w.-]+", text), "which checkpoint of the Hub it is for"
    assert re.search(r"\bhours?\b|\d clips", text, re.IGNORECASE), "how much speech it needs or has"
    assert "starter" in text, "what runs without a download"
    source = read_recipe(name).model.source
    assert source in text or source.startswith("starter-"), "the checkpoint that is taken when none is said"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny model of each family, for all recipes."""
    folder = tmp_path_factory.mktemp("models")
    return {"ctc": tiny_ctc(folder / "ctc"), "whisper": tiny_whisper(folder / "whisper", tokens=64)}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_folder(tmp_path_factory.mktemp("noise"), [2.0] * 6, ["train"] * 3 + ["dev"] + ["test"] * 2)


def miniature(folder: Path, recipe: Recipe) -> Path:
    """A corpus as the recipe expects it: its columns, the values that it filters by, and its language's letters."""
    texts = TEXTS.get(recipe.data.language, ["no", "the cat", "good day"])
    rows = rows_of(made_corpus(folder))
    for number, row in enumerate(rows):
        row |= {"text": texts[number % 3], "language": recipe.data.language or "ga"}
        row |= dict.fromkeys(recipe.scoring.by, "x")
        row |= {"id": f"u{number}"} | {name: str(value).strip(".") for name, value in recipe.data.where.items()}
    wrong = {name: "0" if str(value).endswith("..") else "99" for name, value in recipe.data.where.items()}
    rows[-1] |= {"id": "filtered"} | wrong
    return written(folder / "recipe.csv", rows)


@pytest.mark.parametrize("name", ADAPTING)
def test_two_steps_on_a_miniature(name: str, models: dict[str, Path], noise: Path, tmp_path: Path):
    """Every recipe as shipped, but for a tiny model, a miniature of its data, two steps and fewer rooms."""
    shipped = read_recipe(name)
    family = "whisper" if "whisper" in shipped.model.source else "ctc"
    overrides = [f"model={models[family]}", f"data.root={miniature(tmp_path / 'data', shipped)}"]
    overrides += ["training.max_steps=2", "training.eval_steps=2", "training.workers=0", "training.batch_seconds=8"]
    overrides += ["training.precision=float32", "decoding.workers=0", "report.audio=none"]
    overrides += ["data.train_limit=4", "data.dev_limit=1", "data.test_limit=2"]
    if shipped.augment.noise and shipped.augment.noise.folders:
        overrides.append(f"augment.noise.folders={noise}")
    overrides += [f"{place}.room.rooms=2" for place in ("augment", "ladder") if "far_field" in name]
    if shipped.unlabelled:
        overrides.append("unlabelled.min_agreement=0")  # random weights write something else in noise
    recipe = shipped.with_overrides(overrides)
    if "far_field" in name:
        pytest.importorskip("pyroomacoustics")
    result = adapt(recipe, tmp_path / "run")
    assert result.report.as_dict()["training"]["steps"] == 2
    assert result.report.as_dict()["recipe"]["name"] == shipped.name
    if recipe.data.where:
        assert "filtered" not in [utterance.id for utterance in result.before.utterances]
    if name.startswith("noise/"):
        rungs = [rung["name"] for rung in result.report.as_dict()["ladder"]["rungs"]]
        assert rungs[0] == "clean" and rungs[-6:] == [f"{db} dB" for db in (20, 15, 10, 5, 0, -5)]


def test_a_new_script_gets_its_letters_from_the_train_texts(models: dict[str, Path], tmp_path: Path):
    """Malayalam by a CTC checkpoint that knows English letters: those of train are added, one of test alone is not."""
    recipe = read_recipe("language/malayalam")
    rows = rows_of(miniature(tmp_path, recipe))
    rows[-1] |= {"text": "ഞ"}
    overrides = [f"model={models['ctc']}", f"data.root={written(tmp_path / 'm.csv', rows)}", "training.max_steps=1"]
    result = adapt(recipe.with_overrides([*overrides, "training.workers=0", "decoding.workers=0"]), tmp_path / "run")
    assert not result.model.unwritable(" ".join(TEXTS["ml"])) and result.model.unwritable("ഞ") == {"ഞ"}
    assert set("abc") <= set(result.model.vocabulary), "what the checkpoint could write it still can"


def test_the_command_line_lists_and_shows_them():
    listed = run_python("-m", "speech_tl.cli", "recipes").stdout
    for name, title in script_titles(shipped_recipes()).items():
        assert re.search(rf"^{re.escape(name)} +{re.escape(title)}$", listed, re.MULTILINE)


def test_a_copy_is_a_recipe_too(tmp_path: Path):
    copied = copy_recipe("speaker/my_voice", tmp_path)
    assert read_recipe(str(copied)) == read_recipe("speaker/my_voice")
    with pytest.raises(BadInput, match="exists already"):
        copy_recipe("speaker/my_voice", tmp_path)


def test_a_near_miss_is_named():
    with pytest.raises(BadInput, match="did you mean accent/mandarin_english"):
        read_recipe("mandarin_inglish")


def test_running_the_script_takes_overrides():
    """`python recipes/x.py key=value` is `speech-tl adapt recipes/x.py key=value`."""
    script = shipped_recipes()["speaker/my_voice"]
    done = run_python(str(script), "training.epoch=3")
    assert done.returncode == 2
    assert done.stderr.strip() == "speech-tl: unknown key training.epoch; did you mean training.epochs?"


def test_my_voice_without_data_says_what_is_missing(tmp_path: Path):
    done = run_python("-m", "speech_tl.cli", "adapt", "speaker/my_voice", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "data.root=PATH" in done.stderr
    assert not (tmp_path / "run").exists()


def test_quickstart_finds_its_data_wherever_it_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    root = Path(read_recipe("quickstart").data.root)
    assert root.is_absolute()
    assert (root / "manifest.csv").is_file()


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)
