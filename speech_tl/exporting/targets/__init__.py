"""The export targets, one file each: a module `NAME.py` with a class `Export` is what `--to NAME` writes."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.text.spelling import nearest

if TYPE_CHECKING:
    from speech_tl.exporting.target import Target


def target_names() -> list[str]:
    """Every target's name, sorted; nothing is imported."""
    return sorted(module.name for module in iter_modules(__path__))


def target_named(name: str) -> Target:
    """The target of a name.

    Raises:
        BadInput: there is none of that name.
    """
    names = target_names()
    if name not in names:
        close = nearest(name, names)
        raise BadInput(f"--to {name}: expected {', '.join(names)}" + (f"; did you mean {close}?" if close else ""))
    return import_module(f"{__name__}.{name}").Export()
