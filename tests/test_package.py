"""The package as a stranger meets it: what it needs, what its wheel carries, how fast it answers."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import speech_tl

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
DISTRIBUTIONS = {"flashlight": "flashlight-text", "yaml": "pyyaml", "whisper_normalizer": "whisper-normalizer"}
DISTRIBUTIONS |= {"prometheus_client": "prometheus-client"}
DISTRIBUTIONS |= {"whisper": "openai-whisper", "faster_whisper": "faster-whisper"}
COMES_WITH = {"tokenizers": "transformers", "safetensors": "transformers", "huggingface_hub": "transformers"}
COMES_WITH |= {"markupsafe": "jinja2", "requests": "pooch", "starlette": "fastapi"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    missing = [name for name in ("build", "hatchling") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install -e '.[test]')")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("speech_tl-*.whl")))


def test_wheel_carries_recipes_starters_and_templates(wheel: zipfile.ZipFile):
    shipped = set(wheel.namelist())
    recipes = {f"speech_tl/recipes/{p.relative_to(ROOT / 'recipes').as_posix()}" for p in ROOT.glob("recipes/**/*.py")}
    assert recipes <= shipped
    assert {"speech_tl/reporting/templates/report.html", "speech_tl/recording/page.html"} <= shipped
    assert {"speech_tl/serving/demo.html", "speech_tl/serving/docs.html"} <= shipped
    starters = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("speech_tl/starters/**/*") if p.is_file()}
    assert {f for f in starters if "__pycache__" not in f} <= shipped


def test_wheel_carries_every_corpus_script_and_a_stranger_can_run_them(wheel: zipfile.ZipFile, tmp_path: Path):
    from speech_tl.data.corpora.catalogue import corpora

    folder = "speech_tl/data_scripts"
    shipped = {Path(name).stem for name in wheel.namelist() if name.startswith(f"{folder}/")}
    assert shipped == {"__init__", *corpora()}
    wheel.extractall(tmp_path)
    elsewhere = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for command in (["speech_tl.cli", "corpora"], ["speech_tl.data_scripts.fsdd", "--help"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, env=elsewhere, cwd=tmp_path, check=True
        )
        assert "python -m speech_tl.data_scripts.fsdd" in done.stdout


def test_wheel_carries_the_package_and_nothing_else(wheel: zipfile.ZipFile):
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"speech_tl", f"speech_tl-{speech_tl.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]
    points = wheel.read(f"speech_tl-{speech_tl.__version__}.dist-info/entry_points.txt").decode()
    assert "speech-tl = speech_tl.cli:main" in points


def test_every_import_is_a_declared_dependency():
    """A module that only comes along with something else disappears when that something else changes."""
    tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "test" for line in lines]
    declared = {re.split(r"[\[<>=!~ ]", line)[0].lower() for line in [*project["dependencies"], *extras]}
    for module, script in imports(ROOT / "speech_tl"):
        name = COMES_WITH.get(module, DISTRIBUTIONS.get(module, module))
        assert name.lower() in declared, f"{script} imports {module}, which pyproject.toml does not name"


def imports(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every top-level module of other projects that is imported in a folder, and where."""
    for script in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for top in {name.partition(".")[0] for name in names} - {"speech_tl"}:
                if top not in sys.stdlib_module_names:
                    yield top, script


def test_public_names_are_there():
    assert [name for name in speech_tl.__all__ if not callable(getattr(speech_tl, name))] == []
    with pytest.raises(AttributeError, match="adopt"):
        _ = speech_tl.adopt


HEAVY = ["torch", "transformers", "datasets", "librosa", "torchaudio", "pandas", "matplotlib", "numpy", "pydantic_core"]


@pytest.mark.parametrize("statement", ["import speech_tl", "from speech_tl.cli import _run; _run(['--help'])"])
def test_import_and_help_load_nothing_heavy(statement: str):
    loaded = f"set({HEAVY!r}) & (set(sys.modules) - before)"
    code = f"import typer, sys; before = set(sys.modules)\n{statement}\nprint({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_help_answers_within_twice_the_time_of_importing_typer():
    """Best of five in turns, so that a busy machine does not decide; a twentieth of a second is its noise."""
    typer, help_ = [], []
    for _ in range(5):
        typer.append(seconds("-c", "import typer"))
        help_.append(seconds("-m", "speech_tl.cli", "--help"))
    assert min(help_) < 2 * min(typer) + 0.05


def seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, env=ENVIRONMENT, check=True)
    return time.perf_counter() - started
