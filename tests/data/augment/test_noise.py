"""Noise at the ratio asked for, from recordings, generators and other people's voices."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, AugmentOptions, Noise
from speech_tl.data.augment.levels import active_samples, snr_db
from speech_tl.data.augment.noise import coloured_noise
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.errors import BadInput
from tests.data.augment.made import heard, noise_folder, spoken
from tests.small import made_corpus
from tests.sounds import SAMPLE_RATE, voice


def told_db(told: list[str]) -> float:
    return float(re.search(r"at (-?[\d.]+) dB SNR", told[0])[1])


@pytest.mark.parametrize("wanted_db", [20.0, 7.5, 0.0, -5.0])
@pytest.mark.parametrize("kind", ["white", "pink", "brown", "babble", "recordings"])
def test_the_ratio_is_within_a_tenth_of_a_decibel(kind: str, wanted_db: float, tmp_path: Path) -> None:
    source = {"folders": str(noise_folder(tmp_path, [0.3, 3.0, 9.0, 1.0, 2.0]))}
    noise = Noise(snr_db=wanted_db, **(source if kind == "recordings" else {"generated": [kind]}))
    voices = list(Manifest.read(made_corpus(tmp_path / "corpus")))
    for seed in range(4):
        speech = spoken(seed, level=0.02)
        mixed, told = heard(speech, (seed, 0, 1), noise=noise, voices=voices)
        assert snr_db(speech, mixed - speech, SAMPLE_RATE) == pytest.approx(wanted_db, abs=0.1)
        assert told_db(told) == wanted_db and mixed.dtype == np.float32 and len(mixed) == len(speech)


def test_the_ratio_is_right_for_real_speech_in_real_noise(corpora: Path) -> None:
    """Measured by a mask of the test's own: frames within 20 dB of the loud tenth, by their root mean square."""
    utterances = Manifest.read(corpora / "speechocean762").split("train")
    noise = Noise(folders=[str(corpora / "noise")], where={"split": ["test"]}, snr_db=(-5, 20))
    chain = Augmenter(AugmentOptions(noise=noise)).chain("test")
    off, own = [], []
    for index in range(0, 400, 25):
        speech = 0.05 * utterances[index].load()
        mixed, told = chain.heard(speech, SAMPLE_RATE, (3, 1, index))
        added = mixed - speech
        off.append(snr_db(speech, added, SAMPLE_RATE) - told_db(told))
        frames = [np.sqrt(np.mean(f**2)) for f in np.array_split(speech, len(speech) // 400)]
        loud = np.repeat(
            np.array(frames) > 0.1 * np.quantile(frames, 0.9), [len(f) for f in np.array_split(speech, len(frames))]
        )
        own.append(10 * np.log10(np.mean(speech[loud] ** 2) / np.mean(added[loud] ** 2)) - told_db(told))
    assert np.abs(off).max() < 0.1
    assert abs(np.mean(own)) < 1.5, "another idea of where somebody speaks agrees on the whole"


def test_ratios_are_drawn_from_all_of_their_range() -> None:
    noise = Noise(generated=["white"], snr_db=(0, 10))
    ratios = [told_db(heard(spoken(), (0, epoch, 0), noise=noise)[1]) for epoch in range(60)]
    assert min(ratios) < 1.5 and max(ratios) > 8.5 and min(ratios) >= 0 and max(ratios) <= 10
    assert 3.5 < np.mean(ratios) < 6.5


def test_all_sources_are_drawn(tmp_path: Path) -> None:
    noise = Noise(folders=[str(noise_folder(tmp_path, [1.0] * 6))], generated=["white", "pink"])
    chain = Augmenter(AugmentOptions(noise=noise)).chain("train")
    told = [chain.heard(spoken(), SAMPLE_RATE, (0, 0, index))[1][0] for index in range(40)]
    kinds = {"white noise": 0, "pink noise": 0, "noise": 0}
    for line in told:
        kinds[next(kind for kind in kinds if line.startswith(kind))] += 1
    assert all(7 <= count <= 20 for count in kinds.values())


def test_what_would_clip_is_turned_down_with_its_ratio_kept() -> None:
    speech = spoken(level=5.0)
    mixed, _ = heard(speech, noise=Noise(generated=["white"], snr_db=-12))
    assert np.abs(mixed).max() == pytest.approx(1.0)
    assert np.sum(np.abs(mixed) > 0.9999) == 1, "nothing is cut off"
    active = active_samples(speech, SAMPLE_RATE)
    scale = np.linalg.lstsq(speech[active, None], mixed[active], rcond=None)[0][0]
    assert snr_db(speech, mixed / scale - speech, SAMPLE_RATE) == pytest.approx(-12, abs=0.5)


def test_noise_that_is_shorter_than_speech_is_looped(tmp_path: Path) -> None:
    folder = noise_folder(tmp_path, [0.25] * 5)
    speech = spoken(level=0.01)
    added = heard(speech, noise=Noise(folders=[str(folder)], snr_db=0))[0] - speech
    period = round(0.25 * SAMPLE_RATE) - 800  # what the cross-fade leaves
    np.testing.assert_allclose(added[period : 2 * period], added[:period], atol=1e-5)
    levels = np.sqrt(np.mean(added[: len(added) // 400 * 400].reshape(-1, 400) ** 2, axis=1))
    assert levels.min() > 0.7 * levels.max()


def test_a_bark_in_a_pause_is_not_made_deafening(tmp_path: Path) -> None:
    """One bark in three seconds: where it would be heard in pauses only, it is moved to the speech."""
    bark = 1e-5 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    bark[:1600] += voice(0.1, 3)
    bark[-1600:] += 1e-3
    for number in range(5):
        save_audio(tmp_path / f"{number}.wav", np.roll(bark, number), SAMPLE_RATE)
    speech = spoken(level=0.05)
    for epoch in range(30):
        mixed, _ = heard(speech, (0, epoch, 0), noise=Noise(folders=[str(tmp_path)], snr_db=10))
        added = mixed - speech
        assert np.abs(added).max() < 3 * np.abs(speech).max()
        assert snr_db(speech, added, SAMPLE_RATE) == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(("colour", "octave_db"), [("white", 0.0), ("pink", -3.0), ("brown", -6.0)])
def test_colours_fall_as_they_should(colour: str, octave_db: float) -> None:
    noise = coloured_noise(1 << 18, colour, np.random.default_rng(0), SAMPLE_RATE)
    power, hertz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)
    octaves = [np.mean(power[(low <= hertz) & (hertz < 2 * low)]) for low in (200, 400, 800, 1600)]
    np.testing.assert_allclose(np.diff(10 * np.log10(octaves)), octave_db, atol=0.3)


def test_babble_is_other_people(tmp_path: Path) -> None:
    """As many voices as asked for, never the speaker; each as loud as the others."""
    tones = {}
    for number in range(6):
        path = tmp_path / f"{number}.wav"
        tone = (0.02 * (number + 1) * np.sin(2 * np.pi * (500 + 200 * number) * np.arange(16000) / SAMPLE_RATE)).astype(
            np.float32
        )
        save_audio(path, tone, SAMPLE_RATE)
        tones[500 + 200 * number] = Utterance(str(number), str(path), duration_s=1.0, columns={"speaker": f"s{number}"})
    own = Utterance("x", "x.wav", columns={"speaker": "s2"})
    speech = spoken(level=0.02)
    noise = Noise(generated=["babble"], babble_voices=(5, 5), snr_db=0)
    hertz = np.fft.rfftfreq(len(speech), 1 / SAMPLE_RATE)
    for epoch in range(8):
        mixed, told = heard(speech, (0, epoch, 0), noise=noise, voices=list(tones.values()), utterance=own)
        spectrum = np.abs(np.fft.rfft(mixed - speech))
        peaks = {tone: spectrum[np.abs(hertz - tone) < 10].max() for tone in tones}
        assert told[0].startswith("babble of 5 voices")
        assert peaks.pop(900) < 0.01 * min(peaks.values())
        assert max(peaks.values()) < 1.5 * min(peaks.values())


def test_where_there_is_one_voice_babble_is_made_of_it() -> None:
    speech = spoken(level=0.02)
    mixed, told = heard(speech, noise=Noise(generated=["babble"], snr_db=3))
    assert "own reversed voice" in told[0]
    assert snr_db(speech, mixed - speech, SAMPLE_RATE) == pytest.approx(3, abs=0.1)


def test_silent_speech_has_no_ratio() -> None:
    silent = Utterance("s", "quiet/s.wav")
    with pytest.raises(BadInput, match=r"^quiet/s.wav: silent, so that no signal-to-noise ratio"):
        heard(np.zeros(SAMPLE_RATE, np.float32), noise=Noise(generated=["white"]), utterance=silent)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "noise needs a source"),
        ({"generated": ["purple"]}, "purple"),
        ({"generated": ["white"], "snr_db": (10, 0)}, "10 is above 0"),
        ({"generated": ["babble"], "babble_voices": (5, 2)}, "fewest, most"),
        ({"generated": ["white"], "share": 1.2}, "share"),
    ],
)
def test_options_that_make_no_sense(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Noise(**options)
