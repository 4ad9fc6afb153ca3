"""Level, clipping, telephone and codecs: what each does, and that none moves a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio.coding import round_trip
from speech_tl.data.augment import Clipping, Codec, Gain, Telephone
from speech_tl.data.augment.channel import mu_law
from speech_tl.data.manifest import Manifest
from tests.data.augment.made import burst, heard, lag, spoken
from tests.sounds import SAMPLE_RATE, voice

EFFECTS = {"gain": Gain(), "clipping": Clipping(), "telephone": Telephone(), "codec": Codec()}


def band_power(waveform: np.ndarray, low_hz: float, high_hz: float) -> float:
    hertz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    return float(np.sum(np.abs(np.fft.rfft(waveform))[(low_hz <= hertz) & (hertz < high_hz)] ** 2))


@pytest.mark.parametrize("name", EFFECTS)
def test_length_type_and_place_stay(name: str) -> None:
    for index, speech in enumerate((spoken(), burst()[:-777], voice(0.11), voice(4.3, 1))):
        after, told = heard(speech, (0, 0, index), **{name: EFFECTS[name]})
        assert len(after) == len(speech) and after.dtype == np.float32 and np.isfinite(after).all()
        assert abs(lag(speech, after)) <= 3, told
        assert not np.array_equal(after, speech)


def test_gain_is_the_gain_asked_for_up_to_full_scale() -> None:
    speech = spoken(level=0.5)
    for gain_db in (-15.0, 4.0):
        after, told = heard(speech, gain=Gain(gain_db=gain_db))
        assert 20 * np.log10(np.abs(after).max() / np.abs(speech).max()) == pytest.approx(gain_db, abs=0.01)
        assert told == [f"gain {gain_db:+.1f} dB"]
    assert np.abs(heard(speech, gain=Gain(gain_db=40))[0]).max() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("share", [0.002, 0.05])
def test_so_many_samples_are_cut_off(share: float) -> None:
    speech = spoken()
    after, _ = heard(speech, clipping=Clipping(samples_share=share))
    limit = np.abs(after).max()
    assert np.mean(np.abs(after) >= limit) == pytest.approx(share, rel=0.05)
    below = np.abs(speech) < limit
    np.testing.assert_array_equal(after[below], speech[below])


def test_a_telephone_lets_its_band_through_and_no_more() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE).astype(np.float32)
    after, _ = heard(noise, telephone=Telephone(mu_law=False))
    kept = {
        band: band_power(after, *band) / band_power(noise, *band) for band in ((20, 150), (500, 3000), (4100, 8000))
    }
    assert kept[20, 150] < 0.01 and kept[4100, 8000] < 1e-4
    assert kept[500, 3000] == pytest.approx(1, abs=0.05)


def test_eight_bits_of_mu_law_cost_what_they_cost() -> None:
    """About 38 dB for a loud tone, and nearly as much for one 20 dB weaker: that is what the curve is for."""
    for level in (0.5, 0.05):
        tone = (level * np.sin(2 * np.pi * 440.3 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
        error = mu_law(tone) - tone
        assert 10 * np.log10(np.mean(tone**2) / np.mean(error**2)) == pytest.approx(37.5, abs=2.5)
    assert len(np.unique(mu_law(np.linspace(-1, 1, 100_001).astype(np.float32)))) == 256
    np.testing.assert_allclose(mu_law(np.array([-1.0, 1.0], np.float32)), [-1, 1], atol=1e-6)


@pytest.mark.parametrize("codec", ["opus", "mp3"])
def test_a_codec_costs_more_at_fewer_bits_and_never_moves_speech(codec: str) -> None:
    errors = []
    for bits in (8_000, 64_000):
        assert abs(lag(burst(), round_trip(burst(), SAMPLE_RATE, codec, bits))) <= 3
        speech = spoken(level=1.0)
        after = round_trip(speech, SAMPLE_RATE, codec, bits)[: len(speech)]
        errors.append(np.mean((after - speech[: len(after)]) ** 2) / np.mean(speech**2))
    assert 0 < errors[1] < 0.5 * errors[0] < 0.5


def test_codecs_keep_real_speech_in_step(corpora: Path) -> None:
    manifest = Manifest.read(corpora / "speechocean762").split("train")
    for index in (0, 50):
        speech = manifest[index].load()
        for codec in ("opus", "mp3"):
            after, _ = heard(speech, codec=Codec(codecs=[codec], bit_rate_kbps=16))
            assert len(after) == len(speech) and lag(speech, after) == 0


def test_both_codecs_are_drawn_with_rates_from_the_range() -> None:
    told = [heard(voice(0.3), (0, 0, index), codec=Codec(bit_rate_kbps=(12, 20)))[1][0] for index in range(24)]
    assert {line.split()[0] for line in told} == {"opus", "mp3"}
    assert all(12 <= int(line.split()[2]) <= 20 for line in told)


@pytest.mark.parametrize(
    ("effect", "options", "said"),
    [
        (Telephone, {"band_hz": (300, 5000)}, "8000 Hz"),
        (Codec, {"codecs": []}, "codecs"),
        (Codec, {"codecs": ["aac"]}, "aac"),
        (Codec, {"bit_rate_kbps": 0}, "bit_rate_kbps"),
        (Clipping, {"samples_share": (0, 1)}, "samples_share"),
        (Gain, {"gain_db": (3, 1)}, "3 is above 1"),
        (Gain, {"gain": 1}, "gain"),
    ],
)
def test_options_that_make_no_sense(effect: type, options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        effect(**options)
