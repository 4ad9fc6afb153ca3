"""What FFmpeg reads, through PyAV: a film's sound, phone and browser formats, damaged and odd files.

Time is a player's: 0 is where the file begins (picture or sound, whichever is first), gaps in the timestamps are
silence, and the length is the sound's.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from speech_tl.audio.info import AudioInfo
from speech_tl.audio.limits import plausible_rate, require_plausible
from speech_tl.audio.timeline import Clock, Converter, silence
from speech_tl.errors import AudioError

if TYPE_CHECKING:
    import av

WARM_UP_S = 1.0
"""Decoded before the first sample wanted: the first frames after a seek lack what they borrow from earlier ones."""
NEAR_S = 20.0
"""What begins so early is decoded from the start: as fast as a seek, and by no clock but the samples."""
SLACK_S = 0.3
"""Containers round their durations to packets."""
PRIMING_S = 0.1

_SEEKABLE = ("mov", "matroska", "webm", "wav", "w64", "aiff", "caf", "au")
_PROMISING = ("mov", "matroska", "webm", "asf", "flv", "avi")
_CLOCKED = (*_PROMISING, "mpegts", "mpeg", "ogg", "nut", "mxf", "rm")
"""Formats that store times; in others (raw MP3, AAC, AC-3, FLAC ...) FFmpeg only counts them up, by the first rate."""
_RESTARTING = ("mpegts", "mpeg", "ogg")

_REFERRING = (
    "hls applehttp dash concat sdp rtsp rtp sap hds imf image2 lavfi tty webm_dash_manifest smoothstreaming alsa oss "
    "pulse jack sndio fbdev kmsgrab x11grab xcbgrab video4linux2,v4l2 v4l2 avfoundation dshow gdigrab vfwcap "
    "android_camera"
)
"""Formats that name other files, addresses or devices, and text drawn as pictures."""


class AvTrack:
    """The default audio track of a file that FFmpeg reads."""

    library = "PyAV"

    def __init__(
        self, source: str | BinaryIO, name: str, *, endless: bool = False, promised_s: float | None = None
    ) -> None:
        """Open the file.

        Args:
            source: a path or an open file.
            name: what messages call it.
            endless: a wav whose samples go on to the end of the file, whatever its header says.
            promised_s: seconds that a length header outside FFmpeg's knowledge promises.
        """
        self.name = name
        self._source = source
        self._options = {"ignore_length": "1"} if endless else {}
        self._last_s = 0.0  # where the sound ended, and where any packet did
        self._packets_end_s = 0.0
        self._said_s = promised_s
        with self._opened() as (container, stream):
            codec = stream.codec_context
            if not codec.sample_rate or not codec.channels:
                raise ValueError("no audio track that can be decoded")
            self._format = container.format.name
            self.sample_rate, self.channels = codec.sample_rate, codec.channels
            require_plausible(name, self.sample_rate, self.channels)
            self._codec = f"{self._format}/{codec.name}"
            self._alone = len(container.streams) == 1
            self._container_s = container.duration / 1e6 if container.duration else None
            self._origin_s = max(0.0, _origin_s(container) or 0.0)
            # ASF has one length for all tracks.
            self._stream_s = None if self._is(("asf",)) else _stream_seconds(stream, self._origin_s)
        self.cut = False

    @property
    def exact(self) -> bool:
        """Whether a promise is one to the sample."""
        return False

    @property
    def promised_s(self) -> float | None:
        """Seconds of sound that the file vouches for; None where a length would only be guessed."""
        if self._said_s is not None:
            return self._said_s
        if not self._is(_PROMISING):
            return None
        return self._stream_s or (self._container_s - self._origin_s if self._alone and self._container_s else None)

    @property
    def info(self) -> AudioInfo:
        """What the headers say; where they say no length of the sound, its packets do (read, not decoded)."""
        known = self.promised_s if self._is(_PROMISING) or self._said_s else None
        return AudioInfo(
            self._packet_seconds() if known is None else known, self.sample_rate, self.channels, self._codec
        )

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Blocks `(samples, channels)` at `sample_rate`; a block may have other channels than the one before."""
        sought = self._is(_SEEKABLE) and start_s > NEAR_S
        if sought:
            try:
                yield from self._cut(self._timed(start_s), start_s, end_s)
                return
            except _SeekWentTooFar:
                pass
        yield from self._cut(self._timed(0.0), start_s, end_s)

    def missing(self, position_s: float) -> bool:
        """Whether sound that was promised is gone, after all was decoded up to `position_s`."""
        if self.cut:
            return True
        if self.promised_s is not None:
            return position_s < self.promised_s - SLACK_S
        if self._is(_PROMISING) and self._container_s is not None:  # with a picture: did anything reach the end?
            return max(self._packets_end_s, position_s) < self._container_s - max(SLACK_S, 1.0)
        return False

    def close(self) -> None:
        """Nothing is held open between passes."""

    def _is(self, formats: tuple[str, ...]) -> bool:
        return any(name in formats for name in self._format.split(","))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
        """The container from its beginning, and the track that a player would take."""
        import av

        if not isinstance(self._source, str):
            self._source.seek(0, io.SEEK_SET)
        options = {**self._options, "format_whitelist": _formats_with_contents()}
        # Metadata in another encoding is nobody's concern here.
        with av.open(self._source, options=options, metadata_errors="ignore") as container:
            tracks = [stream for stream in container.streams.audio if stream.codec_context is not None]
            if not tracks:
                raise ValueError("no audio track")
            default = av.stream.Disposition.default
            yield container, next((stream for stream in tracks if stream.disposition & default), tracks[0])

    def _packet_seconds(self) -> float:
        """The length of the sound by its packets."""
        end_s, clock, clocked = 0.0, Clock(self._is(_RESTARTING)), self._is(_CLOCKED)
        with self._opened() as (container, stream):
            origin_s = _origin_s(container)
            with contextlib.suppress(*_broken()):
                for packet in container.demux(stream):
                    if not packet.size:
                        continue
                    if clocked and packet.pts is not None:
                        end_s += clock.gap_s(float(packet.pts * packet.time_base) - (origin_s or 0.0), end_s)
                    end_s += float((packet.duration or 0) * packet.time_base)
        return end_s

    def _timed(self, start_s: float) -> Iterator[tuple[float, np.ndarray]]:
        """Blocks with the second at which each begins; silence where the file has none, all at `sample_rate`."""
        converter, clock = Converter(self.sample_rate), Clock(self._is(_RESTARTING), self._container_s)
        position_s, clocked = 0.0 if start_s <= 0 else None, self._is(_CLOCKED)
        for time_s, rate, samples in self._frames(start_s):
            if position_s is None:
                if time_s is None or time_s > start_s:
                    raise _SeekWentTooFar
                position_s = time_s
                converter.begin_at(position_s)
            gap_s = 0.0 if time_s is None or not clocked else clock.gap_s(time_s, position_s)
            if gap_s > 0:
                for block in silence(gap_s, rate, samples.shape[1]):
                    yield from converter.push(block, rate)
                position_s += gap_s
            yield from converter.push(samples, rate)
            position_s += len(samples) / rate
        yield from converter.flush()
        self._last_s = position_s or 0.0

    def _frames(self, start_s: float) -> Iterator[tuple[float | None, int, np.ndarray]]:
        """Decoded frames: second by the player's clock, Hz, samples `(samples, channels)`; skips broken packets."""

        resamplers: dict[Any, av.AudioResampler] = {}
        decoded = broken = 0
        with self._opened() as (container, stream):
            origin_s = _origin_s(container)
            if start_s > 0:
                at = int(max(0.0, start_s - WARM_UP_S + (origin_s or 0.0)) / stream.time_base)
                container.seek(at, stream=stream)
            for packet in self._packets(container, stream):
                try:
                    frames = packet.decode()
                    times_s = [frame.time for frame in frames]
                    pieces = [_samples(frame, resamplers) for frame in frames]
                except _broken():
                    broken += 1
                    continue
                for frame, time_s, samples in zip(frames, times_s, pieces, strict=True):
                    if origin_s is None:
                        origin_s = time_s or 0.0
                    if len(samples):
                        decoded += 1
                        yield None if time_s is None else time_s - origin_s, frame.sample_rate, samples
        if broken > decoded:
            raise AudioError(
                f"{self.name}: cut short or damaged ({broken} of {broken + decoded} packets cannot be decoded); "
                "copy or record it again",
                "truncated" if decoded else "unreadable",
            )

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """The track's packets; notes where those of any track end."""
        with contextlib.suppress(*_broken()):  # as FFmpeg does, a file that cannot be read on ends there
            for packet in container.demux():
                if packet.pts is not None and packet.stream.type in ("audio", "video"):
                    end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self._packets_end_s = max(self._packets_end_s, end_s)
                if packet.stream.index == stream.index:
                    yield packet

    def _cut(
        self, timed: Iterator[tuple[float, np.ndarray]], start_s: float, end_s: float | None
    ) -> Iterator[np.ndarray]:
        first = round(max(0.0, start_s) * self.sample_rate)
        last = math.inf if end_s is None else round(end_s * self.sample_rate)
        for at_s, block in timed:
            position = round(at_s * self.sample_rate)
            wanted = block[max(0, first - position) : max(0, int(min(len(block), last - position)))]
            if len(wanted):
                yield wanted
            if position + len(block) >= last:
                return


class _SeekWentTooFar(Exception):
    """The first frame after a seek lies behind what is wanted."""


def _samples(frame: Any, resamplers: dict[Any, Any]) -> np.ndarray:
    """A frame as float32 `(samples, channels)`; interleaved, because planes of eight channels and more crash PyAV."""
    import av

    if not frame.samples:
        return np.zeros((0, 1), np.float32)
    if not plausible_rate(frame.sample_rate):
        raise ValueError(f"a frame of {frame.sample_rate} Hz")
    key = frame.format.name, frame.layout.name, frame.sample_rate
    if key not in resamplers:
        resamplers[key] = av.AudioResampler(format="flt")
    frame.pts = None  # its clock is kept elsewhere; a resampler would stumble over a jump
    pieces = [piece.to_ndarray() for piece in resamplers[key].resample(frame)]
    joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
    return joined.reshape(-1, frame.layout.nb_channels)


def _origin_s(container: Any) -> float | None:
    """A player's second 0 on the file's clock; None where the first frame says it."""
    if container.start_time is None:
        return None
    start_s = container.start_time / 1e6
    return 0.0 if -PRIMING_S < start_s < 0 else start_s


def _stream_seconds(stream: Any, origin_s: float) -> float | None:
    """Where the track ends on the player's clock, as the container says of the track itself."""
    if stream.duration:
        late_s = float((stream.start_time or 0) * stream.time_base) - origin_s
        return max(0.0, late_s) + float(stream.duration * stream.time_base)
    for name, value in stream.metadata.items():
        if name.upper() == "DURATION":  # Matroska's tags
            with contextlib.suppress(ValueError, OverflowError):
                hours, minutes, seconds = value.split(":")
                length_s = int(hours) * 3600.0 + int(minutes) * 60.0 + float(seconds) - origin_s
                return length_s if math.isfinite(length_s) and length_s else None
    return None


def _broken() -> tuple[type[Exception], ...]:
    import av

    return av.error.FFmpegError, ValueError, ArithmeticError, TypeError


@lru_cache(maxsize=1)
def _formats_with_contents() -> str:
    """FFmpeg's formats but for those that are lists of other files and addresses, which it would go and read."""
    import av

    return ",".join(sorted(av.formats_available - set(_REFERRING.split())))
