"""How long judging one change takes: `python -m tests.benchmarks.bootstrap [UTTERANCES]` (the aim: 2 s for 2 500)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from speech_tl.scoring.significance import RESAMPLES, change_interval
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said


def made_up(utterances: int, error_rate: float, speakers: int, seed: int) -> Evaluation:
    """An evaluation of sentences of ten words."""
    chance = np.random.default_rng(seed)
    words = [f"w{number}" for number in range(200)]
    said = [chance.choice(words, 10) for _ in range(utterances)]
    heard = [np.where(chance.random(10) < error_rate, "x", sentence) for sentence in said]
    rows = [
        Said(f"u{row}", " ".join(sentence), columns={"speaker": f"s{row % speakers}"})
        for row, sentence in enumerate(said)
    ]
    return score(rows, [" ".join(sentence) for sentence in heard], "none")


def processor_seconds(work: Callable[[], object]) -> float:
    """How long `work` keeps one processor busy."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main(utterances: int = 2500) -> None:
    """Print the time with every utterance a speaker's only one, and with 50 utterances a speaker."""
    print(f"{utterances} utterances, {RESAMPLES} resamples; seconds of one processor")
    for speakers in (utterances, max(2, utterances // 50)):
        before, after = (made_up(utterances, rate, speakers, seed) for seed, rate in enumerate((0.3, 0.2)))
        whole = processor_seconds(lambda sides=(before, after): change_interval(*sides))
        print(f"{speakers:6d} speakers: {whole:.2f} s for interval, p-value, share won and matched pairs")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
