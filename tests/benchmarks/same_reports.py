"""Whether a change of the code changes any run: small runs of every kind by two checkouts, compared file by file.

    python -m tests.benchmarks.same_reports /path/to/the/older/checkout /path/of/a/scratch/folder [CASE ...]

Both sides run the same commands on the same material with the same seeds, each from its own checkout; report.json,
log.jsonl, weights and transcripts are compared, all but what a clock says. Their plans (`--dry-run`) are, too. What the
older checkout gave stays in the scratch folder and is not run again.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.kill_cases import CASES, Case, material
from tests.benchmarks.whole import differences, facts
from tests.data.augment.made import noise_folder

HERE = Path(__file__).parents[2]

ALL_WAYS = ["keep=[replay,l2_sp,ewc,distill,interpolate]", "keep.root={folder}/source", "guards.home={folder}/guard"]
SHARES = "keep.interpolate.shares=[0.25,0.5]"
LADDER = ["augment.noise.folders={folder}/noise", "augment.on_dev=true", "ladder.snr_db=[0,10]", "ladder.utterances=3"]

MORE = {
    case.name: case
    for case in (
        Case("every_way", "ctc", [*ALL_WAYS, SHARES, "keep.distill.utterances=5"]),
        Case("every_way_whisper", "whisper", [*ALL_WAYS, SHARES, "strategy=lora", "model.audio_context=auto"]),
        Case("fixed_share", "ctc", ["keep.interpolate.fixed_share=0.25"]),
        Case("limit_share", "ctc", ["keep=interpolate", "guards.home={folder}/guard", "keep.limit_share=0.5"]),
        Case("ladder", "ctc", [*LADDER, "guards.home={folder}/guard"]),
        Case("seconds", "whisper", ["model.audio_context=10", "guards.home={folder}/guard", "guards.home.language=de"]),
    )
}

CHILD = """
import contextlib, io, json, pathlib, sys
from speech_tl.cli import _run
from tests.small import any_dev_chooses
with any_dev_chooses():
    for command in json.loads(sys.stdin.read()):
        out, said = pathlib.Path(command.pop()), io.StringIO()
        if (out / "report.json").exists():
            continue
        with contextlib.redirect_stdout(said):
            codes = [_run([*command, "--dry-run"]), _run([*command, "--out", str(out)])]
        assert codes == [0, 0], (command, codes)
        out.with_suffix(".plan").write_text(said.getvalue())
"""

CLOCK = re.compile(r"^(time\b.*| +\d+ (s|min)\b.*)\n|[\d.]+ (MB|GB)\b", re.MULTILINE)
"""What a plan has guessed."""


def main(older: Path, scratch: Path, names: Sequence[str]) -> int:
    """Run the cases by both; 1 where any differs."""
    cases, differing, folder = {**CASES, **MORE}, 0, scratch / "material"
    names = names or list(cases)
    if not folder.exists():
        material(folder)
        noise_folder(folder / "noise", [2.0] * 6, ["train"] * 3 + ["dev"] + ["test"] * 2)
    for checkout, kept in ((older, scratch / "older"), (HERE, scratch / "newer")):
        runs = scratch / "runs"  # the same place for both: it is in the report
        kept.mkdir(exist_ok=True)
        kept.rename(runs)
        try:
            _run_all(checkout, [_command(cases[name], folder, runs / name) for name in names])
        finally:
            runs.rename(kept)
    for name in names:
        sides = [scratch / side / name for side in ("older", "newer")]
        different = differences(*map(facts, sides))
        plans = [CLOCK.sub("", side.with_suffix(".plan").read_text(encoding="utf-8")) for side in sides]
        different += ["the plan"] if plans[0] != plans[1] else []
        differing += bool(different)
        print(f"{name}: {'; '.join(different) or 'the same'}", flush=True)
    return int(differing > 0)


def _command(case: Case, folder: Path, out: Path) -> list[str]:
    """What is run, and behind it where."""
    given = [override.replace("{folder}", str(folder)) for override in case.overrides]
    return ["adapt", str(folder / f"{case.family}.yaml"), *given, str(out)]


def _run_all(checkout: Path, commands: Sequence[Sequence[str]]) -> None:
    """In one process of that checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    given = {"input": json.dumps(commands), "text": True, "cwd": checkout, "env": environment}
    subprocess.run([sys.executable, "-c", CHILD], check=True, **given)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), sys.argv[3:]))
