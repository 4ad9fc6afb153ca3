"""Audio in and out: any file -> mono float32 at the rate you ask for. Nobody else opens audio. Floor 0.

Two readers are tried in order: soundfile (wav, flac, ogg, opus, mp3), then PyAV (m4a, mp4, webm, aac, wma, ...).
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr

from speech_tl.errors import AudioError, BadInput

AudioSource = str | os.PathLike | bytes | BinaryIO
"""Where audio comes from: a path, the bytes of a whole file, or an open seekable binary file."""

SILENCE_PEAK = 10 ** (-70 / 20)
"""A waveform whose peak stays below -70 dB of full scale holds no speech that a 16-bit recording could carry."""

_WRITABLE = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".opus": "OGG", ".mp3": "MP3"}
_DAMAGE = (soundfile.LibsndfileError, OSError, ValueError, EOFError)  # the last three are what PyAV raises
_UNKNOWN_WAV_LENGTH = 0x7FFF_0000  # writers into a pipe put this or more where the length belongs
_OGG_PAGE_MAX_BYTES = 65_307


@dataclass(frozen=True)
class AudioInfo:
    """What a file's headers say: `duration_s` in seconds, `sample_rate` in Hz, `channels`, `codec` ("FLAC/PCM_16")."""

    duration_s: float
    sample_rate: int
    channels: int
    codec: str


def load_audio(
    path: AudioSource,
    sample_rate: int | None = 16000,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    name: str | None = None,
) -> np.ndarray:
    """Read one file, or the seconds `start_s` to `end_s` of it, as mono.

    Args:
        path: a path, the bytes of a whole audio file, or an open binary file.
        sample_rate: rate of the result in Hz; None keeps the file's own.
        start_s: where to begin, in seconds; reached by seeking, not by decoding what lies before (exact for wav,
            flac and opus; within 10 ms where a format's own seeking is no better).
        end_s: where to stop, in seconds; None reads to the end.
        name: what error messages call the audio; by default its path.

    Returns:
        float32 of shape `(samples,)`; several channels are averaged.

    Raises:
        AudioError: missing, folder, empty, unreadable, truncated or nan (see `.kind`). Silence is no error here.
    """
    with _open(path, name) as track:
        waveform = np.concatenate(list(_checked_blocks(track, start_s, end_s)))
        waveform = _resample(waveform, track.info.sample_rate, sample_rate or track.info.sample_rate)
        if not len(waveform):
            raise _no_samples(track.name)
        return waveform


def probe(path: AudioSource, *, name: str | None = None) -> AudioInfo:
    """What the headers promise, without decoding.

    Raises:
        AudioError: missing, folder, empty, unreadable, or truncated where the headers alone show it.
    """
    with _open(path, name) as track:
        if track.cut:
            raise _truncated(track, "its headers promise more")
        if track.info.duration_s <= 0:
            raise _no_samples(track.name)
        return track.info


def stream_audio(
    path: AudioSource, sample_rate: int = 16000, block_s: float = 30.0, *, name: str | None = None
) -> Iterator[np.ndarray]:
    """Read a recording of any length in constant memory.

    Yields:
        Consecutive mono float32 blocks of `block_s` seconds at `sample_rate`; the last one may be shorter.

    Raises:
        AudioError: as `load_audio`; a truncated file fails after the blocks that could be decoded.
    """
    block_samples = max(1, round(block_s * sample_rate))
    waiting: list[np.ndarray] = []
    waiting_samples = 0
    with _open(path, name) as track:
        for chunk in _resampled_chunks(track, sample_rate):
            waiting.append(chunk)
            waiting_samples += len(chunk)
            if waiting_samples < block_samples:
                continue
            joined = np.concatenate(waiting)
            whole = len(joined) // block_samples * block_samples
            yield from joined[:whole].reshape(-1, block_samples)
            waiting, waiting_samples = [joined[whole:]], len(joined) - whole
    if waiting_samples:
        yield np.concatenate(waiting)


def save_audio(path: str | os.PathLike, waveform: np.ndarray, sample_rate: int) -> Path:
    """Write mono `waveform` `(samples,)` whole or not at all; the suffix chooses wav (16 bit), flac, ogg, opus or mp3.

    Raises:
        BadInput: a suffix that cannot be written.
        OSError: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _WRITABLE:
        raise BadInput(f"{path}: cannot write '{suffix}' audio; use one of {' '.join(_WRITABLE)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=suffix)
    os.close(handle)
    try:
        _encode(temporary, np.asarray(waveform, dtype=np.float32), sample_rate, suffix)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def is_silent(waveform: np.ndarray) -> bool:
    """Whether nothing can be heard: the peak, any constant offset aside, stays below `SILENCE_PEAK`."""
    if not len(waveform):
        return True
    middle = (float(waveform.max()) + float(waveform.min())) / 2
    return float(waveform.max()) - middle < SILENCE_PEAK


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples `(samples,)` at full scale (0.1 % below 1.0 or more); a clean recording has next to none."""
    return float(np.mean(np.abs(waveform) >= 0.999)) if len(waveform) else 0.0


class _SoundfileTrack:
    """A file that libsndfile reads."""

    library = "soundfile"

    def __init__(self, source: str | BinaryIO, name: str) -> None:
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


class _AvTrack:
    """The first audio stream of a file that FFmpeg reads."""

    library = "PyAV"
    exact = False  # containers round their durations to packets

    def __init__(self, source: str | BinaryIO, name: str) -> None:
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


_Track = _SoundfileTrack | _AvTrack


@contextlib.contextmanager
def _open(source: AudioSource, name: str | None) -> Iterator[_Track]:
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
    for reader in (_SoundfileTrack, _AvTrack):
        try:
            if not _on_stream(opened, lambda stream: stream.seek(0, io.SEEK_END)):
                raise AudioError(f"{name}: the file is empty (0 bytes); record or copy it again", "empty")
            track = reader(opened, name)
        except AudioError:
            raise
        except (*_DAMAGE, RuntimeError, TypeError) as error:
            answers.append(f"{reader.library}: {_reason(error)}")
            continue
        with contextlib.closing(track):
            yield track
        return
    raise AudioError(f"{name}: not audio that can be decoded ({'; '.join(answers)}); convert it to wav", "unreadable")


def _reason(error: Exception) -> str:
    """What a library said, in one line and without repeating the file's name."""
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(said.split()).rstrip(".")


def _name_of(source: Any) -> str:
    if isinstance(source, bytes):
        return f"audio of {len(source)} bytes"
    return os.fspath(source) if isinstance(source, str | os.PathLike) else str(getattr(source, "name", "audio stream"))


def _on_stream(source: str | BinaryIO, ask: Any) -> Any:
    """`ask(stream)`; an open file is handed back at its beginning."""
    if isinstance(source, str):
        with open(source, "rb") as stream:
            return ask(stream)
    answer = ask(source)
    source.seek(0)
    return answer


def _checked_blocks(track: _Track, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
    """The track's blocks; raises when they are fewer than promised, hold NaN, or are none at all."""
    rate, promised_s, slack_s = track.info.sample_rate, track.info.duration_s, 0.0 if track.exact else 0.3
    start_s = max(0.0, start_s)
    if promised_s > 0 and (start_s >= promised_s or (end_s or 0.0) > promised_s + max(slack_s, 0.1)):
        wanted = f"{start_s:g} s to {'the end' if end_s is None else format(end_s, 'g') + ' s'}"
        raise AudioError(f"{track.name}: {promised_s:.2f} s long, but {wanted} was asked for; correct it", "truncated")
    samples = 0
    try:
        for block in track.blocks(start_s, end_s):
            if not np.isfinite(block).all():
                raise AudioError(f"{track.name}: holds NaN or infinite samples; export it again", "nan")
            samples += len(block)
            yield block
    except _DAMAGE as error:
        if isinstance(error, AudioError):
            raise
        raise _truncated(track, f"decoding stopped after {samples / rate:.2f} s: {_reason(error)}") from error
    expected_s = min(promised_s, math.inf if end_s is None else end_s) - start_s
    if (track.cut and end_s is None) or samples < (expected_s - slack_s) * rate - 1:
        raise _truncated(track, f"its headers promise more than the {samples / rate:.2f} s that can be decoded")
    if not samples:
        raise _no_samples(track.name)


def _resampled_chunks(track: _Track, sample_rate: int) -> Iterator[np.ndarray]:
    blocks = _checked_blocks(track, 0.0, None)
    if track.info.sample_rate == sample_rate:
        yield from blocks
        return
    resampler = soxr.ResampleStream(track.info.sample_rate, sample_rate, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(np.ascontiguousarray(block))
    yield resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _resample(waveform: np.ndarray, rate: int, wanted_rate: int) -> np.ndarray:
    if rate == wanted_rate:
        return np.ascontiguousarray(waveform, dtype=np.float32)
    return soxr.resample(waveform, rate, wanted_rate).astype(np.float32, copy=False)


def _encode(path: str, waveform: np.ndarray, sample_rate: int, suffix: str) -> None:
    subtype = "OPUS" if suffix == ".opus" else None
    with soundfile.SoundFile(path, "w", sample_rate, 1, subtype, format=_WRITABLE[suffix]) as file:
        for first in range(0, len(waveform), sample_rate):  # libvorbis overflows its stack on one very long write
            file.write(waveform[first : first + sample_rate])


def _truncated(track: _Track, how: str) -> AudioError:
    return AudioError(f"{track.name}: cut short or damaged ({how}); copy or record it again", "truncated")


def _no_samples(name: str) -> AudioError:
    return AudioError(f"{name}: holds no audio (0 samples); record or copy it again", "empty")


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
