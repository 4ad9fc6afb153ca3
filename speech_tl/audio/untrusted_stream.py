"""A container that arrives piece by piece from a stranger (a browser's MediaRecorder), decoded while it arrives.

As in `untrusted`, a child process does it, with limits of memory; it is killed with the session. What it writes is
16-bit mono at the rate that was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Any

from speech_tl.audio.untrusted import _CODE

FORMATS = {"webm": "matroska,webm", "ogg": "ogg"}
"""What may arrive so, and FFmpeg's names for it."""

MEMORY_BYTES = 1 << 28
MOST_READ = 1 << 16
_CHILD = _CODE.replace("untrusted_child", "untrusted_stream")


class StreamDecoder:
    """One stream: `feed` what arrives, `read` what was decoded, `close` in any case."""

    def __init__(self, format: str, sample_rate: int) -> None:
        """`format` is one of `FORMATS`; `sample_rate` in Hz."""
        self._arguments = (FORMATS[format], str(sample_rate))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the child."""
        paths = [os.path.abspath(path) for path in sys.path]
        code = _CHILD.replace("sys.argv[1:]", "sys.argv[3:]")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, *self._arguments, *paths),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def feed(self, data: bytes) -> None:
        """Bytes that follow; waits where the child is behind. What comes after the child's end is dropped."""
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    def end(self) -> None:
        """No more bytes."""
        with contextlib.suppress(ConnectionError):
            self._process.stdin.close()

    async def read(self) -> bytes:
        """Samples that were decoded, as 16-bit little-endian; b"" at the end."""
        return await self._process.stdout.read(MOST_READ)

    async def succeeded(self) -> bool:
        """Whether all that came was decoded."""
        return await self._process.wait() == 0

    async def close(self) -> None:
        """End the child, whatever it does."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def main() -> None:
    """The child: container on standard input, samples on standard output; exit code 1 where it is damaged."""
    import signal

    import av

    from speech_tl.audio.untrusted_child import limit_resources

    whitelist, rate = sys.argv[1], int(sys.argv[2])
    given, told = os.dup(0), os.fdopen(os.dup(1), "wb")
    silent = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(silent, standard)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_resources(MEMORY_BYTES)
    # opened at the first bytes: FFmpeg would otherwise wait for five seconds of sound to look at
    options = {"format_whitelist": whitelist, "probesize": "32", "analyzeduration": "0", "fflags": "nobuffer"}
    try:
        with av.open(_Arriving(given), options=options, buffer_size=4096) as container:
            resampler = av.AudioResampler("s16", "mono", rate)
            for frame in container.decode(audio=0):
                _tell(told, resampler.resample(frame))
            _tell(told, resampler.resample(None))
    except BrokenPipeError:
        pass
    except Exception:  # whatever the library makes of damaged bytes
        os._exit(1)
    os._exit(0)


def _tell(told: Any, frames: list[Any]) -> None:
    for frame in frames:
        told.write(frame.to_ndarray().tobytes())
    told.flush()


class _Arriving:
    """What PyAV reads from: as much as is there, and nothing to go back in."""

    def __init__(self, given: int) -> None:
        self._given = given

    def read(self, size: int) -> bytes:
        return os.read(self._given, size)
