"""Everything that is read besides sound, spoilt at random: tables, hypotheses, recipes, results, models' settings.

By hand, so many cases of every kind, in a child process each thousand: `python -m tests.fuzz.tables 50000`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from speech_tl.errors import BadInput
from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.mutating import spoilt

LIMIT_S = 10.0
"""No case may take more time of a processor (a machine that is busy with other things says nothing about a case)."""

WALL_S = 3600.0
"""A child that has not ended by then waits for something."""

MEMORY_BYTES = 12 << 30
"""Of address space, for a child by hand: what asks for more ends in a MemoryError, which is a finding."""

SHARE = 1000
"""Cases that a child works on by hand."""


class TookTooLong(BaseException):
    """The time is up; no handler of exceptions swallows it."""


@dataclass
class Outcome:
    """What became of a kind's cases.

    Attributes:
        read, refused: how many went well, and how many were refused in one line.
        faults: what must not be: the case's seed and why.
        slowest_s: of all cases.
    """

    read: int = 0
    refused: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)
    slowest_s: float = 0.0


class Fuzzer:
    """A kind of file in a folder, spoilt anew for every case and restored behind it."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        """Make the files that are right, and use them once: that they are, and what is imported is no case's time."""
        self.kind, self.folder = kind, folder
        self.given = kind.make(folder)
        self.whole = {name: (folder / name).read_bytes() for name in kind.files}
        kind.use(self.given)

    def run(self, first: int, last: int) -> Outcome:
        """The cases of these seeds."""
        outcome = Outcome()
        for seed in range(first, last):
            begun = time.process_time()
            why = self._case(seed, outcome)
            seconds = time.process_time() - begun
            outcome.slowest_s = max(outcome.slowest_s, seconds)
            if why is None and seconds > LIMIT_S:
                why = f"took {seconds:.0f} s"
            if why is not None:
                outcome.faults.append((seed, why))
        return outcome

    def spoil(self, seed: int) -> str:
        """Write the files of a case; returns which of them is spoilt."""
        rng = Random(f"{self.kind.name} {seed}")
        name = rng.choice(self.kind.files)
        (self.folder / name).write_bytes(spoilt(rng, self.whole[name], Path(name).suffix))
        return name

    def _case(self, seed: int, outcome: Outcome) -> str | None:
        name = self.spoil(seed)
        try:
            with _in_time(), _quiet():
                self.kind.use(self.given)
            outcome.read += 1
        except BadInput as error:
            outcome.refused += 1
            return f"{name}: more than a line: {str(error)!r}" if len(str(error).split("\n")) > 1 else None
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if "speech_tl" in frame.filename] or frames
            where = f"{ours[-1].filename.rpartition('speech_tl/')[2]}:{ours[-1].lineno}"
            return f"{name}: {type(error).__name__} at {where}: {str(error)[:200]!r}"
        finally:
            (self.folder / name).write_bytes(self.whole[name])
        return None


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


# ---- by hand


def main() -> None:
    """Run many cases of every kind (or some), and tell what was read, refused, slow or broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", type=int, help="so many in all, shared evenly among the kinds")
    parser.add_argument("--only", nargs="*", choices=[kind.name for kind in KINDS], help="kinds; all without")
    parser.add_argument("--first", type=int, default=0, help="seed of the first case of each kind")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    kinds = [kind for kind in KINDS if not asked.only or kind.name in asked.only]
    if asked.child:
        _work(kinds[0], asked.first, asked.first + asked.cases)
        return
    each = -(-asked.cases // len(kinds))
    broken = 0
    for kind in kinds:
        found = Counter(tries=0)
        for first in range(asked.first, asked.first + each, SHARE):
            count = min(SHARE, asked.first + each - first)
            broken += _in_a_child(kind, first, count, found)
        print(f"{kind.name:<14} {dict(found)}", flush=True)
    sys.exit(1 if broken else 0)


def _work(kind: Kind, first: int, last: int) -> None:
    """A child's part: one line a fault, and one with the counts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        outcome = Fuzzer(kind, Path(folder)).run(first, last)
    for seed, why in outcome.faults:
        print(f"FAULT {kind.name} {seed}: {why}")
    print(f"COUNTS {outcome.read} {outcome.refused} {outcome.slowest_s:.1f}")


def _in_a_child(kind: Kind, first: int, count: int, found: Counter) -> int:
    """How many faults a child told of; one that died is a fault, too."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.tables", str(count), "--first", str(first)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [*command, "--only", kind.name, "--child"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=root,
    )
    faults = [line for line in done.stdout.splitlines() if line.startswith("FAULT")]
    for line in faults:
        print(line, flush=True)
    counts = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("COUNTS")]
    if done.returncode or not counts:
        print(f"CRASH {kind.name} {first}..: exit {done.returncode}: {done.stderr[-2000:]}", flush=True)
        return len(faults) + 1
    read, refused, slowest_s = counts[0]
    found.update(tries=count, read=int(read), refused=int(refused), faults=len(faults))
    found["slowest_ms"] = max(found["slowest_ms"], round(1000 * float(slowest_s)))
    return len(faults)


if __name__ == "__main__":
    main()
