"""Freed memory stays for the next batch, and goes back when asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from speech_tl.decoding.memory import give_memory_back, reuse_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(1_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
reuse_freed_memory()
reused = (faults(), faults())[1]
give_memory_back()
print(usual, reused, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way with memory")
def test_blocks_are_used_again_until_memory_is_given_back() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    usual, reused, given_back = map(int, found.stdout.split())
    assert reused < usual / 10, "pages came anew each time"
    assert given_back > reused + 100, "nothing was given back"


SHAPES = """
import sys
import numpy as np
from speech_tl.decoding.memory import FreedMemory, resident_bytes, reuse_freed_memory

reuse_freed_memory()
freed = FreedMemory("cpu") if sys.argv[1] == "bound" else FreedMemory("cuda")
start = resident_bytes()
for samples in (5_000_000, 75_000_000):  # 40 and 600 MB
    np.ones(samples)
    freed.bound()
print((resident_bytes() - start) / 1e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way with memory")
def test_what_adds_up_beyond_a_batch_is_given_back() -> None:
    grown = {}
    for way in ("free", "bound"):
        found = subprocess.run([sys.executable, "-c", SHAPES, way], capture_output=True, text=True, check=True)
        grown[way] = float(found.stdout)
    assert grown["bound"] < 200 < 500 < grown["free"]


SERVED = """
import numpy as np
from speech_tl.decoding.memory import FreedMemory, resident_bytes, reuse_freed_memory

reuse_freed_memory()
freed = FreedMemory("cpu", most_bytes=100e6)
start = resident_bytes()
kept = []
for samples in (75_000_000, 60_000_000, 5_000_000):  # 600, 480 and 40 MB
    np.ones(samples)
    freed.bound()
    kept.append((resident_bytes() - start) / 1e6)
print(*kept)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way with memory")
def test_a_server_keeps_little_whatever_a_batch_takes() -> None:
    found = subprocess.run([sys.executable, "-c", SERVED], capture_output=True, text=True, check=True)
    large, next_one, small = map(float, found.stdout.split())
    assert max(large, next_one) < 30 < small < 60, "a small batch's memory stays for the next one"
