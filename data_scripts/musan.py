"""MUSAN: noise, music and speech to mix into recordings.

    python -m data_scripts.musan --download --out DIR
    python -m data_scripts.musan --source musan --kind noise music --out DIR

The release: musan/noise/free-sound/noise-free-sound-0000.wav, and the like for music and speech, with LICENSE and
ANNOTATIONS in each folder. `--kind` chooses what to take: noise without it; speech makes babble. There are no
official splits: a tenth of the recordings is dev and a tenth test, drawn with `--seed`, so that a test's noises were
never heard in training.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import hold_out

CORPUS = Corpus(
    name="musan",
    title="MUSAN, noise, music and speech",
    kind="noise",
    language="",
    hours="109 h, 6 of them noise",
    speakers="",
    size="11 GB",
    licence="CC BY 4.0 as a whole; each recording's in its folder's LICENSE",
    citation='Snyder, Chen, Povey, "MUSAN: A Music, Speech, and Noise Corpus", arXiv 1510.08484, 2015',
    page="https://www.openslr.org/17/",
    layout=("lhotse: recipes/musan.py", "PaddleSpeech: dataset/musan (MD5)"),
    met="miniature",
    marks=("noise/free-sound|noise/sound-bible|music/fma|speech/librivox",),
    splits="none official: made by recording",
    downloads=(Download("https://www.openslr.org/resources/17/musan.tar.gz", "md5:0c472d4fc0c5141eca47ad1ffeb2a7df"),),
)
KINDS = ("noise", "music", "speech")


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every recording of the kinds that are wanted."""
    for kind in context.options.kind:
        for recording in sorted((root / kind).glob("*/*.wav")):
            yield {"audio": recording, "label": kind, "collection": recording.parent.name}


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--kind", "what to take", ["noise"], choices=KINDS, many=True),
        Setting("--seed", "draws dev and test", 0, int),
    ),
    finish=lambda rows, context: hold_out(rows, lambda row: row["audio"].stem, context.options.seed),
)

if __name__ == "__main__":
    sys.exit(main())
