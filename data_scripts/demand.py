"""DEMAND: five minutes each of 18 places (kitchen, metro, cafeteria, ...), recorded with 16 microphones.

    python -m data_scripts.demand --download --part all --out DIR
    python -m data_scripts.demand --source FOLDER_WITH_THE_ZIPS --out DIR

The release, one archive a place: DKITCHEN_16k.zip with DKITCHEN/ch01.wav to ch16.wav. The microphones stand
centimetres apart: one is taken (`--channel`). The first letter of a place is its category. There are no official
splits: whole places are dev and test, drawn with `--seed`, so that a test's places were never heard in training.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import hold_out

CATEGORIES = {"D": "domestic", "N": "nature", "O": "office", "P": "public", "S": "street", "T": "transportation"}
PLACES = [
    "DKITCHEN", "DLIVING", "DWASHING", "NFIELD", "NPARK", "NRIVER", "OHALLWAY", "OMEETING", "OOFFICE", "PCAFETER",
    "PRESTO", "PSTATION", "SCAFE", "SPSQUARE", "STRAFFIC", "TBUS", "TCAR", "TMETRO",
]  # fmt: skip

CORPUS = Corpus(
    name="demand",
    title="DEMAND, the sound of 18 places",
    kind="noise",
    language="",
    hours="1.5 h a channel",
    speakers="",
    size="2.5 GB",
    licence="CC BY-SA 3.0",
    citation='Thiemann, Ito, Vincent, "The Diverse Environments Multi-channel Acoustic Noise Database (DEMAND)", '
    "Proceedings of Meetings on Acoustics 19, 2013",
    page="https://zenodo.org/records/1227121",
    layout=(
        "DEMAND 1.0, its documentation (places, channels, licence)",
        "zenodo.org/records/1227121 (archives, as public code fetches them)",
    ),
    met="miniature",
    marks=("*/ch01.wav|*/ch[01][0-9].wav",),
    splits="none official: made by place",
    downloads=tuple(
        Download(f"https://zenodo.org/records/1227121/files/{place}_16k.zip", part=place) for place in PLACES
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """One channel of every place."""
    for recording in sorted(root.glob(f"*/ch{context.options.channel:02d}.wav")):
        place = recording.parent.name
        if context.wants("part", place):
            yield {"audio": recording, "label": place.lower(), "category": CATEGORIES.get(place[:1], "")}


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--channel", "which microphone, 1 to 16", 1, int, choices=tuple(range(1, 17))),
        Setting("--seed", "draws dev and test", 0, int),
    ),
    finish=lambda rows, context: hold_out(rows, lambda row: row["label"], context.options.seed),
)

if __name__ == "__main__":
    sys.exit(main())
