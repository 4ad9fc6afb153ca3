"""Intervals: blocks are speakers, pairs stay paired, luck is called luck, and it is fast."""

from __future__ import annotations

import time

import numpy as np
import pytest

from speech_tl.scoring.significance import (
    blocks_by_speaker,
    change_interval,
    judge,
    rate_interval,
    resample,
    too_few,
    widening,
)
from speech_tl.scoring.wer import Evaluation
from tests.benchmarks.coverage import Corpora, simulate
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
    low, high = rate_interval(differing.utterances)
    anonymous = corpus(rates)
    for utterance in anonymous.utterances:
        utterance.columns["speaker"] = ""
    narrow_low, narrow_high = rate_interval(anonymous.utterances)
    assert high - low > 2 * (narrow_high - narrow_low)


def test_interval_holds_a_wer_computed_by_hand() -> None:
    # Two speakers of equal size with 0 and 1 errors a word: a resample is (0, .5 or 1), with odds 1 : 2 : 1.
    assert rate_interval(corpus([0.0, 1.0]).utterances) == (0.0, 1.0)


def test_one_speaker_falls_back_to_utterances() -> None:
    change = change_interval(corpus([0.4], 50), corpus([0.2], 50, seed=1))
    assert change.method == "paired bootstrap over 50 utterances (one speaker), 10000 resamples, two-sided"


def test_few_speakers_claim_nothing_but_are_measured() -> None:
    change = change_interval(corpus([0.4] * 5), corpus([0.2] * 5, seed=1))
    assert change.ci95[1] < 0 and change.p_value < 0.05
    assert change.too_few == "5 speakers, 800 words: too few to tell" and not change.significant
    assert change.as_dict()["significant"] is False and change.as_dict()["too_few"] == change.too_few


ANNS, BOTH = ["ann"] * 30, ["ann"] * 20 + ["bob"] * 10


@pytest.mark.parametrize(
    ("speakers", "words", "expected"),
    [
        ([f"s{n}" for n in range(10)], 200, None),
        ([f"s{n}" for n in range(10)], 199, "10 speakers, 199 words"),
        ([f"s{n % 9}" for n in range(90)], 900, "9 speakers, 900 words"),
        (ANNS, 300, None),  # one voice: the claim is about that voice
        (ANNS, 120, "1 speaker, 120 words"),
        (ANNS[:9], 300, "9 utterances, 300 words"),
        (BOTH, 300, "2 speakers, 300 words"),
        ([None] * 30, 300, None),
        ([None] * 9, 300, "9 utterances, 300 words"),
        (BOTH + [None] * 12, 420, "2 speakers, 420 words"),  # who may be ann and bob
        (ANNS + [None] * 5, 350, "1 speaker, 350 words"),
        (ANNS + [None] * 40, 700, None),
        ([None], 1, "1 utterance, 1 word"),
    ],
)
def test_who_may_claim_anything(speakers: list[str | None], words: int, expected: str | None) -> None:
    assert too_few(speakers, words) == (expected and f"{expected}: too few to tell")


def test_characters_count_where_no_spaces_are_written() -> None:
    assert too_few([None] * 30, 400, "cer") is None
    assert too_few([None] * 30, 399, "cer") == "30 utterances, 399 characters: too few to tell"


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
    low, high = rate_interval(found.utterances)
    assert np.isfinite([low, high]).all()


def test_same_seed_same_interval() -> None:
    found = corpus([0.1, 0.5, 0.3] * 5).utterances
    assert rate_interval(found, seed=3) == rate_interval(found, seed=3) != rate_interval(found, seed=4)


def test_resampling_draws_as_many_blocks_as_there_are() -> None:
    totals = resample(np.ones((1, 7)), seed=0, resamples=50)
    assert totals.shape == (1, 50) and (totals == 7).all()


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="same utterances"):
        change_interval(evaluation([("a", "a")]), evaluation([("a", "a"), ("b", "b")]))


def test_2500_utterances_take_under_two_seconds() -> None:
    before, after = corpus([0.3] * 2500, utterances=1, words=10), corpus([0.2] * 2500, utterances=1, words=10, seed=1)
    started = time.thread_time()  # the processor's time: other programs may be running
    change = change_interval(before, after)
    assert time.thread_time() - started < 2
    assert "over 2500 speakers, 10000 resamples" in change.method and change.mapsswe


def test_won_counts_the_resamples_that_are_better() -> None:
    # Two of three speakers gain, the third loses: who is drawn decides who wins.
    before, after = corpus([0.5, 0.5, 0.5]), corpus([0.1, 0.1, 0.9], seed=1)
    worse = [sum(u.errors for u in side.utterances if u.speaker == "s2") for side in (before, after)]
    assert worse[1] > worse[0]
    change = change_interval(before, after)
    assert 0.5 < change.won < 1
    assert change_interval(after, before).won == pytest.approx(1 - change.won, abs=0.01)
    assert change_interval(corpus([0.4] * 20), corpus([0.1] * 20, seed=1)).won == 1.0
    same = corpus([0.3] * 12)
    assert change_interval(same, same).won == 0.0


def test_both_tests_agree_on_what_is_clear_and_stand_side_by_side() -> None:
    clear = change_interval(corpus([0.4] * 20), corpus([0.2] * 20, seed=1))
    assert clear.mapsswe.z < -5 and clear.mapsswe.p_value < 1e-6
    luck = change_interval(corpus([0.3] * 20), corpus([0.3] * 20, seed=1))
    assert luck.mapsswe.p_value > 0.05
    assert clear.as_dict()["mapsswe"] == clear.mapsswe.as_dict()


def test_interval_and_p_value_do_not_contradict_each_other() -> None:
    """With five speakers an earlier p-value disagreed with the interval in one of eight test sets."""
    chance, outside = np.random.default_rng(1), 0
    for blocks in (5, 7, 10, 25):
        for _ in range(150):
            values = chance.normal(chance.uniform(-1.5, 1.5), 1, blocks) + chance.exponential(1, blocks)
            drawn = judge(resample(values[None, :], seed=0, resamples=2000)[0] / blocks, float(values.mean()), blocks)
            excludes = drawn.ci95[0] > 0 or drawn.ci95[1] < 0
            outside += excludes
            assert excludes == (drawn.p_value <= 0.05), (blocks, drawn)
    assert 100 < outside < 500


def test_few_blocks_widen_the_interval_as_students_t_asks() -> None:
    # of a mean of n values, t gives mean +- t(n - 1) * s / sqrt(n); the plain bootstrap's interval is 18 % narrower
    chance = np.random.default_rng(0)
    values = chance.normal(size=10)
    drawn = resample(values[None, :], seed=0)[0] / 10
    low, high = judge(drawn, float(values.mean()), 10).ci95
    by_t = 2.262 * values.std(ddof=1) / np.sqrt(10)
    assert (high - low) / 2 == pytest.approx(by_t, rel=0.06)
    plain = np.quantile(drawn, [0.025, 0.975])
    assert (plain[1] - plain[0]) / 2 < 0.88 * by_t
    assert widening(2500) == pytest.approx(1, abs=0.001)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    # The whole simulation is `python -m tests.benchmarks.coverage`.
    found = simulate(Corpora(speakers=30), corpora=120, resamples=400)
    assert 0.9 <= found.by_speaker <= 0.99
    assert found.by_utterance < found.by_speaker - 0.08


def test_no_change_is_seldom_called_one() -> None:
    found = simulate(Corpora(speakers=30, mean_change=0.0), corpora=120, resamples=400)
    assert found.false_alarms <= 0.1


def spelt(side: Evaluation) -> Evaluation:
    """The same errors where no spaces are written: each word becomes four letters, the last wrong where the word is."""
    texts = [(said.reference, said.hypothesis) for said in side.utterances]
    letters = [
        tuple(text.replace("a", "abcd").replace("x", "abcx").replace(" ", "") for text in pair) for pair in texts
    ]
    return evaluation(letters, "unspaced", speakers=[said.speaker for said in side.utterances])


def test_the_cer_s_change_is_drawn_from_characters() -> None:
    rates = [0.1 + 0.02 * number for number in range(20)]
    before, after = corpus(rates), corpus([rate / 2 for rate in rates], seed=1)
    words, letters = change_interval(before, after), change_interval(spelt(before), spelt(after), rate="cer")
    assert letters.absolute == pytest.approx(words.absolute / 4) and letters.relative == pytest.approx(words.relative)
    assert letters.ci95 == pytest.approx(tuple(end / 4 for end in words.ci95))
    assert (letters.p_value, letters.won, letters.method) == (words.p_value, words.won, words.method)
    sides = [[said.hypothesis.split() for said in side.utterances] for side in (before, after)]
    places = sum(
        first != "a" or last != "a" for pair in zip(*sides, strict=True) for first, last in zip(*pair, strict=True)
    )
    assert letters.mapsswe.segments == places, "three letters are right between any two that are wrong"
    figures = spelt(after).score
    assert figures.cer_ci95 == pytest.approx(tuple(end / 4 for end in after.score.ci95))
    assert figures.ci95 == (1.0, 1.0) or figures.ci95[0] > 0.5, "each utterance is one word, and most are wrong"
