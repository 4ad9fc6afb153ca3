"""Whether a change of the code changes any run: small runs of every kind by two checkouts, compared file by file.

    python -m tests.benchmarks.same_reports /path/to/the/older/checkout [CASE ...]

Both sides run the same command on the same material with the same seed, each from its own checkout; report.json,
log.jsonl, weights and transcripts are compared, all but what a clock says. Their plans (`--dry-run`) are, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
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
import sys
from speech_tl.cli import _run
from tests.small import any_dev_chooses
with any_dev_chooses():
    sys.exit(_run(sys.argv[1:]))
"""

CLOCK = re.compile(r"\d+(\.\d+)? (s|min|h|MB|GB)\b|about .*|[+-]? *\d+ %.*")


def main(older: Path, names: Sequence[str]) -> int:
    """Run the cases by both; 1 where any differs."""
    cases, differing = {**CASES, **MORE}, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = material(Path(scratch) / "material")
        noise_folder(folder / "noise", [2.0] * 6, ["train"] * 3 + ["dev"] + ["test"] * 2)
        for name in names or cases:
            found, plans = [], []
            for checkout in (older, HERE):
                case, out = cases[name], Path(scratch) / "runs" / name  # the same place: it is in the report
                given = [override.format(folder=folder) for override in case.overrides]
                command = ["adapt", str(folder / f"{case.family}.yaml"), *given]
                plans.append(CLOCK.sub("", _ran(checkout, [*command, "--dry-run"])))
                _ran(checkout, [*command, "--out", str(out)])
                found.append(facts(out))
                out.rename(Path(scratch) / f"{name}_{len(found)}")
            different = differences(*found) + (["--dry-run"] if plans[0] != plans[1] else [])
            differing += bool(different)
            print(f"{name}: {'; '.join(different) or 'the same'}", flush=True)
    return int(differing > 0)


def _ran(checkout: Path, command: Sequence[str]) -> str:
    """What a command printed.

    Raises:
        RuntimeError: it failed.
    """
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    given = {"cwd": checkout, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", CHILD, *command], check=False, **given)
    if done.returncode:
        raise RuntimeError(f"{checkout}: {' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))
