"""One live run a folder: a second one is refused, a dead one blocks nobody; a resumed run gets the same data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.training.run_lock import LOCK, RunLock
from tests.small import made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc

ROOT = Path(__file__).parents[2]
HOLD = "import sys, time; from pathlib import Path; from speech_tl.training.run_lock import RunLock\n" \
    "lock = RunLock(Path(sys.argv[1])); lock.take(); print('held', flush=True); time.sleep(60)"  # fmt: skip


def holding(folder: Path) -> subprocess.Popen:
    """Another process that has the folder's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_live_run_is_refused_by_name_and_a_killed_one_blocks_nobody(tmp_path: Path) -> None:
    process = holding(tmp_path / "run")
    with pytest.raises(BadInput, match=rf"a run is going on in .*run \(process {process.pid} on .*another --out$"):
        RunLock(tmp_path / "run").take()
    with pytest.raises(BadInput, match="going on"):
        RunLock(tmp_path / "run").refuse_if_held()
    process.kill()
    process.wait()
    assert (tmp_path / "run" / LOCK).is_file()
    RunLock(tmp_path / "run").refuse_if_held()
    lock = RunLock(tmp_path / "run")
    lock.take()
    lock.release()
    assert list((tmp_path / "run").iterdir()) == []


def test_another_machines_word_is_taken(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(json.dumps({"process": 7, "host": "elsewhere", "since": "2026-01-01 00:00:00"}))
    with pytest.raises(BadInput, match=r"process 7 on elsewhere.*delete .*\.lock"):
        RunLock(tmp_path).take()
    (tmp_path / LOCK).unlink()
    RunLock(tmp_path).take()


@pytest.mark.parametrize("spoilt", ["", "[]", "{", "null"])
def test_a_spoilt_lock_of_nobody_is_taken(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / LOCK).write_text(spoilt)
    lock = RunLock(tmp_path)
    lock.take()
    assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    lock.release()


@pytest.fixture
def wanted(tmp_path: Path) -> list[str]:
    """A small run of a table that may be changed."""
    rows = rows_of(made_corpus(tmp_path / "corpus"))
    data = written(tmp_path / "data.csv", rows)
    recipe = recipe_yaml(tmp_path / "recipe.yaml", tiny_ctc(tmp_path / "model"), data)
    return ["adapt", str(recipe), "--out", str(tmp_path / "run")]


def test_two_runs_in_one_folder_and_a_resume_beside_a_live_run_are_refused(
    wanted: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    process = holding(tmp_path / "run")
    try:
        assert _run(wanted) == 2
        assert "a run is going on" in capsys.readouterr().err.splitlines()[-1]
        (tmp_path / "run" / "recipe.yaml").write_text("name: begun\n")
        assert _run([*wanted, "--resume"]) == 2
        assert "a run is going on" in capsys.readouterr().err.splitlines()[-1]
    finally:
        process.kill()
        process.wait()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [LOCK, "recipe.yaml"]


@pytest.mark.parametrize("part", ["train", "dev", "test"])
@pytest.mark.parametrize("what", ["rows", "audio"])
def test_a_run_is_not_resumed_with_other_data(
    wanted: list[str], tmp_path: Path, capsys: pytest.CaptureFixture, part: str, what: str
) -> None:
    assert _run(wanted) == 0
    left = {path.name for path in (tmp_path / "run" / "training").iterdir()}
    assert LOCK not in {path.name for path in (tmp_path / "run").iterdir()} and "result.json" in left
    assert not any(name.startswith("checkpoint") for name in left)
    rows = rows_of(tmp_path / "data.csv")
    row = next(row for row in rows if row["split"] == part)
    if what == "rows":
        row["text"] += " again"
        written(tmp_path / "data.csv", rows)
    else:
        audio = Path(row["audio"])
        audio = audio if audio.is_absolute() else tmp_path / audio
        samples = bytearray(audio.read_bytes())
        samples[-1] ^= 1
        audio.write_bytes(samples)
    capsys.readouterr()
    assert _run([*wanted, "--resume"]) == 2
    assert f"other data: the {what} of {part} changed" in capsys.readouterr().err.splitlines()[-1]


def test_checkpoints_stay_where_they_are_wanted(wanted: list[str], tmp_path: Path) -> None:
    assert _run([*wanted, "training.keep_checkpoints=true"]) == 0
    assert list((tmp_path / "run" / "training").glob("checkpoint-*"))
