"""Rhasspy's voice datasets: one person each, reading sentences in good quality (German, Dutch and more).

    python -m data_scripts.rhasspy --download --part kerstin --out DIR
    python -m data_scripts.rhasspy --source dataset-voice-kerstin --out DIR

The repositories: audio/ID.webm, metadata.csv (ID|sentence, without header or quoting), README.md with language and
gender. There are no official splits; with one voice `speech-tl adapt` splits by sentence, and results speak of this
voice only.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.data.corpora.tables import read_unquoted
from speech_tl.errors import BadInput

CODES = {
    "Dutch": "nl", "English": "en", "French": "fr", "German": "de", "Italian": "it", "Polish": "pl", "Portuguese": "pt",
    "Russian": "ru", "Spanish": "es", "Swedish": "sv",
}  # fmt: skip

CORPUS = Corpus(
    name="rhasspy",
    title="Rhasspy's single voices",
    kind="speech",
    language="German (kerstin), Dutch (nathalie); others in the same layout",
    hours="1 to 2 h a voice",
    speakers="1 speaker each",
    size="under 0.1 GB a voice",
    licence="CC0 1.0",
    citation="Rhasspy, Voice Dataset (kerstin), Voice Dataset (nathalie), github.com/rhasspy",
    page="https://github.com/rhasspy/dataset-voice-kerstin",
    layout=(
        "github.com/rhasspy/dataset-voice-kerstin: README.md, metadata.csv, audio/",
        "github.com/rhasspy/dataset-voice-nathalie: README.md, metadata.csv, audio/",
    ),
    met="excerpt",
    marks=("metadata.csv", "audio/*.webm|audio/*.wav|audio/*.flac|audio/*.mp3|audio/*.ogg"),
    splits="none official; one voice each",
    downloads=(
        Download(
            "https://github.com/rhasspy/dataset-voice-kerstin/archive/f73127135cf80d6ef52aef6af58c49774f4fd625.tar.gz",
            part="kerstin",
        ),
        Download(
            "https://github.com/rhasspy/dataset-voice-nathalie/archive/3b3e91f39d13e2e681d8937575efb9bd3b3d8f5c.tar.gz",
            part="nathalie",
        ),
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The sentences of one voice."""
    voice, language, gender = about(root)
    recordings = {path.stem: path for path in (root / "audio").iterdir()}
    for entry in read_unquoted(root / "metadata.csv", ("id", "text"), separator="|", names=("id", "text"), free="text"):
        yield {
            "audio": recordings.get(entry["id"], root / "audio" / f"{entry['id']}.webm"),
            "text": entry["text"],
            "speaker": voice,
            "language": language,
            "gender": gender,
        }


def about(root: Path) -> tuple[str, str, str]:
    """(name, language code, gender) of the voice, from README.md."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    name = re.search(r"Voice Dataset \((\w+)\)", text)
    language = re.search(r"Language: *(\w+)", text)
    gender = re.search(r"Gender: *(\w+)", text)
    if language is None or language[1] not in CODES:
        raise BadInput(f"{path}: expected a line 'Language: German' or the like ({', '.join(CODES)})")
    return name[1] if name else root.name, CODES[language[1]], gender[1].lower() if gender else ""


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
