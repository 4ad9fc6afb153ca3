"""Recipes from scripts, saved files and the shipped collection."""

from __future__ import annotations

import ast
import importlib.util
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from speech_tl.data.augment import AugmentOptions, Conditions
from speech_tl.errors import BadInput
from speech_tl.recipe.value import Recipe, first_mistake, validated
from speech_tl.text import nearest, stated_normaliser, write_atomically
from speech_tl.text.parsed import yaml_value

STUDIES = "study/"
"""Where the shipped studies lie among the recipes."""


def read_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a script, a saved recipe.yaml, or a name as `speech-tl recipes` lists it.

    Args:
        name: of one of them.
        overrides: what its reader wants otherwise, as `Recipe.with_overrides` takes it.

    Raises:
        BadInput: not found (the nearest name is given), it does not hold one recipe, or a file names code to run.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return recipe_from_yaml(path, overrides)
    if path.suffix == ".py" and path.is_file():
        return recipe_from_script(path).with_overrides(overrides)
    if path.exists() and name not in shipped_recipes():
        raise BadInput(f"recipe {name} is neither a .py script nor a .yaml file")
    return recipe_from_script(shipped_recipe(name)).with_overrides(overrides)


def recipe_from_yaml(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """A saved recipe. It is data, which people exchange: a function as normaliser counts only as an override.

    Raises:
        BadInput: it is no recipe, an override does not fit, or it names a function that no override names.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"recipe {path} is not YAML: {error}") from error
    values = yaml_value(text, f"recipe {path}")
    if not isinstance(values, dict):
        raise BadInput(f"recipe {path} holds no recipe: expected keys like name, model, data")
    stated = validated(values, f"recipe {path}")
    recipe = stated.with_overrides(overrides)
    given = {override.partition("=")[0] for override in overrides}
    for key, name in recipe.normalisers().items():
        if key not in given and stated.normalisers().get(key) == name:
            stated_normaliser(name, f"recipe {path}: {key}", f"{key}=")
    return recipe


def recipe_from_script(path: Path) -> Recipe:
    """The `recipe` of a recipe script, whose module body is run but not its `__main__` part."""
    found = defined_in(path, "recipe")
    if not isinstance(found, Recipe):
        raise BadInput(f"recipe {path} has no `recipe = Recipe(...)`")
    return found


def defined_in(path: Path, name: str) -> Any:
    """What a script defines as `name`; None where it does not.

    Raises:
        BadInput: the script cannot be run; says where.
    """
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    assert spec is not None and spec.loader is not None, "a .py file has both"
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
    return getattr(module, name, None)


def augment_options(wanted: Sequence[str]) -> AugmentOptions:
    """Augmentation as a command line describes it.

    Args:
        wanted: each a recipe, whose augmentation is taken; an effect by name, with its defaults; or key=value below
            `augment.`, such as noise.snr_db=[0,10].

    Raises:
        BadInput: none of these, or as `Recipe.with_overrides`.
    """
    recipe, effects = Recipe(name="heard"), ["speed", *Conditions.model_fields]
    for part in wanted:
        if "=" in part:
            recipe = recipe.with_overrides([f"augment.{part.removeprefix('augment.')}"])
        elif part in effects:
            recipe = recipe.with_overrides([f"augment.{part}={{}}"])
        else:
            recipe = recipe.model_copy(update={"augment": _recipe_or_effect(part, effects).augment})
    return recipe.augment


def _recipe_or_effect(name: str, effects: Sequence[str]) -> Recipe:
    """A recipe by its name; a mistyped effect is told as one."""
    try:
        return read_recipe(name)
    except BadInput:
        hint = nearest(name, effects)
        if hint is None:
            raise
        raise BadInput(f"no effect or recipe is called {name}; did you mean {hint}?") from None


def recipes_folder() -> Path:
    """Where the shipped recipes are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    return package / "recipes" if (package / "recipes").is_dir() else package.parent / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Name ("accent/mandarin_english", "quickstart") -> script of every shipped recipe."""
    return {name: script for name, script in _shipped_scripts().items() if not name.startswith(STUDIES)}


def shipped_studies() -> dict[str, Path]:
    """Name -> script of every shipped study, which is many runs of a recipe."""
    return {name: script for name, script in _shipped_scripts().items() if name.startswith(STUDIES)}


def _shipped_scripts() -> dict[str, Path]:
    """Name -> script of all that ships."""
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


def script_titles(scripts: Mapping[str, Path]) -> dict[str, str]:
    """Each shipped recipe's or study's name and the first line of its docstring."""
    return {name: _title(path) for name, path in scripts.items()}


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
