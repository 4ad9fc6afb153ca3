"""The sound of utterances for a page: put into it as Opus, or pointed at where it lies."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import numpy as np

from speech_tl.audio import channel_number, load_audio, probe
from speech_tl.errors import AudioError
from speech_tl.reporting.options import AudioMode
from speech_tl.scoring.wer import ScoredUtterance

MOST_EMBEDDED = 40
LONGEST_S = 60.0  # a longer recording would weigh as much as all else in the page
RATE = 16000
BITS_A_SECOND = 24_000  # speech is clear, and half a minute weighs 90 kB
OPUS_BITS_A_SECOND = 6_000, 256_000  # what libsndfile's compression level 1 and 0 stand for, one channel


def clip_addresses(
    utterances: Sequence[ScoredUtterance], order: Iterable[int], audio: AudioMode, folder: Path | None
) -> dict[int, str]:
    """Where a page in `folder` finds the sound of utterances, by their index in `utterances`.

    Args:
        utterances: of the test set.
        order: indices, those that matter most first.
        audio: "embed" gives `data:` addresses for the first 40 that can be read, "link" addresses of files relative
            to `folder`, "none" nothing.
        folder: where the page lies; None makes links absolute.

    Returns:
        Addresses, quoted as an address needs it. Audio that is gone, embedded in a table or damaged has none: a report
        is not to fail for it.
    """
    found: dict[int, str] = {}
    for index in order if audio != "none" else ():
        if audio == "embed" and len(found) >= MOST_EMBEDDED:
            break
        address = _embedded(utterances[index]) if audio == "embed" else _link(utterances[index], folder)
        if address is not None:
            found[index] = address
    return found


def opus(waveform: np.ndarray, sample_rate: int = RATE) -> bytes:
    """A mono waveform `(samples,)` as an Ogg file with Opus inside, about `BITS_A_SECOND`."""
    import soundfile

    lowest, highest = OPUS_BITS_A_SECOND
    level = (highest - BITS_A_SECOND) / (highest - lowest)
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", sample_rate, 1, "OPUS", format="OGG", compression_level=level) as file:
        file.write(waveform)
    return stream.getvalue()


def _embedded(utterance: ScoredUtterance) -> str | None:
    """The clip itself as an address; None where it is too long or cannot be read."""
    start_s, end_s = _segment(utterance)
    length_s = utterance.duration if end_s is None else end_s - start_s
    try:
        if length_s is None:
            length_s = probe(utterance.audio).duration_s - start_s
        if length_s > LONGEST_S:
            return None
        channel = channel_number(utterance.columns.get("channel"))
        waveform = load_audio(utterance.audio, RATE, start_s, end_s, channel=channel)
    except (AudioError, ValueError):
        return None
    encoded = opus(waveform)
    return f"data:audio/ogg;base64,{base64.b64encode(encoded).decode('ascii')}"


def _link(utterance: ScoredUtterance, folder: Path | None) -> str | None:
    """The file's address, with the segment's seconds; None where there is no such file."""
    path = Path(utterance.audio)
    if not os.path.isfile(path):  # which no name is too long or odd for
        return None
    start_s, end_s = _segment(utterance)
    part = "" if not start_s and end_s is None else f"#t={start_s:g}" + ("" if end_s is None else f",{end_s:g}")
    return _address(path.absolute(), folder) + part


def _address(path: Path, folder: Path | None) -> str:
    """A file's address, seen from `folder` where there is a way to it (none leads from one drive to another)."""
    if folder is not None:
        with suppress(ValueError):
            return quote(Path(os.path.relpath(path, folder)).as_posix())
    return path.as_uri()


def _segment(utterance: ScoredUtterance) -> tuple[float, float | None]:
    """Where the utterance begins and ends in its file, in seconds; None is the file's end."""
    start, end = (utterance.columns.get(name) for name in ("start", "end"))
    return float(start or 0.0), None if end in (None, "") else float(end)
