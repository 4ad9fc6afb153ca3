"""The frame of every side-by-side benchmark: each side in a process of its own, alternating, and a row for the README.

A side is a function that can be pickled; it loads what it needs, does the work inside `Timed`, and returns a `Side`.
Both sides get the same model, data, steps and seed. A fresh process for each keeps caches, threads and memory of one
side away from the other, and alternating keeps a machine that grows slower from favouring one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """What a benchmark is run with.

    Attributes:
        device: "cpu" or "cuda".
        corpora: folder of real speech, with `speechocean762/manifest.csv`.
        scratch: an empty folder that is deleted afterwards.
        repeats: pairs of runs.
        share: of the full amount of work; below 1 for a quick look, never for a figure in the README.
        seed: of both sides.
    """

    device: str
    corpora: Path
    scratch: Path
    repeats: int = 3
    share: float = 1.0
    seed: int = 0

    def part(self, amount: int) -> int:
        """The share of an amount, at least 1."""
        return max(1, round(self.share * amount))


@dataclass
class Side:
    """One run of one side.

    Attributes:
        seconds: of the timed work.
        audio_seconds: of speech worked on, without padding; 0 where no audio is involved.
        memory_before: bytes resident as the timed work began, the model among them.
        peak_memory: most bytes resident during the work, of this process (CUDA: allocated on the GPU).
        wer: reached, as a fraction, where one was.
        facts: anything else.
        load: processes that wanted a processor in the minute before, this one among them.
        processor_seconds: of this process and those it started, all threads together; unlike `seconds` hardly touched
            by other work on the machine, as long as threads do not wait for each other (OMP_NUM_THREADS=1).
    """

    seconds: float
    audio_seconds: float = 0.0
    memory_before: int = 0
    peak_memory: int = 0
    wer: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    load: float = 0.0
    processor_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Seconds of audio in a second, or runs in a second where there is no audio."""
        return (self.audio_seconds or 1.0) / self.seconds


class Timed:
    """Time and peak memory of a `with` block.

    >>> with Timed("cpu") as timed:
    ...     _ = sum(range(1000))
    >>> timed.side(audio_seconds=2.0).rate > 0
    True
    """

    def __init__(self, device: str) -> None:
        """`device` is where the work is done: "cpu" or "cuda"."""
        self.device = device

    def __enter__(self) -> Timed:
        self.memory_before = reset_peak_memory(self.device)
        self._processor_began = sum(os.times()[:4])
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self._began
        self.processor_seconds = sum(os.times()[:4]) - self._processor_began
        self.peak_memory = peak_memory(self.device)

    def side(self, audio_seconds: float = 0.0, wer: float | None = None, **facts: Any) -> Side:
        """What was measured, with what the caller knows of the work."""
        memory = self.memory_before, self.peak_memory
        return Side(self.seconds, audio_seconds, *memory, wer, facts, os.getloadavg()[0], self.processor_seconds)


def reset_peak_memory(device: str) -> int:
    """Forget the highest memory use so far; returns the bytes in use now."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the mark goes back to what is resident now
    return _resident("VmRSS")


def peak_memory(device: str) -> int:
    """Most bytes in use since `reset_peak_memory`: on the GPU, or resident in this process."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    return _resident("VmHWM")


def _resident(field_name: str) -> int:
    """A figure of /proc/self/status in bytes; unlike `ru_maxrss` it does not inherit the parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field_name))


# ---- running both sides


@dataclass
class Pair:
    """Runs of both sides, one of each per repeat."""

    ours: list[Side]
    plain: list[Side]

    @property
    def ratios(self) -> list[float]:
        """How many times as fast ours was, pair by pair."""
        return [ours.rate / plain.rate for ours, plain in zip(self.ours, self.plain, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of `ratios`."""
        return statistics.median(self.ratios)

    def measured(self) -> str:
        """The figures in words: ratio with its spread, rates, peak memory, WER."""
        low, high = min(self.ratios), max(self.ratios)
        processor = [_cost(plain) / _cost(ours) for ours, plain in zip(self.ours, self.plain, strict=True)]
        parts = [f"{self.ratio:.2f} times ({low:.2f} to {high:.2f})"]
        if self.ours[0].audio_seconds:
            parts.append(f"{_median(self.ours, 'rate'):.1f} against {_median(self.plain, 'rate'):.1f} audio s/s")
        else:
            parts.append(f"{_median(self.ours, 'seconds'):.1f} against {_median(self.plain, 'seconds'):.1f} s")
        if all(side.processor_seconds for side in [*self.ours, *self.plain]):
            parts.append(f"by processor time {statistics.median(processor):.2f} times")
        ours, plain = (_median(side, "peak_memory") / 1e9 for side in (self.ours, self.plain))
        parts.append(f"peak {ours:.2f} against {plain:.2f} GB")
        if self.ours[0].wer is not None and self.plain[0].wer is not None:
            parts.append(f"WER {100 * _median(self.ours, 'wer'):.1f} against {100 * _median(self.plain, 'wer'):.1f} %")
        return "; ".join(parts)

    def row(self, what: str, against: str, at_least: float | None, note: str = "") -> Row:
        """A row of the table; `at_least` is the ratio that is aimed at."""
        target = f">= {at_least:g} times" if at_least is not None else ""
        met = None if at_least is None else self.ratio >= at_least
        return Row(what, against, target, "; ".join(filter(None, [self.measured(), note])), met)


def _cost(side: Side) -> float:
    """Processor seconds for a second of audio."""
    return max(side.processor_seconds, 1e-9) / (side.audio_seconds or 1.0)


def _median(sides: list[Side], name: str) -> float:
    return statistics.median(getattr(side, name) for side in sides)


def alternate(ours: Callable[[], Side], plain: Callable[[], Side], repeats: int) -> Pair:
    """Run both sides `repeats` times, each run in a fresh process; which goes first alternates too."""
    pair = Pair([], [])
    for repeat in range(repeats):
        order = [(ours, pair.ours, "speech_tl"), (plain, pair.plain, "plain")]
        for side, kept, name in order if repeat % 2 == 0 else order[::-1]:
            kept.append(in_own_process(side))
            print(f"  {repeat + 1}/{repeats} {name:9s} {told(kept[-1])}", flush=True)
    return pair


def told(side: Side) -> str:
    """One run in a line."""
    parts = [f"{side.seconds:.2f} s"]
    if side.audio_seconds:
        parts.append(f"{side.rate:.1f} audio s/s")
    parts.append(f"load {side.load:.1f}")
    above = (side.peak_memory - side.memory_before) / 1e6
    parts.append(f"peak {side.peak_memory / 1e6:.0f} MB ({above:+.0f})")
    if side.wer is not None:
        parts.append(f"WER {100 * side.wer:.2f} %")
    return ", ".join(parts + [f"{key} {value:.4g}" for key, value in side.facts.items() if isinstance(value, float)])


def in_own_process(side: Callable[[], Side]) -> Side:
    """What `side` returns when called in a new process.

    Raises:
        RuntimeError: it failed there; the message is its traceback.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, side))
    process.start()
    there.close()
    try:
        found = here.recv()
    except EOFError:
        found = None
    process.join()
    if isinstance(found, Side):
        return found
    raise RuntimeError(f"a side of the benchmark failed:\n{found or f'exit code {process.exitcode}'}")


def _send(there: Any, side: Callable[[], Side]) -> None:
    multiprocessing.set_start_method(None, force=True)  # loader workers start as they do under a command
    try:
        there.send(side())
    except BaseException:
        there.send(traceback.format_exc())


# ---- the table


@dataclass
class Row:
    """A line of the README's table; `met` is None where there is no target."""

    what: str
    against: str
    target: str
    measured: str
    met: bool | None = None


def markdown(rows: list[Row]) -> str:
    """The table, in GitHub's Markdown."""
    lines = ["| what | against | target | measured |", "|:--|:--|:--|:--|"]
    for row in rows:
        verdict = {True: "**met**: ", False: "**missed**: ", None: ""}[row.met]
        lines.append(f"| {row.what} | {row.against} | {row.target} | {verdict}{row.measured} |")
    return "\n".join(lines)


def keep(folder: Path, name: str, rows: list[Row], setting: Setting, command: str) -> None:
    """Write a benchmark's rows with machine, date and command to `folder/NAME-DEVICE.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine(setting.device), "date": date.today().isoformat(), "command": command}
    found |= {"share": setting.share, "rows": [asdict(row) for row in rows]}
    (folder / f"{name}-{setting.device}.json").write_text(json.dumps(found, indent=1))


def machine(device: str) -> str:
    """What it was measured on: processor or GPU, cores, versions."""
    versions = f"torch {version('torch')}, transformers {version('transformers')}"
    if device == "cuda":
        import torch

        return f"{torch.cuda.get_device_name()}, {versions}"
    threads = os.environ.get("OMP_NUM_THREADS")
    cores = f"{os.cpu_count()} cores" + (f" ({threads} used)" if threads else "")
    return f"{processor()}, {cores}, {versions}"


def processor() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), None)
    return name or platform.processor()
