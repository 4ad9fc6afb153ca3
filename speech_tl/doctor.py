"""What this machine can do for speech_tl, and what to do about what is missing."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from speech_tl.audio.codecs import CODECS, codec_problem
from speech_tl.text import literal

if TYPE_CHECKING:
    from rich.console import Console

Status = Literal["ok", "warn", "bad"]

PACKAGES = (
    "torch",
    "torchaudio",
    "transformers",
    "datasets",
    "librosa",
    "soundfile",
    "av",
    "jiwer",
    "whisper-normalizer",
    "peft",
    "accelerate",
    "pydantic",
    "numpy",
)
"""The packages whose versions matter most when something does not work."""

HUB_SECONDS = 3.0
ROOM_FOR_A_RUN = 5e9
"""Free bytes below which checkpoints of a usual model may not fit."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        part: the heading it belongs to.
        name: what was looked at.
        status: "ok"; "warn": works, with a limit; "bad": something does not work until it is mended.
        detail: what was found.
        advice: what to do about it; empty when nothing is missing.
    """

    part: str
    name: str
    status: Status
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at versions, devices, codecs, disks, the Hub and the starters; takes a few seconds, changes nothing."""
    parts = (_versions, _torch_pair, _devices, _codecs, _disks, _hub, _starters)
    return [finding for part in parts for finding in part()]


def print_findings(findings: list[Finding], console: Console) -> None:
    """Show the findings under their headings, the advice below each, and a last line that sums up."""
    colours = {"ok": "green", "warn": "yellow", "bad": "red"}
    heading = ""
    for finding in findings:
        if finding.part != heading:
            heading = finding.part
            console.print(literal(heading, style="bold"))
        console.print(f"  {finding.status:<4} ", style=colours[finding.status], end="")
        console.print(literal(f"{finding.name}: {finding.detail}"), soft_wrap=True)
        if finding.advice:
            console.print(literal(f"       -> {finding.advice}"), soft_wrap=True)
    missing = [finding.name for finding in findings if finding.status == "bad"]
    console.print(literal(f"To mend: {', '.join(missing)}" if missing else "Ready."))


# ---- what is installed


def _versions() -> Iterator[Finding]:
    """Python and the packages, against what the installed speech_tl asks for."""
    yield Finding("Versions", "python", "ok", f"{platform.python_version()} on {platform.platform()}")
    wanted = _requirements()
    for package in PACKAGES:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            yield Finding(
                "Versions", package, "bad", "not installed", f"pip install '{package}{wanted.get(package, '')}'"
            )
            continue
        allowed = wanted.get(package)
        if allowed and not allowed.contains(version, prereleases=True):
            advice = f"pip install '{package}{allowed}'"
            yield Finding("Versions", package, "bad", f"{version}, but {allowed} is needed", advice)
        else:
            yield Finding("Versions", package, "ok", version)


def _requirements() -> dict:
    """Package -> version specifier, as the installed speech_tl declares them; empty in a checkout never installed."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("speech_tl") or []
    except metadata.PackageNotFoundError:
        return {}
    requirements = [Requirement(line) for line in lines if "extra ==" not in line]
    return {requirement.name: requirement.specifier for requirement in requirements}


def _torch_pair() -> Iterator[Finding]:
    """Whether torch and torchaudio belong together: another version fails to load, at the worst moment."""
    wanted = _requirements()
    both = " ".join(f"'{name}{wanted.get(name, '')}'" for name in ("torchaudio", "torch"))
    try:
        versions = [importlib.import_module(name).__version__ for name in ("torch", "torchaudio")]
    except (ImportError, OSError, RuntimeError) as error:
        advice = f"install both from one place: pip install --force-reinstall {both}"
        yield Finding("Versions", "torch + torchaudio", "bad", str(error).splitlines()[0][:160], advice)
        return
    minors = [".".join(version.split(".")[:2]) for version in versions]
    if minors[0] == minors[1]:
        yield Finding("Versions", "torch + torchaudio", "ok", f"both {minors[0]}")
    else:
        advice = f"pip install {both}"
        yield Finding("Versions", "torch + torchaudio", "bad", f"torch {minors[0]}, torchaudio {minors[1]}", advice)


# ---- what it runs on


def _devices() -> Iterator[Finding]:
    """Processor, memory and accelerators, and the precision each trains in."""
    try:
        import torch

        from speech_tl.training.options import cpu_multiplies_bf16
    except (ImportError, OSError):
        return
    precision = "bf16 and float32" if cpu_multiplies_bf16() else "float32 (no bf16 instructions)"
    threads = f"{_cores()} cores, {torch.get_num_threads()} threads"
    yield Finding("Devices", "cpu", "ok", f"{threads}, {_memory()}, trains in {precision}")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        half = "bf16" if torch.cuda.is_bf16_supported() else "float32 (no bf16; training.precision=fp16 is faster)"
        memory = f"{properties.total_memory / 1e9:.0f} GB"
        yield Finding("Devices", f"cuda:{index}", "ok", f"{properties.name}, {memory}, trains in {half}")
    if torch.backends.mps.is_available():
        yield Finding("Devices", "mps", "ok", "Apple GPU, trains in float32")
    elif not torch.cuda.is_available():
        yield _no_gpu(shutil.which("nvidia-smi") is not None, torch.version.cuda)


def _no_gpu(driver: bool, built_for: str | None) -> Finding:
    """Why there is no GPU to train on, and what that means."""
    if driver and built_for is None:
        advice = "install torch and torchaudio for CUDA (https://pytorch.org/get-started/locally)"
        return Finding("Devices", "gpu", "warn", "there is an NVIDIA driver, but torch was built without CUDA", advice)
    if driver:
        advice = f"the driver may be too old for CUDA {built_for}, or CUDA_VISIBLE_DEVICES hides the GPU"
        return Finding("Devices", "gpu", "warn", "there is an NVIDIA driver, but torch sees no GPU", advice)
    advice = "the starters and small models train here; openai/whisper-small or larger wants a GPU"
    return Finding("Devices", "gpu", "warn", "none", advice)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    """The machine's memory, where the system says."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB of memory"
    except (AttributeError, OSError, ValueError):
        return "memory unknown"


def _codecs() -> Iterator[Finding]:
    """Which kinds of audio really decode here."""
    for codec in CODECS:
        problem = codec_problem(codec)
        if problem is None:
            yield Finding("Audio", codec.name, "ok", f"decodes ({codec.library})")
        else:
            advice = f"pip install --upgrade --force-reinstall {codec.library}; or convert such files to wav"
            yield Finding("Audio", codec.name, "bad" if codec.library == "soundfile" else "warn", problem, advice)


# ---- where things are


def _disks() -> Iterator[Finding]:
    """The folder that models are downloaded into, the one runs are written to, and the room in both."""
    from huggingface_hub.constants import HF_HUB_CACHE

    places = {
        "downloaded models": (Path(HF_HUB_CACHE), "set HF_HOME to a folder on a larger disk"),
        "runs": (Path("runs").absolute(), "write elsewhere with --out, or delete old runs"),
    }
    for name, (folder, advice) in places.items():
        existing = next(p for p in [folder, *folder.parents] if p.exists())
        free = shutil.disk_usage(existing).free
        detail = f"{folder}, {free / 1e9:.1f} GB free"
        if not os.access(existing, os.W_OK):
            yield Finding("Disk", name, "bad", f"{folder} cannot be written", advice)
        else:
            room = free >= ROOM_FOR_A_RUN
            yield Finding("Disk", name, "ok" if room else "warn", detail, "" if room else advice)


def _hub() -> Iterator[Finding]:
    """Whether models can be fetched by their Hub id."""
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE

    fetched = "the starters, local folders and what is in the cache work without it"
    if HF_HUB_OFFLINE:
        yield Finding("Hub", ENDPOINT, "warn", "not asked: HF_HUB_OFFLINE is set", f"unset HF_HUB_OFFLINE; {fetched}")
        return
    problem = _unreachable(ENDPOINT)
    if problem is None:
        yield Finding("Hub", ENDPOINT, "ok", "reachable")
    else:
        how = "behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT, or bring a model's folder from elsewhere"
        yield Finding("Hub", ENDPOINT, "warn", f"not reachable ({problem})", f"{fetched}; {how}")


def _unreachable(address: str) -> str | None:
    """Why there is no answer within `HUB_SECONDS`; None when there is one, whatever it says."""
    import urllib.error
    import urllib.request

    answer = [f"no answer in {HUB_SECONDS:g} s"]

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            urllib.request.urlopen(request, timeout=HUB_SECONDS).close()
            answer[0] = ""
        except urllib.error.HTTPError:
            answer[0] = ""
        except (OSError, ValueError) as error:
            answer[0] = str(getattr(error, "reason", error))

    # In a thread of its own: the look-up of a name has no time limit.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_SECONDS + 0.5)
    return answer[0] or None


def _starters() -> Iterator[Finding]:
    """Whether the shipped models are there."""
    from speech_tl.models.load import STARTERS, locate

    for name in STARTERS:
        weights = Path(locate(name)) / "model.safetensors"
        if weights.is_file():
            yield Finding("Starters", name, "ok", f"{weights.stat().st_size / 1e6:.1f} MB")
        else:
            advice = "install speech_tl again (pip install --force-reinstall); it ships with these weights"
            yield Finding("Starters", name, "bad", f"{weights} is missing", advice)
