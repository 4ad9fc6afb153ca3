"""The recipe's field `keep`: a list of retention methods, told apart by their names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Union

from pydantic import Field, PlainValidator, SerializeAsAny, TypeAdapter

from speech_tl import retention  # noqa: F401 - its methods register themselves
from speech_tl.errors import BadInput
from speech_tl.retention.base import METHODS, RetentionMethod
from speech_tl.text import nearest


def _by_name(value: Any) -> RetentionMethod:
    """The method that a table of options names; a union that is made when it is needed has later methods, too."""
    return _any_of(tuple(METHODS.values())).validate_python(value)


@cache
def _any_of(methods: tuple[type[RetentionMethod], ...]) -> TypeAdapter:
    kind: Any = Annotated[Union[methods], Field(discriminator="name")]  # noqa: UP007 - its length varies
    return TypeAdapter(kind)


Keep = Annotated[SerializeAsAny[RetentionMethod], PlainValidator(_by_name)]
"""Any retention method, told apart by its `name`."""


def as_list(value: Any) -> Any:
    """What stands for a list of methods, as a list of tables: a name, a method, a list of them, or nothing.

    >>> as_list("replay"), as_list(None)
    ([{'name': 'replay'}], [])

    Raises:
        BadInput: a name that no method has.
    """
    if value is None:
        return []
    methods = value if isinstance(value, list | tuple) else [value]
    return [{"name": _known(method)} if isinstance(method, str) else method for method in methods]


def _known(name: str) -> str:
    if name not in METHODS:
        close = nearest(name, METHODS)
        hint = f"did you mean {close}? " if close else ""
        raise BadInput(f"keep={name}: no such retention method; {hint}There are {', '.join(METHODS)}")
    return name


def repeated(methods: Sequence[RetentionMethod]) -> str | None:
    """The first name that stands there twice."""
    names = [method.name for method in methods]
    return next((name for name in names if names.count(name) > 1), None)
