"""Cutting a stream at quiet places: nothing said is lost, nothing is too long, memory stays flat."""

from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_tl.audio import load_audio
from speech_tl.errors import BadInput
from speech_tl.transcribing.segments import Segment, cut_at_pauses, frame_levels_db
from tests.sounds import talking

RATE = 16000
FRAME = 320

QUIET, TALKING = 0.001, 0.3
"""What of made sound is hiss, and what is loud enough to be speech."""


def in_blocks(waveform: np.ndarray, block_s: float = 30.0) -> Iterator[np.ndarray]:
    samples = int(block_s * RATE)
    for start in range(0, len(waveform), samples):
        yield waveform[start : start + samples]


def cut(waveform: np.ndarray, block_s: float = 30.0, **options) -> list[Segment]:
    return list(cut_at_pauses(in_blocks(waveform, block_s), RATE, **options))


def hiss(rng: np.random.Generator, seconds: float, level_db: float) -> np.ndarray:
    return rng.normal(0, 10 ** (level_db / 20), int(seconds * RATE)).astype(np.float32)


def covered(segments: list[Segment], samples: int) -> np.ndarray:
    mask = np.zeros(samples, dtype=bool)
    for segment in segments:
        mask[round(segment.start_s * RATE) : round(segment.end_s * RATE)] = True
    return mask


def clips(corpora: Path, name: str, seconds: float) -> list[np.ndarray]:
    with open(corpora / name / "manifest.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    np.random.default_rng(3).shuffle(rows)
    found: list[np.ndarray] = []
    while sum(map(len, found)) < seconds * RATE:
        found.append(load_audio(corpora / name / rows[len(found)]["audio"], RATE))
    return found


def with_pauses(found: list[np.ndarray], rng: np.random.Generator, noise_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Clips with 1 to 2.5 s between them under hiss, and which samples belong to clips."""
    pieces, spoken = [], []
    for clip in found:
        gap = int(rng.uniform(1.0, 2.5) * RATE)
        pieces += [np.zeros(gap, np.float32), clip]
        spoken += [np.zeros(gap, bool), np.ones(len(clip), bool)]
    waveform = np.concatenate(pieces)
    return waveform + hiss(rng, len(waveform) / RATE + 1, noise_db)[: len(waveform)], np.concatenate(spoken)


def spans_of(mask: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_silence_yields_nothing(offset):
    assert cut(np.full(65 * RATE, offset, dtype=np.float32)) == []
    assert list(cut_at_pauses([], RATE)) == []


def test_quiet_room_tone_yields_nothing():
    assert cut(hiss(np.random.default_rng(0), 65, -62)) == []


@pytest.mark.parametrize("corpus", ["librispeech_mini", "speechocean762", "german_kerstin"])
@pytest.mark.parametrize("noise_db", [-120, -65])
def test_real_speech_is_covered_and_cut_in_pauses(corpora, corpus, noise_db):
    rng = np.random.default_rng(1)
    waveform, spoken = with_pauses(clips(corpora, corpus, 120), rng, noise_db)
    segments = cut(waveform)
    levels = frame_levels_db(waveform, FRAME)
    inside = spoken[::FRAME][: len(levels)]
    mask = covered(segments, len(waveform))[::FRAME][: len(levels)]

    lost = loud = 0
    for begin, end in spans_of(inside):
        clip = levels[begin:end]
        clearly_speech = clip > max(np.percentile(clip, 95) - 20, np.percentile(clip, 5) + 8)
        lost += int((~mask[begin:end][clearly_speech]).sum())
        loud += int(clearly_speech.sum())
    assert lost < 0.005 * loud, "some breaths and clicks between words are as loud as speech, no more"
    assert mask[~inside].mean() < 0.4, "pauses should be dropped, except for their margins"
    loud_db = np.percentile(levels[inside], 95)
    boundaries = [round(t * RATE / FRAME) for s in segments for t in (s.start_s, s.end_s)]
    at_boundaries = [levels[b - 2 : b + 2].mean() for b in boundaries if 2 <= b < len(levels) - 2]
    assert max(at_boundaries) < loud_db - 8, "cuts are in pauses"


def test_every_pause_between_clips_separates_segments(corpora):
    waveform, spoken = with_pauses(clips(corpora, "ljspeech_part", 60), np.random.default_rng(2), -65)
    gaps = np.flatnonzero(np.diff(spoken.astype(int)) == 1)[1:]  # where a clip begins after another one
    mask = covered(cut(waveform), len(waveform))
    for begin in gaps:
        assert not mask[begin - int(0.6 * RATE)], f"the pause before {begin / RATE:.1f} s is inside a segment"


def test_the_answer_does_not_depend_on_the_blocks(corpora):
    waveform, _ = with_pauses(clips(corpora, "librispeech_mini", 40), np.random.default_rng(4), -60)
    whole, small = cut(waveform, 1000.0), cut(waveform, 0.37)
    assert [(s.start_s, s.end_s) for s in whole] == [(s.start_s, s.end_s) for s in small]
    assert all(np.array_equal(a.waveform, b.waveform) for a, b in zip(whole, small, strict=True))


def test_margins_are_kept_and_silence_is_dropped():
    rng = np.random.default_rng(5)
    (segment,) = cut(np.concatenate([hiss(rng, 4, -70), talking(2), hiss(rng, 4, -70)]))
    assert segment.start_s == pytest.approx(3.75, abs=0.1)
    assert segment.end_s == pytest.approx(6.25, abs=0.2)


def test_loud_noise_is_no_speech_unless_everything_is():
    waveform = hiss(np.random.default_rng(0), 12, -20)
    assert cut(waveform) == []
    (segment,) = cut(waveform, vad_threshold=None)
    assert np.array_equal(segment.waveform, waveform)


def test_a_click_of_a_voice_is_no_speech():
    silence = np.zeros(3 * RATE, dtype=np.float32)
    assert cut(np.concatenate([silence, talking(0.1), silence])) == []


def test_without_a_pause_the_cut_is_at_the_quietest_point():
    waveform = talking(40)
    dip = slice(int(19.0 * RATE), int(19.3 * RATE))
    waveform[dip] *= 0.01
    segments = cut(waveform, max_segment_s=20.0)
    assert segments[0].end_s == segments[1].start_s
    assert 18.95 <= segments[0].end_s <= 19.35
    assert segments[-1].end_s == pytest.approx(40.0, abs=0.3)


def test_endless_speech_is_cut_within_the_limit(corpora):
    speech = np.concatenate([clip[np.abs(clip) > 0.005] for clip in clips(corpora, "ljspeech_part", 90)])
    segments = cut(speech, max_segment_s=10.0)
    assert max(s.end_s - s.start_s for s in segments) <= 10.0
    assert covered(segments, len(speech)).mean() > 0.99


def test_a_voice_far_softer_than_the_one_before_is_kept(corpora):
    found = clips(corpora, "librispeech_mini", 60)
    waveform, spoken = with_pauses(
        [found[0], found[1], found[2] * 0.05, found[3] * 0.05],
        np.random.default_rng(7),
        -85,
    )
    begin_of_soft = np.flatnonzero(np.diff(spoken.astype(int)) == 1)[2]
    levels, mask = (
        frame_levels_db(waveform, FRAME),
        covered(cut(waveform), len(waveform))[::FRAME],
    )
    soft = slice(begin_of_soft // FRAME, None)
    loud = levels[soft] > np.percentile(levels[soft], 95) - 20
    assert mask[soft][: len(loud)][loud].mean() > 0.98


@given(
    spans=st.lists(
        st.tuples(st.floats(0.02, 9.0), st.sampled_from([0.0, QUIET, TALKING])),
        min_size=1,
        max_size=12,
    ),
    max_segment_s=st.sampled_from([1.0, 4.0, 25.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_any_sound_segments_are_ordered_bounded_and_true_to_the_source(spans, max_segment_s, seed):
    rng = np.random.default_rng(seed)
    waveform = np.concatenate(
        [
            talking(s, seed) if gain == TALKING else rng.normal(0, gain, round(s * RATE)).astype(np.float32)
            for s, gain in spans
        ]
    )
    segments = cut(waveform, 3.3, max_segment_s=max_segment_s)
    ends = [0.0]
    for segment in segments:
        assert ends[-1] - 1e-9 <= segment.start_s < segment.end_s <= len(waveform) / RATE + 1e-9
        assert segment.end_s - segment.start_s <= max_segment_s + 1e-9
        first = round(segment.start_s * RATE)
        assert np.array_equal(segment.waveform, waveform[first : first + len(segment.waveform)])
        assert len(segment.waveform) == round((segment.end_s - segment.start_s) * RATE)
        ends.append(segment.end_s)
    gains = np.concatenate([np.full(round(s * RATE), gain) for s, gain in spans])
    mask = covered(segments, len(waveform))
    assert all(mask[begin:end].mean() > 0.7 for begin, end in spans_of(gains == TALKING) if end - begin > RATE)


def test_memory_does_not_grow_with_the_recording():
    def peak_bytes(minutes: int) -> int:
        rng = np.random.default_rng(8)
        block = np.concatenate([talking(25), hiss(rng, 5, -60)])
        tracemalloc.start()
        for _ in cut_at_pauses((block * 1.0 for _ in range(2 * minutes)), RATE):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    short, long = peak_bytes(3), peak_bytes(20)
    assert long < 1.1 * short
    assert long < 20e6  # twenty minutes of float32 are 77 MB


def test_other_sample_rates():
    loud, quiet = soxr.resample(talking(1.5), RATE, 22050), np.zeros(2 * 22050, dtype=np.float32)
    (segment,) = cut_at_pauses([np.concatenate([quiet, loud, quiet])], 22050)
    assert (segment.start_s, segment.end_s) == (pytest.approx(1.75, abs=0.1), pytest.approx(3.75, abs=0.2))


@pytest.mark.parametrize(
    "options",
    [
        {"max_segment_s": 31},
        {"max_segment_s": 0},
        {"min_pause_s": 0},
        {"min_pause_s": 60},
        {"margin_s": -1},
        {"vad_threshold": 0},
        {"vad_threshold": 1.5},
    ],
)
def test_impossible_values_are_named(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        cut(np.zeros(RATE, dtype=np.float32), **options)
