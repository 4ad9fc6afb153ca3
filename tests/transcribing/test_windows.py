"""Windows full of speech: nothing said is lost, long pauses are short, every second has its place in the recording."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from speech_tl.errors import BadInput
from speech_tl.transcribing.segments import Segment
from speech_tl.transcribing.windows import KEPT_S, windows
from tests.sounds import SAMPLE_RATE as RATE
from tests.sounds import talking


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def talk(*parts: float) -> np.ndarray:
    """Speech of so many seconds, and pauses of minus so many."""
    return np.concatenate([talking(part, n) if part > 0 else silence(-part) for n, part in enumerate(parts)])


def cut(waveform: np.ndarray, block_s: float = 30.0, **options) -> list[Segment]:
    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(waveform), round(block_s * RATE)):
            yield waveform[start : start + round(block_s * RATE)]

    return list(windows(blocks(), RATE, **options))


def test_a_short_recording_is_one_window_with_all_its_sound() -> None:
    waveform = talk(-1, 2, -2, 3, -1)
    (window,) = cut(waveform)
    assert np.array_equal(window.waveform, waveform)
    assert (window.start_s, window.end_s) == (window.speech[0][0], window.speech[-1][1])
    assert window.place_s(4.5) == 4.5


def test_silence_has_no_windows() -> None:
    assert cut(silence(5)) == cut(silence(45)) == list(windows(iter([]), RATE)) == []


def test_windows_hold_what_the_recording_has_at_their_places() -> None:
    waveform = talk(-3, 6, -0.4, 7, -5, 4, -2, 9, -0.7, 8, -3, 5, -0.5, 6, -9, 12, -2)
    found = cut(waveform)
    assert len(found) == 3
    for window in found:
        assert len(window.waveform) <= 30 * RATE
        for second in np.arange(0.1, len(window.waveform) / RATE - 0.1, 0.37):
            place = round(window.place_s(second) * RATE)
            assert window.waveform[round(second * RATE)] == waveform[place]
        pauses_s = [after - before for (_, before), (after, _) in pairwise(window.kept)]
        assert all(pause_s > 0 for pause_s in pauses_s), "what was left out is between two stretches"
    assert all(a.end_s <= b.start_s for a, b in pairwise(found))
    heard = np.zeros(len(waveform), bool)
    for start_s, end_s in (span for window in found for span in window.kept):
        heard[round(start_s * RATE) : round(end_s * RATE)] = True
    assert heard[np.abs(waveform) > 0.01].mean() > 0.995
    assert heard.sum() < np.count_nonzero(waveform) + RATE * 9 * (2 * KEPT_S + 0.2)


def test_a_window_ends_in_the_long_pause_near_its_end() -> None:
    found = cut(talk(11, -0.4, 12, -0.9, 3, -0.3, 8, -0.5))
    assert found[0].end_s == pytest.approx(23.4, abs=0.25)
    assert found[1].start_s == pytest.approx(24.3, abs=0.25)


def test_speech_without_a_pause_is_cut_at_its_quietest() -> None:
    waveform = talking(50)
    waveform[round(27.0 * RATE) : round(27.3 * RATE)] *= 0.05
    first, second = cut(waveform)
    assert first.kept[-1][1] == second.kept[0][0] == pytest.approx(27.15, abs=0.2)


def test_a_click_between_pauses_is_left_out() -> None:
    (window,) = cut(talk(8, -4, 0.1, -4, 8, -1))
    assert len(window.waveform) < 18 * RATE


def test_the_answer_does_not_depend_on_the_blocks() -> None:
    waveform = talk(-1, 14, -0.6, 13, -3, 12, -1)
    one, other = cut(waveform), cut(waveform, 11.3)
    assert [window.kept for window in one] == [window.kept for window in other]


def test_windows_are_no_longer_than_asked() -> None:
    assert all(len(window.waveform) <= 5 * RATE for window in cut(talk(4, -0.5, 9), max_window_s=5.0))
    with pytest.raises(BadInput, match="max_segment_s=40"):
        cut(silence(1), max_window_s=40)
