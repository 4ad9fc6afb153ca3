"""Damaged recordings by the thousand: `python -m tests.fuzz.audio 50000 [--seed N]`.

Each case is decoded in a child process, as a path and as bytes, at once and as a stream. What may happen is sound or an
`AudioError` of one line; a crash, another exception, a line on standard error, or more than 10 s is a finding. Cases
share a child until one is a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.audio_mutations import mutated, recordings

ROOT = Path(__file__).resolve().parents[2]
MOST_S = 10.0
_LATE_S = 60.0
"""Wall time after which a child is taken for hung; `MOST_S` counts its own processor time, whoever else is at work."""
MPG123 = re.compile(r"$|Note: |Warning: |\[?src/libmpg123|.*libmpg123|.*error: dequantization")
"""What libmpg123, inside libsndfile, writes about damaged frames."""
SHARE = 1000
"""Cases after which a long run says how it stands."""
MEMORY_BYTES = 1 << 30
"""Beyond what a child starts with; who asks for more is refused, and must say so in one line."""


@dataclass
class Outcome:
    """What became of all cases: `decoded`, `refused` by kind of error, `findings` a line each, `slowest_s`."""

    cases: int = 0
    decoded: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""
    total_s: float = 0.0

    def __str__(self) -> str:
        """All of it, for people."""
        refused = ", ".join(f"{count} {kind}" for kind, count in self.refused.most_common())
        return (
            f"{self.cases} cases: {self.decoded} decoded, {sum(self.refused.values())} refused ({refused}); "
            f"{self.total_s:.0f} s, slowest {self.slowest_s:.1f} s ({self.slowest}); {len(self.findings)} findings"
        )


def run(
    cases: range,
    seed: int = 0,
    made: Mapping[str, bytes] | None = None,
    keep: Path | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Decode these cases; `keep` is a folder for the files of findings, `outcome` counts those before them."""
    made, outcome, left = made or recordings(), outcome or Outcome(), list(cases)
    with tempfile.TemporaryDirectory() as folder:
        while left:
            left = _some(left, seed, made, outcome, Path(folder), keep)
    return outcome


def _some(
    cases: list[int], seed: int, made: Mapping[str, bytes], outcome: Outcome, folder: Path, keep: Path | None
) -> list[int]:
    """Cases in one child until it is lost; returns those that are left."""
    with _child() as child:
        os.set_blocking(child.stderr.fileno(), False)
        for number, case in enumerate(cases):
            name, data = mutated(made, case, seed)
            path = folder / "case.bin"
            path.write_bytes(data)
            answer = _asked(child, path)
            noise = _noise(child)
            finding = _tallied(name, answer, outcome) or noise
            if finding:
                outcome.findings.append(f"{name} ({len(data)} bytes): {finding}")
                if keep is not None:
                    (keep / f"{seed}-{case}.bin").write_bytes(data)
            if answer is None:
                return cases[number + 1 :]
    return []


def _noise(child: subprocess.Popen) -> str | None:
    """What was written to standard error, but for libmpg123's notes on damaged frames, which nobody can turn off."""
    lines = [line for line in (child.stderr.read(10_000) or "").splitlines() if not MPG123.match(line)]
    return f"wrote to standard error: {lines[:3]!r}" if lines else None


def _tallied(name: str, answer: dict | None, outcome: Outcome) -> str | None:
    """Count an answer in; returns what is wrong with it."""
    outcome.cases += 1
    if answer is None:
        return "the process died or hung"
    outcome.total_s += answer["seconds"]
    if answer["seconds"] > outcome.slowest_s:
        outcome.slowest_s, outcome.slowest = answer["seconds"], name
    outcome.decoded += answer["kind"] == "decoded"
    if answer["kind"] not in ("decoded", "finding"):
        outcome.refused[answer["kind"]] += 1
    if answer["kind"] == "finding":
        return answer["said"]
    return f"took {answer['seconds']:.1f} s" if answer["seconds"] > MOST_S else None


@contextlib.contextmanager
def _child() -> Iterator[subprocess.Popen]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "from tests.fuzz.audio import child; child()"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _asked(child: subprocess.Popen, path: Path) -> dict | None:
    timer = threading.Timer(_LATE_S, child.kill)
    timer.start()
    try:
        child.stdin.write(f"{path}\n")
        child.stdin.flush()
        line = child.stdout.readline()
        return json.loads(line) if line else None
    except (OSError, ValueError):
        return None
    finally:
        timer.cancel()


# ---- in the child


def child() -> None:
    """Decode every path that comes in, and say what became of it."""
    from speech_tl import audio
    from speech_tl.audio import untrusted_child

    audio.load_audio(recordings_warm_up())
    untrusted_child.limit_resources(MEMORY_BYTES)
    for line in sys.stdin:
        path = line.rstrip("\n")
        began = time.process_time()
        kind, said = _decoded(path)
        print(json.dumps({"kind": kind, "said": said, "seconds": time.process_time() - began}), flush=True)


def recordings_warm_up() -> bytes:
    """A recording that PyAV reads, so that its libraries are there before memory is limited."""
    return b"#!AMR\n" + (b"\x3c" + bytes(31)) * 20


def _decoded(path: str) -> tuple[str, str]:
    from speech_tl.audio import glance_s, load_audio, probe, stream_audio

    data = Path(path).read_bytes()
    ways = {
        "glance_s": lambda: glance_s(path),
        "probe": lambda: probe(path),
        "load_audio": lambda: load_audio(path),
        "a part": lambda: load_audio(path, 8000, 0.1, 0.3),
        "bytes": lambda: load_audio(data, None, name="a recording", longest_s=120.0),
        "stream_audio": lambda: [len(block) for block in stream_audio(path, 16000, 5.0)],
    }
    kind, said = "decoded", ""
    for name, way in ways.items():
        found = _outcome_of(way)
        if found[0] == "finding":
            return "finding", f"{name}: {found[1]}"
        if name == "load_audio":
            kind, said = found
    return kind, said


def _outcome_of(way: Callable[[], object]) -> tuple[str, str]:
    from speech_tl.errors import AudioError

    try:
        way()
    except AudioError as error:
        said = str(error)
        return (error.kind, said) if said.isprintable() else ("finding", said)
    except BaseException as error:
        return "finding", f"{type(error).__name__}: {error}"
    return "decoded", ""


def main() -> None:
    """Run so many cases and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files of findings")
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    began, made = time.monotonic(), recordings()
    print(f"{len(made)} kinds: {' '.join(sorted(made))}", flush=True)
    outcome, last = Outcome(), given.first + given.cases
    for first in range(given.first, last, SHARE):
        known = len(outcome.findings)
        run(range(first, min(first + SHARE, last)), given.seed, made, given.keep, outcome)
        print(*outcome.findings[known:], f"{outcome} ({time.monotonic() - began:.0f} s)", sep="\n", flush=True)
    sys.exit(bool(outcome.findings))


if __name__ == "__main__":
    main()
