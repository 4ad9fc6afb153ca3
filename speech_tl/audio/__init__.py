"""Audio in and out: any file -> mono float32 at the rate you ask for. Nobody else opens audio. Floor 0.

soundfile reads wav, flac, ogg, opus and mp3 where their headers tell the whole length; PyAV (FFmpeg) reads all else.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speech_tl.audio.channels import channel_number, deciding, mixed, no_such_channel, one_of
from speech_tl.audio.headers import glance_s
from speech_tl.audio.info import AudioInfo
from speech_tl.audio.levels import SILENCE_PEAK, Levels, clipped_share, is_silent
from speech_tl.audio.limits import MOST_VALUE, require_plausible_length, require_short
from speech_tl.audio.readers import DAMAGE, AudioSource, Track, open_track, reason
from speech_tl.audio.remote import is_remote
from speech_tl.errors import AudioError, BadInput
from speech_tl.text import replacing

__all__ = [
    "SILENCE_PEAK",
    "AudioInfo",
    "AudioSource",
    "Levels",
    "channel_number",
    "clipped_share",
    "glance_s",
    "is_silent",
    "load_audio",
    "no_such_channel",
    "probe",
    "save_audio",
    "stream_audio",
]

Note = Callable[[str], None]
"""Given one line about how a recording was read that its owner should know."""

_WRITABLE = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".opus": "OGG", ".mp3": "MP3"}


def load_audio(
    path: AudioSource,
    sample_rate: int | None = 16000,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    channel: int | None = None,
    name: str | None = None,
    on_note: Note | None = None,
    longest_s: float | None = None,
) -> np.ndarray:
    """Read one file, or the seconds `start_s` to `end_s` of it, as mono.

    Args:
        path: a path, the bytes of a whole audio file, or an open binary file.
        sample_rate: rate of the result in Hz; None keeps the file's own.
        start_s: where to begin, in seconds on a player's clock; reached by seeking where the format allows (exact for
            wav, flac and opus; within 10 ms where a format's own seeking is no better).
        end_s: where to stop, in seconds; None reads to the end.
        channel: 1, 2, ...: this channel alone. None is the mean of all, or the loudest one where they cancel out (the
            mean more than 20 dB quieter).
        name: what error messages call the audio; by default its path.
        on_note: told, in one line, that channels cancel out.
        longest_s: refuse more than so many seconds, before it is decoded where the headers tell, else as soon as so
            much was; None takes any length, at 4 bytes a sample.

    Returns:
        float32 of shape `(samples,)`.

    Raises:
        AudioError: missing, folder, empty, unreadable, truncated, nan, channel or too_long (see `.kind`). Silence is
            no error here.
    """
    start_s = max(0.0, start_s)
    with open_track(path, name) as track:
        promised_s = min(math.inf if one is None else one for one in (end_s, track.promised_s))
        require_short(track.name, promised_s - start_s if math.isfinite(promised_s) else 0.0, longest_s)
        parts, samples = [], 0
        for block in _mono(track, path, start_s, end_s, channel, on_note):
            samples += len(block)
            require_short(track.name, samples / track.sample_rate, longest_s)
            parts.append(block)
        waveform = parts[0] if len(parts) == 1 else np.concatenate(parts)
        waveform = _resample(waveform, track.sample_rate, sample_rate or track.sample_rate)
        if not len(waveform):
            raise _no_samples(track.name)
        return waveform


def probe(path: AudioSource, *, name: str | None = None) -> AudioInfo:
    """What the headers promise, without decoding.

    Raises:
        AudioError: missing, folder, empty, unreadable, or truncated where the headers alone show it.
    """
    with open_track(path, name) as track:
        if track.cut:
            raise _truncated(track, "its headers promise more")
        info = track.info
        require_plausible_length(track.name, info.duration_s)
        if info.duration_s <= 0:
            raise _no_samples(track.name)
        return info


def stream_audio(
    path: AudioSource,
    sample_rate: int | None = 16000,
    block_s: float = 30.0,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    channel: int | None = None,
    name: str | None = None,
    on_note: Note | None = None,
) -> Iterator[np.ndarray]:
    """Read a recording of any length, or a part of it, in constant memory; all but `block_s` as in `load_audio`.

    Yields:
        Consecutive mono float32 blocks of `block_s` seconds at `sample_rate`; the last one may be shorter.

    Raises:
        AudioError: as `load_audio`; a truncated file fails after the blocks that could be decoded.
    """
    waiting: list[np.ndarray] = []
    waiting_samples = 0
    with open_track(path, name) as track:
        rate = sample_rate or track.sample_rate
        block_samples = max(1, round(block_s * rate))
        mono = _mono(track, path, max(0.0, start_s), end_s, channel, on_note)
        for chunk in _resampled_chunks(mono, track.sample_rate, rate):
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
    with replacing(path) as temporary:
        _encode(temporary, np.asarray(waveform, dtype=np.float32), sample_rate, suffix)
    return path


def _mono(
    track: Track, source: AudioSource, start_s: float, end_s: float | None, channel: int | None, on_note: Note | None
) -> Iterator[np.ndarray]:
    """The track's checked blocks as one channel."""
    if channel is not None and not 1 <= channel <= track.channels:
        raise no_such_channel(track.name, channel, track.channels)

    def told(choice: int | None) -> None:
        if choice is not None and on_note is not None:
            on_note(f"{track.name}: its channels cancel each other out; channel {choice + 1}, the loudest, was taken")

    if track.channels > 1 and channel is None and start_s > 0:
        choice = _choice(track, source)
        told(choice)
    else:
        choice = None if channel is None else channel - 1
    blocks = _checked_blocks(track, start_s, end_s)
    if channel is None and start_s <= 0 and end_s is None:
        yield from mixed(blocks, track.sample_rate, told)
    elif channel is None and start_s <= 0 and track.channels > 1:
        choice = _choice(track, source)
        told(choice)
        yield from (one_of(block, choice) for block in blocks)
    else:
        yield from (one_of(block, choice) for block in blocks)


def _choice(track: Track, source: AudioSource) -> int | None:
    """The channel that stands for the recording (None: the mean), by its beginning; remembered for files."""
    if isinstance(source, str | os.PathLike) and not is_remote(source):
        found = os.stat(source)
        return _choice_of_file(os.path.abspath(source), found.st_mtime_ns, found.st_size)
    return deciding(track.blocks(0.0, None), track.sample_rate)


@lru_cache(maxsize=4096)
def _choice_of_file(path: str, mtime_ns: int, size: int) -> int | None:
    with open_track(path, None) as track:
        return deciding(track.blocks(0.0, None), track.sample_rate)


def _checked_blocks(track: Track, start_s: float, end_s: float | None) -> Iterator[np.ndarray]:
    """The track's blocks; raises when they are fewer than promised, hold NaN, or are none at all."""
    require_plausible_length(track.name, track.promised_s or 0.0)
    rate, slack_s = track.sample_rate, 0.0 if track.exact else 0.3
    promised_s = track.promised_s if track.exact else None
    if promised_s and (start_s >= promised_s or (end_s or 0.0) > promised_s + 0.1):
        raise _beyond(track, promised_s, start_s, end_s)
    samples = 0
    try:
        for block in track.blocks(start_s, end_s):
            if not _all_sound(block):
                raise AudioError(f"{track.name}: holds NaN, infinite or absurd samples; export it again", "nan")
            samples += len(block)
            yield block
    except DAMAGE as error:
        if isinstance(error, BadInput):
            raise
        raise _truncated(track, f"decoding stopped after {samples / rate:.2f} s: {reason(error)}") from error
    end_of_sound_s = start_s + samples / rate
    if end_s is None and track.missing(end_of_sound_s) and (samples or not start_s):
        raise _truncated(track, f"its headers promise more than the {samples / rate:.2f} s that can be decoded")
    if end_s is not None and samples < (min(end_s, promised_s or end_s) - start_s - slack_s) * rate - 1:
        if track.missing(end_of_sound_s) and track.promised_s and track.promised_s >= end_s - slack_s:
            raise _truncated(track, f"its headers promise more than the {samples / rate:.2f} s that can be decoded")
        raise _beyond(track, track.info.duration_s, start_s, end_s)
    if not samples and start_s > 0:
        raise _beyond(track, track.info.duration_s, start_s, end_s)
    if not samples:
        raise _no_samples(track.name)


def _all_sound(block: np.ndarray) -> bool:
    """Whether all are numbers of a size that some format may write; comparisons with NaN are false."""
    return bool(not block.size or (block.max() < MOST_VALUE and block.min() > -MOST_VALUE))


def _beyond(track: Track, length_s: float, start_s: float, end_s: float | None) -> AudioError:
    wanted = f"{start_s:g} s to {'the end' if end_s is None else format(end_s, 'g') + ' s'}"
    return AudioError(f"{track.name}: {length_s:.2f} s long, but {wanted} was asked for; correct it", "truncated")


def _resampled_chunks(blocks: Iterator[np.ndarray], rate: int, sample_rate: int) -> Iterator[np.ndarray]:
    if rate == sample_rate:
        yield from blocks
        return
    resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(np.ascontiguousarray(block))
    yield resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _resample(waveform: np.ndarray, rate: int, wanted_rate: int) -> np.ndarray:
    if rate == wanted_rate:
        return np.ascontiguousarray(waveform, dtype=np.float32)
    return soxr.resample(waveform, rate, wanted_rate).astype(np.float32, copy=False)


def _encode(path: Path, waveform: np.ndarray, sample_rate: int, suffix: str) -> None:
    subtype = "OPUS" if suffix == ".opus" else None
    with soundfile.SoundFile(path, "w", sample_rate, 1, subtype, format=_WRITABLE[suffix]) as file:
        for first in range(0, len(waveform), sample_rate):  # libvorbis overflows its stack on one very long write
            file.write(waveform[first : first + sample_rate])


def _truncated(track: Track, how: str) -> AudioError:
    return AudioError(f"{track.name}: cut short or damaged ({how}); copy or record it again", "truncated")


def _no_samples(name: str) -> AudioError:
    return AudioError(f"{name}: holds no audio (0 samples); record or copy it again", "empty")
