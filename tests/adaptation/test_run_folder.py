"""The folder of a run: for one run at a time, for the data it was started with, and small when the run has ended."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech_tl.adaptation import adapt, before_and_after
from speech_tl.errors import BadInput
from speech_tl.recipe import Recipe
from speech_tl.training.run_folder import Disk, RunFolder
from speech_tl.training.run_lock import locked
from tests.small import made_corpus, rows_of, timeless, written
from tests.tiny import tiny_ctc

TRAINING = {"max_steps": 2, "eval_steps": 1, "batch_seconds": 6.0, "precision": "float32", "workers": 0}


class Killed(BaseException):
    """A power cut."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


@pytest.fixture
def recipe(model: Path, tmp_path: Path) -> Recipe:
    """With a guard and replayed speech, each in a folder of its own."""
    for name in ("data", "guard", "source"):
        made_corpus(tmp_path / name)
    return Recipe.model_validate(
        {
            "name": "small",
            "model": {"source": str(model)},
            "data": {"root": str(tmp_path / "data")},
            "training": TRAINING,
            "decoding": {"workers": 0},
            "guards": {"home": {"data": str(tmp_path / "guard")}},
            "keep": [{"name": "replay", "root": str(tmp_path / "source"), "split": "dev"}],
        }
    )


def killed(recipe: Recipe, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that died in its first measurement."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(before_and_after, "measure", die)
        adapt(recipe, out)
    return out


# ---- for one run


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_run_in_a_folder_is_refused_while_the_first_one_lives(
    resume: bool, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = killed(recipe, tmp_path / "run", monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with locked(run), pytest.raises(BadInput, match="run is in use by a run that is going on"):
        adapt(recipe, run, resume=resume)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_hidden_temporaries_are_no_use_of_a_folder_and_are_swept(recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "training").mkdir(parents=True)
    shutil.rmtree(run / "training")
    for name in (".recipe.yaml.k3_x9a0b.unfinished", ".lock"):
        (run / name).touch()
    (run / ".model.k3_x9a0b.unfinished").mkdir()
    (run / ".model.k3_x9a0b.unfinished" / "model.safetensors").write_bytes(b"half")
    (run / ".gitignore").write_text("*")
    adapt(recipe, run)
    hidden = [path.name for path in run.rglob(".*")]
    assert hidden == [".gitignore"]


def test_a_folder_that_goes_while_a_run_works_in_it_is_one_line(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = before_and_after.measure

    def measure_and_remove(*arguments: Any, **options: Any) -> Any:
        shutil.rmtree(tmp_path / "run")
        return measure(*arguments, **options)

    monkeypatch.setattr(before_and_after, "measure", measure_and_remove)
    with pytest.raises(BadInput, match="run was removed or moved while this run worked in it"):
        adapt(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ---- for the same data


def text(folder: Path, row: int) -> None:
    rows = rows_of(folder / "manifest.csv")
    rows[row]["text"] += " indeed"
    written(folder / "manifest.csv", rows)


def audio(folder: Path, row: int) -> None:
    (folder / "audio" / f"{row:02d}.wav").write_bytes((folder / "audio" / "01.wav").read_bytes())


@pytest.mark.parametrize(
    ("change", "folder", "row", "said"),
    [
        (audio, "data", 0, "the audio of train"),
        (audio, "data", 8, "the audio of dev"),
        (audio, "guard", 11, "the audio of guard home"),
        (audio, "source", 9, "the audio of keep=replay"),
    ],
)
def test_a_resumed_run_wants_the_data_it_was_started_with(
    change: Callable[[Path, int], None],
    folder: str,
    row: int,
    said: str,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = killed(recipe, tmp_path / "run", monkeypatch)
    noted = (run / "environment.json").read_text()
    whole = (tmp_path / folder / "audio" / f"{row:02d}.wav").read_bytes()
    change(tmp_path / folder, row)
    with pytest.raises(BadInput, match=rf"run was started with other data; what changed: {said}\. Put it back"):
        adapt(recipe, run, resume=True)
    assert (run / "environment.json").read_text() == noted, "the new data is not noted as what was learnt from"
    (tmp_path / folder / "audio" / f"{row:02d}.wav").write_bytes(whole)
    killed_again = pytest.raises(Killed)
    with monkeypatch.context() as patch, killed_again:
        patch.setattr(before_and_after, "measure", lambda *_, **__: (_ for _ in ()).throw(Killed()))
        adapt(recipe, run, resume=True)


def test_a_changed_table_is_told_by_its_part(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = killed(recipe, tmp_path / "run", monkeypatch)
    text(tmp_path / "guard", 12)
    with pytest.raises(BadInput, match=r"what changed: the table(?: and the audio)? of guard home\."):
        adapt(recipe, run, resume=True)


# ---- small when it has ended


@pytest.mark.parametrize("keeps", [False, True])
def test_an_ended_run_leaves_its_model_its_reports_and_its_scores(keeps: bool, recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    recipe = recipe.with_overrides(["keep=[ewc]", f"keep.ewc.root={tmp_path / 'source'}"])
    recipe = recipe.with_overrides([f"training.keep_checkpoints={str(keeps).lower()}"])
    first = adapt(recipe, run)
    left = {path.name for path in (run / "training").iterdir()}
    small = {"log.jsonl", "phases.json", "result.json"}
    # dev is too small to choose a checkpoint, so that the last one is the only one that is worth keeping
    assert left == small | ({"checkpoint-2"} if keeps else set())
    again = adapt(recipe, run, resume=True)
    assert timeless(again.report.as_dict()) == timeless(first.report.as_dict())


def turn_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-10] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def test_what_a_run_wrote_for_itself_is_checked_before_it_is_believed(recipe: Recipe, tmp_path: Path) -> None:
    """A disk that lost a part of a file: never a traceback, nor figures of other weights."""
    run = tmp_path / "run"
    adapt(recipe, run)
    anew = "is damaged: remove it, and --resume makes it anew"
    for name, spoil, said in (
        ("training/result.json", cut, anew),
        ("training/phases.json", cut, anew),
        ("environment.json", cut, "is damaged: remove it to resume"),
        ("after/utterances.jsonl", cut, rf"run/after {anew}"),
        ("before/summary.json", cut, rf"run/before {anew}"),
        ("model/model.safetensors", turn_a_bit, "model.safetensors is not what was written.*trains again"),
        ("model/config.json", Path.unlink, "config.json is missing.*remove .*result.json"),
    ):
        whole = (run / name).read_bytes()
        spoil(run / name)
        with pytest.raises(BadInput, match=said):
            adapt(recipe, run, resume=True)
        (run / name).write_bytes(whole)
    shutil.rmtree(run / "after")
    (run / "training" / "log.jsonl").write_bytes(b"\xff\xfe no text\n")
    adapt(recipe, run, resume=True)
    assert (run / "after" / "summary.json").is_file()


def test_a_run_that_lacks_only_its_report_needs_no_room(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapt(recipe, tmp_path / "run")
    (tmp_path / "run" / "report.json").unlink()
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    adapt(recipe, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "report.json").is_file()


def test_a_resumed_run_counts_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=6_000_000))
    checkpoint = tmp_path / "run" / "training" / "checkpoint-1"
    checkpoint.mkdir(parents=True)
    (tmp_path / "run" / "recipe.yaml").write_text("same")
    disk = Disk(training=10_000_000, afterwards=1)
    run = RunFolder(tmp_path / "run", "same", resume=True)
    with run.held():
        with pytest.raises(BadInput, match="need 10 MB more, 6 MB are free"):
            run.open(disk, {}, {}, 0, "cpu")
        (checkpoint / "model.safetensors").write_bytes(bytes(4_500_000))
        run.open(disk, {}, {}, 0, "cpu")


def test_the_plan_s_disk_is_that_of_a_run(recipe: Recipe, tmp_path: Path) -> None:
    """Afterwards: the weights, within a tenth and what small files take."""
    result = adapt(recipe, tmp_path / "run")
    disk = Disk.of(*result.model.parameter_counts())
    weights = (tmp_path / "run" / "model" / "model.safetensors").stat().st_size
    assert disk.afterwards == pytest.approx(weights, rel=0.1) and disk.training > 3 * disk.afterwards
    kept = Disk.of(*result.model.parameter_counts(), keep_checkpoints=True)
    assert kept.training == disk.training and kept.afterwards > 4 * disk.afterwards
