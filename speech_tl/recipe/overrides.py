"""`key=value` on a command line: a dotted path into a recipe's values, and what a mistake in one is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from speech_tl.data.guards import GuardOptions
from speech_tl.errors import BadInput
from speech_tl.retention.base import METHODS
from speech_tl.retention.recipe_field import as_list
from speech_tl.strategies.trained import STRATEGIES
from speech_tl.text import nearest, parsed

SHORT_FORMS = {"model": "model.source", "data": "data.root", "strategy": "strategy.name"}

PICKS = ("strategy", "strategy.name", "keep")
"""What decides which other keys there are: read before all others."""

MOST_SHOWN = 60
"""Characters of a value in a message."""

OPEN_TABLES = {"where", "shape"}
"""Fields that take keys of the user's own: columns of a manifest, fields of a configuration."""


def yaml_value(key: str, text: str) -> Any:
    """The value that a user typed after "=", as YAML reads it; but `1e-4` is a number, and `no` is Norwegian.

    Raises:
        BadInput: it is not YAML.
    """
    try:
        value = parsed.yaml_value(text, key)
    except BadInput as error:
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} ..."
        raise BadInput(f"{key}={shown}: the value cannot be read (quote it?)") from error
    if isinstance(value, bool) and text.lower() not in ("true", "false"):
        return text
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def put(values: dict[str, Any], key: str, value: Any, owner: type[BaseModel]) -> None:
    """Set a dotted key of an `owner`'s values, refusing one that it does not have."""
    if key == "strategy.name":
        values["strategy"] = _strategy(value)
        return
    if key == "keep":
        values["keep"] = [_with_defaults(method) for method in as_list(value)]
        return
    if key.startswith("keep."):
        for method, inner in methods_changed(values["keep"], key) or _refused(key, values, owner):
            put(method, inner, value, METHODS[method["name"]])
        return
    if key.startswith("guards."):
        key, value = _in_guards(values["guards"], key, value)
    *path, last = key.split(".")
    place: dict[str, Any] = values
    table: type[BaseModel] | None = owner
    for depth, part in enumerate(path):
        table = _table(table, part)
        if part in place and place[part] is None and table is not None:
            place[part] = table.model_construct().model_dump()  # its first key switches an effect on
        if not isinstance(place.get(part), dict):
            raise unknown_key(key, values, owner)
        place = place[part]
        if path[depth] in OPEN_TABLES:
            place[".".join([*path[depth + 1 :], last])] = value
            return
    if last not in place:
        raise unknown_key(key, values, owner)
    begun = _table(table, last) if value == {} else None  # "augment.noise={}": on, with its defaults
    place[last] = begun.model_construct().model_dump() if begun else value


def _strategy(name: Any) -> dict[str, Any]:
    """A strategy with its defaults."""
    if name not in STRATEGIES:
        close = nearest(str(name), STRATEGIES)
        hint = f"did you mean {close}? " if close else ""
        raise BadInput(f"strategy={name}: no such strategy; {hint}There are {', '.join(STRATEGIES)}")
    return STRATEGIES[name]().model_dump()


def methods_changed(methods: list[dict[str, Any]], key: str) -> list[tuple[dict[str, Any], str]]:
    """The retention methods that an override below "keep." changes, with the key as each of them has it.

    "keep.replay.share" means one, which is begun where it is not there yet; "keep.share" all those that have a share.
    """
    name, _, inner = key.removeprefix("keep.").partition(".")
    if name not in METHODS:
        return [(method, key.removeprefix("keep.")) for method in methods if name in method and name != "name"]
    if inner.partition(".")[0] not in METHODS[name].model_fields or inner == "name":
        return []
    if name not in [method["name"] for method in methods]:
        methods.append(_defaults(name))
    return [(method, inner) for method in methods if method["name"] == name]


def _with_defaults(method: Any) -> Any:
    """A method of which only some options are given, with all; what is none is left to the recipe to refuse."""
    known = isinstance(method, dict) and method.get("name") in METHODS
    return {**_defaults(method["name"]), **method} if known else method


def _defaults(method: str) -> dict[str, Any]:
    """A retention method's options where none is given."""
    return METHODS[method](name=method).model_dump()


def _refused(key: str, values: dict[str, Any], owner: type[BaseModel]) -> list:
    """For a key that no retention method has."""
    raise unknown_key(key, values, owner)


def _table(owner: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """The class of a field that is a table of its own, such as `augment.noise`, which may be off; None for others."""
    kind = owner.model_fields[name].annotation if owner and name in owner.model_fields else None
    # guards are many, each of its own name
    kinds = [] if get_origin(kind) is dict else [kind, *get_args(kind)]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _in_guards(guards: dict[str, Any], key: str, value: Any) -> tuple[str, Any]:
    """The key and value of an override below "guards."; a guard that is not there yet is begun."""
    name, _, inner = key.removeprefix("guards.").partition(".")
    if not inner and value is None:
        return "guards", {other: guard for other, guard in guards.items() if other != name}
    guards.setdefault(name, {"data": None} | GuardOptions(data="").model_dump(exclude={"data"}))
    return f"guards.{name}.{inner or 'data'}", value


def unknown_key(key: str, values: dict[str, Any], owner: type[BaseModel]) -> BadInput:
    """The error for a key that does not exist, with the nearest that does."""
    known = list(_keys(values, owner=owner))
    hint = nearest(key, known) or nearest(key, [k.rpartition(".")[2] for k in known])
    whole = next((k for k in known if k == hint or k.endswith(f".{hint}")), None)
    return BadInput(f"unknown key {key}" + (f"; did you mean {whole}?" if whole else "; `--dry-run` shows all keys"))


def _keys(values: dict[str, Any], prefix: str = "", owner: type[BaseModel] | None = None) -> Iterator[str]:
    """Every dotted key, those of tables that are off among them."""
    for name, value in values.items():
        yield prefix + name
        if prefix + name == "keep":
            yield from (
                f"keep.{name}.{option}"
                for name, method in METHODS.items()
                for option in method.model_fields
                if option != "name"
            )
        table = _table(owner, name)
        if value is None and table is not None:
            value = table.model_construct().model_dump()
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.", table)
