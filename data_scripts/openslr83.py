"""OpenSLR 83: English sentences read with six accents of Britain and Ireland.

    python -m data_scripts.openslr83 --download --part scottish --out DIR
    python -m data_scripts.openslr83 --source FOLDER_WITH_THE_ZIPS --accent scottish irish --out DIR

The release, one archive an accent and gender: .wav files beside line_index.csv, whose lines are prompt, file,
sentence; the sentence is not quoted though it may hold commas. A file's name begins with accent, gender and speaker:
scm_02484_... There are no official splits; with few speakers an accent (three Irish ones), results describe those
voices.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.data.corpora.tables import read_unquoted
from speech_tl.errors import BadInput

ACCENTS = {
    "ir": "irish", "mi": "midlands", "no": "northern", "sc": "scottish", "so": "southern", "we": "welsh",
}  # fmt: skip
GENDERS = {"f": "female", "m": "male"}

CORPUS = Corpus(
    name="openslr83",
    title="OpenSLR 83, accents of Britain and Ireland",
    kind="speech",
    language="English",
    hours="31 h",
    speakers="120 speakers",
    accents="Irish, Midlands, Northern, Scottish, Southern, Welsh",
    size="9 GB",
    licence="CC BY-SA 4.0",
    citation='Demirsahin et al., "Open-source Multi-speaker Corpora of the English Accents in the British Isles", '
    "LREC 2020",
    page="https://www.openslr.org/83/",
    layout=(
        "huggingface/datasets: datasets/openslr (line_index.csv in each archive)",
        "keras.io: uk_ireland_accent_recognition (archives, first letters of the files)",
        "mfa-models: google_uk_and_ireland_english (hours, speakers)",
    ),
    met="miniature",
    marks=("line_index*.csv|*/line_index*.csv", "*.wav|*/*.wav"),
    splits="none official",
    downloads=tuple(
        Download(f"https://www.openslr.org/resources/83/{accent}_english_{gender}.zip", part=accent)
        for accent in ACCENTS.values()
        for gender in ("female", "male")
        if (accent, gender) != ("irish", "female")
    ),
)
COLUMNS = ("prompt", "file", "sentence")


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every sentence that has a recording; one list may be there twice (line_index_all.csv)."""
    recordings = {path.stem: path for path in root.rglob("*.wav")}
    seen = set()
    for table in sorted(root.rglob("line_index*.csv")):
        for entry in read_unquoted(table, COLUMNS, separator=",", names=COLUMNS, free="sentence"):
            name = entry["file"].strip()
            if name in seen or (name not in recordings and table.stem.endswith("all")):
                continue  # the list of everything, beside only some archives
            seen.add(name)
            accent, gender = ACCENTS.get(name[:2]), GENDERS.get(name[2:3])
            if accent is None or gender is None:
                raise BadInput(f"{table}: {name!r}: expected a name like scm_02484_00388340153")
            if context.wants("part", accent):
                yield {
                    "audio": recordings.get(name, table.parent / f"{name}.wav"),
                    "text": bare(entry["sentence"].strip()),
                    "speaker": name.rpartition("_")[0],
                    "accent": accent,
                    "language": "en",
                    "gender": gender,
                }


def bare(sentence: str) -> str:
    """Without quotes around the whole of it; those inside stay.

    >>> bare('"Well, well."'), bare('He said "well"')
    ('Well, well.', 'He said "well"')
    """
    whole = len(sentence) > 1 and sentence[0] == sentence[-1] == '"' and '"' not in sentence[1:-1]
    return sentence[1:-1] if whole else sentence


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
