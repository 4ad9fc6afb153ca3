"""A user's own function as a normaliser, found by its dotted name."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.text.spelling import nearest

PROBE = "Hello, you!"  # what a function is tried on before any decoding
SHOWN = 60  # characters of a text in a message


@dataclass(frozen=True)
class OwnRules:
    """A user's function that rewrites a text.

    Attributes:
        name: "module:function".
        function: called with a raw text, returns the text to compare.
        identity: what decides its rules: the source of its whole module, so that helpers beside it count.
    """

    name: str
    function: Callable[[str], Any]
    identity: str

    def __call__(self, text: str, casing: str = "") -> str:
        """The function's own rewriting, which knows itself how its language is written.

        Raises:
            BadInput: the function fails on this text or returns something else than text.
        """
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        try:
            found = self.function(text)
        except Exception as error:
            raise BadInput(f"normaliser {self.name} failed on {shown!r}: {_in_words(error)}") from error
        if not isinstance(found, str):
            raise BadInput(f"normaliser {self.name} made {type(found).__name__} of {shown!r}; expected text to text")
        return found


def is_dotted(name: str) -> bool:
    """Whether a normaliser's name is that of a function: "module:function" or "module.function"."""
    module, _, function = _parts(name)
    return bool(module and function)


def load_own(name: str) -> OwnRules:
    """The function of that name, tried once.

    Raises:
        BadInput: no such module or function, an error in the module, or no function from text to text.
    """
    module_name, _, function_name = _parts(name)
    module = _module(name, module_name)
    function = getattr(module, function_name, None)
    if function is None:
        close = nearest(function_name, vars(module))
        hint = f"; did you mean {close}?" if close else ""
        raise BadInput(f"normaliser {name}: module {module_name} has no {function_name}{hint}")
    if not callable(function):
        raise BadInput(f"normaliser {name} is no function; expected one from text to text")
    rules = OwnRules(f"{module_name}:{function_name}", function, _source(module))
    rules(PROBE)
    return rules


def _parts(name: str) -> tuple[str, str, str]:
    """Module and function: parted at the colon, else at the last dot."""
    return name.partition(":") if ":" in name else name.rpartition(".")


def _module(name: str, module_name: str) -> ModuleType:
    """The module, with the current folder looked into as well: an installed command does not do that by itself."""
    try:
        with _current_folder():
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise BadInput(
                f"normaliser {name}: no module {error.name} in this folder or installed; expected module:function"
            ) from error
        raise BadInput(f"normaliser {name}: {module_name} cannot be imported ({_in_words(error)})") from error
    except Exception as error:
        raise BadInput(f"normaliser {name}: {module_name} cannot be imported ({_in_words(error)})") from error


@contextmanager
def _current_folder() -> Iterator[None]:
    """The current folder among the places of modules, after all others."""
    here = os.getcwd()
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _source(module: ModuleType) -> str:
    """The module's source; where there is none, all that is known of it is its name and Python's version."""
    try:
        path = inspect.getsourcefile(module)
    except TypeError:
        path = None
    if path is None or not Path(path).is_file():
        return f"{module.__name__} of Python {sys.version.split()[0]}"
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _in_words(error: Exception) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
