"""Two readers: libsndfile where a file's promises can be trusted (see `containers`), FFmpeg by PyAV everywhere else."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import soundfile

from speech_tl.audio.containers import CorrectedWav, Promise, promise_of, wav_frame_bytes
from speech_tl.errors import AudioError

AudioSource = str | os.PathLike | bytes | BinaryIO
"""Where audio comes from: a path, the bytes of a whole file, or an open seekable binary file."""

DAMAGE = (soundfile.LibsndfileError, OSError, ValueError, EOFError)
"""What the two libraries raise about a file that they cannot decode."""

_BLOCK_S = 30
_UNSEEKABLE = ("GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32", "G723_24", "G723_40", "VOX_ADPCM", "NMS_ADPCM", "DWVW")
_TIMED = ("matroska", "webm", "mov", "mp4", "asf", "mpegts", "flv", "avi", "ogg")
"""Containers whose time stamps count; elsewhere (raw MP3, AAC, AMR) they are only counted up."""

_SOUGHT = ("matroska", "mov")
"""Containers in which FFmpeg finds a time exactly; others are decoded from their beginning."""

_JITTER_S = 0.04
"""Time stamps are rounded; from here on a gap is one."""

_WARM_UP_S = 0.3
"""Decoded before what is wanted after a seek: the first frames lack what they borrow from earlier ones."""


@dataclass(frozen=True)
class AudioInfo:
    """What a file's headers say: `duration_s` in seconds, `sample_rate` in Hz, `channels`, `codec` ("FLAC/PCM_16")."""

    duration_s: float
    sample_rate: int
    channels: int
    codec: str


class SoundfileTrack:
    """A file that libsndfile reads."""

    library = "soundfile"

    def __init__(self, source: str | BinaryIO, name: str, promise: Promise) -> None:
        """`source` is a path or an open file; `name` is what messages call it."""
        self.name = name
        self.cut = promise.verdict == "cut"
        self._opened: BinaryIO | None = None
        if promise.verdict == "open end":
            if isinstance(source, str):
                source = self._opened = open(source, "rb")  # noqa: SIM115 - closed with the track
            source = CorrectedWav(source, promise, wav_frame_bytes(source))
        self._file = file = soundfile.SoundFile(source)
        if file.subtype in _UNSEEKABLE:
            self.close()
            raise ValueError(f"{file.subtype} cannot be sought")
        self.exact = file.format != "MP3"  # an MP3 header without gapless tags counts whole frames
        self.info = AudioInfo(
            file.frames / file.samplerate, file.samplerate, file.channels, f"{file.format}/{file.subtype}"
        )

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Blocks `(samples, channels)` at the file's own rate."""
        rate = self._file.samplerate
        position = first = round(start_s * rate)
        last = self._file.frames if end_s is None else min(round(end_s * rate), self._file.frames)
        while position < last:
            block = self._read_at(position, min(last - position, _BLOCK_S * rate), sought=first > 0)
            if not len(block):
                return
            position += len(block)
            yield block

    def _read_at(self, position: int, samples: int, *, sought: bool) -> np.ndarray:
        """Samples `(samples, channels)` from `position`; without a seek before (`sought`), reading just goes on."""
        warm_up = 0
        if sought:  # an MP3 decoder is wrong after a seek until it has the frames that later ones borrow bits from
            warm_up = 0 if self.exact else min(position, self._file.samplerate)
            self._file.seek(position - warm_up)
        return self._file.read(warm_up + samples, dtype="float32", always_2d=True)[warm_up:]

    def close(self) -> None:
        """Let go of the file."""
        if hasattr(self, "_file"):
            self._file.close()
        if self._opened is not None:
            self._opened.close()


class AvTrack:
    """The default audio stream of a file that FFmpeg reads, on the time line that a player shows."""

    library = "PyAV"
    exact = False  # containers round their durations to packets
    cut = False

    def __init__(self, source: str | BinaryIO, name: str, promise: Promise) -> None:
        """`source` is a path or an open file; `name` is what messages call it."""
        self.name, self._source = name, source
        container, stream = self._open()
        formats = container.format.name.split(",")
        self._timed = any(name in formats for name in _TIMED)
        self._sought = any(name in formats for name in _SOUGHT)
        codec = stream.codec_context
        if not codec.sample_rate or not codec.channels:
            self.close()
            raise ValueError("its sample rate or number of channels is unknown")
        # Where a player's time begins; what is before zero (encoder delay) is not played.
        self._origin_s = max(0.0, (container.start_time or 0) / 1e6)
        self.info = AudioInfo(
            self._duration_s(), codec.sample_rate, codec.channels, f"{container.format.name}/{codec.name}"
        )

    def _open(self) -> tuple[Any, Any]:
        """The container and its default audio stream, from the beginning."""
        import av

        if not isinstance(self._source, str):
            self._source.seek(0)
        self._container = container = av.open(self._source)
        if not container.streams.audio:
            self.close()
            raise ValueError("no audio track")
        default = [s for s in container.streams.audio if s.disposition & av.stream.Disposition.default]
        self._stream = (default or container.streams.audio)[0]
        return container, self._stream

    def _duration_s(self) -> float:
        """Seconds from the player's zero to the end of the sound; of the picture nothing counts."""
        stream, container = self._stream, self._container
        if self._timed and stream.duration:
            begins_s = float((stream.start_time or 0) * stream.time_base)
            return float(stream.duration * stream.time_base) + max(0.0, begins_s) - self._origin_s
        if self._timed and len(container.streams) == 1 and container.duration and "ogg" not in container.format.name:
            return container.duration / 1e6
        # Neither raw streams nor recordings streamed by a browser tell: read the packets, decode none.
        length_s, end_s = 0.0, 0.0
        for packet in _packets(container, stream):
            seconds = float((packet.duration or 0) * packet.time_base)
            length_s += seconds
            if packet.pts is not None:
                end_s = max(end_s, float(packet.pts * packet.time_base) + seconds)
        container.close()
        self._open()  # and not a seek to zero, after which Opus would lose its first frames
        return end_s - self._origin_s if self._timed and "ogg" not in container.format.name else length_s

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Blocks `(samples, channels)` at the first frame's rate; a gap between time stamps is silence."""
        rate = self.info.sample_rate
        first, last = round(start_s * rate), math.inf if end_s is None else round(end_s * rate)
        position = self._seek(start_s) if self._sought and start_s > 1.0 else 0
        line = _TimeLine(rate, position, self._origin_s, self._timed, self.info.duration_s)
        resampled = _Resampled(rate)
        for frame in self._frames():
            for block in line.placed(frame.time, resampled.block(frame)):
                begin = line.position - len(block)
                wanted = block[max(0, first - begin) : max(0, int(min(len(block), last - begin)))]
                if len(wanted):
                    yield wanted
            if line.position >= last:
                return

    def _seek(self, start_s: float) -> int | None:
        """Go to a little before; None for "where the first frame's time stamp says"."""
        self._container.seek(int(max(0.0, start_s - _WARM_UP_S + self._origin_s) * 1e6))
        return None

    def _frames(self) -> Iterator[Any]:
        """Decoded frames; a broken packet is passed over, as FFmpeg's own player does."""
        import av

        for packet in _packets(self._container, self._stream, flush=True):
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                continue

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


class _TimeLine:
    """Puts frames where a player would: silence in gaps, sound that starts late late, joined streams one by one."""

    def __init__(self, rate: int, position: int | None, origin_s: float, timed: bool, duration_s: float) -> None:
        """`position` in samples is where the first frame goes; None leaves that to its time stamp."""
        self.rate, self.timed, self._end = rate, timed, round((duration_s + 1.0) * rate)
        self.position = position if position is not None else -1
        self._origin_s = origin_s

    def placed(self, time_s: float | None, block: np.ndarray) -> Iterator[np.ndarray]:
        """The silence before a frame, if there is a gap, then its samples; `position` is then behind what is given."""
        if self.timed and time_s is not None:
            due = round((time_s - self._origin_s) * self.rate)
            if self.position < 0:
                self.position = max(0, due)
            gap = due - self.position
            if gap > _JITTER_S * self.rate and due <= self._end:
                self.position += gap
                yield np.zeros((gap, block.shape[1]), np.float32)
            elif abs(gap) > _JITTER_S * self.rate:  # the time of another stream, joined to the first
                self._origin_s = time_s - self.position / self.rate
        self.position = max(0, self.position) + len(block)
        yield block


class _Resampled:
    """Frames as blocks `(samples, channels)` of float32 at one rate, though rate and channels change midway.

    Samples are interleaved ("flt"): the planar form of eight channels and more ends the process in FFmpeg's bindings.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._of: tuple[Any, ...] = ()
        self._resampler: Any = None

    def block(self, frame: Any) -> np.ndarray:
        """One frame's samples."""
        import av

        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind != self._of:
            self._of = kind
            self._resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=self.rate)
        channels = frame.layout.nb_channels
        frame.pts = None  # the resampler would fill gaps its own way
        parts = [part.to_ndarray().reshape(-1, channels) for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros((0, channels), np.float32)


def _packets(container: Any, stream: Any, *, flush: bool = False) -> Iterator[Any]:
    """The stream's packets; where a container ends in the middle of one, they end."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        if packet.size or flush:
            yield packet


Track = SoundfileTrack | AvTrack


@contextlib.contextmanager
def open_track(source: AudioSource, name: str | None) -> Iterator[Track]:
    """The reader that can be trusted with `source`; when none can open it, the message lists what each one said."""
    name = name or _name_of(source)
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    if isinstance(opened, str | os.PathLike):
        opened = os.fspath(opened)
        if not os.path.exists(opened):
            raise AudioError(
                f"{name}: no such file; check the path (a manifest's are relative to its folder)", "missing"
            )
        if os.path.isdir(opened):
            raise AudioError(f"{name}: a folder where an audio file was expected", "folder")
    answers = []
    try:
        promise = _promise(opened)
        if not _on_stream(opened, lambda stream: stream.seek(0, io.SEEK_END)):
            raise AudioError(f"{name}: the file is empty (0 bytes); record or copy it again", "empty")
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({reason(error)}); check its permissions", "unreadable") from error
    readers = (AvTrack, SoundfileTrack) if promise.verdict == "uncertain" else (SoundfileTrack, AvTrack)
    for reader in readers:
        try:
            if not isinstance(opened, str):
                opened.seek(0)
            track = reader(opened, name, promise)
        except (*DAMAGE, RuntimeError, TypeError) as error:
            answers.append(f"{reader.library}: {reason(error)}")
            continue
        with contextlib.closing(track):
            yield track
        return
    raise AudioError(f"{name}: not audio that can be decoded ({'; '.join(answers)}); convert it to wav", "unreadable")


def _promise(source: str | BinaryIO) -> Promise:
    """What a file promises; remembered for a path as it is now, for its parts are read one by one."""
    if isinstance(source, str):
        state = os.stat(source)
        return _promise_of_file(source, state.st_size, state.st_mtime_ns)
    return _on_stream(source, lambda stream: promise_of(stream, whole=isinstance(stream, io.BytesIO)))


@lru_cache(maxsize=65536)
def _promise_of_file(path: str, size: int, changed_ns: int) -> Promise:
    return _on_stream(path, promise_of)


def reason(error: Exception) -> str:
    """What a library said, in one line and without repeating the file's name."""
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(said.split()).rstrip(".")


def _name_of(source: Any) -> str:
    if isinstance(source, bytes):
        return f"audio of {len(source)} bytes"
    return os.fspath(source) if isinstance(source, str | os.PathLike) else str(getattr(source, "name", "audio stream"))


def _on_stream(source: str | BinaryIO, ask: Callable[[BinaryIO], Any]) -> Any:
    """`ask(stream)`; an open file is handed back at its beginning."""
    if isinstance(source, str):
        with open(source, "rb") as stream:
            return ask(stream)
    answer = ask(source)
    source.seek(0)
    return answer
