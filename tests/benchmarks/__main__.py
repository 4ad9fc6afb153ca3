"""speech_tl beside the plain alternative: `python -m tests.benchmarks all|table|NAME ... [--device cpu|cuda]`.

Without a name it lists what there is. Benchmarks on real speech look for speechocean762 in `--corpora`, or in the
folder that SPEECH_TL_CORPORA names. Results are kept in `--results` (runs/benchmarks), from where `table` prints them
all as the README's table.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.frame import Row, Setting, keep, markdown

SIDE_BY_SIDE: dict[str, str] = {
    "whisper_training": "Whisper fine-tuning: trimmed and packed windows beside 30 s padding",
    "whisper_wer": "what trimmed windows cost: WER at equal steps, three seeds (hours on a CPU)",
    "ctc_training": "wav2vec2 fine-tuning: batching and the cached front end, against the plain Trainer",
    "head_only": "training only the head on kept outputs, against the plain Trainer with a frozen encoder",
    "step_share": "a training step of wav2vec2-base's shape as a share of the matrix-product peak",
    "start_up": "from the command to the first training step on 100 000 rows, against `load_dataset` and `map`",
    "growth": "how time and memory grow as data, clip length, batch and workers double",
    "evaluation": "2 500 clips to a WER, against the plain evaluate loop",
    "transcribing": "500 short files and one hour into text, against the ASR pipeline",
}
"""Modules with `run(setting) -> list[Row]`."""

ALONE = {
    "augmentation": "what noise, rooms and the other effects cost a loader's worker",
    "coverage": "how often the 95 % interval of a change holds the truth",
    "bootstrap": "time to judge one change",
    "sentences": "how many different sounds the sentences to record hold",
    "segments": "how well utterances are found in long recordings",
    "unit_costs": "what an hour of speech costs, and a thousand, and a million",
    "hours": "5 000 hours of rows through table, sampler, loader and resume: 1 000 steps, their memory and waits",
    "processes": "two and four processes of torchrun against one that accumulates: losses and transcripts",
    "on_ray": "2 000 files on a local Ray cluster whose workers are killed, against one process",
    "manifest_rows": "time and memory to load a million rows",
}
"""Modules with a `main()` that prints."""


def main() -> None:
    """Run what was named."""
    known = [*SIDE_BY_SIDE, *ALONE]
    arguments = options(known).parse_args()
    if not arguments.names:
        for name, title in (SIDE_BY_SIDE | ALONE).items():
            print(f"{name:20s} {title}")
        return
    if arguments.names == ["table"]:
        print_kept(arguments.results)
        return
    names = known if arguments.names == ["all"] else arguments.names
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]}: expected all, table, {', '.join(known)}")
    rows: list[Row] = []
    for name in names:
        print(f"== {name}", flush=True)
        module = importlib.import_module(f"tests.benchmarks.{name}")
        if name in ALONE:
            module.main()
        else:
            rows += run(name, module, arguments)
    if rows:
        print("\n" + markdown(rows))


def options(known: list[str]) -> argparse.ArgumentParser:
    """The command line."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "corpora"
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help=f"all, table, {', '.join(known)}")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("SPEECH_TL_CORPORA", beside)))
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs")
    parser.add_argument("--share", type=float, default=1.0, help="of the work, below 1 for a quick look")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("runs/benchmarks"))
    return parser


def run(name: str, module: object, arguments: argparse.Namespace) -> list[Row]:
    """One side-by-side benchmark; its rows are kept."""
    if not (arguments.corpora / "speechocean762" / "manifest.csv").is_file():
        sys.exit(f"no speechocean762/manifest.csv in {arguments.corpora}: set SPEECH_TL_CORPORA or give --corpora")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        setting = Setting(
            arguments.device,
            arguments.corpora.resolve(),
            Path(scratch),
            arguments.repeats,
            arguments.share,
            arguments.seed,
        )
        rows = module.run(setting)
    given = [f"--device {setting.device}"] if setting.device != "cpu" else []
    keep(arguments.results, name, rows, setting, " ".join(["python -m tests.benchmarks", name, *given]))
    return rows


def print_kept(folder: Path) -> None:
    """The table of everything measured so far, by machine."""
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    for place in dict.fromkeys(found["machine"] for found in kept):
        here = [found for found in kept if found["machine"] == place]
        print(f"{place}; {' and '.join(sorted({found['date'] for found in here}))}\n")
        print(markdown([Row(**row) for found in here for row in found["rows"]]) + "\n")
        for found in here:
            print(found["command"] + (f" --share {found['share']:g}" if found["share"] != 1 else ""))
        print()


if __name__ == "__main__":
    main()
