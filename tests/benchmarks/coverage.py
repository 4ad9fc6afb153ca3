"""How often the 95 % interval of a change holds the true change: `python -m tests.benchmarks.coverage [CORPORA]`.

Test sets are made up whose speakers differ in how well they are understood and in what an adaptation does for them.
Each is judged by `speech_tl.scoring.significance` twice: with speakers as blocks, as reports have it, and with
utterances as blocks. The truth is the change over all speakers there could be. An honest 95 % interval holds it in 95 %
of the test sets; 400 of them tell 95 % from 92 or 98 %. What was found (60 s of one processor):

    speakers  held, speakers as blocks  held, utterances as blocks  p < .05 where nothing changed
          10                    93.5 %                      75.2 %                          5.8 %
          30                    95.0 %                      79.5 %                          5.0 %
          60                    94.0 %                      76.2 %                          5.5 %
         120                    96.0 %                      79.8 %                          6.0 %
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from speech_tl.scoring.significance import Blocks, blocks_by_speaker, draw_rates, judge

CORPORA = 400
RESAMPLES = 2000  # enough for percentiles of 400 intervals each; reports draw 10 000


@dataclass(frozen=True)
class Corpora:
    """A kind of test set.

    Attributes:
        speakers: in each.
        utterances: of a speaker, on average; from half of it to one and a half times as many.
        words: of an utterance, on average; from half of it to one and a half times as many.
        mean_wer: before, over all speakers.
        wer_spread: standard deviation of the speakers' error rates before.
        mean_change, change_spread: of the speakers' error rates, absolute.
    """

    speakers: int
    utterances: int = 20
    words: int = 10
    mean_wer: float = 0.35
    wer_spread: float = 0.08
    mean_change: float = -0.06
    change_spread: float = 0.06


class Coverage(NamedTuple):
    """What a simulation found, as shares of the test sets; widths are fractions of WER.

    Attributes:
        by_speaker, by_utterance: the interval held the true change, with either kind of block.
        width_by_speaker, width_by_utterance: mean width of the intervals.
        false_alarms: p below 0.05 with speakers as blocks (an error where the true change is zero).
    """

    by_speaker: float
    by_utterance: float
    width_by_speaker: float
    width_by_utterance: float
    false_alarms: float


def simulate(kind: Corpora, corpora: int = CORPORA, resamples: int = RESAMPLES, seed: int = 0) -> Coverage:
    """Make test sets and judge the change in each."""
    chance = np.random.default_rng(seed)
    truth = true_change(kind)
    rows = []
    for number in range(corpora):
        speakers, words, worse = made_up(kind, chance)
        row = []
        for blocks in (speakers_as_blocks(speakers), blocks_by_speaker([None] * len(words))):
            observed = float(worse.sum() / words.sum())
            drawn = judge(draw_rates(worse, words, blocks, number, resamples), observed, blocks.count)
            low, high = drawn.ci95
            row += [low <= truth <= high, high - low, drawn.p_value < 0.05]
        rows.append(row)
    held, width, alarm, held_alone, width_alone, _ = np.mean(np.array(rows, dtype=float), axis=0).tolist()
    return Coverage(held, held_alone, width, width_alone, alarm)


def made_up(kind: Corpora, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One test set: each utterance's speaker, its words, and how many more errors it has after; all (utterances,)."""
    half = kind.utterances // 2
    sizes = chance.integers(half, 3 * half, size=kind.speakers, endpoint=True)
    speakers = np.repeat(np.arange(kind.speakers), sizes)
    words = chance.integers(kind.words // 2, 3 * kind.words // 2, size=len(speakers), endpoint=True)
    before, after = speaker_rates(kind, kind.speakers, chance)
    return speakers, words, chance.binomial(words, after[speakers]) - chance.binomial(words, before[speakers])


def speaker_rates(kind: Corpora, count: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Error rates of speakers before and after, (count,) each."""
    before = chance.normal(kind.mean_wer, kind.wer_spread, count).clip(0.02, 0.98)
    after = before + chance.normal(kind.mean_change, kind.change_spread, count)
    return before, after.clip(0, 1)


def true_change(kind: Corpora) -> float:
    """The mean change over all speakers there could be; those are so many that chance plays no part."""
    before, after = speaker_rates(kind, 1_000_000, np.random.default_rng(1))
    return float(np.mean(after - before))


def speakers_as_blocks(speakers: np.ndarray) -> Blocks:
    """Each speaker a block, also where there are few."""
    return blocks_by_speaker([f"s{number}" for number in speakers])


def main(corpora: int = CORPORA) -> None:
    """Print how often the truth is held with few and with many speakers."""
    print(f"{corpora} test sets a line, {RESAMPLES} resamples; 95 % intervals of the change of WER, widths in points")
    print("                         speakers as blocks      utterances as blocks    p < .05 where")
    print("speakers  utterances     held     mean width      held     mean width    nothing changed")
    for speakers in (10, 30, 60, 120):
        kind = Corpora(speakers)
        found = simulate(kind, corpora)
        none = simulate(replace(kind, mean_change=0.0), corpora, seed=1)
        print(
            f"{speakers:8d}  {speakers * kind.utterances:10d}   "
            f"{found.by_speaker:6.1%}  {100 * found.width_by_speaker:12.2f}"
            f"    {found.by_utterance:6.1%}  {100 * found.width_by_utterance:12.2f}    {none.false_alarms:14.1%}",
            flush=True,
        )
    print(f"{time.process_time():.0f} s of one processor")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
