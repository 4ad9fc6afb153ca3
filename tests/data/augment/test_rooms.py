"""Rooms: speech stays where it was, as long and as loud as it was, and dies away as asked."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, AugmentOptions, Room
from speech_tl.data.augment.rooms import audible_part, decaying_response, in_room, simulated_rooms
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from tests.data.augment.made import burst, heard, lag, spoken
from tests.sounds import SAMPLE_RATE

SMALL = {"rooms": 3, "rt60_s": (0.3, 0.5), "distance_m": (0.5, 1.0)}


def rt60_of(response: np.ndarray) -> float:
    """Seconds for 60 dB by the slope between -5 and -25 dB of what energy is left (Schroeder 1965)."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    left_db = 10 * np.log10(left / left[0])
    at = [int(np.argmax(left_db < level)) for level in (-5, -25)]
    return 3 * (at[1] - at[0]) / SAMPLE_RATE


@pytest.mark.parametrize("seed", range(5))
def test_noise_decays_in_the_time_asked_for(seed: int) -> None:
    response, rt60_s = decaying_response(np.random.default_rng(seed), SAMPLE_RATE, (0.3, 0.6))
    assert 0.3 <= rt60_s <= 0.6
    assert rt60_of(response[200:]) == pytest.approx(rt60_s, rel=0.15)
    assert np.argmax(np.abs(response)) == 0


def test_what_is_said_stays_where_it_was() -> None:
    """The direct sound comes when it was said, though the response begins with the way to the microphone."""
    response = np.zeros(4000, np.float32)
    response[[700, 1500, 2600]] = 0.5, -0.2, 0.1
    speech = spoken()
    echoed = in_room(speech, response, SAMPLE_RATE)
    assert len(echoed) == len(speech) and echoed.dtype == speech.dtype
    assert lag(speech, echoed) == 0
    loudness = np.sqrt(np.mean(speech**2) / np.mean(echoed**2))
    assert loudness == pytest.approx(1, abs=0.01)
    wanted = speech.copy()
    wanted[800:] += -0.4 * speech[:-800]
    wanted[1900:] += 0.2 * speech[:-1900]
    np.testing.assert_allclose(echoed, wanted * np.sqrt(np.mean(speech**2) / np.mean(wanted**2)), atol=1e-5)


def test_the_end_of_a_response_that_nobody_hears_is_left_out() -> None:
    response, _ = decaying_response(np.random.default_rng(0), SAMPLE_RATE, (0.5, 0.5))
    kept = audible_part(response)
    lost = np.sum(response[len(kept) :] ** 2) / np.sum(response**2)
    assert len(kept) < len(response) and lost < 1e-5


@pytest.mark.parametrize("method", ["decay", "image_source"])
def test_speech_in_a_room_is_in_step(method: str) -> None:
    if method == "image_source":
        pytest.importorskip("pyroomacoustics")
    for index in range(3):
        speech = burst(index)
        echoed, told = heard(speech, (0, 0, index), room=Room(method=method, **SMALL))
        assert len(echoed) == len(speech) and abs(lag(speech, echoed)) <= 16, told
        assert not np.allclose(echoed, speech, atol=1e-3)
        assert "RT60" in told[0]


def test_measured_responses_are_used(tmp_path: Path) -> None:
    for number, echo in enumerate((800, 1600)):
        response = np.zeros(2000, np.float32)
        response[[0, echo]] = 0.9, 0.45
        save_audio(tmp_path / f"{number}.flac", response, SAMPLE_RATE)
    speech = spoken()
    room = Room(folders=[str(tmp_path)])
    found = {part: heard(speech, part=part, room=room) for part in ("train", "test")}
    assert {told[0] for _, told in found.values()} == {"room 0.flac", "room 1.flac"}
    for echoed, told in found.values():
        late = 800 if told[0].endswith("0.flac") else 1600
        wanted = speech.copy()
        wanted[late:] += 0.5 * speech[:-late]
        np.testing.assert_allclose(echoed, wanted * np.sqrt(np.mean(speech**2) / np.mean(wanted**2)), atol=1e-4)


def test_real_responses_keep_real_speech_in_step(corpora: Path) -> None:
    speech = Manifest.read(corpora / "speechocean762")[4].load()
    chain = Augmenter(AugmentOptions(room=Room(folders=[str(corpora / "rir")]))).chain("train")
    for index in range(4):
        echoed = chain(speech, SAMPLE_RATE, (0, 0, index))
        assert len(echoed) == len(speech) and abs(lag(speech, echoed)) < 0.002 * SAMPLE_RATE


class TestImageSources:
    @pytest.fixture(autouse=True)
    def library(self) -> None:
        pytest.importorskip("pyroomacoustics")

    def test_rooms_die_away_about_as_asked(self) -> None:
        """Sabine's formula and image sources agree within a third for rooms that are not too dead."""
        for rt60_s in (0.3, 0.6):
            rooms = simulated_rooms(Room(rooms=4, rt60_s=rt60_s).model_dump_json(), "train", 1, SAMPLE_RATE)
            times = [rt60_of(response) for response, _ in rooms]
            assert np.mean(times) == pytest.approx(rt60_s, rel=0.35)

    def test_one_seed_is_one_set_of_rooms_and_every_part_has_its_own(self) -> None:
        room = Room(**SMALL).model_dump_json()
        first = simulated_rooms(room, "train", 3, SAMPLE_RATE)
        simulated_rooms.cache_clear()
        again = simulated_rooms(room, "train", 3, SAMPLE_RATE)
        names = {part: {name for _, name in simulated_rooms(room, part, 3, SAMPLE_RATE)} for part in ("train", "test")}
        assert [name for _, name in first] == [name for _, name in again]
        np.testing.assert_allclose(first[0][0], again[0][0], atol=1e-6)
        assert len(names["train"]) == 3 and not names["train"] & names["test"]

    def test_a_hall_cannot_be_dead_but_is_made_as_dead_as_can_be(self) -> None:
        room = Room(rooms=1, smallest_m=(20, 20, 8), largest_m=(20, 20, 8), rt60_s=0.1)
        ((response, _),) = simulated_rooms(room.model_dump_json(), "train", 0, SAMPLE_RATE)
        assert np.isfinite(response).all() and rt60_of(response) < 0.4


def test_without_the_extra_the_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(BadInput, match=r"pip install 'speech_tl\[rooms\]'.*room\.folders=DIR.*room\.method=decay"):
        Augmenter(AugmentOptions(room=Room()))
    assert Augmenter(AugmentOptions(room=Room(method="decay"))).chain("train")
