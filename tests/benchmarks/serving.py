"""The server under load, against `transcribe`: `python -m tests.benchmarks.serving --model FOLDER [--seconds 300]`.

Clients of their own process ask again and again with random clips of speechocean762's train split. The server is
another process; what it costs is its CPU seconds, its decoders' among them. `transcribe` has the same clips, as files,
with a loaded model. Then one clip of about five seconds, alone, in turns through the server and through `transcribe`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from tests.benchmarks.material import Rows, speech

PATH = "/v1/audio/transcriptions"


@contextlib.contextmanager
def server(model: str) -> Iterator[tuple[str, psutil.Process]]:
    """Its address, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "speech_tl", "serve", "--model", model, "--port", str(port)]
    started = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{address}/readyz").status_code == 200:
                    break
            time.sleep(0.5)
        yield address, psutil.Process(started.pid)
    finally:
        started.terminate()
        code = started.wait(120)
        print(f"the server's exit code: {code}")


def cpu_s(process: psutil.Process) -> float:
    """Of a process and its children."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def memory(process: psutil.Process) -> int:
    """Resident bytes of a process and its children."""
    return sum(memories(process))


def memories(process: psutil.Process) -> tuple[int, int]:
    """Resident bytes of a process, and of its children."""
    children = sum(one.memory_info().rss for one in process.children(recursive=True))
    return process.memory_info().rss, children


async def load(address: str, process: psutil.Process, rows: Rows, clients: int, seconds: float) -> dict[str, list]:
    """Ask with random clips for so many seconds."""
    found: dict[str, list] = {"status": [], "latency": [], "rows": [], "memory": [], "lost": []}
    until = time.monotonic() + seconds

    async def client(seed: int) -> None:
        rng = random.Random(seed)
        async with httpx.AsyncClient(base_url=address, timeout=300) as http:
            while time.monotonic() < until:
                row = rng.choice(rows)
                begun = time.monotonic()
                try:
                    content = Path(row["audio"]).read_bytes()
                    answer = await http.post(PATH, files={"file": ("clip", content)}, data={"model": "whisper-1"})
                except httpx.HTTPError as error:
                    found["lost"].append(repr(error))
                    continue
                found["status"].append(answer.status_code)
                found["latency"].append(time.monotonic() - begun)
                found["rows"].append(row)

    async def watch() -> None:
        while time.monotonic() < until:
            found["memory"].append(memories(process))
            await asyncio.sleep(1)

    await asyncio.gather(watch(), *(client(seed) for seed in range(clients)))
    return found


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--alone", type=int, default=30, help="times that one clip is asked for alone")
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("SPEECH_TL_CORPORA", "../shared/corpora")))
    given = parser.parse_args()
    rows = speech(given.corpora, "train", 400)
    with server(given.model) as (address, process):
        ours = psutil.Process()
        asyncio.run(load(address, process, rows[:100], 8, 8))  # decoders are started, memory is touched
        before, begun = cpu_s(process), time.monotonic()
        found = asyncio.run(load(address, process, rows, given.clients, given.seconds))
        wall_s, server_s = time.monotonic() - begun, cpu_s(process) - before
        sound_s = sum(float(row["duration"]) for row in found["rows"])
        failed = [status for status in found["status"] if status != 200]
        print(f"{len(found['status'])} answers, {len(failed)} not 200, {len(found['lost'])} lost {found['lost'][:3]}")
        p50, p95 = statistics.median(found["latency"]), statistics.quantiles(found["latency"], n=20)[-1]
        print(f"latency with {given.clients} clients: median {p50:.2f} s, p95 {p95:.2f} s; wall {wall_s:.1f} s")
        print_thirds("memory", [sum(both) for both in found["memory"]])
        print_thirds("of that the decoders of uploads", [children for _, children in found["memory"]])

        from speech_tl.models.load import load_model
        from speech_tl.transcribing.transcribe import transcribe

        model = load_model(given.model)
        transcribe(model, found["rows"][0]["audio"])
        files = [row["audio"] for row in found["rows"]][:300]
        unique = list(dict.fromkeys(files))
        unique_s = sum(
            float(row["duration"]) for row in {row["audio"]: row for row in rows}.values() if row["audio"] in unique
        )
        before = cpu_s(ours)
        transcribe(model, unique, join=True)
        plain_s = cpu_s(ours) - before
        print(
            f"audio seconds per CPU second: server {sound_s / server_s:.2f}, transcribe {unique_s / plain_s:.2f} "
            f"({(sound_s / server_s) / (unique_s / plain_s):.2f} of it)"
        )

        five = min(rows, key=lambda row: abs(float(row["duration"]) - 5))["audio"]
        content, alone, direct = Path(five).read_bytes(), [], []
        with httpx.Client(base_url=address, timeout=60) as http:
            for _ in range(given.alone):
                begun = time.monotonic()
                http.post(PATH, files={"file": ("clip", content)}).raise_for_status()
                alone.append(time.monotonic() - begun)
                begun = time.monotonic()
                transcribe(model, five)
                direct.append(time.monotonic() - begun)
        p95s = [statistics.quantiles(times, n=20)[-1] for times in (alone, direct)]
        medians = [statistics.median(times) for times in (alone, direct)]
        print(
            f"a clip of 5 s alone: p95 {p95s[0]:.2f} s, decoding {p95s[1]:.2f} s ({p95s[0] / p95s[1]:.2f}); "
            f"medians {medians[0]:.2f} and {medians[1]:.2f} ({medians[0] / medians[1]:.2f})"
        )


def print_thirds(what: str, memory: list[int]) -> None:
    """The medians of the first and of the last third of `memory`, and the most."""
    third = max(1, len(memory) // 3)
    first, last = (statistics.median(part) / 1e6 for part in (memory[:third], memory[-third:]))
    print(
        f"{what}, median of thirds: first {first:.0f} MB, last {last:.0f} MB ({last / first - 1:+.1%}); "
        f"at most {max(memory) / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
