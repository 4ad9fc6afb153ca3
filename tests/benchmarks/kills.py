"""Runs that are stopped at planted system calls and gone on with: what is lost?

    python -m tests.benchmarks.kills --kills 60 [--cases full,lora] [--how KILL,INT,TERM,FULL,GONE] [--out FILE]

Every case is adapted once unbroken while `strace` notes each system call on the run's folder. Then it is adapted again
and stopped at one of these calls, gone on with, and compared: weights bit for bit, figures, and what every side wrote.
KILL, INT and TERM are signals; FULL fills the disk at that moment, and GONE moves the folder away.
Linux with strace alone, FULL needs the right to mount (`unshare -Urm` gives it). A process is forked for each run, so
that the libraries are imported once.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.kill_cases import CASES, Case, material
from tests.benchmarks.whole import cut_short, differences, facts, unsynced
from tests.small import any_dev_chooses

CALLS = "openat,write,writev,pwrite64,ftruncate,fallocate,fsync,close,chmod"
CALLS += ",rename,renameat,renameat2,mkdir,rmdir,unlink,unlinkat"
"""System calls that change a folder, or stand between two that do."""

ENDS = {"KILL": -signal.SIGKILL, "INT": 130, "TERM": 143, "FULL": 2, "GONE": 2}
"""Ways to stop a run, with the exit code that each leads to; a run that had all but ended may end with 0."""

SAID = {"INT": "interrupted; ", "TERM": "terminated; ", "FULL": "no space left", "GONE": "was removed or moved"}
"""What its last line says."""

DISK_MB = 48
"""Of the disk that is filled."""

RESUMES = 3
"""A run may be stopped in its resumption, too; then it is resumed once more."""

ANYBODY = 2**64 - 1
PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True)
class Call:
    """A system call of a run's main thread: the `number`-th of its name, counted from the start, and its file."""

    name: str
    number: int
    file: str


@dataclass
class Outcome:
    """What became of a run that was stopped.

    Attributes:
        case, how, call: what was tried.
        code: its exit code.
        said: the last line of the stopped run, where it is not killed outright.
        resumed: exit codes of the resumptions.
        lost: what was not as in the unbroken run, or cut short under its final name; nothing, if all is well.
    """

    case: str
    how: str
    call: Call
    code: int
    said: str
    resumed: list[int]
    lost: list[str]


class Trial:
    """One case, again and again in one folder, as a report names its folder."""

    def __init__(self, case: Case, material: Path, folder: Path, disk: Path) -> None:
        """Run it unbroken on the `disk`, under the eyes of strace, whose notes go to `folder`."""
        (disk / case.name).mkdir(parents=True)
        self.case, self.run, self.moved = case, disk / case.name / "run", disk / case.name / "moved"
        self.ballast, self.log, self.trace = disk / "ballast", folder / "log", folder / "trace"
        overrides = [text.replace("{folder}", str(material)) for text in case.overrides]
        self.command = ["adapt", str(material / f"{case.family}.yaml"), *overrides, "--out", str(self.run)]
        code = self._started(["-y", "-e", f"trace={CALLS}"])
        if code:
            raise SystemExit(f"{case.name}: the unbroken run ended with {code}: {self.log.read_text()[-2000:]}")
        noted = self.trace.read_text(errors="replace").splitlines()
        lines = [line.partition(" ")[2].strip() for line in noted if line.startswith(f"{self.child} ")]
        self.calls = list(self._recorded(lines))
        if problems := unsynced(lines, self.run):
            raise SystemExit(f"{case.name}: a power cut could cost {problems[0]} ({len(problems)} such names)")
        self.wanted = facts(self.run)

    def stopped_at(self, call: Call, how: str, again: Call | None = None) -> Outcome:
        """Stop a run at a call, and its resumption at another if one is given; then go on until it ends."""
        shutil.rmtree(self.run, ignore_errors=True)
        code, said = self._started(_planted(call, how), meanwhile=partial(self._meanwhile, how)), self._last_line()
        ended = code == 0 and (self.run / "report.json").is_file()
        problems = [] if ended or (code == ENDS[how] and SAID.get(how, "") in said) else [f"exit {code}: {said}"]
        problems += ["a traceback"] * ("Traceback" in self.log.read_text(errors="replace"))
        self._put_back(problems)
        problems += cut_short(self.run)
        codes: list[int] = []
        while not codes or (codes[-1] and len(codes) < RESUMES):
            begun = ["--resume"] * (self.run / "recipe.yaml").is_file()
            planted = _planted(again, "KILL") if again and not codes else []
            codes.append(self._started(planted, *begun))
            problems += cut_short(self.run)
        if codes[-1]:
            problems.append(f"not resumed: {self._last_line()}")
        else:
            problems += differences(self.wanted, facts(self.run))
        return Outcome(self.case.name, how, call, code, "" if how == "KILL" else said, codes, problems)

    def _meanwhile(self, how: str) -> None:
        """What happens to the folder while the run stands still."""
        if how == "GONE":
            self.run.rename(self.moved)
        elif how == "FULL":
            with suppress(OSError), self.ballast.open("wb") as stream:
                while True:
                    stream.write(bytes(4096))
                    stream.flush()

    def _put_back(self, problems: list[str]) -> None:
        """Undo that; a folder that was made anew in the other's place is a problem."""
        self.ballast.unlink(missing_ok=True)
        if self.moved.exists():
            if self.run.exists():
                problems.append(f"made anew: {sorted(str(f.relative_to(self.run)) for f in self.run.rglob('*'))}")
                shutil.rmtree(self.run)
            self.moved.rename(self.run)

    def _started(self, strace: Sequence[str], *more: str, meanwhile: Callable[[], None] = lambda: None) -> int:
        """The exit code of the command, or less than zero the signal that ended it; `meanwhile` is done when it stops
        by itself.
        """
        self.log.write_bytes(b"")
        child = os.fork()
        if not child:
            _be_the_command([*self.command, *more], self.log, waits=bool(strace))
        watcher = None
        if strace:
            os.waitpid(child, os.WUNTRACED)
            watcher = subprocess.Popen(
                ["strace", "-f", "-o", str(self.trace), "-p", str(child), *strace], stderr=subprocess.DEVNULL
            )
            while "TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
                time.sleep(0.005)
            os.kill(child, signal.SIGCONT)
        while os.WIFSTOPPED(status := os.waitpid(child, os.WUNTRACED)[1]):
            meanwhile()
            os.kill(child, signal.SIGCONT)
        code = os.waitstatus_to_exitcode(status)
        if watcher:
            watcher.wait()
        self.child = child
        return code

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

    def _recorded(self, lines: Sequence[str]) -> Iterator[Call]:
        """The calls of the main thread that name the run's folder or a file in it."""
        counts: Counter[str] = Counter()
        place = re.compile(re.escape(str(self.run)) + r"(/[^\">]*)?")
        for line in lines:
            name = line.partition("(")[0]
            if not name.isidentifier():
                continue
            counts[name] += 1
            file = place.search(line)
            if file and not (name == "openat" and "O_CREAT" not in line):
                yield Call(name, counts[name], re.sub(r"\.\w{8}\.unfinished", ".*", file[1] or "/"))


def _planted(call: Call, how: str) -> list[str]:
    """Options of strace that have a signal come with a call."""
    sent = how if how in ("KILL", "INT", "TERM") else "STOP"
    return ["-e", f"trace={call.name}", "-e", f"inject={call.name}:signal={sent}:when={call.number}"]


def _be_the_command(arguments: Sequence[str], log: Path, waits: bool) -> None:
    """Become `speech-tl` with these arguments; does not return."""
    code = 70
    try:
        with log.open("ab") as stream:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
        sys.stdout, sys.stderr = (open(descriptor, "w", closefd=False) for descriptor in (1, 2))  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if waits:
            ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(ANYBODY), 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
        from speech_tl.cli import main

        main(arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def plans(trial: Trial, count: int, chance: random.Random) -> list[Call]:
    """So many calls, spread over the run."""
    edges = [round(place * len(trial.calls) / count) for place in range(count + 1)]
    return [chance.choice(trial.calls[first : max(first + 1, end)]) for first, end in pairwise(edges)]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own that can be filled."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def main() -> None:
    """Stop and go on as often as asked; prints a line each, and what was lost in all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--how", default="KILL,INT,TERM")
    parser.add_argument("--twice", action="store_true", help="every other resumption is killed too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="outcomes, a JSON object a line")
    given = parser.parse_args()
    import speech_tl.adaptation  # noqa: F401 - once, for all that are forked

    names, ways, chance = given.cases.split(","), given.how.split(","), random.Random(given.seed)
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        stack.enter_context(any_dev_chooses())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shop = material(folder / "material")
        disk = stack.enter_context(small_disk(folder / "disk")) if "FULL" in ways else folder / "runs"
        for place, name in enumerate(names):
            share = (place + 1) * given.kills // len(names) - place * given.kills // len(names)
            trial = Trial(CASES[name], shop, folder, disk)
            for number, call in enumerate(plans(trial, share, chance)):
                how = ways[number % len(ways)]
                again = chance.choice(trial.calls) if given.twice and number % 2 else None
                outcomes.append(trial.stopped_at(call, how, again))
                print(told(outcomes[-1]), flush=True)
                if given.out:
                    with given.out.open("a") as stream:
                        stream.write(json.dumps(asdict(outcomes[-1])) + "\n")
    bad = [outcome for outcome in outcomes if outcome.lost]
    print(f"{len(outcomes)} runs stopped, {len(outcomes) - len(bad)} went on to the same weights and figures")
    sys.exit(bool(bad))


def told(outcome: Outcome) -> str:
    """One line on one run."""
    call = f"{outcome.call.name} #{outcome.call.number} {outcome.call.file}"
    end = "; ".join(outcome.lost) or "nothing lost"
    return f"{outcome.case:13s} {outcome.how:6s} {call:70s} exit {outcome.code:4d}, then {outcome.resumed}: {end}"


if __name__ == "__main__":
    main()
