"""Several channels -> one: the mean, unless channels cancel each other; or the channel that was asked for.

A stereo recording in which one channel is the other turned over has a mean of silence. Where the mean is more than
20 dB quieter than the loudest channel, that channel is taken. What decides is the first half minute of sound, so that
a stream, a whole file and any cut of it are mixed alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from speech_tl.errors import AudioError

CANCELLED_DB = 20.0
DECIDED_AFTER_S = 30.0
QUIET_FOR_S = 120.0
"""Once something was heard, so much that says nothing ends the waiting too: blocks are held until it is decided."""
MOST_HELD = 1 << 24
"""Samples times channels that decide: 30 s of eight channels at 48 kHz, less of more channels."""
QUIET_POWER = 10 ** (-80 / 10)
"""Stretches whose channels are all below this mean square (-80 dB of full scale) say nothing about them."""
STRETCH = 16_384

_NAMES = {"left": 1, "right": 2, "a": 1, "b": 2}
_MIX = ("", "mix", "mono", "none", "null")


def channel_number(value: object) -> int | None:
    """A channel as people write it: 1, "2", "2.0", "left", "right", NIST's "A" and "B"; empty or "mix" is all of them.

    Raises:
        ValueError: it is none of these.

    >>> channel_number("2.0"), channel_number("left"), channel_number("")
    (2, 1, None)
    """
    if value is None or value != value:
        return None
    word = str(value).strip().lower()
    if word in _MIX or word == "nan":
        return None
    if word in _NAMES:
        return _NAMES[word]
    number = float(word)
    if not number.is_integer() or number < 1:
        raise ValueError(f"{word} is no channel's number")
    return int(number)


class Energies:
    """How much of each channel and of their mean there is, over the blocks that say something."""

    def __init__(self, sample_rate: int) -> None:
        """Nothing yet; `sample_rate` in Hz tells when there is enough."""
        self.left = round(DECIDED_AFTER_S * sample_rate)
        self.quiet_left = round(QUIET_FOR_S * sample_rate)
        self.channels = np.zeros(0)
        self.mean = 0.0

    @property
    def decided(self) -> bool:
        """Whether there was enough sound."""
        return self.left <= 0 or self.quiet_left <= 0

    def add(self, block: np.ndarray) -> None:
        """Take in a block `(samples, channels)`, as much as still counts; a constant offset is no sound."""
        with np.errstate(over="ignore", invalid="ignore"):  # whoever decodes the samples says that they are absurd
            self._add(block)

    def _add(self, block: np.ndarray) -> None:
        for first in range(0, len(block), STRETCH):
            if self.decided:
                return
            piece = block[first : first + min(STRETCH, self.left)]
            sums, mean = piece.sum(axis=0, dtype=np.float64), piece.mean(axis=1)
            power = np.einsum("sc,sc->c", piece, piece) - sums * sums / len(piece)
            if not float(power.max()) > QUIET_POWER * len(piece):
                self.quiet_left -= len(piece) if len(self.channels) else 0
                continue
            if len(self.channels) != piece.shape[1]:
                self.channels, self.mean = np.zeros(piece.shape[1]), 0.0
                most = MOST_HELD // piece.shape[1]
                self.left, self.quiet_left = min(self.left, most), min(self.quiet_left, 4 * most)
            self.channels += power
            self.mean += float(np.dot(mean, mean)) - float(sums.mean()) ** 2 / len(piece)
            self.left -= len(piece)

    @property
    def choice(self) -> int | None:
        """Index of the channel to take; None for the mean."""
        if not len(self.channels) or not (loudest := float(self.channels.max())):
            return None
        if self.mean >= loudest * 10 ** (-CANCELLED_DB / 10):
            return None
        return int(np.argmax(self.channels > 0.99 * loudest))  # of channels that only rounding tells apart, the first


def deciding(blocks: Iterable[np.ndarray], sample_rate: int) -> int | None:
    """Which channel a recording's first blocks `(samples, channels)` speak for; None for the mean."""
    energies = Energies(sample_rate)
    for block in blocks:
        if block.shape[1] > 1:
            energies.add(block)
        if energies.decided:
            break
    return energies.choice


def mixed(
    blocks: Iterable[np.ndarray], sample_rate: int, on_choice: Callable[[int | None], None]
) -> Iterator[np.ndarray]:
    """Mono blocks of a recording read from its beginning; holds back what is needed to decide.

    Args:
        blocks: `(samples, channels)`.
        sample_rate: in Hz.
        on_choice: told the channel's index, or None for the mean, once.
    """
    energies = Energies(sample_rate)
    held: list[np.ndarray] = []
    blocks = iter(blocks)
    for block in blocks:
        if block.shape[1] > 1:
            energies.add(block)
            if not held and not len(energies.channels):  # silence sounds the same whichever way it is mixed
                yield one_of(block, None)
                continue
        held.append(block)
        if energies.decided or (block.shape[1] == 1 and not len(energies.channels)):
            break
    on_choice(energies.choice)
    for block in held:
        yield one_of(block, energies.choice)
    later = Energies(sample_rate)  # where mono turns into stereo midway, that part decides
    settled = bool(len(energies.channels))
    for block in blocks:
        if not settled and block.shape[1] > 1:
            later.add(block)
        yield one_of(block, energies.choice if settled else later.choice)


def one_of(block: np.ndarray, choice: int | None) -> np.ndarray:
    """Mono `(samples,)` of a block `(samples, channels)`: its channel `choice`, or the mean where that is None."""
    if block.shape[1] == 1:
        return block[:, 0]
    if choice is None or choice >= block.shape[1]:
        return block.mean(axis=1)
    return np.ascontiguousarray(block[:, choice])


def no_such_channel(name: str, channel: object, channels: int) -> AudioError:
    """The one line about a channel that a file does not have."""
    there = "1 channel" if channels == 1 else f"{channels} channels"
    numbers = "1" if channels == 1 else f"1 to {channels}"
    return AudioError(f"{name}: no channel {channel}, it has {there}; give {numbers}, or none for all", "channel")
