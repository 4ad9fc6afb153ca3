"""Multilingual LibriSpeech: audiobooks in eight languages.

    python -m data_scripts.mls --download --part polish --out DIR
    python -m data_scripts.mls --source mls_polish_opus.tar.gz --limited --out DIR

The release, one archive a language: mls_polish_opus/metainfo.txt and, in train/, dev/ and test/, transcripts.txt,
segments.txt and audio/SPEAKER/BOOK/SPEAKER_BOOK_NUMBER.opus (.flac in the larger archives). `--limited` takes only
the ten hours of train that the authors chose for experiments with little data (limited_supervision/).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.tables import read_lines, read_unquoted
from speech_tl.errors import BadInput

LANGUAGES = {
    "english": "en", "german": "de", "dutch": "nl", "french": "fr", "spanish": "es", "italian": "it",
    "portuguese": "pt", "polish": "pl",
}  # fmt: skip

CORPUS = Corpus(
    name="mls",
    title="Multilingual LibriSpeech, audiobooks",
    kind="speech",
    language=", ".join(name.capitalize() for name in LANGUAGES),
    hours="50 500 h, 44 500 of them English",
    speakers="",
    size="1.6 GB (Polish) to 651 GB (English)",
    licence="CC BY 4.0",
    citation='Pratap et al., "MLS: A Large-Scale Multilingual Dataset for Speech Research", Interspeech 2020',
    page="https://www.openslr.org/94/",
    layout=("www.openslr.org/94", "lhotse: recipes/mls.py"),
    met="miniature",
    marks=("metainfo.txt", "train/transcripts.txt|dev/transcripts.txt|test/transcripts.txt"),
    splits="official",
    downloads=tuple(
        Download(f"https://dl.fbaipublicfiles.com/mls/mls_{name}_opus.tar.gz", part=name) for name in LANGUAGES
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The audiobooks of one language."""
    genders = speaker_genders(root)
    for split in ("train", "dev", "test"):
        table = root / split / "transcripts.txt"
        if not table.is_file():
            continue
        wanted = limited_handles(root) if split == "train" and context.options.limited else None
        suffix = ".flac" if next((root / split / "audio").glob("*/*/*.flac"), None) else ".opus"
        lengths_s = segment_lengths_s(root / split / "segments.txt")
        for entry in read_unquoted(table, ("id", "text"), names=("id", "text"), free="text"):
            if wanted is not None and entry["id"] not in wanted:
                continue
            speaker, book = entry["id"].split("_")[:2]
            yield {
                "audio": root / split / "audio" / speaker / book / f"{entry['id']}{suffix}",
                "text": entry["text"],
                "speaker": speaker,
                "language": language_of(root),
                "gender": genders.get(speaker, ""),
                "split": split,
                "duration": lengths_s.get(entry["id"]),
            }


def speaker_genders(root: Path) -> dict[str, str]:
    """From metainfo.txt: a header, then a line a chapter with bars between its cells."""
    lines = [line.split("|") for number, line in read_lines(root / "metainfo.txt") if number > 1]
    words = {"M": "male", "F": "female"}
    return {cells[0].strip(): words.get(cells[1].strip(), "") for cells in lines if len(cells) > 1}


def segment_lengths_s(path: Path) -> dict[str, float]:
    """Seconds of each piece, from segments.txt: id, address of the chapter, start, end."""
    if not path.is_file():
        return {}
    lines = [line.split("\t") for _, line in read_lines(path)]
    return {cells[0]: float(cells[3]) - float(cells[2]) for cells in lines if len(cells) == 4}


def limited_handles(root: Path) -> set[str]:
    """The ids of the ten hours."""
    lists = sorted((root / "train" / "limited_supervision").rglob("handles.txt"))
    if not lists:
        raise BadInput(f"--limited: {root} has no train/limited_supervision/**/handles.txt")
    return {line.strip() for path in lists for _, line in read_lines(path)}


def language_of(root: Path) -> str:
    """The language of a folder such as mls_polish_opus."""
    found = [code for name, code in LANGUAGES.items() if name in root.name.lower()]
    if not found:
        raise BadInput(f"{root}: its name does not say the language; expected mls_polish_opus or the like")
    return found[0]


main = Script(
    CORPUS,
    rows,
    settings=(Setting("--limited", "train on the authors' ten hours only", kind=bool),),
    language_of=language_of,
)

if __name__ == "__main__":
    sys.exit(main())
