"""Does Whisper keep capitals and final marks? `python -m tests.benchmarks.text_style MODEL OUT [CORPORA] [KEY=V ..]`.

MODEL is adapted to speechocean762, whose texts have neither, by the recipe `accent/mandarin_english`, twice with the
same steps: with `data.text_style=as_is` and with `restore`. Forgotten is what it no longer writes for those clips of
ljspeech_part for which the checkpoint did. The runs are OUT/plain and OUT/restore; a finished one is read.

CORPORA is the folder that holds both corpora, else the one that SPEECH_TL_CORPORA names. key=value are fields of the
recipe, beside those in `USUAL`. The exit code is 1 where `restore` keeps less than it should.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from speech_tl.adaptation import adapt
from speech_tl.recipe import read_recipe
from speech_tl.scoring.wer import Evaluation
from speech_tl.text.style import has_capital, has_final_mark

USUAL = (
    "training.max_steps=200",
    "training.eval_steps=100",
    "training.dev_limit=60",
    "data.test_limit=210",
    "guards.ljspeech.utterances=60",
)
WAYS = {"plain": "as_is", "restore": "restore"}
GAIN_KEPT, MARKS_KEPT = 0.9, 0.8
"""What `restore` must keep: of the WER that plain training gains, and of the clips that ended with a mark."""


def run(way: str, model: str, out: Path, corpora: Path, overrides: Sequence[str]) -> Path:
    """The folder of a finished run."""
    if not (out / way / "report.json").is_file():
        given = [
            f"model={model}",
            f"data.root={corpora / 'speechocean762'}",
            f"guards.ljspeech={corpora / 'ljspeech_part'}",
            *USUAL,
            *overrides,
            f"data.text_style={WAYS[way]}",
        ]
        adapt(read_recipe("accent/mandarin_english").with_overrides(given), out / way)
    return out / way


def kept(folder: Path, write: Callable[[str], bool]) -> tuple[int, int]:
    """(guard clips in which both wrote it, in which the checkpoint did); `write` tells whether a text has it."""
    sides = [Evaluation.read(folder / "guards" / "ljspeech" / side).utterances for side in ("before", "after")]
    had = [after for before, after in zip(*sides, strict=True) if write(before.hypothesis_raw)]
    return sum(write(after.hypothesis_raw) for after in had), len(had)


def main(arguments: Sequence[str]) -> int:
    """Run what is not there yet, and print one line a run and the verdict."""
    overrides = [argument for argument in arguments if "=" in argument]
    model, out, *rest = [argument for argument in arguments if "=" not in argument]
    corpora = Path(rest[0] if rest else os.environ["SPEECH_TL_CORPORA"])
    gains, shares = {}, {}
    for way in WAYS:
        folder = run(way, model, Path(out), corpora, overrides)
        target = json.loads((folder / "report.json").read_text(encoding="utf-8"))["target"]
        gains[way] = target["before"]["wer"] - target["after"]["wer"]
        marks, capitals = kept(folder, has_final_mark), kept(folder, has_capital)
        shares[way] = marks[0] / marks[1]
        print(
            f"{way:8s} WER {target['before']['wer']:.1%} -> {target['after']['wer']:.1%}; of {marks[1]} clips with a "
            f"final mark {marks[0]} kept it ({shares[way]:.0%}), of {capitals[1]} with a capital {capitals[0]}"
        )
    share = gains["restore"] / gains["plain"]
    print(f"restore keeps {share:.0%} of the gain (at least {GAIN_KEPT:.0%}) and {shares['restore']:.0%} of the marks")
    return 0 if share >= GAIN_KEPT and shares["restore"] >= MARKS_KEPT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
