"""Recordings of one's own: a folder of audio with a .txt beside each file, or one table that names the files.

    python -m data_scripts.folder --source my_recordings --language en --out DIR
    python -m data_scripts.folder --source clips/metadata.csv --out DIR
    python -m data_scripts.folder --source LJSpeech-1.1 --speaker LJ --out DIR

A table is CSV, TSV or has semicolons or bars between its cells; columns are found under their usual names (audio,
path, file, filename; text, sentence, transcript), or named with `--audio-column` and `--text-column`. A table with
bars and no header is read like LJ Speech's (id|text|normalised text). Other columns are kept. `--speaker-folders`
says that the folders directly below the source are named after who speaks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Row, Script, Setting
from speech_tl.data.corpora.tables import read_lines, read_quoted, read_unquoted
from speech_tl.data.corpora.unpacking import is_archive, stem, unpack
from speech_tl.errors import BadInput

AUDIO_COLUMNS = ("audio", "path", "file", "filename", "file_name", "audio_path", "audio_filepath", "wav", "clip", "id")
TEXT_COLUMNS = ("text", "sentence", "transcript", "transcription", "normalized_text", "normalised_text", "raw_text")
BARE_COLUMNS = ("id", "text", "normalised_text")
AUDIO_FOLDERS = ("", "wavs", "wav", "clips", "audio", "data")
TABLE_SUFFIXES = (".csv", ".tsv")

CORPUS = Corpus(
    name="folder",
    title="Your own recordings: audio with texts beside it, or one table",
    kind="speech",
    language="",
    hours="",
    speakers="",
    size="",
    licence="whatever you say",
    citation="",
    page="",
    layout=("this project: README.md (audio and .txt)", "keithito.com/LJ-Speech-Dataset (bars)"),
    met="excerpt",
    marks=("*",),
    splits="the table's column split, else none",
    access="record, or transcribe and correct",
)


def places(corpus: Corpus, sources: Iterable[Path], unpacked: Path) -> list[Path]:
    """Folders and tables as they are, archives unpacked."""
    found = []
    for source in sources:
        if not source.exists():
            raise BadInput(f"--source {source}: no such folder, table or archive")
        found.append(unpack(source, unpacked / stem(source)) if is_archive(source) else source)
    return found


def rows(source: Path, context: Context) -> Iterator[Row]:
    """What the table names, or what lies beside the texts."""
    table = source if source.is_file() else table_in(source)
    found = from_table(table, context) if table else beside_texts(source, context)
    for row in found:
        yield {
            **row,
            "speaker": row.get("speaker") or context.options.speaker or "",
            "language": row.get("language") or context.options.language or "",
        }


def table_in(folder: Path) -> Path | None:
    """The one table of a folder; None when there is none."""
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise BadInput(f"{folder} holds several tables ({names}): give the one that is meant as --source")
    return tables[0] if tables else None


def from_table(table: Path, context: Context) -> Iterator[Row]:
    """Every row, its audio looked for beside the table and in the usual folders."""
    for number, entry in enumerate(entries(table), 1):
        audio = cell(table, entry, context.options.audio_column, AUDIO_COLUMNS, "--audio-column")
        text = cell(table, entry, context.options.text_column, TEXT_COLUMNS, "--text-column")
        if not entry[audio].strip():
            raise BadInput(f"{table}: row {number}: column {audio} is empty; expected the name of a recording")
        others = {name: value for name, value in entry.items() if name not in (audio, text, *BARE_COLUMNS[1:])}
        yield {**others, "audio": recording(table.parent, entry[audio].strip()), "text": entry[text]}


def entries(table: Path) -> Iterator[dict[str, str]]:
    """The rows of a table whose separator its first line shows."""
    _, first = next(read_lines(table), (1, ""))
    separator = next((mark for mark in "\t|;" if mark in first), ",")
    if separator != "|":
        return read_quoted(table, (), separator)
    header = {name.strip().lower() for name in first.split("|")}
    bare = not header & {*AUDIO_COLUMNS, *TEXT_COLUMNS}
    names = BARE_COLUMNS[: first.count("|") + 1] if bare else None
    return read_unquoted(table, (), separator="|", names=names)


def cell(table: Path, entry: dict[str, str], named: str | None, usual: tuple[str, ...], flag: str) -> str:
    """The column that is meant."""
    known = {name.lower(): name for name in entry}
    for name in [named] if named else usual:
        if name.lower() in known:
            return known[name.lower()]
    there = ", ".join(entry)
    raise BadInput(f"{table}: no column {named or ' or '.join(usual[:4])} (there are {there}); name it with {flag}")


def recording(folder: Path, name: str) -> Path:
    """Where a recording is; its name may lack the folder or the suffix."""
    from speech_tl.data.reading import AUDIO_SUFFIXES

    for place in AUDIO_FOLDERS:
        path = folder / place / name
        if path.is_file():
            return path
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            for suffix in sorted(AUDIO_SUFFIXES):
                if (longer := path.with_name(path.name + suffix)).is_file():
                    return longer
    return folder / name


def beside_texts(folder: Path, context: Context) -> Iterator[Row]:
    """Audio files, each with the text beside it."""
    from speech_tl.data.reading import AUDIO_SUFFIXES

    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in AUDIO_SUFFIXES or path.name.startswith("."):
            continue
        text = path.with_suffix(".txt")
        said = " ".join(line for _, line in read_lines(text)) if text.is_file() and text.stat().st_size else ""
        if not said:
            context.skip("no text beside the audio")
            continue
        inside = path.relative_to(folder).parts
        speaker = inside[0] if context.options.speaker_folders and len(inside) > 1 else ""
        yield {"audio": path, "text": said, "speaker": speaker}


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--language", "of everything that does not say its own, e.g. en"),
        Setting("--speaker", "who speaks, where rows do not say it"),
        Setting("--speaker-folders", "the folders below the source are named after who speaks", kind=bool),
        Setting("--audio-column", "the table's column of file names"),
        Setting("--text-column", "the table's column of what is said"),
    ),
    find=places,
)

if __name__ == "__main__":
    sys.exit(main())
