"""Where live sound comes from: a microphone, a recording, standard input. Each yields blocks of a tenth of a second."""

from __future__ import annotations

import contextlib
import importlib.util
import queue
import sys
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import soxr

from speech_tl.audio import probe, stream_audio
from speech_tl.audio.limits import HIGHEST_RATE, LOWEST_RATE
from speech_tl.errors import BadInput

BLOCK_S = 0.1

Blocks = Callable[[int], Iterator[np.ndarray]]
"""Float32 mono blocks at the sample rate that it is called with."""


@contextlib.contextmanager
def open_source(
    recording: str | None = None,
    *,
    stdin: bool = False,
    real_time: bool = False,
    device: str | None = None,
    stdin_rate: int = 16000,
) -> Iterator[Blocks]:
    """The source that the options ask for; by default the microphone, which is open within.

    Raises:
        BadInput: options that do not go together, a file that cannot be read, no microphone.
    """
    if stdin and recording is not None:
        raise BadInput("--stdin and --input both say where sound comes from: leave one out")
    if device is not None and (stdin or recording is not None):
        raise BadInput("--device is a microphone: leave it out with --input and --stdin")
    if real_time and recording is None:
        raise BadInput("--real-time is for --input: other sound comes as fast as it comes")
    if not LOWEST_RATE <= stdin_rate <= HIGHEST_RATE:
        raise BadInput(f"--sample-rate {stdin_rate}: expected {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if recording is not None:
        probe(recording)
        yield lambda rate: _of_file(recording, rate, real_time)
    elif stdin:
        yield lambda rate: _of_pipe(sys.stdin.buffer, stdin_rate, rate)
    else:
        with _microphone(device) as blocks:
            yield blocks


def _of_file(path: str, rate: int, real_time: bool) -> Iterator[np.ndarray]:
    begun, heard_s = time.monotonic(), 0.0
    for block in stream_audio(path, rate, BLOCK_S):
        heard_s += len(block) / rate
        if real_time:
            time.sleep(max(0.0, begun + heard_s - time.monotonic()))
        yield block


def _of_pipe(pipe: BinaryIO, given_rate: int, rate: int) -> Iterator[np.ndarray]:
    size = 2 * round(BLOCK_S * given_rate)
    samples = (np.frombuffer(data[: len(data) // 2 * 2], "<i2") for data in iter(lambda: pipe.read(size), b""))
    yield from _resampled((block.astype(np.float32) / 32768 for block in samples), given_rate, rate)


def _resampled(blocks: Iterator[np.ndarray], given_rate: int, rate: int) -> Iterator[np.ndarray]:
    if given_rate == rate:
        yield from blocks
        return
    resampler = soxr.ResampleStream(given_rate, rate, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


@contextlib.contextmanager
def _microphone(device: str | None) -> Iterator[Blocks]:
    """Blocks until Ctrl-C.

    Raises:
        BadInput: the extra is missing, or there is no such microphone.
    """
    if importlib.util.find_spec("sounddevice") is None:
        raise BadInput("the microphone needs sounddevice: pip install 'speech_tl[live]', or give --input or --stdin")
    try:
        import sounddevice
    except OSError as error:  # PortAudio, a library of the system
        raise BadInput(f"the microphone needs PortAudio (Debian: apt-get install libportaudio2): {error}") from error
    wanted = int(device) if device is not None and device.isdecimal() else device
    heard: queue.Queue[np.ndarray] = queue.Queue()
    try:
        rate = int(sounddevice.query_devices(wanted, "input")["default_samplerate"])
        stream = sounddevice.InputStream(
            rate,
            round(BLOCK_S * rate),
            wanted,
            channels=1,
            dtype="float32",
            callback=lambda block, frames, clock, status: heard.put(block[:, 0].copy()),
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        what = "no microphone" if device is None else f"--device {device}: no such microphone"
        raise BadInput(f"{what} ({' '.join(str(error).split())}): plug one in, or give --input or --stdin") from error
    with stream:
        yield lambda wanted_rate: _resampled(iter(heard.get, None), rate, wanted_rate)
