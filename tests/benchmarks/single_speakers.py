"""What do ten sentences of one person give? `python -m tests.benchmarks.single_speakers MODEL OUT [CORPORA] [K=V ..]`.

MODEL, best one that is adapted to the accent already, goes on with the sentences of one test speaker of speechocean762
(20 each), and is tested on the speaker's last ten; so for `SPEAKERS` speakers, each from the same weights, with the
first five and the first ten sentences (the last of them, one in five, choose the checkpoint). What is printed is over
all speakers' test sentences, with the paired interval over speakers. The runs are OUT/SENTENCES/SPEAKER; finished ones
are read.

CORPORA is the folder that holds the corpus, else the one that SPEECH_TL_CORPORA names. K=V are fields of the
recipe, beside those in `USUAL`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from speech_tl.adaptation import adapt
from speech_tl.data.manifest import Manifest
from speech_tl.recipe import read_recipe
from speech_tl.scoring.significance import bootstrap_change
from speech_tl.scoring.wer import Evaluation, Score, ScoredUtterance

SPEAKERS = 20
AMOUNTS = (5, 10)
"""Sentences to learn from and to choose by."""

TESTED = 10
USUAL = ("data.language=en", "training.epochs=5", "report.audio=none")


def part(manifest: Manifest, speaker: str, sentences: int, path: Path) -> Path:
    """One speaker's table with a split of its own, written to `path`."""
    rows = [row for row, name in enumerate(manifest.column("speaker")) if name == speaker]
    chosen = rows[:sentences] + rows[-TESTED:]
    learnt = sentences - sentences // 5
    splits = ["train"] * learnt + ["dev"] * (sentences - learnt) + ["test"] * TESTED
    path.parent.mkdir(parents=True, exist_ok=True)
    manifest.select(chosen).with_column("split", splits).write(path)
    return path


def run(model: str, manifest: Manifest, speaker: str, sentences: int, out: Path, overrides: Sequence[str]) -> Path:
    """The folder of a finished run."""
    folder = out / str(sentences) / speaker
    if not (folder / "report.json").is_file():
        table = part(manifest, speaker, sentences, out / "tables" / f"{speaker}-{sentences}.csv")
        given = [f"model={model}", f"data.root={table}", *USUAL, *overrides]
        adapt(read_recipe("speaker/my_voice").with_overrides(given), folder)
    return folder


def pooled(folders: Sequence[Path], side: str) -> list[ScoredUtterance]:
    """Every speaker's test sentences, before or after."""
    return [utterance for folder in folders for utterance in Evaluation.read(folder / side).utterances]


def main(arguments: Sequence[str]) -> int:
    """Run what is not there yet, and print a line for each amount."""
    overrides = [argument for argument in arguments if "=" in argument]
    model, out, *rest = [argument for argument in arguments if "=" not in argument]
    corpora = Path(rest[0] if rest else os.environ["SPEECH_TL_CORPORA"])
    test = Manifest.read(corpora / "speechocean762").split("test")
    speakers = sorted(set(test.column("speaker")))[:: max(1, len(set(test.column("speaker"))) // SPEAKERS)][:SPEAKERS]
    for sentences in AMOUNTS:
        folders = [run(model, test, speaker, sentences, Path(out), overrides) for speaker in speakers]
        before, after = pooled(folders, "before"), pooled(folders, "after")
        change = bootstrap_change(before, after)
        better = sum(
            Score.of(pooled([folder], "after")).wer < Score.of(pooled([folder], "before")).wer for folder in folders
        )
        low, high = (100 * end for end in change.ci95)
        print(
            f"{sentences} sentences each of {len(speakers)} speakers: WER {Score.of(before).wer:.1%} -> "
            f"{Score.of(after).wer:.1%} ({low:+.1f} to {high:+.1f} points), better for {better}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
