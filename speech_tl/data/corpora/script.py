"""The command line that every corpus script has, and the order of its work."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from speech_tl.data.corpora.downloading import fetch
from speech_tl.data.corpora.facts import Corpus, Download
from speech_tl.data.corpora.finding import find_roots
from speech_tl.data.corpora.sizes import is_full_disk
from speech_tl.data.corpora.table import Row, counted, measure, summary, write_table
from speech_tl.data.corpora.unpacking import stem, unpack
from speech_tl.data.filtering import named
from speech_tl.errors import BadInput, disk_trouble
from speech_tl.text import nearest, printable, require_writable

DONE, IN_PART, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
ALL = "all"


@dataclass(frozen=True)
class Setting:
    """A flag of one script beyond those that all have.

    Attributes:
        flag: "--mic"; the value is `context.options.mic`.
        help: one line.
        default: without the flag.
        kind: what the text is made into; bool makes a switch.
        choices: what is accepted; None for anything.
        many: several values may follow.
    """

    flag: str
    help: str
    default: Any = None
    kind: type = str
    choices: Sequence[str] | None = None
    many: bool = False


@dataclass
class Context:
    """What a script's reading is given besides the corpus's folder.

    Attributes:
        corpus: the facts.
        out: the folder of the manifest.
        options: the command line.
        left_out: rows that are left out on purpose, by reason; counted in the summary.
        present: the values that the corpus has for a flag, as far as reading has come.
    """

    corpus: Corpus
    out: Path
    options: argparse.Namespace
    left_out: Counter[str] = field(default_factory=Counter)
    present: dict[str, dict[str, None]] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        """Count one row that is left out on purpose."""
        self.left_out[reason] += 1

    def wants(self, flag: str, value: str) -> bool:
        """Whether the flag (none given: everything; case does not matter) asks for this value.

        What it asks for and no call mentions is refused at the end of reading, with the values that there are.
        """
        self.present.setdefault(flag, {})[value] = None
        asked = getattr(self.options, flag, None)
        return not asked or any(value.lower() == name.lower() or name == ALL for name in asked)

    def require_found(self) -> None:
        """Refuse what a flag asks for but the corpus does not have.

        Raises:
            BadInput: lists what there is.
        """
        for flag, there in self.present.items():
            names = {name.lower() for name in there}
            for name in getattr(self.options, flag, None) or []:
                if name != ALL and name.lower() not in names:
                    close = nearest(name, there)
                    hint = f"; did you mean {close}?" if close else ""
                    listed = ", ".join(sorted(there)) or "none"
                    raise BadInput(f"--{flag} {name}: not in this copy, there are: {listed}{hint}")

    def unpacked(self, archive: Path, root: Path) -> Path:
        """The folder of an archive that lies inside the corpus's folder `root`, unpacked below `out` once."""
        inside = archive.parent.relative_to(root)
        return unpack(archive, unpacking_folder(self.out, self.corpus) / root.name / inside / stem(archive))


class _Parser(argparse.ArgumentParser):
    """One line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (see --help)")


@dataclass(frozen=True)
class Script:
    """A corpus's command: `Script(CORPUS, rows)()` runs it and returns the exit code.

    Attributes:
        corpus: the facts.
        read: yields the rows of one folder of the corpus.
        settings: flags of its own.
        finish: called with all rows, to give splits or the like; what it returns, if anything, are the rows to keep.
        language_of: says a folder's language, where each language has its own: gives the script `--language`.
        find: turns what the user pointed at into folders of the corpus.
    """

    corpus: Corpus
    read: Callable[[Path, Context], Iterable[Row]]
    settings: tuple[Setting, ...] = ()
    finish: Callable[[list[Row], Context], list[Row] | None] | None = None
    language_of: Callable[[Path], str] | None = None
    find: Callable[[Corpus, Iterable[Path], Path], list[Path]] = find_roots

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command line: 0 done, 1 done but for what is listed, 2 bad input (in one line), 130 stopped."""
        try:
            return self._make(self.parser().parse_args(arguments))
        except BadInput as error:
            return _say(str(error))
        except KeyboardInterrupt:
            _tell("interrupted; what was fetched is kept, the same command goes on")
            return INTERRUPTED
        except OSError as error:
            if is_full_disk(error):
                return _say("no space left on the disk for --out: make room and run the same command again")
            return _say(disk_trouble(error) or str(error))

    def parser(self) -> argparse.ArgumentParser:
        """The command line."""
        corpus = self.corpus
        parser = _Parser(
            prog=command_of(corpus.name),
            description=f"{corpus.title} into a manifest. {corpus.licence}. {corpus.page}",
        )
        where = parser.add_mutually_exclusive_group(required=True)
        pointed = "the corpus's folder, its archives, or a folder of archives"
        where.add_argument("--source", type=Path, nargs="+", metavar="PATH", help=pointed)
        fetched = (
            f"fetch it to --out first{f' ({corpus.size})' if corpus.size else ''}"
            if corpus.downloads
            else argparse.SUPPRESS
        )
        where.add_argument("--download", action="store_true", help=fetched)
        parser.add_argument("--out", type=Path, required=True, help="folder for manifest.csv (and what is unpacked)")
        if any(download.part for download in corpus.downloads):
            parts = ", ".join(dict.fromkeys(download.part for download in corpus.downloads))
            parser.add_argument("--part", nargs="+", metavar="PART", help=f"only these: {parts}")
        if corpus.accents:
            parser.add_argument("--accent", nargs="+", metavar="ACCENT", help="only rows with one of these accents")
        if self.language_of is not None:
            parser.add_argument(
                "--language", nargs="+", metavar="CODE", help="only these of the languages that are there"
            )
        for setting in self.settings:
            parser.add_argument(setting.flag, **_argument(setting))
        return parser

    def _make(self, options: argparse.Namespace) -> int:
        require_writable(options.out)
        sources = options.source or self._fetched(options)
        roots = self.find(self.corpus, sources, unpacking_folder(options.out, self.corpus))
        context = Context(self.corpus, options.out, options)
        if self.language_of is not None:
            roots = [root for root in roots if context.wants("language", self.language_of(root))]
        rows = [row for root in roots for row in self.read(root, context)]
        context.require_found()
        if not rows:
            raise BadInput(
                f"{sources[0]}: {self.corpus.title} is here, but no usable row of it{_said(context.left_out)}"
            )
        kept, aside = measure(_with_accent(rows, getattr(options, "accent", None)))
        if not kept:
            raise BadInput(f"{aside[0]['problem']} (and so for all {len(aside)} rows: is the copy complete?)")
        if self.finish is not None:
            kept = self.finish(kept, context) or kept
        return self._hand_over(kept, aside, context)

    def _fetched(self, options: argparse.Namespace) -> list[Path]:
        corpus = self.corpus
        if not corpus.downloads:
            raise BadInput(f"{corpus.title} has no open download: {corpus.access}; then give --source")
        return [fetch(download, options.out / "downloads") for download in _wanted(corpus, options)]

    def _hand_over(self, rows: list[Row], aside: list[Row], context: Context) -> int:
        manifest = write_table(context.out / "manifest.csv", rows)
        _tell(f"{manifest}: {summary(rows)}{_said(context.left_out)}")
        if not any(row.get("split") for row in rows):
            _tell("no official splits: `speech-tl adapt` makes them, by speaker where there are several")
        _tell(f"licence: {self.corpus.licence}")
        listed = context.out / "left_out.csv"
        listed.unlink(missing_ok=True)
        if not aside:
            return DONE
        for row in aside[:3]:
            _tell(f"  {row['problem']}")
        write_table(listed, aside)
        _tell(f"{len(aside)} of {len(rows) + len(aside)} rows have no usable audio; {listed} lists them")
        return IN_PART


def command_of(name: str) -> str:
    """How a script is started, from a checkout or where the package is installed."""
    beside = (Path(__file__).parents[2] / "data_scripts").is_dir()
    return f"python -m {'speech_tl.' if beside else ''}data_scripts.{name}"


def unpacking_folder(out: Path, corpus: Corpus) -> Path:
    """Where a corpus's archives are unpacked."""
    return out / corpus.name


def _with_accent(rows: list[Row], wanted: Sequence[str] | None) -> list[Row]:
    if not wanted:
        return rows
    sought = {accent.lower() for accent in wanted}
    accents = [{row.get("accent") or "", *named(row.get("accent") or "")} for row in rows]
    present = {accent.lower() for found in accents for accent in found}
    for accent in wanted:
        if accent.lower() not in present:
            there = counted(accent for found in accents for accent in found if accent)
            raise BadInput(f"--accent {accent}: no row has it; there are: {there or 'none'}")
    return [row for row, found in zip(rows, accents, strict=True) if sought & {accent.lower() for accent in found}]


def _wanted(corpus: Corpus, options: argparse.Namespace) -> list[Download]:
    parts = list(dict.fromkeys(download.part for download in corpus.downloads))
    wanted = getattr(options, "part", None)
    if wanted is None:
        if len(parts) > 1:
            raise BadInput(f"--download: say which with --part: {', '.join(parts)}, or all ({corpus.size})")
        return list(corpus.downloads)
    for part in wanted:
        if part not in (*parts, ALL):
            raise BadInput(f"--part {part}: there are {', '.join(parts)}, or all")
    return [download for download in corpus.downloads if ALL in wanted or download.part in wanted]


def _argument(setting: Setting) -> dict[str, Any]:
    if setting.kind is bool:
        return {"action": "store_true", "help": setting.help}
    several = {"nargs": "+"} if setting.many else {}
    return {
        "type": setting.kind,
        "default": setting.default,
        "choices": setting.choices,
        "help": setting.help,
        **several,
    }


def _said(left_out: Counter[str]) -> str:
    return "".join(f"; {count} left out: {reason}" for reason, count in left_out.most_common())


def _say(line: str) -> int:
    _tell(line)
    return BAD_INPUT


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr)
