"""Studies and runs under torchrun, whose processes are stopped at any moment and gone on with: what is lost?

    python -m tests.benchmarks.kill_trees [--kills 20] [--cases study,torchrun] [--seed 0]

Every case runs once unbroken, which also says how long it takes. Then it is stopped after a random part of that time,
gone on with until it ends, and compared: weights bit for bit, figures, and what every side wrote. `tree` kills every
process at once, `child` one of those that work (of a study the run, of torchrun a rank), `parent` what started them,
while they go on; INT is Ctrl-C, which all of them get, and TERM goes to the first alone.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.kill_cases import material
from tests.benchmarks.whole import cut_short, differences, facts

ROOT = Path(__file__).parents[2]
WAYS = ("tree", "child", "parent", "INT", "TERM")
TRIES = 60
"""A run that outlived its parent has the folder for a while: the next one is refused until it has ended."""

STUDY = """
from pathlib import Path

from speech_tl.recipe import recipe_from_yaml
from speech_tl.study import Study, Variant

variants = {{"full": Variant(), "lora": Variant(overrides=["strategy=lora"])}}
study = Study(name="small", recipe=recipe_from_yaml(Path({recipe!r})), variants=variants, seeds=[0], reference="full")
"""


@dataclass
class Case:
    """A command in a folder of its own, and how it is said once more.

    Attributes:
        name: "study" or "torchrun".
        command: up to `--out`.
        out: what it writes.
    """

    name: str
    command: list[str]
    out: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Begin, or go on, in a session of its own."""
        resume = ["--resume"] * (self.name == "torchrun" and (self.out / "recipe.yaml").is_file())
        with (self.out.parent / "log").open("ab") as log:
            return subprocess.Popen(
                [*self.command, "--out", str(self.out), *resume],
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def runs(self) -> list[Path]:
        """The folders of its runs."""
        return [self.out] if self.name == "torchrun" else sorted((self.out / "runs").glob("*/"))

    def facts(self) -> dict[str, Any]:
        """What it shares with another of its kind."""
        found: dict[str, Any] = {run.name: facts(run) for run in self.runs()}
        if self.name == "study":
            with (self.out / "table.csv").open() as stream:
                found["table"] = {row["run"]: _timeless(row) for row in csv.DictReader(stream)}
        return found


def _timeless(row: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in row.items() if not any(word in k for word in ("seconds", "looks", "memory", "faster"))}


def _children(parent: int) -> list[int]:
    """Processes of a session that did not start it, the youngest last."""
    listed = subprocess.run(["ps", "-o", "pid=", "-s", str(parent)], capture_output=True, text=True, check=False)
    return [pid for pid in map(int, listed.stdout.split()) if pid != parent]


def stop(process: subprocess.Popen[bytes], way: str, chance: random.Random) -> None:
    """Stop it in one of the `WAYS`; a `child` that is not there yet is the parent."""
    with suppress(ProcessLookupError):
        if way == "tree":
            os.killpg(process.pid, signal.SIGKILL)
        elif way == "INT":
            os.killpg(process.pid, signal.SIGINT)
        elif way == "child" and (children := _children(process.pid)):
            os.kill(chance.choice(children), signal.SIGKILL)
        else:
            process.send_signal(signal.SIGTERM if way == "TERM" else signal.SIGKILL)


def stopped(case: Case, way: str, after_s: float, wanted: Mapping[str, Any], chance: random.Random) -> list[str]:
    """What is lost when a case is stopped after so many seconds and gone on with."""
    shutil.rmtree(case.out, ignore_errors=True)
    process = case.start()
    with suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    stop(process, way, chance)
    process.wait(120)
    problems = [problem for run in case.runs() if run.is_dir() for problem in cut_short(run)]
    for _ in range(TRIES):
        if not (code := case.start().wait(600)):
            return problems + differences(dict(wanted), case.facts())
        time.sleep(1)
    return [*problems, f"not gone on with: exit {code}"]


def cases(folder: Path) -> dict[str, Case]:
    """Each with its material."""
    shop = material(folder / "material")
    (folder / "small.py").write_text(STUDY.format(recipe=str(shop / "ctc.yaml")))
    speech_tl = [sys.executable, "-m", "speech_tl"]
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "speech_tl"]
    commands = {
        "study": [*speech_tl, "study", str(folder / "small.py")],
        "torchrun": [*two, "adapt", str(shop / "ctc.yaml")],
    }
    made = {name: Case(name, command, folder / name / "out") for name, command in commands.items()}
    for case in made.values():
        case.out.parent.mkdir()
    return made


def main() -> None:
    """Stop and go on as often as asked; prints a line each, and how many lost nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cases", default="study,torchrun")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    names, chance, whole = given.cases.split(","), random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            case, begun = cases(Path(folder) / f"for-{name}")[name], time.monotonic()
            if case.start().wait():
                sys.exit(f"{name}: the unbroken run failed: {(case.out.parent / 'log').read_text()[-2000:]}")
            seconds, wanted = time.monotonic() - begun, case.facts()
            for number in range(given.kills // len(names)):
                way, after_s = WAYS[number % len(WAYS)], chance.uniform(0.1, 1.0) * seconds
                lost = stopped(case, way, after_s, wanted, chance)
                whole += not lost
                print(
                    f"{name:9s} {way:7s} after {after_s:5.1f} of {seconds:.1f} s: {lost or 'nothing lost'}", flush=True
                )
    print(f"{whole} of {given.kills // len(names) * len(names)} went on to the same weights and figures")
    sys.exit(whole != given.kills // len(names) * len(names))


if __name__ == "__main__":
    main()
