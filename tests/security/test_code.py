"""Nothing that people exchange says which code is run: evaluations, recipes, tables, folders under git."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path

import pytest
import yaml

from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.recipe import Recipe, read_recipe
from speech_tl.scoring.hypothesis_files import evaluate_hypotheses
from speech_tl.study.value import Study, Variant
from speech_tl.training.run_folder import git_revision

EVIL = (
    "from pathlib import Path\nPath('ran').touch()\n\ndef clean(text):\n    Path('called').touch()\n    return text\n"
)


class Runs:
    """Unpickled, it leaves a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple:
        return Path.touch, (self.file,)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with references, two recognisers' texts, and a module that tells when it is imported or called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "said.csv").write_text("audio,text\na.wav,one two\nb.wav,three\n")
    (tmp_path / "first.csv").write_text("id,hypothesis\na,one two\nb,tree\n")
    (tmp_path / "second.csv").write_text("id,hypothesis\na,one too\nb,three\n")
    return tmp_path


def evil(folder: Path, name: str) -> str:
    """The function of a module that only this test has."""
    (folder / f"{name}.py").write_text(EVIL)
    return f"{name}:clean"


def ran(folder: Path) -> list[str]:
    """What the evil module left."""
    return [name for name in ("ran", "called") if (folder / name).exists()]


def summary(folder: Path, normaliser: str) -> Path:
    """An evaluation as somebody sends it, whose summary names a normaliser."""
    evaluate_hypotheses(folder / "first.csv", folder / "said.csv", normaliser="none", out=folder / "sent")
    path = folder / "sent" / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"normaliser": normaliser}))
    return path.parent


@pytest.mark.parametrize("name", ["evil_summary:clean", "evil_summary.clean", "os:mkdir", "subprocess:getoutput"])
def test_a_summary_does_not_name_the_function_that_is_called(here, capsys, name):
    evil(here, "evil_summary")
    sent = summary(here, name)
    before = sorted(here.iterdir())
    for files in ([sent, "second.csv"], ["second.csv", sent], [sent, "second.csv", "first.csv"]):
        assert _run(["compare", *map(str, files), "--data", "said.csv"]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert "sent names the function" in line and name in line and f"--normaliser {name}" in line
    assert not ran(here) and sorted(here.iterdir()) == before


def test_a_summary_with_an_unknown_normaliser_is_refused(here, capsys):
    assert _run(["compare", str(summary(here, "englisch")), "second.csv", "--data", "said.csv"]) == 2
    assert "sent names an unknown normaliser 'englisch': expected one of none, basic" in capsys.readouterr().err


def test_two_evaluations_with_a_function_of_one_s_own_are_compared_without_it(here, capsys):
    name = evil(here, "evil_pair")
    for side in ("first", "second"):
        options = ["--data", "said.csv", "--normaliser", name, "--out", side]
        assert _run(["evaluate", "--hypotheses", f"{side}.csv", *options]) == 0
    assert ran(here) == ["ran", "called"]  # its owner asked for it
    (here / "called").unlink()
    assert _run(["compare", "first", "second"]) == 0 and f"normaliser {name}" in capsys.readouterr().err
    assert ran(here) == ["ran"]
    assert _run(["compare", "first", "second.csv", "--data", "said.csv"]) == 2
    assert _run(["compare", "first", "second.csv", "--data", "said.csv", "--normaliser", name]) == 0


RECIPES = {
    "scoring.normaliser": {"scoring": {"normaliser": "NAME"}},
    "guards.old.normaliser": {"guards": {"old": {"data": "said.csv", "normaliser": "NAME"}}},
}


@pytest.mark.parametrize("key", RECIPES)
def test_a_saved_recipe_does_not_name_the_function_that_is_called(here, capsys, key):
    name = evil(here, f"evil_{key.partition('.')[0]}")
    values = json.loads(json.dumps(RECIPES[key]).replace("NAME", name))
    (here / "recipe.yaml").write_text(yaml.safe_dump({"name": "sent", "data": {"root": "said.csv"}, **values}))
    for more in ([], ["guards.old=first.csv"], ["scoring.by=[speaker]"]):
        assert _run(["adapt", "recipe.yaml", "--dry-run", *more]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert f"recipe.yaml: {key} names the function '{name}'" in line and f"{key}={name}" in line
    assert not ran(here)
    assert read_recipe("recipe.yaml", [f"{key}={name}"]).normalisers() == {key: name}  # its reader says so
    assert read_recipe("recipe.yaml", [f"{key}=basic"]).normalisers() == {key: "basic"}


def test_a_recipe_script_names_its_own_function(here):
    name = evil(here, "evil_script")
    script = f"from speech_tl.recipe import Recipe\nrecipe = Recipe(name='mine', scoring={{'normaliser': '{name}'}})\n"
    (here / "mine.py").write_text(script)
    recipe = read_recipe("mine.py")
    assert recipe.normalisers() == {"scoring.normaliser": name}
    (here / "recipe.yaml").write_text(recipe.to_yaml())
    with pytest.raises(BadInput, match="names the function"):
        read_recipe("recipe.yaml")
    assert read_recipe("recipe.yaml", recipe.owners_overrides()) == recipe


def test_a_study_says_again_what_its_owner_chose(here):
    from speech_tl.study import running

    asked: list[list[str]] = []
    recipe = Recipe(name="mine", data={"root": "said.csv"}, scoring={"normaliser": "evil_study:clean"})
    trial = Study(name="s", recipe=recipe, variants={"full": Variant()}).trials()[0]
    running._run(running.StudyFolder(here / "out"), trial, [trial], lambda words, log: asked.append(words) or 2)
    assert asked[0][2] == "scoring.normaliser=evil_study:clean"


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.mkdir [ran]",
        "name: x\nseed: !!python/object/apply:os.mkdir [ran]",
        "!!python/object/new:pathlib.Path [ran]",
    ],
)
def test_a_tag_of_yaml_makes_no_object(here, capsys, text):
    (here / "recipe.yaml").write_text(text)
    assert _run(["adapt", "recipe.yaml", "--dry-run"]) == 2
    assert "recipe.yaml is not YAML: could not determine a constructor" in capsys.readouterr().err
    assert _run(["adapt", "quickstart", "--dry-run", "seed=!!python/object/apply:os.mkdir [ran]"]) == 2
    assert not ran(here)


def test_a_table_s_pickle_is_not_read(here):
    import pyarrow as pa
    from pyarrow import parquet

    hostile = {b"ARROW:extension:name": b"arrow.py_extension_type"}
    hostile[b"ARROW:extension:metadata"] = pickle.dumps(Runs(here / "ran"))
    fields = [pa.field("audio", pa.string()), pa.field("text", pa.string(), metadata=hostile)]
    table = pa.table([["a.wav"], ["one"]], schema=pa.schema(fields))
    parquet.write_table(table, here / "m.parquet")
    with pa.OSFile(str(here / "cache-train.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    for source in ("m.parquet", "."):
        (here / "said.csv").unlink(missing_ok=True)
        try:
            assert list(Manifest.read(source).texts("text")) == ["one"]
        except BadInput as error:
            assert "\n" not in str(error)
    assert not ran(here)


def test_a_folder_under_git_runs_nothing(here, monkeypatch):
    """git's own look for changes runs what the folder's settings name: a monitor, hooks, filters."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    program = here / "program.sh"
    program.write_text(f"#!/bin/sh\ntouch {here / 'ran'}\n")
    program.chmod(0o755)

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", "said.csv")
    git("commit", "-qm", "x")
    clean = git_revision()
    assert clean and clean.endswith("+")  # files that git does not know
    git("config", "core.fsmonitor", str(program))
    (here / ".git" / "hooks" / "post-index-change").write_text(program.read_text())
    (here / ".git" / "hooks" / "post-index-change").chmod(0o755)
    os.utime(here / "said.csv", (1, 1))
    assert git_revision() == clean
    git("config", "core.fsmonitor", "false")
    (here / ".git" / "info" / "attributes").write_text("*.csv filter=mine\n")
    git("config", "filter.mine.clean", str(program))
    os.utime(here / "said.csv", (2, 2))
    assert git_revision() == clean.removesuffix("+")
    assert not ran(here)
