"""Bytes from strangers, decoded in a child process that may die: limits of time, memory and length.

A decoder is a large program in C that reads whatever it is given. What a browser or a client sent is decoded in another
process, which has nothing to lose: it is killed when it takes too long, and a new one is there for the next. It lives
on between recordings, so that one more takes a millisecond longer than decoding in this process.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from speech_tl.audio.limits import HIGHEST_RATE
from speech_tl.errors import AudioError

MOST_BYTES = 256_000_000
"""Of one encoded recording."""
_START_S = 60.0
_HEAD = struct.Struct("<I")
_MOST_HEAD = 1 << 16
_CODE = "import sys; sys.path[:] = sys.argv[1:]; from speech_tl.audio.untrusted_child import main; main()"


@dataclass(frozen=True)
class Decoded:
    """A recording: float32 mono `waveform` `(samples,)` at `sample_rate` Hz, and `notes` on how it was read."""

    waveform: np.ndarray
    sample_rate: int
    notes: tuple[str, ...] = ()


class UntrustedDecoder:
    """Child processes that decode; started when first needed, killed when one takes too long, and at the end."""

    def __init__(
        self,
        *,
        longest_s: float = 3600.0,
        time_limit_s: float = 20.0,
        memory_bytes: int = 1 << 30,
        workers: int = 1,
    ) -> None:
        """Set the limits.

        Args:
            longest_s: seconds of sound that are decoded at most, unless a call says less.
            time_limit_s: seconds of wall time for one recording.
            memory_bytes: address space of a child beyond what it starts with, where the system can limit it (Linux).
            workers: recordings decoded at once; others wait.
        """
        self.longest_s, self.time_limit_s, self.memory_bytes = longest_s, time_limit_s, memory_bytes
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def decode(
        self,
        data: bytes,
        sample_rate: int | None = 16000,
        *,
        longest_s: float | None = None,
        channel: int | None = None,
        name: str = "the recording",
    ) -> Decoded:
        """A whole audio file's bytes as `load_audio` has them.

        Args:
            data: the file.
            sample_rate: rate of the result in Hz; None keeps the recording's own.
            longest_s: refuse more than so many seconds; None takes the decoder's limit.
            channel: as for `load_audio`.
            name: what error messages call it.

        Raises:
            AudioError: as `load_audio`; too_long; unreadable where the child dies or takes too long.
        """
        if len(data) > MOST_BYTES:
            raise AudioError(
                f"{name}: {len(data) / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read", "too_long"
            )
        longest_s = min(self.longest_s, self.longest_s if longest_s is None else longest_s)
        ask = {"sample_rate": sample_rate, "longest_s": longest_s, "channel": channel, "name": name, "bytes": len(data)}
        with self._child() as child:
            answer, body = child.answer(ask, data, self.time_limit_s)
        if "error" in answer:
            raise AudioError(" ".join(str(answer["error"]).split()), str(answer["kind"]))
        return Decoded(np.frombuffer(body, np.float32), int(answer["sample_rate"]), tuple(answer["notes"]))

    def blocks(
        self, path: str | os.PathLike, sample_rate: int, *, block_s: float = 30.0, name: str = "the recording"
    ) -> Iterator[np.ndarray]:
        """A file of any size, decoded as a stream; a child is held until the last block, or until this is closed.

        Args:
            path: a file that the caller wrote; a stranger names none.
            sample_rate: of the blocks, in Hz.
            block_s: seconds of a block, each of which has `time_limit_s`.
            name: what error messages call it.

        Yields:
            Consecutive mono float32 blocks; the last may be shorter.

        Raises:
            AudioError: as `decode`, after the blocks that could be decoded.
        """
        limits = {"sample_rate": sample_rate, "longest_s": self.longest_s, "name": name}
        ask = {**limits, "path": os.path.abspath(path), "block_s": block_s}
        with self._child() as child:
            answer, body = child.answer(ask, b"", self.time_limit_s)
            while answer.get("more"):
                yield np.frombuffer(body, np.float32)
                answer, body = child.go_on(ask, self.time_limit_s)
        if "error" in answer:
            raise AudioError(" ".join(str(answer["error"]).split()), str(answer["kind"]))

    def close(self) -> None:
        """Let go of the children; the next call starts one again."""
        for _ in range(self._idle.qsize()):
            with contextlib.suppress(queue.Empty):
                child = self._idle.get_nowait()
                if child is not None:
                    child.kill()
                self._idle.put(None)

    @contextlib.contextmanager
    def _child(self) -> Iterator[_Child]:
        """One that is idle, or a new one; it goes back unless it died."""
        child = self._idle.get()
        try:
            if child is None or not child.alive:
                child = _Child(self.memory_bytes)
            yield child
        except BaseException:
            if child is not None:
                child.kill()
            raise
        finally:
            self._idle.put(child if child is not None and child.alive else None)


class _Child:
    """A process that reads (length, JSON, bytes) and answers alike."""

    def __init__(self, memory_bytes: int) -> None:
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, *(os.path.abspath(path) for path in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | one_thread,
        )
        self._memory_bytes = memory_bytes
        self._ready = False

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def answer(self, ask: dict[str, Any], data: bytes, time_limit_s: float) -> tuple[dict[str, Any], bytes]:
        """What the child makes of `data`.

        Raises:
            AudioError: it died, or was killed after `time_limit_s`.
        """
        if not self._ready:
            self._within(_START_S, {"memory_bytes": self._memory_bytes}, b"", ask["name"], 0)
            self._ready = True
        return self._within(time_limit_s, ask, data, ask["name"], _most_bytes(ask))

    def go_on(self, ask: dict[str, Any], time_limit_s: float) -> tuple[dict[str, Any], bytes]:
        """The next block of what was asked.

        Raises:
            AudioError: as `answer`.
        """
        return self._within(time_limit_s, None, b"", ask["name"], _most_bytes(ask))

    def _within(
        self, seconds: float, ask: dict[str, Any] | None, data: bytes, name: str, most: int
    ) -> tuple[dict[str, Any], bytes]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            if ask is not None:
                send(self._process.stdin, ask, data)
            return receive(self._process.stdout, most)
        except (OSError, EOFError, ValueError) as error:
            self.kill()
            if late.is_set():
                why = f"decoding took longer than {seconds:g} s and was stopped"
            else:
                why = "its decoder crashed or ran out of memory"
            raise AudioError(f"{name}: {why}; record or convert it again", "unreadable") from error
        finally:
            timer.cancel()


def _most_bytes(ask: dict[str, Any]) -> int:
    """The largest body that an answer can have."""
    longest_s = ask.get("block_s", ask["longest_s"])
    return int((longest_s + 1) * (ask["sample_rate"] or HIGHEST_RATE)) * 4


def send(pipe: BinaryIO, head: dict[str, Any], body: bytes | memoryview) -> None:
    """Write one message; `head` says how many "bytes" follow it."""
    written = json.dumps(head).encode()
    pipe.write(_HEAD.pack(len(written)))
    pipe.write(written)
    pipe.write(body)
    pipe.flush()


def receive(pipe: BinaryIO, most: int) -> tuple[dict[str, Any], bytes]:
    """Read one message of at most `most` bytes behind its head.

    Raises:
        EOFError: whoever writes is gone.
        ValueError: what came is no message of ours.
    """
    (length,) = _HEAD.unpack(_exactly(pipe, _HEAD.size))
    if length > _MOST_HEAD:
        raise ValueError(f"a head of {length} bytes")
    head = json.loads(_exactly(pipe, length))
    size = int(head.get("bytes", 0))
    if not 0 <= size <= most:
        raise ValueError(f"a body of {size} bytes")
    return head, _exactly(pipe, size)


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


_shared: list[UntrustedDecoder] = []
_starting = threading.Lock()


def decode_untrusted(
    data: bytes,
    sample_rate: int | None = 16000,
    *,
    longest_s: float | None = None,
    channel: int | None = None,
    name: str = "the recording",
) -> Decoded:
    """`UntrustedDecoder.decode` by one decoder that the whole process shares."""
    with _starting:
        if not _shared:
            _shared.append(UntrustedDecoder())
            atexit.register(_shared[0].close)
    return _shared[0].decode(data, sample_rate, longest_s=longest_s, channel=channel, name=name)
