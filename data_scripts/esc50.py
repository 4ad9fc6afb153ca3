"""ESC-50: 2 000 clips of five seconds, fifty kinds of everyday sound.

    python -m data_scripts.esc50 --download --esc10 --out DIR
    python -m data_scripts.esc50 --source ESC-50-master --label rain wind --out DIR

The repository: meta/esc50.csv and audio/FOLD-CLIP-TAKE-TARGET.wav. No source recording is in two folds: folds 1 to 3
are train, 4 dev, 5 test. `--esc10` takes only the ten kinds that may be used commercially.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.tables import read_quoted
from speech_tl.errors import BadInput

SPLITS = {"1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}

CORPUS = Corpus(
    name="esc50",
    title="ESC-50, everyday sounds",
    kind="noise",
    language="",
    hours="2.8 h",
    speakers="",
    size="0.6 GB",
    licence="CC BY-NC 3.0 (not for commercial use); with --esc10 CC BY 3.0",
    citation='Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015',
    page="https://github.com/karolpiczak/ESC-50",
    layout=("github.com/karolpiczak/ESC-50: README.md (names, columns, folds, licences)",),
    met="excerpt",
    marks=("meta/esc50.csv", "audio"),
    splits="by the official folds: 1 to 3 train, 4 dev, 5 test",
    downloads=(Download("https://github.com/karolpiczak/ESC-50/archive/master.zip"),),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every clip of the kinds that are wanted."""
    for clip in read_quoted(root / "meta" / "esc50.csv", ("filename", "fold", "category", "esc10")):
        if clip["fold"] not in SPLITS:
            raise BadInput(f"{root / 'meta' / 'esc50.csv'}: {clip['filename']}: fold {clip['fold']!r}, expected 1 to 5")
        if context.options.esc10 and clip["esc10"] != "True":
            continue
        if context.wants("label", clip["category"]):
            split = SPLITS[clip["fold"]]
            yield {"audio": root / "audio" / clip["filename"], "label": clip["category"], "split": split}


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--esc10", "only the ten kinds under CC BY", kind=bool),
        Setting("--label", "only these kinds, e.g. rain wind", many=True),
    ),
)

if __name__ == "__main__":
    sys.exit(main())
