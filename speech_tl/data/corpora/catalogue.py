"""The list of corpora that `speech-tl corpora` shows, read from the scripts themselves."""

from __future__ import annotations

import importlib.util
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType

from speech_tl.data.corpora.facts import Corpus
from speech_tl.data.corpora.script import command_of
from speech_tl.errors import BadInput
from speech_tl.text import nearest

KINDS = ("speech", "noise", "rooms")
_MARK = "\nCORPUS = Corpus("
_MET = {
    "release": "the real release",
    "excerpt": "real recordings in the release's layout",
    "miniature": "a miniature in the release's layout only",
}


def scripts_folder() -> Path:
    """Where the scripts are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[2]
    return package / "data_scripts" if (package / "data_scripts").is_dir() else package.parent / "data_scripts"


@cache
def corpora() -> dict[str, Corpus]:
    """Every corpus that has a script, by name: speech first, then noise, then rooms."""
    found = [_load(script).CORPUS for script in sorted(scripts_folder().glob("*.py")) if _is_corpus(script)]
    return {corpus.name: corpus for corpus in sorted(found, key=lambda corpus: KINDS.index(corpus.kind))}


def corpus_named(name: str) -> Corpus:
    """One of them.

    Raises:
        BadInput: there is none of that name; the nearest one is named.
    """
    if name in corpora():
        return corpora()[name]
    close = nearest(name, corpora())
    raise BadInput(f"corpus {name} not known" + (f"; did you mean {close}?" if close else "; see `speech-tl corpora`"))


def listing(width: int = 120) -> str:
    """All of them for a terminal of `width` columns: the facts of each, and its command."""
    indent = " " * (max(map(len, corpora())) + 2)
    lines = []
    for kind in KINDS:
        lines += ["", kind.upper()]
        for corpus in corpora().values():
            if corpus.kind == kind:
                facts = textwrap.wrap(_facts(corpus), max(width - len(indent), 40))
                lines += [f"{corpus.name:<{len(indent)}}{facts[0]}", *(f"{indent}{line}" for line in facts[1:])]
                lines += [f"{indent}$ {command(corpus)}"]
    legend = "; ".join(f"[{met}] {meaning}" for met, meaning in _MET.items())
    lines += ["", *textwrap.wrap(f"What each script has been run on: {legend}.", width)]
    return "\n".join([*lines[1:], "`speech-tl corpora NAME` shows licence, citation, splits and sources of one.", ""])


def facts(corpus: Corpus) -> dict[str, str]:
    """What a reader must know of one before using it, by name; "" where it has no such thing."""
    return {
        "language": corpus.language,
        "hours": corpus.hours,
        "speakers": corpus.speakers,
        "accents": corpus.accents,
        "size": corpus.size,
        "licence": corpus.licence,
        "splits": corpus.splits,
        "get it": corpus.access or "fetched by --download",
        "cite": corpus.citation,
    }


def page(corpus: Corpus) -> str:
    """Everything about one."""
    rows = facts(corpus) | {
        "run on": _MET[corpus.met],
        "page": corpus.page,
        "layout": "\n".join(corpus.layout),
        "command": command(corpus),
    }
    lines = [corpus.title]
    for name, value in rows.items():
        first, *others = value.split("\n")
        lines += [f"  {name:<9} {first}", *(f"  {'':<9} {other}" for other in others)] if value else []
    return "\n".join(lines) + "\n"


def command(corpus: Corpus) -> str:
    """How to make its manifest."""
    start = command_of(corpus.name)
    if not corpus.downloads:
        return f"{start} --source PATH --out {corpus.name}"
    parts = list(dict.fromkeys(download.part for download in corpus.downloads))
    return f"{start} --download {f'--part {parts[0]} ' if len(parts) > 1 else ''}--out {corpus.name}"


def _facts(corpus: Corpus) -> str:
    accents = f"accents: {corpus.accents}" if corpus.accents else ""
    facts = [corpus.language, corpus.hours, corpus.speakers, accents, corpus.size, corpus.licence]
    return f"{corpus.title}. {'; '.join(fact for fact in facts if fact)}. [{corpus.met}]"


def _is_corpus(script: Path) -> bool:
    return _MARK in script.read_text(encoding="utf-8")


def _load(script: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"_corpus_{script.stem}", script)
    assert specification is not None and specification.loader is not None, "a .py file has both"
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
