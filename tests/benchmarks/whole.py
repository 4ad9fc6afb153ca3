"""Whether a run's folder is what it should be: nothing cut short under its final name, and all as in another run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from speech_tl.text.files import UNFINISHED

CLOCKS = ("seconds", "validation_seconds", "audio_seconds_per_second", "run_seconds", "phases", "peak_memory_bytes")
CLOCKS += ("phase_seconds", "seconds_full", "seconds_shortened", "times_faster")
"""What a report has that no two runs share."""


def facts(run: Path) -> dict[str, Any]:
    """What two runs of one seed share: weights, figures, and what both sides wrote."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {f"report.{name}": _timeless(value) for name, value in report.items()}
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run).as_posix()
        if file.suffix == ".safetensors" or file.name == "utterances.jsonl":
            found[name] = hash(file.read_bytes())
    log = [json.loads(line) for line in (run / "training" / "log.jsonl").read_text().splitlines()]
    found["training/log.jsonl"] = [_timeless(entry) for entry in log]
    found["files"] = sorted(
        file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file() and file.name != ".lock"
    )
    return found


def _timeless(value: Any) -> Any:
    """A value without what the clock said."""
    if isinstance(value, dict):
        return {name: _timeless(inner) for name, inner in value.items() if name not in CLOCKS}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is not as it was, by name."""
    differing = []
    for name in sorted(wanted.keys() | found.keys()):
        first, second = wanted.get(name), found.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            differing += [f"{name}.{inner}" for inner in differences(first, second)]
        elif first != second:
            differing.append(f"{name} ({str(second)[:60]}, not {str(first)[:60]})")
    return differing


def cut_short(run: Path) -> list[str]:
    """Files that are not whole under their final names; checkpoints without a seal and logs do not count."""
    from speech_tl.training.checkpoints import SEAL, damage

    problems = [
        f"{place.relative_to(run)} {said}"
        for place in run.rglob("checkpoint-*")
        if (place / SEAL).is_file() and (said := damage(place))
    ]
    for file in run.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(run).parts)
        if file.is_file() and not hidden and "checkpoint-" not in str(file) and file.name != "log.jsonl":
            try:
                READERS.get(file.suffix, lambda file: None)(file)
            except Exception as error:
                problems.append(f"{file.relative_to(run)} is cut short ({error})")
    return problems


def _read_weights(file: Path) -> None:
    from safetensors.torch import load_file

    load_file(file)


def _read_page(file: Path) -> None:
    if not file.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise ValueError("no end")


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda file: json.loads(file.read_text(encoding="utf-8")),
    ".jsonl": lambda file: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()],
    ".html": _read_page,
    ".safetensors": _read_weights,
}


def unsynced(calls: Iterable[str], place: Path) -> list[str]:
    """Names that a power cut could leave without their content: by the order of system calls, as `strace -y` notes it.

    What a file system was not asked to write it may write in any order. So a file's content must be synced before it
    is renamed to its own name, the folder after that and before the next renaming, and a checkpoint before its seal.

    Args:
        calls: "name(arguments)", in order.
        place: the folder in question.
    """
    dirty: set[str] = set()
    folder, problems = "", []
    for call in calls:
        name, paths = call.partition("(")[0], re.findall(re.escape(str(place)) + r"/?[^\">]*", call)
        if not paths:
            continue
        if name in ("write", "writev", "pwrite64", "ftruncate", "fallocate"):
            dirty.add(paths[0])
        elif name == "fsync":
            dirty.discard(paths[0])
            folder = "" if paths[0] == folder else folder
        elif name.startswith("rename") and len(paths) > 1:
            old, new = paths[-2:]
            if not old.endswith(UNFINISHED):  # within a folder that is not whole yet, or out of the way
                dirty = {new if file == old else file for file in dirty}
                continue
            sealed = os.path.dirname(new) if new.endswith("complete.json") else old
            problems += [f"{file} is not on the disk before {new}" for file in dirty if _is_in(file, (old, sealed))]
            if folder:
                problems.append(f"names in {folder} are not on the disk before {new}")
            folder = os.path.dirname(new)
    return problems


def _is_in(file: str, places: Iterable[str]) -> bool:
    """Whether a file is one of some, or in a folder among them."""
    return any(file == place or file.startswith(f"{place}/") for place in places)
