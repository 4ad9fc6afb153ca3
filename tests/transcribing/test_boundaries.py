"""Where utterances begin and end, on sounds whose pauses are known."""

from __future__ import annotations

import numpy as np
import pytest

from speech_tl.transcribing.alignment import Word
from speech_tl.transcribing.boundaries import MARGIN_S, Span, settle, shorter, span
from tests.sounds import SAMPLE_RATE, talking

FRAME_S = 0.02


def sound(*parts: float) -> np.ndarray:
    """Speech for so many seconds, or quiet for minus so many."""
    rng = np.random.default_rng(0)
    pieces = [
        talking(part, seed) if part > 0 else (1e-4 * rng.standard_normal(round(-part * SAMPLE_RATE))).astype(np.float32)
        for seed, part in enumerate(parts)
    ]
    return np.concatenate(pieces)


def at(start_s: float, end_s: float) -> Span:
    return Span(("x",), (Word(0, 0, 0.0, 1),), start_s, end_s)


def times(spans: list[Span]) -> list[float]:
    return [second for one in spans for second in (one.start_s, one.end_s)]


def test_borders_move_to_the_pauses_around_the_speech():
    waveform = sound(-0.5, 2.0, -0.6, 2.0, -0.7)  # speech at 0.5 to 2.5 and 3.1 to 5.1
    settled = settle([at(0.9, 2.0), at(3.4, 4.8)], waveform, SAMPLE_RATE)
    expected = [0.5 - MARGIN_S, 2.5 + MARGIN_S, 3.1 - MARGIN_S, 5.1 + MARGIN_S]
    assert times(settled) == pytest.approx(expected, abs=0.1)


def test_a_letter_placed_before_the_pause_does_not_take_the_last_sentences_end_along():
    waveform = sound(-0.5, 2.0, -0.8, 2.0, -0.5)  # speech at 0.5 to 2.5 and 3.3 to 5.3
    settled = settle([at(0.6, 2.0), at(2.2, 5.2)], waveform, SAMPLE_RATE)
    assert settled[0].end_s == pytest.approx(2.5 + MARGIN_S, abs=0.1)
    assert settled[1].start_s == pytest.approx(3.3 - MARGIN_S, abs=0.1)


def test_a_long_pause_far_away_is_no_better_than_a_short_one_at_hand():
    waveform = sound(-0.5, 2.0, -0.6, 1.2, -4.0, 2.0, -0.5)  # speech at 0.5 to 2.5, 3.1 to 4.3 and 8.3 to 10.3
    first, second, _ = settle([at(0.6, 2.4), at(3.2, 4.2), at(8.4, 10.2)], waveform, SAMPLE_RATE)
    assert first.end_s == pytest.approx(2.5 + MARGIN_S, abs=0.1)
    assert second.start_s == pytest.approx(3.1 - MARGIN_S, abs=0.1)


def test_without_a_pause_neighbours_share_a_border():
    first, second = settle([at(0.2, 1.9), at(2.1, 3.8)], sound(4.0), SAMPLE_RATE)
    assert first.end_s == second.start_s and 1.9 <= first.end_s <= 2.1


def test_speech_between_that_belongs_to_nobody_is_left_to_nobody():
    waveform = sound(-0.5, 1.5, -0.6, 3.0, -0.6, 1.5, -0.5)
    first, second = settle([at(0.6, 1.9), at(6.3, 7.6)], waveform, SAMPLE_RATE)
    assert first.end_s == pytest.approx(2.0 + MARGIN_S, abs=0.1)
    assert second.start_s == pytest.approx(6.2 - MARGIN_S, abs=0.1)


def test_nothing_reaches_beyond_the_recording():
    (one,) = settle([at(0.02, 1.98)], sound(2.0), SAMPLE_RATE)
    assert one.start_s >= 0.0 and one.end_s <= 2.0
    assert settle([], sound(1.0), SAMPLE_RATE) == []


def words(*places: tuple[float, float]) -> Span:
    placed = [Word(round(start / FRAME_S), round(end / FRAME_S) - 1, 0.0, 3) for start, end in places]
    return span([f"w{number}" for number in range(len(placed))], placed, FRAME_S)


def test_long_spans_are_cut_at_pauses_between_words_near_the_middle():
    whole = words((0, 1), (1.1, 2), (2.4, 4), (4.6, 6), (6.1, 9), (9.9, 10))
    parts = shorter(whole, 7.0, FRAME_S)
    assert [part.words for part in parts] == [("w0", "w1", "w2"), ("w3", "w4", "w5")]
    assert parts[0].end_s == pytest.approx(4.0) and parts[1].start_s == pytest.approx(4.6)
    assert shorter(whole, 20.0, FRAME_S) == [whole]


def test_a_long_pause_inside_cuts_whatever_the_length():
    parts = shorter(words((0, 1), (1.1, 2), (4.0, 5)), 20.0, FRAME_S)
    assert [part.words for part in parts] == [("w0", "w1"), ("w2",)]


def test_words_without_letters_stay_with_the_word_before():
    whole = words((0, 1), (1.1, 2), (4.0, 5))
    placed = (whole.placed[0], Word(), whole.placed[1], Word(), whole.placed[2])
    parts = shorter(span(["a", "1", "b", "2", "c"], placed, FRAME_S), 20.0, FRAME_S)
    assert [part.words for part in parts] == [("a", "1", "b", "2"), ("c",)]
