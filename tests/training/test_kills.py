"""Runs that are stopped at planted system calls end as one that was not; `tests.benchmarks.kills` tries many more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.whole import unsynced
from tests.small import ROOT


@pytest.fixture(scope="module")
def traced() -> str:
    """The folder-changing calls of a process can be watched here, and stopped at."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("no strace that may trace (Linux; apt install strace)")
    return strace


def test_six_runs_are_stopped_and_nothing_is_lost(traced: str, tmp_path: Path) -> None:
    """Twice each, by three signals; the unbroken run calls in an order that a power cut cannot harm."""
    command = [sys.executable, "-m", "tests.benchmarks.kills", "--kills", "6", "--cases", "lora", "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "outcomes")],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    outcomes = [json.loads(line) for line in (tmp_path / "outcomes").read_text().splitlines()]
    assert [outcome["how"] for outcome in outcomes] == 2 * ["KILL", "INT", "TERM"]
    assert not any(outcome["lost"] for outcome in outcomes)


@pytest.mark.parametrize("forgets", ["", "fsync", "sync_names"])
def test_content_is_on_the_disk_before_its_name_and_that_before_the_next(
    forgets: str, traced: str, tmp_path: Path
) -> None:
    """A file and a whole folder; what forgets to ask for it is seen."""
    script = f"""
import os, sys
from pathlib import Path
from speech_tl.text import files
if {forgets!r} == "fsync":
    os.fsync = lambda descriptor: None
if {forgets!r} == "sync_names":
    files.sync_names = lambda folder: None
out = Path(sys.argv[1])
for _ in range(2):
    files.write_atomically(out / "new" / "file.json", "{{}}")
    with files.replacing_folder(out / "model") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "weights").write_bytes(bytes(100_000))
"""
    place, trace = tmp_path / "out", tmp_path / "trace"
    calls = "trace=openat,write,rename,fsync,ftruncate"
    strace = [traced, "-y", "-e", calls, "-o", str(trace), sys.executable, "-c", script, str(place)]
    subprocess.run(strace, cwd=ROOT, check=True, timeout=120)
    lines = trace.read_text().splitlines()
    assert sum(line.startswith("rename(") for line in lines) == 5, "two of each, and the old folder out of the way"
    assert bool(unsynced(lines, place)) == bool(forgets)
