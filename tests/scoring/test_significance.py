"""Intervals: blocks are speakers, pairs stay paired, luck is called luck, and it is fast."""

from __future__ import annotations

import time

import numpy as np
import pytest

from speech_tl.scoring.significance import blocks_by_speaker, change_interval, resample, wer_interval
from speech_tl.scoring.wer import Evaluation
from tests.scoring.made import evaluation


def corpus(error_rate_by_speaker: list[float], utterances: int = 20, words: int = 8, seed: int = 0) -> Evaluation:
    """Sentences whose words are each wrong with their speaker's probability."""
    chance = np.random.default_rng(seed)
    pairs, speakers = [], []
    for number, rate in enumerate(error_rate_by_speaker):
        for _ in range(utterances):
            heard = ["x" if chance.random() < rate else "a" for _ in range(words)]
            pairs.append((" ".join("a" * words), " ".join(heard)))
            speakers.append(f"s{number}")
    return evaluation(pairs, speakers=speakers)


def test_a_clear_gain_is_beyond_chance() -> None:
    change = change_interval(corpus([0.4] * 20), corpus([0.2] * 20, seed=1))
    assert change.absolute == pytest.approx(-0.2, abs=0.03)
    assert change.relative == pytest.approx(-0.5, abs=0.06)
    assert change.ci95[0] < change.absolute < change.ci95[1] < 0
    assert change.p_value == 1 / 10001
    assert change.method == "paired bootstrap over 20 speakers, 10000 resamples, two-sided"


def test_luck_is_called_luck() -> None:
    change = change_interval(corpus([0.3] * 20), corpus([0.3] * 20, seed=1))
    assert change.ci95[0] < 0 < change.ci95[1]
    assert change.p_value > 0.05


def test_no_change_at_all() -> None:
    same = corpus([0.3] * 12)
    change = change_interval(same, same)
    assert (change.absolute, change.relative, change.ci95, change.p_value) == (0.0, 0.0, (0.0, 0.0), 1.0)


def test_swapping_before_and_after_swaps_the_sign() -> None:
    first, second = corpus([0.4] * 12), corpus([0.3] * 12, seed=1)
    there, back = change_interval(first, second), change_interval(second, first)
    assert there.absolute == pytest.approx(-back.absolute)
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]))
    assert there.p_value == back.p_value


def test_speakers_who_differ_widen_the_interval() -> None:
    rates = [0.1, 0.6] * 10
    differing = corpus(rates)
    low, high = wer_interval(differing.utterances)
    anonymous = corpus(rates)
    for utterance in anonymous.utterances:
        utterance.columns["speaker"] = ""
    narrow_low, narrow_high = wer_interval(anonymous.utterances)
    assert high - low > 2 * (narrow_high - narrow_low)


def test_interval_holds_a_wer_computed_by_hand() -> None:
    # Two speakers of equal size with 0 and 1 errors a word: a resample is (0, .5 or 1), with odds 1 : 2 : 1.
    assert wer_interval(corpus([0.0, 1.0]).utterances) == (0.0, 1.0)


def test_one_speaker_falls_back_to_utterances() -> None:
    change = change_interval(corpus([0.4], 50), corpus([0.2], 50, seed=1))
    assert change.method == "paired bootstrap over 50 utterances (one speaker), 10000 resamples, two-sided"


def test_few_speakers_are_descriptive() -> None:
    change = change_interval(corpus([0.4] * 3), corpus([0.2] * 3, seed=1))
    assert change.method.endswith("; descriptive: fewer than 10 speakers")


def test_unknown_speakers_are_blocks_of_their_own() -> None:
    blocks = blocks_by_speaker(["a", None, "a", None, "b"])
    assert blocks.numbers.tolist() == [0, 2, 0, 3, 1] and blocks.count == 4
    assert blocks.description == "2 speakers and 2 utterances of unknown speakers"
    assert blocks_by_speaker([None, None]).description == "2 utterances (speakers unknown)"
    assert blocks.sums([1, 2, 3, 4, 5]).tolist() == [[4, 5, 2, 4]]


def test_one_utterance_has_no_interval() -> None:
    alone = evaluation([("a b", "a c")])
    assert alone.score.ci95 is None
    change = change_interval(alone, alone)
    assert change.ci95 is None and change.p_value is None and change.absolute == 0


def test_resamples_that_hold_no_words_are_no_figure() -> None:
    found = evaluation([("", "x"), ("a b", "a c")], speakers=["s", "t"])
    low, high = wer_interval(found.utterances)
    assert np.isfinite([low, high]).all()


def test_same_seed_same_interval() -> None:
    found = corpus([0.1, 0.5, 0.3] * 5).utterances
    assert wer_interval(found, seed=3) == wer_interval(found, seed=3) != wer_interval(found, seed=4)


def test_resampling_draws_as_many_blocks_as_there_are() -> None:
    totals = resample(np.ones((1, 7)), seed=0, resamples=50)
    assert totals.shape == (1, 50) and (totals == 7).all()


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="same utterances"):
        change_interval(evaluation([("a", "a")]), evaluation([("a", "a"), ("b", "b")]))


def test_2500_utterances_take_under_four_seconds() -> None:
    speakers = [None] * 2500
    worse, words = np.arange(2500) % 5 - 2, np.full(2500, 9)
    started = time.perf_counter()
    resample(blocks_by_speaker(speakers).sums(worse, words), seed=0)
    assert time.perf_counter() - started < 4
