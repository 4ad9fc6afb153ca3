"""A recipe: the typed description of a run, how it is written to a file, read back and overridden."""

from __future__ import annotations

import ast
import importlib.util
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speech_tl.data.augment import AugmentOptions, LadderOptions
from speech_tl.data.guards import GuardOptions
from speech_tl.data.manifest import DataOptions
from speech_tl.errors import BadInput
from speech_tl.models.options import DecodingOptions, ModelOptions
from speech_tl.reporting.options import ReportOptions
from speech_tl.strategies.trained import STRATEGIES, Full, HeadOnly, Strategy
from speech_tl.text import nearest, write_atomically
from speech_tl.training.options import TrainingOptions

__all__ = [
    "DataOptions",
    "Full",
    "GuardOptions",
    "HeadOnly",
    "ModelOptions",
    "Recipe",
    "ReportOptions",
    "ScoringOptions",
    "TrainingOptions",
]

GuardName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
"""Also the name of a folder."""


class ScoringOptions(BaseModel):
    """How hypotheses are scored.

    Attributes:
        normaliser: `none`, `basic`, `english`, `unspaced` or "module:function"; None takes the language's default.
        by: manifest columns whose values get a WER of their own.
    """

    model_config = ConfigDict(extra="forbid")

    normaliser: str | None = None
    by: list[str] = []


class Recipe(BaseModel):
    """One run: which model, which data, what is trained, how, how it is scored, and what it must not spoil."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[\w.-]+$")
    description: str = ""
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    strategy: Strategy = Full()
    training: TrainingOptions = TrainingOptions()
    augment: AugmentOptions = AugmentOptions()
    ladder: LadderOptions | None = None
    scoring: ScoringOptions = ScoringOptions()
    decoding: DecodingOptions = DecodingOptions()
    guards: dict[GuardName, GuardOptions] = {}
    report: ReportOptions = ReportOptions()
    seed: int = Field(0, ge=0, lt=2**32)

    def with_overrides(self, overrides: Sequence[str]) -> Recipe:
        """A copy with `key=value` overrides, each a dotted path: "training.learning_rate=1e-4".

        "model=X" means "model.source=X"; "strategy=head_only" picks the strategy with its defaults; "data=X" means
        "data.root=X"; "guards.NAME=X" begins a guard with its data, "guards.NAME=null" leaves one out. A key of an
        effect that is off ("augment.noise.folders=noise") switches it on, "augment.noise=null" switches it off.

        >>> Recipe(name="demo").with_overrides(["training.max_steps=50", "model=starter-whisper"]).model.source
        'starter-whisper'

        Raises:
            BadInput: no "=", an unknown key (the nearest real one is named), or a value that does not fit.
        """
        values = self.model_dump()
        for override in overrides:
            key, equals, text = override.partition("=")
            if not equals:
                raise BadInput(f"{override!r} is not an override: expected key=value, like training.max_steps=100")
            _put(values, SHORT_FORMS.get(key, key), yaml_value(key, text))
        return validated(values, "override")

    def to_yaml(self) -> str:
        """The whole recipe as YAML; `read_recipe` on it repeats the run."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


SHORT_FORMS = {"model": "model.source", "data": "data.root", "strategy": "strategy.name"}


def yaml_value(key: str, text: str) -> Any:
    """The value that a user typed after "=", as YAML reads it; but `1e-4` is a number, and `no` is Norwegian.

    Raises:
        BadInput: it is not YAML.
    """
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{key}={text}: the value cannot be read (quote it?)") from error
    if isinstance(value, bool) and text.lower() not in ("true", "false"):
        return text
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key, refusing one that the recipe does not have."""
    if key == "strategy.name" and value in STRATEGIES:
        values["strategy"] = STRATEGIES[value]().model_dump()
        return
    if key.startswith("guards."):
        key, value = _in_guards(values["guards"], key, value)
    *path, last = key.split(".")
    place, table = values, Recipe
    for depth, part in enumerate(path):
        table = _table(table, part)
        if part in place and place[part] is None and table is not None:
            place[part] = table.model_construct().model_dump()  # its first key switches an effect on
        if not isinstance(place.get(part), dict):
            raise unknown_key(key, values)
        place = place[part]
        if path[depth] in OPEN_TABLES:
            place[".".join([*path[depth + 1 :], last])] = value
            return
    if last not in place:
        raise unknown_key(key, values)
    place[last] = value


def _table(owner: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """The class of a field that is a table of its own, such as `augment.noise`, which may be off; None for others."""
    field = owner.model_fields.get(name) if owner else None
    kinds = [field.annotation, *get_args(field.annotation)] if field else []
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _in_guards(guards: dict[str, Any], key: str, value: Any) -> tuple[str, Any]:
    """The key and value of an override below "guards."; a guard that is not there yet is begun."""
    name, _, inner = key.removeprefix("guards.").partition(".")
    if not inner and value is None:
        return "guards", {other: guard for other, guard in guards.items() if other != name}
    guards.setdefault(name, {"data": None} | GuardOptions(data="").model_dump(exclude={"data"}))
    return f"guards.{name}.{inner or 'data'}", value


OPEN_TABLES = {"where", "shape"}
"""Fields that take keys of the user's own: columns of a manifest, fields of a configuration."""


def unknown_key(key: str, values: dict[str, Any]) -> BadInput:
    """The error for a key that does not exist, with the nearest that does."""
    known = list(_keys(values, owner=Recipe))
    hint = nearest(key, known) or nearest(key, [k.rpartition(".")[2] for k in known])
    whole = next((k for k in known if k == hint or k.endswith(f".{hint}")), None)
    return BadInput(f"unknown key {key}" + (f"; did you mean {whole}?" if whole else "; `--dry-run` shows all keys"))


def _keys(values: dict[str, Any], prefix: str = "", owner: type[BaseModel] | None = None) -> Iterator[str]:
    """Every dotted key, those of tables that are off among them."""
    for name, value in values.items():
        yield prefix + name
        table = _table(owner, name)
        if value is None and table is not None:
            value = table.model_construct().model_dump()
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.", table)


def validated(values: dict[str, Any], origin: str) -> Recipe:
    """A recipe from plain values.

    Raises:
        BadInput: the first thing that does not fit, in one line.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise BadInput(f"{origin}: {first_mistake(error)}") from error


def first_mistake(error: ValidationError) -> str:
    """One line from pydantic's report: the dotted key, what is wrong, what was given; and how many more there are."""
    mistakes = error.errors()
    first = mistakes[0]
    place = [str(part) for part in first["loc"] if part not in STRATEGIES]
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    untold = first["type"] in ("missing", "extra_forbidden") or isinstance(first["input"], dict)
    given = "" if untold else f", not {first['input']!r}"
    return f"{'.'.join(place)}: {first['msg']}{given}{more}"


def read_recipe(name: str) -> Recipe:
    """A recipe from a script, a saved recipe.yaml, or a name as `speech-tl recipes` lists it.

    Raises:
        BadInput: not found (the nearest name is given), or it does not hold one recipe.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return recipe_from_yaml(path)
    if path.suffix == ".py" and path.is_file():
        return recipe_from_script(path)
    if path.exists() and name not in shipped_recipes():
        raise BadInput(f"recipe {name} is neither a .py script nor a .yaml file")
    return recipe_from_script(shipped_recipe(name))


def recipe_from_yaml(path: Path) -> Recipe:
    """A saved recipe."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"recipe {path} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise BadInput(f"recipe {path} holds no recipe: expected keys like name, model, data")
    return validated(values, f"recipe {path}")


def recipe_from_script(path: Path) -> Recipe:
    """The `recipe` of a recipe script, whose module body is run but not its `__main__` part."""
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ValidationError as error:
        raise BadInput(f"recipe {path}: {first_mistake(error)}") from error
    except SyntaxError as error:
        raise BadInput(f"recipe {path} line {error.lineno}: {error.msg}") from error
    except Exception as error:
        own = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == path.absolute()
        ]
        place = f"{path} line {own[-1]}" if own else str(path)
        raise BadInput(f"recipe {place}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    found = getattr(module, "recipe", None)
    if not isinstance(found, Recipe):
        raise BadInput(f"recipe {path} has no `recipe = Recipe(...)`")
    return found


def recipes_folder() -> Path:
    """Where the shipped recipes are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parent
    return package / "recipes" if (package / "recipes").is_dir() else package.parent / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Name ("accent/mandarin_english", "quickstart") -> script of every shipped recipe."""
    folder = recipes_folder()
    scripts = sorted(folder.rglob("*.py"))
    return {str(s.relative_to(folder).with_suffix("")): s for s in scripts if not s.name.startswith("_")}


def shipped_recipe(name: str) -> Path:
    """The script of a shipped recipe.

    Raises:
        BadInput: there is none of that name; the nearest one is named.
    """
    known = shipped_recipes()
    if name in known:
        return known[name]
    by_last_part = {n.rpartition("/")[2]: n for n in known}
    hint = nearest(name, known) or by_last_part.get(nearest(name, by_last_part) or "")
    raise BadInput(f"recipe {name} not found" + (f"; did you mean {hint}?" if hint else "; see `speech-tl recipes`"))


def recipe_titles() -> dict[str, str]:
    """Each shipped recipe's name and the first line of its docstring."""
    return {name: _title(path) for name, path in shipped_recipes().items()}


def _title(path: Path) -> str:
    """First line of a script's docstring, without running it."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def copy_recipe(name: str, folder: Path | None = None) -> Path:
    """Copy a shipped recipe's script into a folder (the current one) to edit.

    Raises:
        BadInput: no such recipe, or a file of its name is there already.
    """
    script = shipped_recipe(name)
    target = (folder or Path()) / script.name
    if target.exists():
        raise BadInput(f"{target} exists already: move it away, or copy into another folder")
    return write_atomically(target, script.read_text(encoding="utf-8"))
