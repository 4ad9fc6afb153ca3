"""Uploads that are too large, and a long one: `python -m tests.benchmarks.serving_large --model FOLDER [--hours 3]`.

A gigabyte of zeros is streamed to the server, once without its length and once with it; then one recording of so many
hours, speechocean762's train split again and again, as FLAC. Another client asks for a short clip all the while. The
server is another process; its memory, its decoders' among it, is looked at five times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil

from speech_tl.audio import load_audio
from tests.benchmarks.material import Rows, speech
from tests.benchmarks.serving import PATH, memory, print_thirds, server

BOUNDARY = "edge"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="zeros.wav"\r\n\r\n'.encode()
KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
CHUNK = bytes(1 << 20)


@contextlib.asynccontextmanager
async def watched(address: str, process: psutil.Process, clip: bytes, every_s: float) -> AsyncIterator[dict[str, list]]:
    """Within, memory is looked at, and another client asks for a short clip."""
    found: dict[str, list] = {"memory": [], "status": [], "latency": []}

    async def watch() -> None:
        while True:
            found["memory"].append(memory(process))
            await asyncio.sleep(0.2)

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=address, timeout=300) as http:
            while True:
                begun = time.monotonic()
                answer = await http.post(PATH, files={"file": ("clip", clip)})
                found["status"].append(answer.status_code)
                found["latency"].append(time.monotonic() - begun)
                await asyncio.sleep(every_s)

    tasks = [asyncio.ensure_future(watch()), asyncio.ensure_future(ask())]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def tell(what: str, found: dict[str, list], begun: float) -> None:
    """What the others saw, and the memory."""
    failed = [status for status in found["status"] if status != 200]
    slowest = max(found["latency"], default=0.0)
    median = statistics.median(found["latency"]) if found["latency"] else 0.0
    print(
        f"{what}, {time.monotonic() - begun:.0f} s; another client meanwhile: {len(found['status'])} answers, "
        f"{len(failed)} not 200, median {median:.2f} s, at most {slowest:.2f} s"
    )
    print_thirds("  memory", found["memory"])


async def zeros(address: str, process: psutil.Process, clip: bytes, size: int, *, told: bool) -> None:
    """So many bytes, with the length told or not."""
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield HEAD
        while sent < size:
            part = CHUNK[: size - sent]
            sent += len(part)
            yield part

    begun = time.monotonic()
    async with watched(address, process, clip, 0.5) as found, httpx.AsyncClient(base_url=address, timeout=300) as http:
        await asyncio.sleep(5)
        length = {"Content-Length": str(len(HEAD) + size)} if told else {}
        try:
            answer = await http.post(PATH, content=body(), headers=KIND | length)
            came = f"{answer.status_code} {answer.text.strip()}"
        except httpx.HTTPError as error:
            came = repr(error)
        await asyncio.sleep(5)
    how = "with" if told else "without"
    tell(f"{size / 1e9:g} GB of zeros {how} their length: {came} after {sent / 1e6:.0f} MB were sent", found, begun)


def joined(rows: Rows, hours: float) -> Iterator:
    """Blocks of speech, so many hours."""
    length_s, number = 0.0, 0
    while length_s < hours * 3600:
        block = load_audio(rows[number % len(rows)]["audio"])
        length_s += len(block) / 16000
        number += 1
        yield block


async def long(address: str, process: psutil.Process, clip: bytes, file: Path, hours: float) -> None:
    """One recording of so many hours, uploaded as a stream."""
    begun = time.monotonic()
    async with watched(address, process, clip, 5.0) as found, httpx.AsyncClient(base_url=address, timeout=None) as http:
        with file.open("rb") as stream:
            answer = await http.post(PATH, files={"file": ("long.flac", stream)})
    words = len(answer.json()["text"].split()) if answer.status_code == 200 else answer.text
    size = f"{hours:g} hours ({file.stat().st_size / 1e6:.0f} MB of FLAC)"
    tell(f"{size}: {answer.status_code}, {words} words", found, begun)


def main() -> None:
    """Print what was measured."""
    import soundfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--zeros-gb", type=float, default=1.0)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("SPEECH_TL_CORPORA", "../shared/corpora")))
    given = parser.parse_args()
    rows = speech(given.corpora, "train")
    clip = Path(rows[0]["audio"]).read_bytes()
    with tempfile.TemporaryDirectory() as folder, server(given.model) as (address, process):
        for told in (False, True):
            asyncio.run(zeros(address, process, clip, int(given.zeros_gb * 1e9), told=told))
        if given.hours:
            file = Path(folder) / "long.flac"
            with soundfile.SoundFile(file, "w", 16000, 1) as out:
                for block in joined(rows, given.hours):
                    out.write(block)
            asyncio.run(long(address, process, clip, file, given.hours))


if __name__ == "__main__":
    main()
