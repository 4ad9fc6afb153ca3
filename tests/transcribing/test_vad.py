"""Silero's network, a block at a time: the package's probabilities, whatever the blocks, many times faster."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.transcribing.vad import FRAME_SAMPLES, VoiceActivity
from tests.sounds import SAMPLE_RATE, talking


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    rng = np.random.default_rng(0)
    silence = np.zeros(SAMPLE_RATE, np.float32)
    spoken = np.concatenate([silence, talking(6.0), silence, silence, silence, 0.3 * talking(4.0, 9), silence])
    return (spoken + 0.003 * rng.standard_normal(len(spoken))).astype(np.float32)


def test_probabilities_are_the_packages_own(sound: np.ndarray) -> None:
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    theirs = load_silero_vad()
    torch.set_num_threads(threads)
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    wanted = [theirs(torch.from_numpy(frame), SAMPLE_RATE).item() for frame in frames]
    assert np.allclose(VoiceActivity().probabilities(frames.ravel()), wanted, atol=1e-4)


def test_the_answer_does_not_depend_on_the_blocks(sound: np.ndarray) -> None:
    voice, block = VoiceActivity(), 7 * FRAME_SAMPLES
    parts = [voice.mark(sound[start : start + block]) for start in range(0, len(sound), block)]
    assert np.array_equal(np.concatenate(parts), VoiceActivity().mark(sound))


def test_speech_is_marked_and_noise_is_not(sound: np.ndarray) -> None:
    active = VoiceActivity().mark(sound)
    second = SAMPLE_RATE / FRAME_SAMPLES
    for begin_s, end_s, share in ((0.0, 0.9, 0.0), (1.2, 6.9, 1.0), (7.6, 9.9, 0.0), (10.2, 13.8, 1.0)):
        assert active[int(begin_s * second) : int(end_s * second)].mean() == pytest.approx(share, abs=0.05)


def test_a_higher_threshold_hears_less_and_none_everything(sound: np.ndarray) -> None:
    shares = [VoiceActivity(threshold=threshold).mark(sound).mean() for threshold in (None, 0.1, 0.5, 0.999)]
    assert shares[0] == 1.0 and shares == sorted(shares, reverse=True) and shares[-1] < shares[1]


def test_other_sample_rates_hear_the_same(sound: np.ndarray) -> None:
    slow = VoiceActivity(8000)
    active = slow.mark(sound[::2].copy())
    assert slow.frame == FRAME_SAMPLES // 2
    assert (active == VoiceActivity().mark(sound)[: len(active)]).mean() > 0.95


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(BadInput, match=r"vad_threshold.*between 0 and 1"):
        VoiceActivity(threshold=threshold)


def test_a_threshold_for_no_detector_is_one_line(tmp_path, capsys) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", talking(1.0), SAMPLE_RATE)
    asked = ["transcribe", str(tmp_path / "a.wav"), "--model", "starter-wav2vec2", "--no-vad", "--vad-threshold", "0.4"]
    assert _run(asked) == 2
    assert "leave one out" in " ".join(capsys.readouterr().err.split())
