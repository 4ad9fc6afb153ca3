"""OpenSLR 63: Malayalam sentences read by volunteers in good quality.

    python -m data_scripts.openslr63 --download --out DIR
    python -m data_scripts.openslr63 --source ml_in_female.zip ml_in_male.zip --out DIR

The release, one archive a gender: .wav files beside line_index.tsv (file, sentence; some lines of these releases have
a third cell between). A file's name begins with language, gender and speaker: mlf_00001_... There are no official
splits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.data.corpora.tables import read_lines
from speech_tl.errors import BadInput

CORPUS = Corpus(
    name="openslr63",
    title="OpenSLR 63, Malayalam read by volunteers",
    kind="speech",
    language="Malayalam",
    hours="",
    speakers="",
    size="1.4 GB",
    licence="CC BY-SA 4.0",
    citation='He et al., "Open-source Multi-speaker Speech Corpora for Building Gujarati, Kannada, Malayalam, Marathi, '
    'Tamil and Telugu Speech Synthesis Systems", LREC 2020',
    page="https://www.openslr.org/63/",
    layout=(
        "huggingface/datasets: datasets/openslr (line_index.tsv, the stray cell)",
        "espnet: egs2/ml_openslr63/asr1/local/data.sh (archives)",
    ),
    met="miniature",
    marks=("line_index*.tsv|*/line_index*.tsv", "*.wav|*/*.wav"),
    splits="none official",
    downloads=(
        Download("https://www.openslr.org/resources/63/ml_in_female.zip"),
        Download("https://www.openslr.org/resources/63/ml_in_male.zip"),
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every sentence, each file once."""
    recordings = {path.stem: path for path in root.rglob("*.wav")}
    seen = set()
    for table in sorted(root.rglob("line_index*.tsv")):
        for number, line in read_lines(table):
            name, *others = (cell.strip() for cell in line.split("\t"))
            if not others or name[:2] != "ml" or name[2:3] not in ("f", "m"):
                raise BadInput(f"{table}:{number}: expected a name like mlf_00001_00000012345, a tab and a sentence")
            if name not in seen:
                seen.add(name)
                yield {
                    "audio": recordings.get(name, table.parent / f"{name}.wav"),
                    "text": others[-1],
                    "speaker": name.rpartition("_")[0],
                    "language": "ml",
                    "gender": {"f": "female", "m": "male"}[name[2]],
                }


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
