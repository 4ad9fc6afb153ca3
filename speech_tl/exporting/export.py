"""A recogniser in another program's format: written, loaded by that program, compared with the source, and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl import __version__
from speech_tl.errors import BadInput
from speech_tl.exporting.clips import Clips, find_clips
from speech_tl.exporting.comparing import Comparison, by_export, by_source
from speech_tl.exporting.target import Package, Target
from speech_tl.exporting.targets import target_named
from speech_tl.models.load import load_model, read_config
from speech_tl.reporting.model_card import exported_card, place_name
from speech_tl.screen import Screen
from speech_tl.text import replacing_folder, require_writable

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

FACTS = "export.json"
CARD = "README.md"

LOSS_ALLOWED = 0.003
"""By how much the error rate may rise, as a fraction: 0.3 points."""


def export(
    model: str | Path,
    to: str,
    out: str | Path,
    *,
    quantize: str | None = None,
    clips: str | Path | None = None,
    language: str | None = None,
    allow_loss: bool = False,
    compared: bool = True,
    screen: Screen | None = None,
) -> dict[str, Any]:
    """Write a model for another program and compare what that program writes with what the model writes.

    Args:
        model: what `load_model` takes.
        to: the target's name, see `speech_tl.exporting.targets`.
        out: a folder that is not there yet, or empty; it is there whole or not at all.
        quantize: "int8" or "float16", where the target has it; None leaves the weights as they are.
        clips: a manifest to compare on, its dev split where it has one; None takes the dev clips of the model's run.
        language: of the speech; None takes the clips', else the checkpoint's.
        allow_loss: keep the export although its error rate is more than `LOSS_ALLOWED` higher.
        compared: whether to compare at all.
        screen: where progress is shown; None is silent.

    Returns:
        What export.json holds; error rates are fractions.

    Raises:
        BadInput: no such target or quantization, a model that the target cannot take, a package that is missing, no
            clips, a folder in use: all before the model is loaded; or an export that loses too much.
    """
    name, out, screen = str(model), Path(out), screen or Screen()
    target = target_named(to)
    _require_quantization(target, to, quantize)
    _require_unused(out)
    target.refuse(name, read_config(name))
    _require_packages(target, to, compared)
    heard = find_clips(name, clips) if compared else None
    loaded = load_model(name, language=language or (heard.language if heard else None), device="cpu")
    with replacing_folder(out) as folder:
        screen.line(f"writing {name} for {target.title}")
        quantized = quantize or target.usual
        target.write(loaded, folder, quantized)
        comparison = _compared(target, folder, loaded, heard, screen) if heard else None
        if comparison and comparison.loss > LOSS_ALLOWED and not allow_loss:
            raise BadInput(
                f"the export loses more than {100 * LOSS_ALLOWED:g} points: {comparison.line()}; nothing was written "
                f"(--allow-loss keeps it{', no --quantize may lose less' if quantize else ''})"
            )
        facts = _facts(to, target, quantized, loaded, comparison, folder)
        _write_card(name, folder, target, facts)
        (folder / FACTS).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if comparison:
        screen.line(comparison.line())
    return facts


def _require_quantization(target: Target, to: str, quantize: str | None) -> None:
    if quantize is not None and quantize not in target.quantizations:
        there = " or ".join(target.quantizations)
        raise BadInput(f"--quantize {quantize}: {to} has {there}; leave it out for weights as they are")


def _require_unused(out: Path) -> None:
    """Refuse a folder that holds something; hidden files are no use of a folder."""
    require_writable(out)
    if out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir()):
        raise BadInput(f"output folder {out} is in use: choose another --out, or remove it")


def _require_packages(target: Target, to: str, compared: bool) -> None:
    """Refuse where what writes the format is missing, or the program that it would be compared with."""
    _require("writing it needs", target.writers, to, "")
    if compared:
        _require("comparing it needs", [target.program], to, ", or --no-compare writes it all the same")


def _require(why: str, packages: Iterable[Package], to: str, instead: str) -> None:
    missing = [package.name for package in packages if not package.installed]
    if missing:
        names = " ".join(missing)
        raise BadInput(f"--to {to}: {why} {names}: pip install 'speech_tl[export]' (or {names}){instead}")


def _compared(target: Target, folder: Path, model: AcousticModel, clips: Clips, screen: Screen) -> Comparison:
    with screen.progress(f"the model itself on {len(clips.utterances)} clips") as update:
        source = by_source(model, clips, update)
    with screen.progress(f"the export, by {target.title}") as update:
        return by_export(model, target.load(folder, model), clips, source, update)


def _facts(
    to: str, target: Target, quantize: str | None, model: AcousticModel, comparison: Comparison | None, folder: Path
) -> dict[str, Any]:
    """What export.json holds. Of folders on this machine only the last names are told: exports travel."""
    described = model.describe() | {"source": source_name(model.source)}
    with suppress(KeyError):
        described["base"] = place_name(described["base"])
    found = comparison.as_dict() if comparison else None
    if found:
        found["clips"] = found["clips"] | {"source": place_name(found["clips"]["source"])}
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    program = target.program
    return {
        "target": to,
        "quantize": quantize,
        "source": described,
        "program": {"name": program.name, "version": program.version if program.installed else None},
        "writers": {package.name: package.version for package in target.writers},
        "speech_tl": __version__,
        "comparison": found,
        "files": files,
        "bytes": sum(files.values()),
    }


def source_name(source: str) -> str:
    """A model's name where nobody has its path: that of the run, where it is a run's.

    >>> source_name("/data/runs/accent/model"), source_name("openai/whisper-small")
    ('accent/model', 'openai/whisper-small')
    """
    path = Path(source)
    return f"{path.parent.name}/{path.name}" if path.name in ("model", "adapter") else place_name(source)


def _write_card(name: str, folder: Path, target: Target, facts: dict[str, Any]) -> None:
    """The source's card, with what was done to it; none where the source has none."""
    card = Path(name).expanduser() / CARD
    if card.is_file():
        text = exported_card(card.read_text(encoding="utf-8"), target.library, target.title, facts)
        (folder / CARD).write_text(text, encoding="utf-8")
