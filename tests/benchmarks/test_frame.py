"""The frame: sides in processes of their own, alternating; ratios, peak memory and the table from what they return."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks.frame import Pair, Setting, Side, Timed, alternate, in_own_process, keep, markdown


def slept(log: Path, name: str, seconds: float) -> Side:
    """A side that sleeps and notes its name and process."""
    with Timed("cpu") as timed:
        time.sleep(seconds)
    with log.open("a") as stream:
        stream.write(f"{name} {os.getpid()}\n")
    return timed.side(audio_seconds=1.0, wer=0.5)


def held(megabytes: int) -> Side:
    """A side that takes memory before the timed work, and more in it, and gives all of it back."""
    before = bytearray(100_000_000)
    before[::4096] = b"x" * len(before[::4096])
    del before
    with Timed("cpu") as timed:
        block = bytearray(megabytes * 1_000_000)
        block[::4096] = b"x" * len(block[::4096])
        del block
    return timed.side()


def failing() -> Side:
    """A side that cannot."""
    raise ValueError("no such thing")


def test_sides_alternate_in_processes_of_their_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pair = alternate(partial(slept, log, "ours", 0.02), partial(slept, log, "plain", 0.2), 2)
    names, processes = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    assert names == ("ours", "plain", "plain", "ours")
    assert len({*processes, str(os.getpid())}) == 5
    assert 3 < pair.ratio < 10.5
    assert "times" in pair.measured() and "WER 50.0 against 50.0 %" in pair.measured()


def test_peak_memory_is_that_of_the_timed_work() -> None:
    side = in_own_process(partial(held, 60))
    assert 55e6 < side.peak_memory - side.memory_before < 75e6


def test_a_side_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        in_own_process(failing)


def test_the_ratio_is_by_audio_seconds_and_its_spread_by_pairs() -> None:
    pair = Pair([Side(1.0, 10.0), Side(1.0, 10.0), Side(2.0, 10.0)], [Side(2.0, 10.0), Side(4.0, 10.0), Side(2.0, 5.0)])
    assert pair.ratios == [2.0, 4.0, 2.0]
    assert pair.measured().startswith("2.00 times (2.00 to 4.00); 10.0 against 2.5 audio s/s")
    assert pair.row("a", "b", 2.0).met and not pair.row("a", "b", 2.5).met
    assert "**missed**" in markdown([pair.row("a", "b", 2.5)])


def test_results_are_kept_and_printed_as_a_table(tmp_path: Path) -> None:
    row = Pair([Side(1.0)], [Side(3.0)]).row("start-up", "plain", 2.0, "bound 4")
    keep(tmp_path, "start", [row], Setting("cpu", tmp_path, tmp_path), "python -m tests.benchmarks start")
    assert json.loads((tmp_path / "start-cpu.json").read_text())["rows"][0]["met"] is True
    command = [sys.executable, "-m", "tests.benchmarks", "table", "--results", str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| start-up | plain | >= 2 times | **met**: 3.00 times" in printed and "bound 4 |" in printed
    assert "python -m tests.benchmarks start" in printed
