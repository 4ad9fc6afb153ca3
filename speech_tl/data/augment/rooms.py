"""Rooms: speech convolved with the response of a room, measured, simulated by image sources, or decaying noise."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from speech_tl.data.augment.base import (
    Apply,
    Effect,
    Folders,
    Opening,
    Part,
    PositiveRange,
    Progress,
    Scene,
)
from speech_tl.data.augment.levels import within_full_scale
from speech_tl.data.augment.sounds import SoundBank, part_of, read_sounds
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput

BEFORE_S = 0.001
"""What of a response lies before its loudest sample and still belongs to the direct sound."""

INAUDIBLE_DB = 50.0
"""A response ends where what is left of its energy is this far below all of it."""

MOST_REFLECTIONS = 40
WALL_M = 0.5
OPTION = "room.folders"

MOST_RT60_S = 60.0
"""Of any place; responses that are longer would only take memory."""

_Side = Annotated[float, Field(gt=2 * WALL_M, le=1000)]
Size = tuple[_Side, _Side, _Side]


def _at_most_a_minute(seconds: tuple[float, float]) -> tuple[float, float]:
    if seconds[1] > MOST_RT60_S:
        raise ValueError(f"no room sounds longer than {MOST_RT60_S:g} s")
    return seconds


class Room(Effect):
    """Reverberation: what is said far from the microphone. The direct sound stays where it was, and the length too.

    Attributes:
        folders: folders of measured room responses, or manifests of them (`split` says which part may hear which);
            with none, rooms are simulated.
        where: keep responses with these values in their manifests.
        method: how to simulate: "image_source" (Allen & Berkley 1979, through pyroomacoustics, the extra `rooms`), or
            "decay": exponentially decaying noise, which needs nothing and knows no geometry.
        rooms: how many rooms are simulated for each part of the data.
        smallest_m, largest_m: length, width and height of a room, in metres.
        rt60_s: seconds in which reverberation falls by 60 dB.
        distance_m: from mouth to microphone, in metres (image_source only).
    """

    folders: Folders = Field([])
    where: dict[str, Any] = Field({})
    method: Literal["image_source", "decay"] = "image_source"
    rooms: int = Field(40, ge=1, le=100_000)
    smallest_m: Size = (3.0, 3.0, 2.4)
    largest_m: Size = (10.0, 8.0, 4.0)
    rt60_s: Annotated[PositiveRange, AfterValidator(_at_most_a_minute)] = (0.2, 0.8)
    distance_m: PositiveRange = (0.5, 4.0)

    def sounds(self, progress: Progress | None = None) -> list[Manifest]:
        """The responses of all folders.

        Raises:
            BadInput: rooms are to be simulated, and what simulates them is not installed; or as `read_sounds`.
        """
        if not self.folders and self.method == "image_source":
            _pyroomacoustics()
        return read_sounds(self.folders, self.where, OPTION, progress)

    def opened(self, opening: Opening, sounds: list[Manifest]) -> Apply:
        """Rooms for the utterances of one part."""
        if sounds:
            banks = [SoundBank(part_of(m, opening.part, OPTION, divisible=False), opening.sample_rate) for m in sounds]
            return MeasuredRooms(banks)
        if self.method == "decay":
            return DecayingRooms(self.rt60_s)
        rooms = simulated_rooms(self.model_dump_json(), opening.part, opening.seed, opening.sample_rate)
        return SimulatedRooms(rooms)


class MeasuredRooms:
    """Rooms in which somebody clapped."""

    def __init__(self, banks: Sequence[SoundBank]) -> None:
        """Keep the part's responses, folder by folder."""
        self.banks = banks

    def __call__(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform in one of them."""
        bank = self.banks[int(scene.rng.integers(len(self.banks)))]
        utterance = bank.recordings[int(scene.rng.integers(len(bank)))]
        response = audible_part(bank.whole(utterance))
        return in_room(waveform, response, scene.sample_rate), f"room {Path(utterance.audio).name}"


class SimulatedRooms:
    """Rooms that were worked out beforehand."""

    def __init__(self, rooms: Sequence[tuple[np.ndarray, str]]) -> None:
        """Responses, and what each is."""
        self.rooms = rooms

    def __call__(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform in one of them."""
        response, name = self.rooms[int(scene.rng.integers(len(self.rooms)))]
        return in_room(waveform, response, scene.sample_rate), name


class DecayingRooms:
    """A room of its own for every utterance, without walls."""

    def __init__(self, rt60_s: tuple[float, float]) -> None:
        """The range of reverberation times, in seconds."""
        self.rt60_s = rt60_s

    def __call__(self, waveform: np.ndarray, scene: Scene) -> tuple[np.ndarray, str]:
        """The waveform in one of them."""
        response, rt60_s = decaying_response(scene.rng, scene.sample_rate, self.rt60_s)
        return in_room(waveform, response, scene.sample_rate), f"decaying noise, RT60 {rt60_s:.2f} s"


def in_room(waveform: np.ndarray, response: np.ndarray, sample_rate: int) -> np.ndarray:
    """Speech `(samples,)` heard through a response `(any,)`: as long, as loud, its direct sound where it was.

    Args:
        waveform: the speech.
        response: of the room; its loudest sample is the direct sound.
        sample_rate: of both, in Hz.
    """
    direct = int(np.argmax(np.abs(response)))
    before = min(direct, round(BEFORE_S * sample_rate))
    heard = convolved(np.pad(waveform, (0, before)), response[direct - before :])[before:]
    loudness = np.sqrt(np.mean(waveform**2) / (np.mean(heard**2) + 1e-12))
    return within_full_scale(heard * loudness).astype(waveform.dtype, copy=False)


def convolved(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The waveform `(samples,)` through a response `(any,)`, cut to its own length."""
    size = 1 << (len(waveform) + len(response) - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(response, size), size)[: len(waveform)]


def audible_part(response: np.ndarray) -> np.ndarray:
    """A response `(samples,)` up to where its remaining energy is `INAUDIBLE_DB` below all of it (Schroeder 1965)."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    return response[: int(np.searchsorted(-left, -left[0] * 10 ** (-INAUDIBLE_DB / 10))) + 1]


def decaying_response(
    rng: np.random.Generator, sample_rate: int, rt60_s: tuple[float, float] = (0.1, 0.6)
) -> tuple[np.ndarray, float]:
    """A direct sound, a gap of 1 to 8 ms, then exponentially decaying noise 0 to 12 dB weaker in all (Polack 1988).

    Returns:
        The response `(samples,)` and its reverberation time in seconds, drawn from `rt60_s`.
    """
    reverberation_s = rng.uniform(*rt60_s)
    times_s = np.arange(int(reverberation_s * sample_rate)) / sample_rate
    tail = rng.standard_normal(len(times_s)) * 10 ** (-3 * times_s / reverberation_s)
    tail[: int(rng.uniform(0.001, 0.008) * sample_rate)] = 0.0
    direct_to_tail_db = rng.uniform(0.0, 12.0)
    response = tail / np.sqrt(np.sum(tail**2)) * 10 ** (-direct_to_tail_db / 20)
    response[0] = 1.0
    return response, float(reverberation_s)


@functools.lru_cache(maxsize=8)
def simulated_rooms(room: str, part: Part, seed: int, sample_rate: int) -> tuple[tuple[np.ndarray, str], ...]:
    """Responses of shoe-box rooms by image sources, each with what it is; every part has rooms of its own.

    Args:
        room: a `Room` as JSON, so that rooms are worked out once in a process.
        part: of the data.
        seed: the same seed gives the same rooms.
        sample_rate: of the responses, in Hz.
    """
    options = Room.model_validate_json(room)
    rng = np.random.default_rng([seed, *part.encode()])
    return tuple(_simulated(options, rng, sample_rate) for _ in range(options.rooms))


def _simulated(options: Room, rng: np.random.Generator, sample_rate: int) -> tuple[np.ndarray, str]:
    """One room: its size, its walls, and where mouth and microphone are, all by chance."""
    pra = _pyroomacoustics()
    size_m = rng.uniform(options.smallest_m, np.maximum(options.smallest_m, options.largest_m))
    rt60_s = rng.uniform(*options.rt60_s)
    absorption, reflections = _walls(pra, rt60_s, size_m)
    mouth_m, ear_m = _places(rng, size_m, rng.uniform(*options.distance_m))
    shoe_box = pra.ShoeBox(
        size_m, fs=sample_rate, materials=pra.Material(absorption), max_order=min(reflections, MOST_REFLECTIONS)
    )
    shoe_box.add_source(mouth_m)
    shoe_box.add_microphone(ear_m)
    shoe_box.compute_rir()
    response = audible_part(np.asarray(shoe_box.rir[0][0], np.float32))
    size = " x ".join(f"{length:.1f}" for length in size_m)
    return response, f"room {size} m, RT60 {rt60_s:.2f} s, {np.linalg.norm(mouth_m - ear_m):.1f} m away"


def _walls(pra: Any, rt60_s: float, size_m: np.ndarray) -> tuple[float, int]:
    """Absorption and reflections for a reverberation time (Sabine 1922); nearly bare-less walls where none fit."""
    try:
        return pra.inverse_sabine(rt60_s, size_m)
    except ValueError:  # so large a room cannot be so dry
        return 0.99, 3


def _places(rng: np.random.Generator, size_m: np.ndarray, distance_m: float) -> tuple[np.ndarray, np.ndarray]:
    """A mouth and an ear at least half a metre from every wall, so far apart if the room allows it, else nearer."""
    low, high = np.full(3, WALL_M), size_m - WALL_M
    mouth_m = rng.uniform(low, high)
    direction = rng.standard_normal(3) * (1.0, 1.0, 0.2)
    away = mouth_m + distance_m * direction / np.linalg.norm(direction)
    ear_m = np.clip(away, low, high)
    if np.linalg.norm(ear_m - mouth_m) < 0.1:  # a corner: turn round
        ear_m = np.clip(2 * mouth_m - away, low, high)
    return mouth_m, ear_m


def _pyroomacoustics() -> Any:
    """The library that works rooms out (Scheibler et al. 2018, arXiv 1710.04196).

    Raises:
        BadInput: it is not installed.
    """
    try:
        import pyroomacoustics
    except ImportError as error:
        raise BadInput(
            "rooms are simulated with pyroomacoustics, which is not installed: pip install 'speech_tl[rooms]', or give "
            "measured responses (augment.room.folders=DIR), or take decaying noise (augment.room.method=decay)"
        ) from error
    return pyroomacoustics
