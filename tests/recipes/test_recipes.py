"""Every shipped recipe is a page that can be read, run, listed and copied."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.recipe import copy_recipe, read_recipe, recipe_from_yaml, recipe_titles, shipped_recipes

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
    assert re.search(r"licen[cs]e|CC BY|public domain", text), "the licence of the data"


@pytest.mark.parametrize("name", NAMES)
def test_commands_in_the_docstring_are_accepted(name: str):
    """Every override that a docstring shows fits the recipe."""
    for command in re.findall(r"speech-tl adapt ((?:[^\n\\]|\\\n)+)", docstring(name)):
        words = command.replace("\\\n", " ").partition(" #")[0].split()
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


def test_the_command_line_lists_and_shows_them():
    listed = run_python("-m", "speech_tl.cli", "recipes").stdout
    for name, title in recipe_titles().items():
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
