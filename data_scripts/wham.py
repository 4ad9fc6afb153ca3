"""WHAM!: noise of cafes, restaurants, bars and offices, as two microphones heard it.

    python -m data_scripts.wham --download --out DIR
    python -m data_scripts.wham --source wham_noise --out DIR

The release: wham_noise/tr, cv and tt with .wav files of two channels (averaged when they are read), and
metadata/noise_meta_tr.csv and the like. The official splits share no location.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.data.corpora.tables import read_quoted

SPLITS = {"tr": "train", "cv": "dev", "tt": "test"}

CORPUS = Corpus(
    name="wham",
    title="WHAM!, noise of cafes, restaurants and bars",
    kind="noise",
    language="",
    hours="",
    speakers="",
    size="18 GB",
    licence="CC BY-NC 4.0 (not for commercial use)",
    citation='Wichern et al., "WHAM!: Extending Speech Separation to Noisy Environments", Interspeech 2019',
    page="http://wham.whisper.ai/",
    layout=("lhotse: recipes/wham.py", "WHAM! metadata: README.md (columns of noise_meta)"),
    met="miniature",
    marks=("tr/*.wav|cv/*.wav|tt/*.wav",),
    splits="official",
    downloads=(Download("https://my-bucket-a8b4b49c25c811ee9a7e8bba05fa24c7.s3.amazonaws.com/wham_noise.zip"),),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every clip."""
    for folder, split in SPLITS.items():
        about = clips(root / "metadata" / f"noise_meta_{folder}.csv")
        for recording in sorted((root / folder).glob("*.wav")):
            clip = about.get(recording.name, {})
            yield {
                "audio": recording,
                "label": "ambience",
                "split": split,
                "location": clip.get("Location ID", ""),
                "level": clip.get("Noise Band", ""),
                "reverberation": clip.get("Reverberation Level", ""),
            }


def clips(path: Path) -> dict[str, dict[str, str]]:
    """What is known of each clip; nothing where the metadata was not copied."""
    return {clip["utterance_id"]: clip for clip in read_quoted(path, ("utterance_id",))} if path.is_file() else {}


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
