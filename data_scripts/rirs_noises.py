"""RIRS_NOISES: room impulse responses, measured (325) and simulated (60 000), and noises recorded with them.

    python -m data_scripts.rirs_noises --download --out DIR
    python -m data_scripts.rirs_noises --source rirs_noises.zip --kind real simulated --out DIR

The release: RIRS_NOISES/real_rirs_isotropic_noises and simulated_rirs/{small,medium,large}room with a rir_list each
(--rir-id ID --room-id ROOM PATH), and pointsource_noises. `--kind` chooses: real (without it), simulated, point
(noises), isotropic (noises). There are no official splits: whole rooms (for noises: recordings) are dev and test,
drawn with `--seed`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import hold_out
from speech_tl.data.corpora.tables import read_lines

CORPUS = Corpus(
    name="rirs_noises",
    title="RIRS_NOISES, room impulse responses",
    kind="rooms",
    language="",
    hours="325 measured and 60 000 simulated responses",
    speakers="",
    size="1.3 GB",
    licence="Apache-2.0",
    citation='Ko et al., "A study on data augmentation of reverberant speech for robust speech recognition", '
    "ICASSP 2017",
    page="https://www.openslr.org/28/",
    layout=("lhotse: recipes/rir_noise.py", "kaldi: steps/data/reverberate_data_dir.py (rir_list)"),
    met="miniature",
    marks=("real_rirs_isotropic_noises|simulated_rirs|pointsource_noises",),
    splits="none official: made by room",
    downloads=(
        Download("https://www.openslr.org/resources/28/rirs_noises.zip", "md5:e6f48e257286e05de56413b4779d8ffb"),
    ),
)
REAL = "real_rirs_isotropic_noises"


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The kinds that are wanted."""
    for kind in context.options.kind:
        if kind == "real":
            yield from responses(root, root / REAL, kind)
        elif kind == "simulated":
            for folder in sorted((root / "simulated_rirs").glob("*room")):
                yield from responses(root, folder, kind)
        else:
            folder, pattern = ("pointsource_noises", "*.wav") if kind == "point" else (REAL, "*noise*.wav")
            for recording in sorted((root / folder).glob(pattern)):
                yield {"audio": recording, "label": f"{kind} noise", "room": ""}


def responses(root: Path, folder: Path, kind: str) -> Iterator[Row]:
    """The impulse responses that a folder's rir_list names; without a list, its files that are no noise."""
    listed = folder / "rir_list"
    if not listed.is_file():
        for recording in sorted(folder.rglob("*.wav")):
            if "noise" not in recording.stem:
                yield {"audio": recording, "label": "rir", "kind": kind, "room": recording.parent.name}
        return
    for _, line in read_lines(listed):
        words = line.split()
        room = words[words.index("--room-id") + 1] if "--room-id" in words else ""
        within = words[-1].partition("/")[2]  # the lists' paths begin with RIRS_NOISES/, whatever the folder is called
        yield {"audio": root / within, "label": "rir", "kind": kind, "room": room}


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--kind", "what to take", ["real"], choices=("real", "simulated", "point", "isotropic"), many=True),
        Setting("--seed", "draws dev and test", 0, int),
    ),
    finish=lambda rows, context: hold_out(rows, lambda row: row["room"] or row["audio"].stem, context.options.seed),
)

if __name__ == "__main__":
    sys.exit(main())
