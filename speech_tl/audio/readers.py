"""Two readers, tried in order: soundfile (wav, flac, ogg, opus, mp3), then PyAV (m4a, mp4, webm, aac, wma, ...)."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import soundfile

from speech_tl.errors import AudioError

AudioSource = str | os.PathLike | bytes | BinaryIO
"""Where audio comes from: a path, the bytes of a whole file, or an open seekable binary file."""

DAMAGE = (soundfile.LibsndfileError, OSError, ValueError, EOFError)
"""What the two libraries raise about a file that they cannot decode."""

_UNKNOWN_WAV_LENGTH = 0x7FFF_0000  # writers into a pipe put this or more where the length belongs
_OGG_PAGE_MAX_BYTES = 65_307


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

    def __init__(self, source: str | BinaryIO, name: str) -> None:
        """`source` is a path or an open file; `name` is what messages call it."""
        self.name = name
        self.cut = _on_stream(source, _ends_early)
        self._file = file = soundfile.SoundFile(source)
        self.exact = file.format != "MP3"  # an MP3 header without gapless tags counts whole frames
        self.info = AudioInfo(
            file.frames / file.samplerate, file.samplerate, file.channels, f"{file.format}/{file.subtype}"
        )

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Mono blocks at the file's own rate."""
        rate = self._file.samplerate
        position = first = round(start_s * rate)
        last = self._file.frames if end_s is None else min(round(end_s * rate), self._file.frames)
        while position < last:
            block = self._read_at(position, min(last - position, 30 * rate), sought=first > 0)
            if not len(block):
                return
            position += len(block)
            yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)

    def _read_at(self, position: int, samples: int, *, sought: bool) -> np.ndarray:
        """Samples `(samples, channels)` from `position`; without a seek before (`sought`), reading just goes on."""
        warm_up = 0
        if sought:  # an MP3 decoder is wrong after a seek until it has the frames that later ones borrow bits from
            warm_up = 0 if self.exact else min(position, self._file.samplerate)
            self._file.seek(position - warm_up)
        return self._file.read(warm_up + samples, dtype="float32", always_2d=True)[warm_up:]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class AvTrack:
    """The first audio stream of a file that FFmpeg reads."""

    library = "PyAV"
    exact = False  # containers round their durations to packets

    def __init__(self, source: str | BinaryIO, name: str) -> None:
        """`source` is a path or an open file; `name` is what messages call it."""
        import av

        self.name = name
        self.cut = False
        self._container = av.open(source)
        if not self._container.streams.audio:
            self.close()
            raise ValueError("no audio track")
        self._stream = self._container.streams.audio[0]
        codec = self._stream.codec_context
        self.info = AudioInfo(
            self._duration_s(), codec.sample_rate, codec.channels, f"{self._container.format.name}/{codec.name}"
        )

    def _duration_s(self) -> float:
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration:
            return self._container.duration / 1e6
        # Recordings streamed by a browser have no duration in the header: read the packets, decode none.
        ends = [float((p.pts + (p.duration or 0)) * p.time_base) for p in self._container.demux(self._stream) if p.pts]
        self._container.seek(0)
        return max(ends, default=0.0)

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
        """Mono blocks at the file's own rate."""
        import av

        rate = self.info.sample_rate
        first, last = round(start_s * rate), math.inf if end_s is None else round(end_s * rate)
        to_float = av.AudioResampler(format="fltp")
        position: int | None = None
        for raw in self._frames_from(start_s):
            if position is None:
                position = round((raw.time - self._origin_s) * rate) if start_s > 0 and raw.time is not None else 0
            for frame in to_float.resample(raw):
                mono = frame.to_ndarray().mean(axis=0, dtype=np.float32)
                wanted = mono[max(0, first - position) : max(0, int(min(len(mono), last - position)))]
                position += len(mono)
                if len(wanted):
                    yield wanted
            if position >= last:
                return

    def _frames_from(self, start_s: float) -> Iterator[Any]:
        """Decoded frames, beginning a little before `start_s`: the first ones after a seek are only warming up."""
        frames = self._container.decode(self._stream)
        first = next(frames, None)
        if first is None:
            return
        self._origin_s = first.time or 0.0  # the first frame's time is 0 in few containers
        if start_s <= 0:
            yield first
        else:
            self._container.seek(int(max(0.0, start_s - 0.3 + self._origin_s) * 1e6))
            frames = self._container.decode(self._stream)
        yield from frames

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


Track = SoundfileTrack | AvTrack


@contextlib.contextmanager
def open_track(source: AudioSource, name: str | None) -> Iterator[Track]:
    """The first reader that accepts `source`; when none does, the message lists what each one said."""
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
    for reader in (SoundfileTrack, AvTrack):
        try:
            if not _on_stream(opened, lambda stream: stream.seek(0, io.SEEK_END)):
                raise AudioError(f"{name}: the file is empty (0 bytes); record or copy it again", "empty")
            track = reader(opened, name)
        except AudioError:
            raise
        except (*DAMAGE, RuntimeError, TypeError) as error:
            answers.append(f"{reader.library}: {reason(error)}")
            continue
        with contextlib.closing(track):
            yield track
        return
    raise AudioError(f"{name}: not audio that can be decoded ({'; '.join(answers)}); convert it to wav", "unreadable")


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


def _ends_early(stream: BinaryIO) -> bool:
    """Whether a wav's data chunk or an ogg's last page promises bytes beyond the end of the file."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    magic = stream.read(4)
    if magic == b"OggS":
        stream.seek(max(0, size - _OGG_PAGE_MAX_BYTES))
        tail = stream.read()
        page = tail[max(0, tail.rfind(b"OggS")) :]
        return len(page) < 27 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])
    stream.seek(12)
    while magic == b"RIFF" and len(head := stream.read(8)) == 8:
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":  # some writers count their header too, which is no loss
            return length < _UNKNOWN_WAV_LENGTH and stream.tell() + length > size + 64
        stream.seek(length + length % 2, io.SEEK_CUR)
    return False
