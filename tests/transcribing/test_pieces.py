"""Short recordings whole, long ones cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from speech_tl.errors import BadInput
from speech_tl.transcribing.pieces import WHOLE_S, pieces
from speech_tl.transcribing.segments import cut_at_pauses
from tests.sounds import talking

RATE = 16000


def talk(spoken_s: list[float], pause_s: float) -> np.ndarray:
    """Voices with pauses before, between and after."""
    silence = np.zeros(int(pause_s * RATE), np.float32)
    return np.concatenate([silence, *(x for n, s in enumerate(spoken_s) for x in (talking(s, n), silence))])


def streamed(waveform: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of 30 s, as files are read."""
    yield from (waveform[start : start + 30 * RATE] for start in range(0, len(waveform), 30 * RATE))


def test_a_short_recording_is_one_piece_with_all_its_sound() -> None:
    waveform = talk([2.0, 2.0], 1.0)
    cut = list(cut_at_pauses(streamed(waveform), RATE))
    [whole] = pieces(streamed(waveform), RATE)
    assert len(cut) == 2
    assert (whole.start_s, whole.end_s) == (cut[0].start_s, cut[1].end_s)
    assert np.array_equal(whole.waveform, waveform)


def test_silence_has_no_pieces_however_short() -> None:
    assert list(pieces(streamed(np.zeros(5 * RATE, np.float32)), RATE)) == []
    assert list(pieces(streamed(np.zeros(45 * RATE, np.float32)), RATE)) == []
    assert list(pieces(iter([]), RATE)) == []


def test_a_long_recording_is_cut_at_its_pauses() -> None:
    waveform = talk([2.0] * 20, 1.0)
    assert len(waveform) > WHOLE_S * RATE
    found, wanted = list(pieces(streamed(waveform), RATE)), list(cut_at_pauses(streamed(waveform), RATE))
    assert [(p.start_s, p.end_s) for p in found] == [(p.start_s, p.end_s) for p in wanted]
    assert len(found) == 20


def test_no_piece_is_longer_than_asked() -> None:
    waveform = talk([6.0], 0.5)
    assert len(list(pieces(streamed(waveform), RATE))) == 1
    assert all(p.end_s - p.start_s <= 3 for p in pieces(streamed(waveform), RATE, max_segment_s=3))
    with pytest.raises(BadInput, match="max_segment_s=0"):
        list(pieces(streamed(waveform), RATE, max_segment_s=0))
