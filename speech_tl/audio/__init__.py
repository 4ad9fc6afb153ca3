"""Audio in and out: any file -> mono float32 at the rate you ask for. Nobody else opens audio. Floor 0.

libsndfile reads what a header describes truly (wav, flac, ogg, opus, mp3), FFmpeg by PyAV everything else, on the time
line that a player shows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speech_tl.audio.channels import loudest_instead, mixed
from speech_tl.audio.headers import glance_s
from speech_tl.audio.readers import (
    DAMAGE,
    AudioInfo,
    AudioSource,
    Track,
    open_track,
    reason,
)
from speech_tl.errors import AudioError, BadInput
from speech_tl.text import replacing

__all__ = [
    "SILENCE_PEAK",
    "AudioInfo",
    "AudioSource",
    "clipped_share",
    "glance_s",
    "is_silent",
    "load_audio",
    "mixdown",
    "probe",
    "save_audio",
    "stream_audio",
]

SILENCE_PEAK = 10 ** (-70 / 20)
"""A waveform whose peak stays below -70 dB of full scale holds no speech that a 16-bit recording could carry."""

_WRITABLE = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".opus": "OGG", ".mp3": "MP3"}


def load_audio(
    path: AudioSource,
    sample_rate: int | None = 16000,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    channel: int | None = None,
    name: str | None = None,
) -> np.ndarray:
    """Read one file, or the seconds `start_s` to `end_s` of it, as mono.

    Args:
        path: a path, the bytes of a whole audio file, or an open binary file.
        sample_rate: rate of the result in Hz; None keeps the file's own.
        start_s: where to begin, in seconds; reached by seeking, not by decoding what lies before (exact for wav,
            flac and opus; within 10 ms where a format's own seeking is no better).
        end_s: where to stop, in seconds; None reads to the end.
        channel: the channel to hear, counted from 1; None hears all.
        name: what error messages call the audio; by default its path.

    Returns:
        float32 of shape `(samples,)`; several channels are averaged, unless that would lose the loudest (`mixdown`).

    Raises:
        AudioError: missing, folder, empty, unreadable, truncated, nan or channel (see `.kind`). Silence is no error.
    """
    with open_track(path, name) as track:
        waveform = np.concatenate(list(_checked_blocks(track, start_s, end_s, _chosen(path, track, channel))))
        waveform = _resample(waveform, track.info.sample_rate, sample_rate or track.info.sample_rate)
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
        if track.info.duration_s <= 0:
            raise _no_samples(track.name)
        return track.info


def stream_audio(
    path: AudioSource,
    sample_rate: int = 16000,
    block_s: float = 30.0,
    *,
    channel: int | None = None,
    name: str | None = None,
) -> Iterator[np.ndarray]:
    """Read a recording of any length in constant memory; `channel` and `name` are as for `load_audio`.

    Yields:
        Consecutive mono float32 blocks of `block_s` seconds at `sample_rate`; the last one may be shorter.

    Raises:
        AudioError: as `load_audio`; a truncated file fails after the blocks that could be decoded.
    """
    block_samples = max(1, round(block_s * sample_rate))
    waiting: list[np.ndarray] = []
    waiting_samples = 0
    with open_track(path, name) as track:
        for chunk in _resampled_chunks(track, sample_rate, _chosen(path, track, channel)):
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


def mixdown(path: AudioSource, *, name: str | None = None) -> int | None:
    """The channel, counted from 1, that is heard instead of the mean because the mean of all loses it; else None.

    One channel can be another turned over: their mean is silence. A mean that is 20 dB quieter than the loudest channel
    over the first 30 s of sound is not used.
    """
    with open_track(path, name) as track:
        found = _loudest(path, track)
        return None if found is None else found + 1


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


def is_silent(waveform: np.ndarray) -> bool:
    """Whether nothing can be heard: the peak, any constant offset aside, stays below `SILENCE_PEAK`."""
    if not len(waveform):
        return True
    middle = (float(waveform.max()) + float(waveform.min())) / 2
    return float(waveform.max()) - middle < SILENCE_PEAK


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples `(samples,)` at full scale (0.1 % below 1.0 or more); a clean recording has next to none."""
    return float(np.mean(np.abs(waveform) >= 0.999)) if len(waveform) else 0.0


def _chosen(source: AudioSource, track: Track, channel: int | None) -> int | None:
    """The channel to hear, counted from 0; None for the mean of all."""
    if channel is None:
        return _loudest(source, track)
    if not 1 <= channel <= track.info.channels:
        there = f"{track.info.channels} channels" if track.info.channels > 1 else "one channel"
        raise AudioError(f"{track.name}: has {there}, but channel {channel} was asked for; correct it", "channel")
    return channel - 1


def _loudest(source: AudioSource, track: Track) -> int | None:
    """The channel that the mean would lose, remembered for a file as it is now: its parts are read one by one."""
    if track.info.channels < 2:
        return None
    if not isinstance(source, str | os.PathLike):
        return _listened(source)
    state = os.stat(source)
    return _listened_to_file(os.fspath(source), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _listened_to_file(path: str, size: int, changed_ns: int) -> int | None:
    return _listened(path)


def _listened(source: AudioSource) -> int | None:
    with open_track(source, None) as track, suppress(AudioError, *DAMAGE):
        return loudest_instead(track.blocks(0.0, None), track.info.sample_rate)
    return None


def _checked_blocks(track: Track, start_s: float, end_s: float | None, channel: int | None) -> Iterator[np.ndarray]:
    """The track's blocks as mono; raises when they are fewer than promised, hold NaN, or are none at all."""
    rate, promised_s, slack_s = track.info.sample_rate, track.info.duration_s, 0.0 if track.exact else 0.3
    start_s = max(0.0, start_s)
    if promised_s > 0 and (start_s >= promised_s or (end_s or 0.0) > promised_s + max(slack_s, 0.1)):
        wanted = f"{start_s:g} s to {'the end' if end_s is None else format(end_s, 'g') + ' s'}"
        raise AudioError(f"{track.name}: {promised_s:.2f} s long, but {wanted} was asked for; correct it", "truncated")
    samples = 0
    try:
        for channels in track.blocks(start_s, end_s):
            block = mixed(channels, channel)
            if not np.isfinite(block).all():
                raise AudioError(f"{track.name}: holds NaN or infinite samples; export it again", "nan")
            samples += len(block)
            yield block
    except DAMAGE as error:
        if isinstance(error, AudioError):
            raise
        raise _truncated(track, f"decoding stopped after {samples / rate:.2f} s: {reason(error)}") from error
    expected_s = min(promised_s, math.inf if end_s is None else end_s) - start_s
    if (track.cut and end_s is None) or samples < (expected_s - slack_s) * rate - 1:
        raise _truncated(track, f"its headers promise more than the {samples / rate:.2f} s that can be decoded")
    if not samples:
        raise _no_samples(track.name)


def _resampled_chunks(track: Track, sample_rate: int, channel: int | None) -> Iterator[np.ndarray]:
    blocks = _checked_blocks(track, 0.0, None, channel)
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


def _encode(path: Path, waveform: np.ndarray, sample_rate: int, suffix: str) -> None:
    subtype = "OPUS" if suffix == ".opus" else None
    with soundfile.SoundFile(path, "w", sample_rate, 1, subtype, format=_WRITABLE[suffix]) as file:
        for first in range(0, len(waveform), sample_rate):  # libvorbis overflows its stack on one very long write
            file.write(waveform[first : first + sample_rate])


def _truncated(track: Track, how: str) -> AudioError:
    return AudioError(f"{track.name}: cut short or damaged ({how}); copy or record it again", "truncated")


def _no_samples(name: str) -> AudioError:
    return AudioError(f"{name}: holds no audio (0 samples); record or copy it again", "empty")
