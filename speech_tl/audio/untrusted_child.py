"""The child's side of `untrusted`: takes its limits, then decodes what it is sent until nobody sends any more."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any, BinaryIO

from speech_tl.audio.untrusted import MOST_BYTES, receive, send


def main() -> None:
    """Answer on what was standard output; libraries that write there or to standard error write nowhere."""
    asked, told = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends this process
    import av  # noqa: F401  (before memory is limited)

    from speech_tl import audio  # noqa: F401

    with contextlib.suppress(EOFError, OSError):
        head, _ = receive(asked, 0)
        limit_resources(int(head["memory_bytes"]))
        send(told, {}, b"")
        while True:
            head, data = receive(asked, MOST_BYTES)
            if "path" in head:
                _answer_in_blocks(told, head)
            else:
                _answer(told, head, data)


def _answer(told: BinaryIO, head: dict[str, Any], data: bytes) -> None:
    from speech_tl.audio import load_audio, probe
    from speech_tl.errors import AudioError

    notes: list[str] = []
    given = {"name": head["name"], "channel": head["channel"], "longest_s": head["longest_s"]}
    try:
        rate = head["sample_rate"] or probe(data, name=head["name"]).sample_rate
        waveform = load_audio(data, head["sample_rate"], on_note=notes.append, **given)
    except AudioError as error:
        send(told, {"error": str(error), "kind": error.kind}, b"")
        return
    send(told, {"sample_rate": rate, "notes": notes, "bytes": waveform.nbytes}, waveform.data)


def _answer_in_blocks(told: BinaryIO, head: dict[str, Any]) -> None:
    """A message for each block, which says that there is "more", and one at the end."""
    from speech_tl.audio import stream_audio
    from speech_tl.audio.limits import require_short
    from speech_tl.errors import AudioError

    name, rate, samples = head["name"], head["sample_rate"], 0
    try:
        with open(head["path"], "rb") as file:  # not the path: a format that names other files gets none
            for block in stream_audio(file, rate, head["block_s"], name=name):
                samples += len(block)
                require_short(name, samples / rate, head["longest_s"])
                send(told, {"more": True, "bytes": block.nbytes}, block.data)
    except AudioError as error:
        send(told, {"error": str(error), "kind": error.kind}, b"")
        return
    send(told, {}, b"")


def limit_resources(memory_bytes: int) -> None:
    """No more memory than asked for, no file written, no core dumped; as far as the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = [("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)]
    try:
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[0])
        limits.append(("RLIMIT_AS", pages * resource.getpagesize() + memory_bytes))
    except OSError:  # macOS does not say, nor keep to such a limit
        pass
    for name, value in limits:
        if (which := getattr(resource, name, None)) is not None:
            with contextlib.suppress(OSError, ValueError):
                _, hard = resource.getrlimit(which)
                value = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(which, (value, hard))
