"""Which samples are speech, and loops without clicks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.data.augment.levels import active_samples, looped, mixed, snr_db, trim_silence, within_full_scale
from tests.data.augment.made import spoken
from tests.sounds import SAMPLE_RATE, voice

SPEECH = spoken()


def test_speech_is_active_and_its_pauses_are_not() -> None:
    active = active_samples(spoken(), SAMPLE_RATE)
    second, half = SAMPLE_RATE, SAMPLE_RATE // 2
    assert not active[: half - 400].any() and not active[-(half - 400) :].any()
    assert not active[half + second + 400 : second + second - 400].any(), "the pause between the phrases"
    assert active[half + 400 : half + second - 400].mean() > 0.9


@given(st.floats(1e-3, 10.0))
def test_gain_changes_nothing_about_what_is_active(gain: float) -> None:
    waveform = SPEECH
    np.testing.assert_array_equal(active_samples(waveform * gain, SAMPLE_RATE), active_samples(waveform, SAMPLE_RATE))


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 1000])
def test_any_length_has_a_sample_that_is_active(samples: int) -> None:
    active = active_samples(np.ones(samples, np.float32), SAMPLE_RATE)
    assert len(active) == samples and active.all()


@given(st.floats(-10, 30), st.integers(0, 5))
def test_the_ratio_asked_for_is_the_ratio_that_comes_out(wanted_db: float, seed: int) -> None:
    speech = SPEECH * (seed + 1)
    noise = np.random.default_rng(seed).standard_normal(len(speech))
    active = active_samples(speech, SAMPLE_RATE)
    added = mixed(speech, noise, wanted_db, active) - speech
    assert snr_db(speech, added, SAMPLE_RATE) == pytest.approx(wanted_db, abs=0.01)


@given(st.integers(2, 3000), st.integers(1, 9000), st.integers(0, 800))
def test_a_loop_has_the_length_asked_for(length: int, samples: int, fade: int) -> None:
    assert len(looped(np.ones(length, np.float32), samples, fade)) == samples


def test_a_loop_has_neither_clicks_nor_holes() -> None:
    """White noise stays as strong through every seam; a tone never jumps further than tones of its strength do."""
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    levels = np.sqrt(np.mean(looped(noise, 80_000, 800).reshape(-1, 400) ** 2, axis=1))
    assert levels.min() > 0.8 and levels.max() < 1.2
    tone = np.sin(2 * np.pi * 200.7 * np.arange(8000) / SAMPLE_RATE).astype(np.float32)
    steps = np.abs(np.diff(looped(tone, 80_000, 800))).max()
    assert steps < 2 * np.abs(np.diff(tone)).max()
    assert np.abs(np.diff(np.resize(tone, 80_000))).max() > 3 * steps, "the tone would click without a cross-fade"


def test_a_long_sound_is_cut_so_that_it_may_be_rotated() -> None:
    tone = np.sin(2 * np.pi * 200.7 * np.arange(80_000) / SAMPLE_RATE).astype(np.float32)
    round_trip = looped(tone[:8800], 8000, 800)
    assert abs(round_trip[0] - round_trip[-1]) < 2 * np.abs(np.diff(tone)).max()


def test_full_scale_is_never_passed_and_otherwise_nothing_changes() -> None:
    waveform = voice(1.0)
    assert within_full_scale(waveform) is waveform
    assert np.abs(within_full_scale(waveform * 100)).max() == pytest.approx(1.0)


def test_silence_at_the_ends_goes() -> None:
    waveform = np.concatenate([np.zeros(500), voice(0.5), np.zeros(900)])
    assert len(trim_silence(waveform)) <= SAMPLE_RATE // 2 and not len(trim_silence(np.zeros(9)))
