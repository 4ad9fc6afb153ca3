"""What beam and language model give a CTC model, and how fast: `python -m tests.benchmarks.beams MODEL MANIFEST LM`.

    [--split test] [--weights LM_WEIGHT WORD_BONUS] [--limit UTTERANCES]

The language model's weights are chosen on dev for MODEL alone, unless they are given. Then the split is decoded
greedily, with a beam of 50, and with a beam of 50 and the language model; each line has WER, CER, its change beside
greedy with the 95 % interval, and seconds of audio per second of one processor, the network included.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from speech_tl.data.manifest import Manifest
from speech_tl.data.test_set import TestSet
from speech_tl.decoding.measuring import measure
from speech_tl.decoding.tuning import tune
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.significance import change_interval
from speech_tl.text import normaliser_for

SEED, WIDTH = 5, 50


def main(arguments: Sequence[str]) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.beams", description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("lm", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--weights", type=float, nargs=2)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model, manifest = load_model(given.model), Manifest.read(given.manifest)

    def test_set(split: str) -> TestSet:
        return TestSet(split, manifest.split(split), normaliser_for(None, "en", None), "en")

    options = DecodingOptions(beam=WIDTH, lm=given.lm, workers=0)
    weights = given.weights
    if weights is None:
        found = tune([model], test_set("dev"), options, SEED)
        weights = found["lm_weight"], found["word_bonus"]
        print(found["finding"])
    fused = options.model_copy(update=dict(zip(("lm_weight", "word_bonus"), weights, strict=True)))
    tested = test_set(given.split).drawn(given.limit, SEED)
    seconds = float(tested.utterances.durations_s().sum())
    print(f"{len(tested.utterances)} utterances of {given.split}, {seconds / 60:.1f} minutes\n")
    print("| | WER | CER | errors beside greedy | points (95 % interval) | x real time |\n|:--|--:|--:|--:|--:|--:|")
    greedy = None
    for name, decoding in {
        "greedy": options.greedy(),
        f"beam {WIDTH}": options.model_copy(update={"lm": None}),
        f"beam {WIDTH}, language model": fused,
    }.items():
        started = time.process_time()
        found = measure(model, tested, decoding)
        times = seconds / (time.process_time() - started)
        greedy = greedy or found
        change = change_interval(greedy, found, SEED)
        line = ""
        if found is not greedy:
            low, high = change.ci95
            line = f"{change.relative:+.1%} | {100 * change.absolute:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        print(f"| {name} | {found.score.wer:.1%} | {found.score.cer:.1%} | {line or ' | '} | {times:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
