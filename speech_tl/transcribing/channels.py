"""Which channel of each recording is transcribed: all mixed, one of them, or each by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from speech_tl.audio import channel_number, probe
from speech_tl.errors import AudioError, BadInput
from speech_tl.transcribing.recordings import Recording

Channel = int | Literal["each"] | None
"""A channel's number, "each", or None for the mix of all."""


def asked_channel(said: str | int | None) -> Channel:
    """What was asked for.

    Raises:
        BadInput: neither a channel nor "mix" nor "each".
    """
    if isinstance(said, str) and said.strip().lower() == "each":
        return "each"
    try:
        return channel_number(said)
    except ValueError:
        raise BadInput(f"channel {said}: expected a number (1, 2, ...), left, right, mix or each") from None


def on_channels(recordings: list[Recording], channel: Channel) -> list[Recording]:
    """The recordings on the channel asked for; for "each", one a channel, named NAME.ch1, NAME.ch2, ...

    A file that cannot be read stays as it is, to be reported when its turn comes.
    """
    if channel != "each":
        return [replace(recording, channel=channel) for recording in recordings]
    return [one for recording in recordings for one in _each(recording)]


def _each(recording: Recording) -> list[Recording]:
    try:
        channels = probe(recording.path).channels
    except AudioError:
        return [recording]
    names = tuple(f"{recording.name}.ch{channel}" for channel in range(1, channels + 1))
    return [
        replace(recording, name=name, channel=channel, siblings=names) for channel, name in enumerate(names, start=1)
    ]
