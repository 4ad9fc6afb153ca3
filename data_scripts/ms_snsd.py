"""MS-SNSD: 16 kHz noises of offices, streets and homes, with a test set of their own.

    python -m data_scripts.ms_snsd --download --out DIR
    python -m data_scripts.ms_snsd --source MS-SNSD --label Babble Cafe --out DIR

The repository: noise_train/Babble_1.wav and noise_test/Babble_9.wav (its clean speech is not used). test is official;
dev is a tenth of the train recordings, drawn with `--seed`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import hold_out

CORPUS = Corpus(
    name="ms_snsd",
    title="MS-SNSD, noises of offices, streets and homes",
    kind="noise",
    language="",
    hours="",
    speakers="",
    size="",
    licence="noise: CC0 1.0 (Freesound) and CC BY-SA 3.0 (DEMAND)",
    citation='Reddy et al., "A Scalable Noisy Speech Dataset and Online Subjective Test Framework", Interspeech 2019',
    page="https://github.com/microsoft/MS-SNSD",
    layout=("github.com/microsoft/MS-SNSD: README.md, noise_test/",),
    met="miniature",
    marks=("noise_train/*.wav", "noise_test/*.wav"),
    splits="official test; dev drawn from train",
    downloads=(Download("https://github.com/microsoft/MS-SNSD/archive/refs/heads/master.zip"),),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every noise of the kinds that are wanted."""
    for split in ("train", "test"):
        for recording in sorted((root / f"noise_{split}").glob("*.wav")):
            label = recording.stem.rpartition("_")[0] or recording.stem
            if context.wants("label", label):
                yield {"audio": recording, "label": label, "split": split}


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--label", "only these kinds, e.g. Babble", many=True),
        Setting("--seed", "draws dev", 0, int),
    ),
    finish=lambda rows, context: hold_out(
        rows, lambda row: row["audio"].stem, context.options.seed, {"dev": 0.1}, of="train"
    ),
)

if __name__ == "__main__":
    sys.exit(main())
