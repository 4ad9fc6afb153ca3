"""Effects together: the same for a seed, wherever they run; one switched on leaves the others alone."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from speech_tl.data.augment import Augmenter, AugmentOptions, Clipping, Codec, Gain, Noise, Room, Speed, Telephone
from speech_tl.data.augment.chain import ORDER, Conditions
from tests.data.augment.made import heard, noise_folder, spoken
from tests.sounds import SAMPLE_RATE

DECAY = Room(method="decay")


def test_nothing_on_is_no_chain() -> None:
    assert Augmenter(AugmentOptions()).chain("train") is None
    assert Augmenter(AugmentOptions(speed=Speed())).chain("test", speed=False) is None


def test_the_order_is_that_of_the_fields() -> None:
    assert ORDER[1:] == tuple(Conditions.model_fields)
    assert ORDER[0] in AugmentOptions.model_fields


def test_effects_come_in_their_order_however_they_are_written(tmp_path: Path) -> None:
    effects = {
        "codec": Codec(),
        "telephone": Telephone(),
        "noise": Noise(generated=["pink"]),
        "room": DECAY,
        "speed": Speed(factors=[1.1]),
        "clipping": Clipping(),
        "gain": Gain(),
    }
    told = heard(spoken(), **effects)[1]
    assert [line.split()[0] for line in told][:4] == ["speed", "decaying", "pink", "gain"]
    assert "clipped" in told[4] and told[5] == "telephone" and told[6].split()[0] in ("opus", "mp3")


def test_one_draw_is_one_result_in_any_copy(tmp_path: Path) -> None:
    folder = noise_folder(tmp_path, [1.0] * 6)
    options = AugmentOptions(noise=Noise(folders=[str(folder)]), room=DECAY, speed=Speed(), gain=Gain())
    chain = Augmenter(options).chain("train")
    copy = pickle.loads(pickle.dumps(chain))
    results = [c(spoken(), SAMPLE_RATE, (1, 2, 3)) for c in (chain, chain, copy)]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not np.array_equal(chain(spoken(), SAMPLE_RATE, other)[:1000], results[0][:1000])


def test_switching_one_on_leaves_the_others_alone() -> None:
    noise = Noise(generated=["white", "pink", "brown"], share=0.6)
    for index in range(10):
        alone = heard(spoken(), (0, 0, index), noise=noise)[1]
        both = heard(spoken(), (0, 0, index), noise=noise, gain=Gain(), room=DECAY)[1]
        assert [line for line in both if "SNR" in line] == alone


def test_effects_happen_independently_of_each_other() -> None:
    options = AugmentOptions(gain=Gain(share=0.5), clipping=Clipping(share=0.5))
    chain, short = Augmenter(options).chain("train"), spoken()[:800]
    told = [chain.heard(short, SAMPLE_RATE, (0, 0, index))[1] for index in range(200)]
    assert all(np.mean([len(line) == number for line in told]) > 0.15 for number in (0, 2))
    assert 0.4 < np.mean([len(line) == 1 for line in told]) < 0.6


def test_a_share_is_about_that_share() -> None:
    chain, short = Augmenter(AugmentOptions(gain=Gain(share=0.3))).chain("train"), spoken()[:800]
    told = [chain.heard(short, SAMPLE_RATE, (0, 0, index))[1] for index in range(300)]
    assert 0.22 < np.mean([bool(line) for line in told]) < 0.38


def test_a_ratio_can_be_set_and_the_rest_stays(tmp_path: Path) -> None:
    """The rungs of a ladder differ in nothing but the ratio."""
    noise = Noise(folders=[str(noise_folder(tmp_path, [3.0] * 10))], snr_db=(0, 20))
    speech = spoken(level=0.01)
    added = [heard(speech, part="test", snr_db=db, noise=noise)[0] - speech for db in (10, 0)]
    np.testing.assert_allclose(added[1], added[0] * 10**0.5, atol=2e-6)


# ---- speed


def test_speed_changes_length_and_pitch() -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    for factor in (0.9, 1.1):
        after, told = heard(tone, speed=Speed(factors=[factor]))
        assert len(after) == pytest.approx(2 * SAMPLE_RATE / factor, abs=2) and after.dtype == np.float32
        loudest = np.argmax(np.abs(np.fft.rfft(after))) * SAMPLE_RATE / len(after)
        assert loudest == pytest.approx(500 * factor, abs=2)
        assert told == [f"speed {factor:g}"]


def test_the_factor_is_known_without_the_audio() -> None:
    chain = Augmenter(AugmentOptions(speed=Speed(share=0.8), noise=Noise(generated=["white"]))).chain("train")
    factors = [chain.factor((5, 1, index)) for index in range(60)]
    speech = spoken()
    lengths = [len(chain(speech, SAMPLE_RATE, (5, 1, index))) for index in range(60)]
    np.testing.assert_allclose(lengths, len(speech) / np.array(factors), atol=2)
    assert set(factors) == {0.9, 1.0, 1.1}


def test_a_length_can_be_kept_with_everything_else_the_same() -> None:
    options = {"speed": Speed(factors=[1.1]), "noise": Noise(generated=["white", "pink", "brown"])}
    chain = Augmenter(AugmentOptions(**options)).chain("train")
    kept, told = chain.heard(spoken(), SAMPLE_RATE, (0, 0, 7), keep_length=True)
    assert len(kept) == len(spoken())
    assert told == chain.heard(spoken(), SAMPLE_RATE, (0, 0, 7))[1][1:]


@pytest.mark.parametrize("factors", [[], [0.0], [3.0]])
def test_factors_that_make_no_sense(factors: list[float]) -> None:
    with pytest.raises(ValueError, match="factors"):
        Speed(factors=factors)
