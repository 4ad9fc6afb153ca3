"""One live run a folder: a second one is refused, a dead one's lock is taken over, nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.training import run_lock
from speech_tl.training.run_lock import LOCK, locked, wait_until_free
from tests.small import ROOT

HOLD = """
import sys, time
from pathlib import Path
from speech_tl.training.run_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(folder: Path) -> subprocess.Popen:
    """Another process that has the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def another(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A process that works in "run"."""
    process = holder(tmp_path / "run")
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits."""
    monkeypatch.setattr(run_lock, "BEAT_S", 0.1)
    monkeypatch.setattr(run_lock, "WATCH_S", 0.5)


def test_a_live_process_is_named_and_a_killed_one_does_not_block(another: subprocess.Popen, tmp_path: Path) -> None:
    with (
        pytest.raises(BadInput, match=rf"run is in use by a run that is going on \(process {another.pid} on .*--out"),
        locked(tmp_path / "run"),
    ):
        pass
    another.kill()
    another.wait()
    assert (tmp_path / "run" / LOCK).is_file(), "a kill leaves the file, not the lock"
    with locked(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["process"] == os.getpid()


def test_a_study_waits_for_a_run_that_outlived_it(another: subprocess.Popen, tmp_path: Path, quick: None) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        another.kill()

    wait_until_free(tmp_path / "run", tell)
    assert another.wait() and len(told) == 1
    assert told[0].startswith("waiting: ") and f"process {another.pid}" in told[0]
    wait_until_free(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_this_process_is_refused_too_and_its_lock_outlives_the_refusal(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(BadInput, match="this very process"), locked(tmp_path / "run" / ".." / "run"):
            pass
        with pytest.raises(AssertionError):  # the other process is refused as well, so it never says "held"
            holder(tmp_path / "run")
    with locked(tmp_path / "run"):
        pass


def test_a_forked_worker_that_outlives_its_run_does_not_block(tmp_path: Path) -> None:
    fork = "    worker = __import__('os').fork()\n    if worker:\n        print(worker, flush=True)\n    time"
    script = HOLD.replace("    time", fork)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    worker = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        os.kill(worker, 0)
        with locked(tmp_path / "run"):
            pass
    finally:
        os.kill(worker, 9)


def test_folders_are_made_and_empty_ones_are_removed(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).is_file()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "result").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["result"]


@pytest.mark.parametrize("locks", ["with locks", "without locks"])
@pytest.mark.parametrize("alive", [True, False])
def test_a_lock_of_another_machine_is_watched(
    locks: str, alive: bool, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a copy of the folder, or where two machines share a disk that does not pass locks on."""
    if locks == "without locks":
        monkeypatch.setattr(run_lock, "fcntl", None)
    file = tmp_path / LOCK
    file.write_text(json.dumps({"host": "elsewhere", "process": 12, "since": "yesterday", "token": "x"}))
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.1):
            os.utime(file)

    if alive:
        threading.Thread(target=beat, daemon=True).start()
    told: list[str] = []
    try:
        if alive:
            with pytest.raises(BadInput, match="process 12 on elsewhere, since yesterday"), locked(tmp_path):
                pass
        else:
            with locked(tmp_path, told.append):
                pass
            assert "elsewhere" in told[0] and not file.exists()
    finally:
        ended.set()


def test_a_live_run_renews_its_lock(tmp_path: Path, quick: None) -> None:
    with locked(tmp_path):
        first = (tmp_path / LOCK).stat().st_mtime_ns
        time.sleep(0.4)
        assert (tmp_path / LOCK).stat().st_mtime_ns > first


def test_without_any_locks_a_live_process_is_known_by_its_beats(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules that only Unix has are hidden, and this is no Windows either."""
    monkeypatch.setattr(run_lock, "fcntl", None)
    script = f"from speech_tl.training import run_lock\nrun_lock.fcntl = None\nrun_lock.BEAT_S = 0.1\n{HOLD}"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        with pytest.raises(BadInput, match=f"process {process.pid}"), locked(tmp_path / "run"):
            pass
    finally:
        process.kill()
        process.wait()
    with locked(tmp_path / "run"):
        pass


def test_a_lock_knows_when_its_folder_is_gone(tmp_path: Path) -> None:
    with locked(tmp_path / "run") as lock:
        assert lock.there()
        (tmp_path / "run").rename(tmp_path / "moved")
        assert not lock.there()
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / LOCK).write_text("somebody else's")
        assert not lock.there()
    assert (tmp_path / "run" / LOCK).read_text() == "somebody else's"
