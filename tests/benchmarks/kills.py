"""Runs that are killed at planted system calls, or find the disk full there, and are resumed: what is lost?

    python -m tests.benchmarks.kills --kills 60 [--cases ctc,lora] [--how KILL,INT,TERM,ENOSPC] [--seed 0] [--out FILE]

Every case is adapted once unbroken while `strace` notes each system call on the run's folder. Then it is adapted again
and stopped at one of these calls, gone on with, and compared: weights bit for bit, figures, and what every side wrote.
Linux with strace alone; a process is forked for each run, so that the libraries are imported once.
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
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.small import any_dev_chooses, made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

CALLS = "openat,write,pwrite64,rename,mkdir,rmdir,unlink,unlinkat,fsync,ftruncate,fallocate,chmod,close"
"""System calls that change a folder, or stand between two that do."""

FAILING = ("openat", "write", "pwrite64", "rename", "mkdir", "fsync", "ftruncate")
"""Of these, what a full disk refuses; `openat` only where it makes a file."""

FULL_DISK = "ENOSPC"

ENDS = {"KILL": -signal.SIGKILL, "INT": 130, "TERM": 143, FULL_DISK: 2}
"""Ways to stop a run, with the exit code that each leads to; a run that had all but ended may end with 0."""

RESUMES = 3
"""A run may be stopped in its resumption, too; then it is resumed once more."""

ANYBODY = 2**64 - 1
PR_SET_PTRACER = 0x59616D61

CLOCKS = ("seconds", "validation_seconds", "audio_seconds_per_second", "run_seconds", "phases", "peak_memory_bytes")
CLOCKS += ("phase_seconds", "seconds_full", "seconds_shortened", "times_faster")
"""What a report has that no two runs share."""

EASY = ["unlabelled={}", "unlabelled.min_agreement=0", "unlabelled.keep_share=0.75", "unlabelled.rounds=1"]


@dataclass(frozen=True)
class Case:
    """One kind of run: the overrides of a recipe on the models `ctc` or `whisper`, with {folder} for the material's."""

    name: str
    family: str
    overrides: Sequence[str] = ()


CASES = {
    case.name: case
    for case in (
        Case("full", "ctc", ["guards.home={folder}/guard"]),
        Case("lora", "ctc", ["strategy=lora"]),
        Case("whisper", "whisper"),
        Case("whisper_lora", "whisper", ["strategy=lora"]),
        Case("rounds", "ctc", [*EASY, "data.root={folder}/half.csv"]),
        Case("replay", "ctc", ["keep=[replay,l2_sp]", "keep.root={folder}/source"]),
        Case("ewc", "ctc", ["keep=ewc", "keep.root={folder}/source"]),
        Case("distill", "whisper", ["keep=distill", "keep.root={folder}/source"]),
        Case("interpolate", "ctc", ["keep=interpolate", "guards.home={folder}/guard"]),
    )
}


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


def material(folder: Path) -> Path:
    """Made voices, tiny models and a recipe for each family."""
    data = made_corpus(folder / "data")
    for name in ("guard", "source"):
        made_corpus(folder / name, shortest_s=2.0)
    rows = rows_of(data)
    unheard = [row["audio"] for row in rows if row["split"] == "train"][4:]
    written(folder / "half.csv", [row | {"text": "" if row["audio"] in unheard else row["text"]} for row in rows])
    steps = {"max_steps": 4, "eval_steps": 2, "learning_rate": 0.01, "batch_seconds": 4.0}
    recipe_yaml(folder / "ctc.yaml", tiny_ctc(folder / "ctc"), data, **steps)
    recipe_yaml(folder / "whisper.yaml", tiny_whisper(folder / "whisper", tokens=64), data, **steps)
    return folder


class Trial:
    """One case, again and again in one folder, as a report names its folder."""

    def __init__(self, case: Case, material: Path, folder: Path) -> None:
        """Run it unbroken, under the eyes of strace."""
        folder.mkdir(parents=True, exist_ok=True)
        self.case, self.run, self.log, self.trace = case, folder / "run", folder / "log", folder / "trace"
        overrides = [text.format(folder=material) for text in case.overrides]
        self.command = ["adapt", str(material / f"{case.family}.yaml"), *overrides, "--out", str(self.run)]
        code = self._started(["-y", "-e", f"trace={CALLS}"])
        if code:
            raise SystemExit(f"{case.name}: the unbroken run ended with {code}: {self.log.read_text()[-2000:]}")
        self.calls = list(self._recorded())
        self.wanted = facts(self.run)

    def stopped_at(self, call: Call, how: str, again: Call | None = None) -> Outcome:
        """Stop a run at a call, and its resumption at another if one is given; then go on until it ends."""
        shutil.rmtree(self.run, ignore_errors=True)
        code, said = self._started(_planted(call, how)), self._last_line()
        problems = [] if code == ENDS[how] or self._ended(code) else [f"exit {code}"]
        problems += ["a traceback"] * ("Traceback" in self.log.read_text(errors="replace"))
        problems += cut_short(self.run)
        codes: list[int] = []
        while not codes or (codes[-1] and len(codes) < RESUMES):
            begun = ["--resume"] * (self.run / "recipe.yaml").is_file()
            codes.append(self._started(_planted(again, how) if again and not codes else [], *begun))
            problems += cut_short(self.run)
        if codes[-1]:
            problems.append(f"not resumed: {self._last_line()}")
        else:
            problems += differences(self.wanted, facts(self.run))
        return Outcome(self.case.name, how, call, code, "" if how == "KILL" else said, codes, problems)

    def _ended(self, code: int) -> bool:
        """Whether the run had all but ended, or could do without what failed."""
        return code == 0 and (self.run / "report.json").is_file()

    def _started(self, strace: Sequence[str], *more: str) -> int:
        """The exit code of the command, or less than zero the signal that ended it."""
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
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if watcher:
            watcher.wait()
        self.child = child
        return code

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

    def _recorded(self) -> Iterator[Call]:
        """The calls of the main thread that name the run's folder or a file in it."""
        counts: Counter[str] = Counter()
        place = re.compile(re.escape(str(self.run)) + r"(/[^\">]*)?")
        for line in self.trace.read_text(errors="replace").splitlines():
            found = re.match(r"(\d+)\s+(\w+)\(", line)
            if found is None or int(found[1]) != self.child:
                continue
            counts[found[2]] += 1
            file = place.search(line)
            if file and not (found[2] == "openat" and "O_CREAT" not in line):
                name = re.sub(r"\.\w{8}\.unfinished", ".*", file[1] or "/")
                yield Call(found[2], counts[found[2]], name)


def _planted(call: Call, how: str) -> list[str]:
    """Options of strace that have a signal or an error come with a call."""
    what = f"error={how}" if how == FULL_DISK else f"signal={how}"
    return ["-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={call.number}"]


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


def facts(run: Path) -> dict[str, Any]:
    """What two runs of one seed share: weights, figures, and what both sides wrote."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {f"report.{name}": _timeless(value) for name, value in report.items()}
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run).as_posix()
        if file.suffix == ".safetensors" or file.name == "utterances.jsonl":
            found[name] = hash(file.read_bytes())
    log = [json.loads(line) for line in (run / "training" / "log.jsonl").read_text().splitlines()]
    found["training/log.jsonl"] = [_timeless(entry) for entry in log]
    found["files"] = sorted(
        file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file() and file.name != ".lock"
    )
    return found


def _timeless(value: Any) -> Any:
    """A value without what the clock said."""
    if isinstance(value, dict):
        return {name: _timeless(inner) for name, inner in value.items() if name not in CLOCKS}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is not as it was, by name."""
    differing = []
    for name in sorted(wanted.keys() | found.keys()):
        first, second = wanted.get(name), found.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            differing += [f"{name}.{inner}" for inner in differences(first, second)]
        elif first != second:
            differing.append(f"{name} ({str(second)[:60]}, not {str(first)[:60]})")
    return differing


def cut_short(run: Path) -> list[str]:
    """Files that are not whole under their final names; checkpoints without a seal and logs do not count."""
    from speech_tl.training.checkpoints import SEAL, damage

    problems = [
        f"{place.relative_to(run)} {said}"
        for place in run.rglob("checkpoint-*")
        if (place / SEAL).is_file() and (said := damage(place))
    ]
    for file in run.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(run).parts)
        if file.is_file() and not hidden and "checkpoint-" not in str(file) and file.name != "log.jsonl":
            try:
                READERS.get(file.suffix, lambda file: None)(file)
            except Exception as error:
                problems.append(f"{file.relative_to(run)} is cut short ({error})")
    return problems


def _read_weights(file: Path) -> None:
    from safetensors.torch import load_file

    load_file(file)


def _read_page(file: Path) -> None:
    if not file.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise ValueError("no end")


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda file: json.loads(file.read_text(encoding="utf-8")),
    ".jsonl": lambda file: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()],
    ".html": _read_page,
    ".safetensors": _read_weights,
}


def plans(trial: Trial, how: str, count: int, chance: random.Random) -> list[Call]:
    """So many calls, spread over the run."""
    calls = [call for call in trial.calls if how != FULL_DISK or call.name in FAILING]
    edges = [round(place * len(calls) / count) for place in range(count + 1)]
    return [chance.choice(calls[first : max(first + 1, end)]) for first, end in pairwise(edges)]


def main() -> None:
    """Stop and go on as often as asked; prints a line each, and what was lost in all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--how", default="KILL,INT,TERM")
    parser.add_argument("--twice", action="store_true", help="every other resumption is stopped too")
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
        for place, name in enumerate(names):
            share = (place + 1) * given.kills // len(names) - place * given.kills // len(names)
            trial = Trial(CASES[name], shop, folder / name)
            for number, call in enumerate(plans(trial, ways[0] if len(ways) == 1 else "", share, chance)):
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
