"""What ten utterances of one person are worth: `python -m tests.benchmarks.voices MODEL [CORPORA] [key=value ...]`.

MODEL, best one that is adapted to the accent already, is adapted to one speaker of speechocean762 after another by the
recipe `speaker/my_voice`: of each, ten utterances to learn from (two of them are its dev) and the ten others to test
on. The first twenty speakers in the order of the table; all utterances are judged together, speakers as blocks.

    split=dev       whose speakers (test)
    speakers=30     how many of them (20)
    learn=5         how many utterances to learn from (10)

and any field of the recipe. CORPORA is the folder that holds speechocean762, else the one that SPEECH_TL_CORPORA names.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from speech_tl.adaptation import adapt
from speech_tl.comparison import compare
from speech_tl.recipe import Recipe, read_recipe
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import RATES

TEST = 10
"""Utterances of each speaker to test on: the last ones."""
DEV_EVERY = 5
"""One in so many of those to learn from is for dev."""


def voices(corpora: Path, split: str, speakers: int, learn: int) -> dict[str, list[dict[str, str]]]:
    """The rows of each speaker, their column `split` made anew."""
    folder = corpora / "speechocean762"
    spoken: dict[str, list[dict[str, str]]] = defaultdict(list)
    with open(folder / "manifest.csv", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] == split:
                spoken[row["speaker"]].append(row | {"audio": str(folder / row["audio"])})
    enough = [name for name, rows in spoken.items() if len(rows) >= learn + TEST][:speakers]
    return {name: divided(spoken[name], learn) for name in enough}


def divided(rows: Sequence[dict[str, str]], learn: int) -> list[dict[str, str]]:
    """The first `learn` for train and dev, the last ones for test."""
    first = [row | {"split": "train" if place % DEV_EVERY else "dev"} for place, row in enumerate(rows[:learn])]
    return [*first, *(row | {"split": "test"} for row in rows[-TEST:])]


def adapted(recipe: Recipe, rows: Sequence[dict[str, str]], folder: Path) -> tuple[Evaluation, Evaluation]:
    """One speaker's test utterances before and after."""
    folder.mkdir()
    table = folder / "manifest.csv"
    with open(table, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    result = adapt(recipe.with_overrides([f"data.root={table}"]), folder / "run")
    return result.before, result.after


def together(parts: Sequence[Evaluation]) -> Evaluation:
    """One evaluation of all speakers' utterances."""
    return replace(parts[0], utterances=[utterance for part in parts for utterance in part.utterances])


def main(*given: str) -> None:
    """Print a line for each speaker and one for all of them."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "corpora"
    asked = {"split": "test", "speakers": "20", "learn": "10"}
    overrides, places = [], []
    for word in given:
        key, equals, value = word.partition("=")
        if equals and key in asked:
            asked[key] = value
        else:
            (overrides if equals else places).append(word)
    if not places:
        sys.exit("no MODEL: expected the folder of a model, best one that is adapted to the accent")
    corpora = Path(places[1] if len(places) > 1 else os.environ.get("SPEECH_TL_CORPORA", beside))
    if not (corpora / "speechocean762" / "manifest.csv").is_file():
        sys.exit(f"no speechocean762/manifest.csv in {corpora}: set SPEECH_TL_CORPORA or give the folder")
    spoken = voices(corpora, asked["split"], int(asked["speakers"]), int(asked["learn"]))
    recipe = read_recipe("speaker/my_voice").with_overrides([f"model={places[0]}", "report.audio=none", *overrides])
    sides: list[tuple[Evaluation, Evaluation]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, rows in spoken.items():
            sides.append(adapted(recipe, rows, Path(scratch) / name))
            seconds = sum(float(row["duration"]) for row in rows if row["split"] != "test")
            before, after = (side.score.wer or 0.0 for side in sides[-1])
            print(f"{name} ({rows[0]['age']:>2s} years, {seconds:4.1f} s)  {before:6.1%} -> {after:6.1%}", flush=True)
    target = compare(*(together(parts) for parts in zip(*sides, strict=True)))["target"]
    for rate in RATES:
        change, before, after = target[f"{rate}_change"], target["before"][rate], target["after"][rate]
        low, high = change["ci95"]
        print(
            f"{len(spoken)} speakers, {rate.upper()} {before:.1%} -> {after:.1%}, "
            f"{100 * change['absolute']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
