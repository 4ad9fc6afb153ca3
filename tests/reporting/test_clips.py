"""Clips: what is embedded can be decoded to the same sound, links lead to the file, what is missing is left out."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from speech_tl.audio import load_audio
from speech_tl.reporting.clips import BITS_A_SECOND, MOST_EMBEDDED, clip_addresses, opus
from speech_tl.scoring.wer import ScoredUtterance
from tests.reporting.made import HOSTILE_FILE, tone
from tests.scoring.made import evaluation


@pytest.fixture
def utterance(tmp_path: Path) -> ScoredUtterance:
    path = tone(tmp_path / "audio" / HOSTILE_FILE, hz=440.0, seconds=3.0)
    return replace(evaluation([("a", "a")]).utterances[0], audio=str(path), duration=3.0)


def loudest_hz(waveform: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(waveform)))) * 16000 / len(waveform)


def test_an_embedded_clip_is_opus_of_the_segment_alone(utterance: ScoredUtterance) -> None:
    part = replace(utterance, columns={"start": 0.5, "end": 2.0})
    for one, seconds in ((utterance, 3.0), (part, 1.5)):
        address = clip_addresses([one], [0], "embed", None)[0]
        head, data = address.split(",")
        heard = load_audio(base64.b64decode(data))
        assert head == "data:audio/ogg;base64"
        assert len(heard) / 16000 == pytest.approx(seconds, abs=0.05) and loudest_hz(heard) == pytest.approx(440, abs=2)


def test_opus_is_small() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16000 * 10).astype(np.float32)
    assert len(opus(noise)) < 1.6 * BITS_A_SECOND / 8 * 10


def test_at_most_forty_are_embedded_in_the_order_of_interest(utterance: ScoredUtterance) -> None:
    many = [utterance] * (MOST_EMBEDDED + 10)
    order = list(range(len(many)))[::-1]
    assert list(clip_addresses(many, order, "embed", None)) == order[:MOST_EMBEDDED]
    assert len(clip_addresses(many, order, "link", None)) == len(many)
    assert clip_addresses(many, order, "none", None) == {}


def test_links_are_relative_quoted_and_name_the_segment(utterance: ScoredUtterance, tmp_path: Path) -> None:
    part = replace(utterance, columns={"start": 0.5, "end": 2.0})
    whole, cut = (clip_addresses([one], [0], "link", tmp_path / "run")[0] for one in (utterance, part))
    assert (tmp_path / "run" / unquote(whole)).resolve() == Path(utterance.audio)
    assert cut == whole + "#t=0.5,2" and not set('<>"') & set(whole) and ":" not in whole
    assert clip_addresses([utterance], [0], "link", None)[0].startswith("file:///")


def test_missing_broken_and_overlong_audio_has_no_sound(utterance: ScoredUtterance, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF....WAVE")
    bad = [
        replace(utterance, audio="gone.wav"),
        replace(utterance, audio=str(broken)),
        replace(utterance, duration=600.0),
    ]
    assert clip_addresses([*bad, utterance], range(4), "embed", None).keys() == {3}
    assert clip_addresses(bad[:1], [0], "link", None) == {}
