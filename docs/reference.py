"""A mkdocs hook: pages that are made from the code when the site is built, so that nothing is copied by hand.

`reference/`: commands from the command line itself, recipe fields from the typed options, recipes and corpora from
their scripts, files of a run and the Python functions from their docstrings. `changelog.md` and `contributing.md` are
the project's own files. `<!-- README: NAME -->` in a page is replaced by the part of README.md that stands between
`<!-- NAME -->` and `<!-- /NAME -->`: a figure is written down once.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from speech_tl.retention.base import METHODS, RetentionMethod

ROOT = Path(__file__).resolve().parents[1]
PART = re.compile(r"<!-- README: (\w+) -->")
HEADING = re.compile(r"^(\w[\w ,]*):$")
ENTRY = re.compile(r"^    (\*{0,2}[\w.\"=, *]+): (.*)$")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages."""
    from mkdocs.structure.files import File

    for place, make in PAGES.items():
        files.append(File.generated(config, place, content=make()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the README's parts into a page that asks for them."""
    return PART.sub(lambda found: readme_part(found[1]), markdown)


def readme_part(name: str) -> str:
    """What stands between the README's marks of that name, its links as seen from docs/.

    Raises:
        ValueError: the README has no such part.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name}\b[^>]*-->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no part between <!-- {name} --> and <!-- /{name} -->")
    return from_docs(found[1])


def from_docs(text: str) -> str:
    """A text of the project's top folder with its links as seen from docs/; what the site lacks becomes plain text."""
    text = LINK.sub(lambda found: f"]({found[1].removeprefix('docs/')})" if _in_docs(found[1]) else "]()", text)
    return re.sub(r"\[([^\]]+)\]\(\)", r"\1", text)


def _in_docs(link: str) -> bool:
    return link.startswith("docs/") and not link.endswith((".py", "/"))


# ---- docstrings


def parts_of(docstring: str | None) -> tuple[str, dict[str, dict[str, str]]]:
    """A docstring's text, and its sections ("Attributes", "Args", "Raises") as name -> description."""
    text, sections, current, entry = [], {}, None, None
    for line in inspect.cleandoc(docstring or "").splitlines():
        if heading := HEADING.match(line):
            current, entry = sections.setdefault(heading[1], {}), None
        elif current is None or (line and not line.startswith(" ")):
            current = None
            text.append(line)
        elif found := ENTRY.match(line):
            for entry in (names := found[1].split(", ")):
                current[entry] = found[2]
            entry = names[-1]
        elif entry:
            current[entry] += " " + line.strip()
        elif line:
            current[""] = f"{current.get('', '')} {line.strip()}".strip()
    return "\n".join(text).strip(), {name: found for name, found in sections.items() if found}


def described(owner: type) -> dict[str, str]:
    """Every attribute's description in the docstrings of a class and those that it is made from."""
    found: dict[str, str] = {}
    for cls in reversed(owner.__mro__):
        found |= parts_of(cls.__dict__.get("__doc__"))[1].get("Attributes", {})
    return found


# ---- recipe fields


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The option classes that an annotation allows; for any retention method, all there are."""
    if annotation is RetentionMethod:
        return list(METHODS.values())
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def sections_of(owner: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel], list[list[str]]]]:
    """(prefix, class, rows) for a class of options and for all that lie within it, outer ones first."""
    told, rows, inner = described(owner), [], []
    for name, field in owner.model_fields.items():
        models = models_in(field.annotation)
        key = prefix + name
        for model in models:
            inner.append((f"{key}{_between(key, field.annotation, model, models)}", model))
        if models:
            rows.append([f"`{key}`", _choices(models), _default(field), told.get(name, _summary(models))])
        elif name != "name" or prefix == "":
            what = told.get(name) or field.description or ""
            rows.append([f"`{key}`", _kind(field.annotation), _default(field), what])
    yield prefix, owner, rows
    for below, model in inner:
        yield from sections_of(model, below)


def _between(key: str, annotation: Any, model: type[BaseModel], models: list[type[BaseModel]]) -> str:
    """How a user goes on after the key: an own name (guards), a method's name (keep), or straight to its options."""
    if get_origin(annotation) is dict:
        return ".NAME."
    if key == "keep":
        return f".{model.model_fields['name'].default}."
    return f"={model.model_fields['name'].default} strategy." if len(models) > 1 else "."


def _choices(models: list[type[BaseModel]]) -> str:
    named = [model.model_fields["name"].default for model in models if "name" in model.model_fields]
    return ", ".join(named) if len(named) > 1 else "options, below"


def _summary(models: list[type[BaseModel]]) -> str:
    return parts_of(models[0].__doc__)[0].partition("\n\n")[0] if len(models) == 1 else "see below"


def _kind(annotation: Any) -> str:
    """A type as people say it."""
    if get_origin(annotation) is Literal:
        return ", ".join(str(value) for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in get_args(annotation))
    if get_origin(annotation) is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    if get_origin(annotation) is tuple:
        return "two numbers"
    if get_origin(annotation) is dict:
        return "table"
    if hasattr(annotation, "__metadata__"):
        return _kind(get_args(annotation)[0])
    names = {type(None): "null", str: "text", float: "number", int: "whole number", bool: "true, false", Any: "any"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return value.name if "name" in type(value).model_fields else "as below"
    return f"`{'null' if value is None else str(value).lower() if isinstance(value, bool) else _rounded(value)}`"


def _rounded(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(list(value) if isinstance(value, tuple) else value)


def recipe_page() -> str:
    """Every field of a recipe."""
    from speech_tl.recipe import Recipe

    lines = [
        "# Recipe fields",
        "A recipe is one typed value. Any field is overridden by its dotted path: "
        "`speech-tl adapt RECIPE training.epochs=5 seed=1`; an unknown key is refused, and the nearest one is named. "
        "`model=X` is short for `model.source=X`, `data=X` for `data.root=X`, `strategy=X` for `strategy.name=X`. "
        "`speech-tl adapt RECIPE --dry-run --verbose` prints the whole recipe as YAML.",
    ]
    for prefix, owner, rows in sections_of(Recipe):
        title = prefix.removesuffix(".").replace(" strategy", "") or "Recipe"
        about = parts_of(owner.__doc__)[0]
        lines += [f"## {title}", about]
        lines += [table(["key", "value", "default", "what it does"], rows)] if rows else ["No options."]
    return joined(lines)


# ---- the other pages


def commands_page() -> str:
    """Every command, its arguments and options."""
    import typer

    from speech_tl.cli import app

    lines = ["# Commands", inspect.cleandoc(CODES)]
    for name, command in typer.main.get_command(app).commands.items():
        rows = []
        for part in command.params:
            if part.name in ("help", "install_completion", "show_completion"):
                continue
            is_option = part.param_type_name == "option"
            shown = ", ".join(f"`{option}`" for option in part.opts) if is_option else f"`{part.name.upper()}`"
            default = "" if part.default in (None, False, ()) or callable(part.default) else f"`{part.default}`"
            rows.append([shown, getattr(part, "help", "") or "", "required" if part.required else default])
        lines += [f"## speech-tl {name}", inspect.cleandoc(command.help or "")]
        lines += [table(["argument or option", "what it does", "default"], rows)] if rows else []
    return joined(lines)


CODES = """
    `speech-tl --version`, `-h`, `python -m speech_tl` and shell completion (`--install-completion`) are there too.

    Exit codes: 0 done; 1 done in part, what failed is listed (`check`: rows that cannot be used); 2 bad input, in one
    line that says what was expected and what to do; 130 interrupted; 143 terminated.
    """


def recipes_page() -> str:
    """Every shipped recipe and study, with its docstring."""
    import ast

    from speech_tl.recipe import shipped_recipes, shipped_studies

    lines = [
        "# Recipes",
        "`speech-tl recipes` lists them, `speech-tl recipes show NAME` prints one, `speech-tl recipes copy NAME` gives "
        "you a copy to edit. Studies are run by `speech-tl study NAME`.",
    ]
    for name, script in {**shipped_recipes(), **shipped_studies()}.items():
        docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
        title, _, rest = docstring.partition("\n")
        lines += [f"## {name}", f"**{title}**", rest.strip()]
    return joined(lines)


def corpora_page() -> str:
    """Every corpus that has a script."""
    from speech_tl.data.corpora.catalogue import KINDS, command, corpora, facts

    lines = [
        "# Corpora",
        "Each is turned into a manifest by one script. From an installed wheel the scripts are "
        "`python -m speech_tl.data_scripts.NAME`. `--source` takes a folder, archives, or a folder of archives; "
        "`--download` is there where anybody may fetch the corpus, goes on where it was stopped, and checks what comes "
        "where a checksum is published. Links, and names that lead outside, are refused in archives. Recordings that "
        "are missing or unreadable are listed in `left_out.csv`, and the exit code is then 1.",
    ]
    for kind in KINDS:
        lines.append(f"## {kind.capitalize()}")
        for corpus in (found for found in corpora().values() if found.kind == kind):
            rows = [[name, " ".join(value.split())] for name, value in facts(corpus).items() if value]
            lines += [f"### {corpus.name}", f"{corpus.title}. [Its page]({corpus.page})"]
            lines += [table(["", ""], rows), f"```\n{command(corpus)}\n```"]
    return joined(lines)


def run_folder_page() -> str:
    """Every file of a run."""
    from speech_tl.training.run_files import RUN_FILES

    return joined(
        [
            "# Files of a run",
            "`runs/NAME/`, or what `--out` says. Every figure of a report can be recomputed from "
            "`before/utterances.jsonl` and `after/utterances.jsonl`.",
            table(["file", "what it holds"], [[f"`{name}`", what] for name, what in RUN_FILES.items()]),
        ]
    )


def python_page() -> str:
    """The public functions."""
    import speech_tl

    lines = ["# Python", "`import speech_tl as st`; heavy packages are imported when a function is first used."]
    for name in speech_tl.__all__:
        thing = getattr(speech_tl, name)
        about, sections = parts_of(thing.__doc__)
        about = re.sub(r"^(>>>.*(?:\n(?!$).*)*)", r"```python\n\1\n```", about, flags=re.MULTILINE)
        lines += [f"## st.{name}"]
        if inspect.isfunction(thing):
            lines += [f"```python\n{name}{_signature(thing)}\n```"]
        lines += [about]
        for title, entries in sections.items():
            rows = [[f"`{key}`" if key else "", what] for key, what in entries.items()]
            lines += [f"**{title}**", table(["", ""], rows)]
    return joined([*lines, "The fields of a recipe are in [Recipe fields](recipe.md)."])


def _signature(function: Callable) -> str:
    """One argument a line."""
    inside = ",\n    ".join(str(part) for part in inspect.signature(function).parameters.values())
    return f"(\n    {inside},\n)".replace("'", "")


def changelog_page() -> str:
    """CHANGELOG.md."""
    return from_docs((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


def contributing_page() -> str:
    """CONTRIBUTING.md."""
    return from_docs((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/recipes.md": recipes_page,
    "reference/recipe.md": recipe_page,
    "reference/corpora.md": corpora_page,
    "reference/run-folder.md": run_folder_page,
    "reference/python.md": python_page,
    "changelog.md": changelog_page,
    "contributing.md": contributing_page,
}
"""Every made page and what makes it."""


def table(headings: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    cells = [[" ".join(str(cell).replace("|", "\\|").split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, [":--"] * len(headings), *cells])


def joined(lines: Iterable[str]) -> str:
    """A page from its paragraphs."""
    return "\n\n".join(line for line in lines if line) + "\n"
