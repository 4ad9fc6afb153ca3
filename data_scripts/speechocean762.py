"""speechocean762: English read by 250 native speakers of Mandarin, half of them children, into a manifest.

    python -m data_scripts.speechocean762 --source DIR_OR_ARCHIVE --out DIR [--seed 0] [--dev-speakers 12]
    python -m data_scripts.speechocean762 --download --out DIR

The release: WAVE/SPEAKER0001/000010011.WAV, and train/ and test/ with Kaldi's tables. The manifest's `test` is the
corpus's test list, `dev` some speakers of its train list, drawn with `--seed` evenly from children and adults,
`train` the rest. `text` is the prompt in lower case; readers stumble, so even a person would not score 0 % WER.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import alternating
from speech_tl.data.corpora.tables import read_kaldi
from speech_tl.errors import BadInput

TABLES = ("wav.scp", "text", "utt2spk", "spk2gender", "spk2age")
ADULT_AGE = 16

CORPUS = Corpus(
    name="speechocean762",
    title="speechocean762, English read by Mandarin speakers",
    kind="speech",
    language="English",
    hours="6 h",
    speakers="250 speakers",
    accents="Mandarin; children and adults",
    size="520 MB",
    licence="CC BY 4.0",
    citation='Zhang et al., "speechocean762: An Open-Source Non-native English Speech Corpus For Pronunciation '
    'Assessment", Interspeech 2021',
    page="https://www.openslr.org/101/",
    layout=("github.com/jimbozhang/speechocean762: README.md, WAVE/, train/, test/",),
    met="excerpt",
    marks=("WAVE", *(f"{part}/{table}" for part in ("train", "test") for table in TABLES)),
    splits="test is the corpus's own; dev: some of its train speakers, children and adults in turns",
    downloads=(Download("https://www.openslr.org/resources/101/speechocean762.tar.gz"),),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Both lists of the corpus."""
    for part in ("train", "test"):
        wavs, texts, speakers, genders, ages = (read_kaldi(root / part / name) for name in TABLES)
        for utterance, wav in wavs.items():
            speaker = speakers.get(utterance)
            if speaker is None or utterance not in texts:
                raise BadInput(f"{root / part}: utterance {utterance} is in wav.scp but not in text and utt2spk")
            yield {
                "audio": root / wav,
                "text": texts[utterance].lower(),
                "speaker": f"SO{speaker.removeprefix('SPEAKER')}",
                "accent": "mandarin",
                "language": "en",
                "gender": {"m": "male", "f": "female"}.get(genders.get(speaker, "").lower(), ""),
                "split": part,
                "age": ages.get(speaker, ""),
            }


def dev_from_train(rows: list[Row], context: Context) -> None:
    """Turn some of the train speakers into dev."""
    ages = {row["speaker"]: int(row["age"]) for row in rows if row["split"] == "train"}
    count = context.options.dev_speakers
    if count >= len(ages):
        raise BadInput(f"--dev-speakers {count}: the train list has only {len(ages)} speakers; leave some to train")
    children = [speaker for speaker, age in ages.items() if age < ADULT_AGE]
    dev = set(alternating([children, ages.keys() - children], count, context.options.seed))
    for row in rows:
        if row["speaker"] in dev:
            row["split"] = "dev"


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--dev-speakers", "how many train speakers become dev", 12, int),
        Setting("--seed", "draws them", 0, int),
    ),
    finish=dev_from_train,
)

if __name__ == "__main__":
    sys.exit(main())
