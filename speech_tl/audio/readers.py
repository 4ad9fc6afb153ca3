"""Who reads a file: libsndfile where the bytes show that it reads all of it, PyAV (FFmpeg) everywhere else."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, BinaryIO, Protocol

import numpy as np

from speech_tl.audio.av_track import AvTrack
from speech_tl.audio.contents import Contents, contents_of
from speech_tl.audio.info import AudioInfo
from speech_tl.audio.limits import require_file
from speech_tl.audio.remote import RemoteFile, is_remote, shown_url
from speech_tl.audio.soundfile_track import PartOfFile, SoundfileTrack
from speech_tl.audio.timeline import Converter
from speech_tl.errors import AudioError, BadInput

AudioSource = str | os.PathLike | bytes | BinaryIO
"""Where audio comes from: a path (also s3:// and its like), the bytes of a whole file, an open seekable binary file."""

DAMAGE = Exception
"""What decoders raise about bytes that they cannot read: any error of any library, down to a division by zero. Data is
no reason for a traceback, so here, where bytes of unknown origin are decoded, every one becomes an `AudioError`."""


class Track(Protocol):
    """One recording, opened by whoever can read it.

    Attributes:
        name: what messages call it.
        sample_rate: Hz of all blocks.
        channels: of the file; blocks may have others where that changes midway.
        exact: whether a promise is one to the sample.
        promised_s: seconds of sound that the file vouches for; None where it does not.
        cut: bytes are known to be missing at its end.
        info: what the headers say (looked for on demand).
    """

    name: str
    sample_rate: int
    channels: int
    cut: bool

    @property
    def exact(self) -> bool:
        """See above."""

    @property
    def promised_s(self) -> float | None:
        """See above."""

    @property
    def info(self) -> AudioInfo:
        """See above."""

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Blocks `(samples, channels)` of the seconds `start_s` to `end_s` (None: the end)."""

    def missing(self, position_s: float) -> bool:
        """Whether sound that was promised is gone, after all was decoded up to `position_s`."""

    def close(self) -> None:
        """Let go of the file."""


class JoinedTrack:
    """Recordings joined end to end in one file, each opened when its turn comes, at the first one's rate."""

    exact = False

    def __init__(self, source: str | BinaryIO, name: str, contents: Contents) -> None:
        """`contents` say where the parts lie."""
        self.name = name
        self.cut = False
        self._source, self._parts = source, contents.parts
        with self._part(0) as first:
            self.sample_rate, self.channels, self._codec = first.sample_rate, first.channels, first.info.codec

    @property
    def promised_s(self) -> float | None:
        """Nothing: each part answers for itself."""
        return None

    @property
    def info(self) -> AudioInfo:
        """The sum of the parts."""
        return AudioInfo(sum(self._lengths_s), self.sample_rate, self.channels, self._codec)

    @cached_property
    def _lengths_s(self) -> list[float]:
        return [self._length_s(number) for number in range(len(self._parts))]

    def _length_s(self, number: int) -> float:
        with self._part(number) as part:
            return part.info.duration_s

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Blocks `(samples, channels)` at the first part's rate."""
        converter, begin_s = Converter(self.sample_rate), 0.0
        for number in range(len(self._parts)):
            with self._part(number) as part:
                length_s = part.info.duration_s
                from_s, to_s = start_s - begin_s, math.inf if end_s is None else end_s - begin_s
                begin_s += length_s
                if to_s <= 0:
                    break
                if from_s < length_s:
                    for block in part.blocks(max(0.0, from_s), None if to_s >= length_s else to_s):
                        yield from (out for _, out in converter.push(block, part.sample_rate))
        yield from (out for _, out in converter.flush())

    def missing(self, position_s: float) -> bool:
        """Whether the last part's bytes are not all there, or parts are shorter than they say."""
        with self._part(len(self._parts) - 1) as last:
            return last.cut or position_s < self.info.duration_s - 0.3

    def close(self) -> None:
        """Parts are closed one by one."""

    @contextlib.contextmanager
    def _part(self, number: int) -> Iterator[Track]:
        part = PartOfFile(self._source, *self._parts[number])
        with contextlib.closing(part), _opened(part, self.name) as track:
            yield track


@contextlib.contextmanager
def open_track(source: AudioSource, name: str | None) -> Iterator[Track]:
    """The reader that gets all of `source`; when none does, the message lists what each one said.

    Raises:
        AudioError: missing, folder, empty or unreadable.
    """
    name = name or _name_of(source)
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    if isinstance(opened, str | os.PathLike):
        opened = os.fspath(opened)
        if is_remote(opened):
            opened = RemoteFile(opened)
        else:
            require_file(opened, name)
    try:
        with _opened(opened, name) as track:
            yield track
    except BadInput:
        raise
    except DAMAGE as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> AudioError:
    return AudioError(f"{name}: cannot be read ({reason(error)}); check the file", "unreadable")


@contextlib.contextmanager
def _opened(source: str | BinaryIO, name: str) -> Iterator[Track]:
    answers = []
    try:
        contents = _on_stream(source, lambda stream: _looked_at(stream, name))
    except AudioError:
        raise
    except DAMAGE as error:
        raise _unreadable(name, error) from error
    for library, reader in _readers(source, name, contents):
        try:
            track = reader()
        except AudioError:
            raise
        except DAMAGE as error:
            answers.append(f"{library}: {reason(error)}")
            continue
        with contextlib.closing(track):
            yield track
        return
    raise AudioError(f"{name}: not audio that can be decoded ({'; '.join(answers)}); convert it to wav", "unreadable")


def _looked_at(stream: BinaryIO, name: str) -> Contents:
    if not stream.seek(0, io.SEEK_END):
        raise AudioError(f"{name}: the file is empty (0 bytes); record or copy it again", "empty")
    return contents_of(stream)


def _readers(source: str | BinaryIO, name: str, contents: Contents) -> Iterator[tuple[str, Callable[[], Track]]]:
    """The readers to try, in order."""

    def by_av() -> Track:
        track = AvTrack(_rewound(source), name, endless=contents.endless, promised_s=contents.promised_s)
        track.cut = contents.cut
        return track

    def go_on(start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        with contextlib.closing(by_av()) as track:
            yield from track.blocks(start_s, end_s)

    def by_soundfile() -> Track:
        return SoundfileTrack(_forgiving(source), name, cut=contents.cut, hand_over=go_on)

    if contents.parts:
        yield "parts", lambda: JoinedTrack(source, name, contents)
    readers = [(SoundfileTrack.library, by_soundfile), (AvTrack.library, by_av)]
    if contents.known and not contents.certain:
        del readers[0]
    yield from readers


def _rewound(source: str | BinaryIO) -> str | BinaryIO:
    if not isinstance(source, str):
        source.seek(0)
    return source


def _forgiving(source: str | BinaryIO) -> str | BinaryIO:
    """For libsndfile: damaged headers make it seek to before the beginning, which Python's own files complain about."""
    if isinstance(source, str | PartOfFile):
        return _rewound(source)
    return PartOfFile(source, 0, source.seek(0, io.SEEK_END))


def reason(error: Exception) -> str:
    """What a library said, in one line and without repeating the file's name."""
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    said = "".join(letter if letter.isprintable() else " " for letter in str(said))
    return " ".join(said.split())[:200].rstrip(".") or type(error).__name__


def _name_of(source: Any) -> str:
    if isinstance(source, bytes):
        return f"audio of {len(source)} bytes"
    if isinstance(source, str | os.PathLike):
        return shown_url(os.fspath(source)) if is_remote(source) else os.fspath(source)
    return str(getattr(source, "name", "audio stream"))


def _on_stream(source: str | BinaryIO, ask: Callable[[BinaryIO], Any]) -> Any:
    """`ask(stream)`; an open file is handed back at its beginning."""
    if isinstance(source, str):
        with open(source, "rb") as stream:
            return ask(stream)
    answer = ask(source)
    source.seek(0)
    return answer
