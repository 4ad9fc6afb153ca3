"""L2-ARCTIC: English sentences read by 24 people whose first language is another one, four of each of six.

    python -m data_scripts.l2_arctic --source l2arctic_release_v5.0.zip --out DIR
    python -m data_scripts.l2_arctic --source l2arctic_release_v5.0 --accent hindi vietnamese --out DIR

The release: ABA/wav/arctic_a0001.wav and ABA/transcript/arctic_a0001.txt for each speaker (the large archive holds
one archive a speaker). `accent` is the first language. There are no official splits, and everybody reads the same 1
132 sentences: of each first language one speaker (drawn with `--seed`) is test and one dev, and a fifth of the
sentences is for them alone, so neither voices nor words cross; what falls between is left out. The spontaneous
"suitcase" stories, a minute and more each, are left out too (`speech-tl segment` can cut them).
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Row, Script, Setting
from speech_tl.data.corpora.held_out import keep_sentences_apart
from speech_tl.data.corpora.tables import read_lines

SPEAKERS = {
    "arabic": "ABA:m SKA:f YBAA:m ZHAA:f",
    "mandarin": "BWC:m LXC:f NCC:f TXHC:m",
    "hindi": "ASI:m RRBI:m SVBI:f TNI:f",
    "korean": "HJK:f HKK:m YDCK:f YKWK:m",
    "spanish": "EBVS:m ERMS:m MBMPS:f NJS:f",
    "vietnamese": "HQTV:m PNV:f THV:f TLV:m",
}

CORPUS = Corpus(
    name="l2_arctic",
    title="L2-ARCTIC, English as a second language",
    kind="speech",
    language="English",
    hours="27 h",
    speakers="24 speakers",
    accents="Arabic, Mandarin, Hindi, Korean, Spanish, Vietnamese",
    size="7.5 GB",
    licence="CC BY-NC 4.0 (not for commercial use)",
    citation='Zhao et al., "L2-ARCTIC: A Non-Native English Speech Corpus", Interspeech 2018',
    page="https://psi.engr.tamu.edu/l2-arctic-corpus/",
    layout=("lhotse: recipes/l2_arctic.py (folders, speakers, first languages)",),
    met="miniature",
    marks=("*/transcript/arctic_*.txt", "*/wav/arctic_*.wav"),
    splits="none official: made by speaker and sentence, within each first language",
    access="fill in the form on its page; a link comes by mail",
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The read sentences of every speaker."""
    about = {
        name: (accent, {"m": "male", "f": "female"}[gender])
        for accent, speakers in SPEAKERS.items()
        for name, gender in (speaker.split(":") for speaker in speakers.split())
    }
    for folder in sorted(path for path in root.iterdir() if (path / "transcript").is_dir()):
        if folder.name not in about:
            continue
        accent, gender = about[folder.name]
        for text in sorted((folder / "transcript").glob("arctic_*.txt")):
            yield {
                "audio": folder / "wav" / f"{text.stem}.wav",
                "text": " ".join(line for _, line in read_lines(text)),
                "speaker": folder.name,
                "accent": accent,
                "language": "en",
                "gender": gender,
                "sentence": text.stem,
            }


def hold_out(rows: list[Row], context: Context) -> list[Row]:
    """One test and one dev speaker of each first language that has three; sentences kept apart."""
    rng = random.Random(context.options.seed)
    split_of = {}
    for accent in sorted({row["accent"] for row in rows}):
        speakers = sorted({row["speaker"] for row in rows if row["accent"] == accent})
        rng.shuffle(speakers)
        if len(speakers) > 2:
            split_of |= {speakers[0]: "test", speakers[1]: "dev"}
    for row in rows:
        row["split"] = split_of.get(row["speaker"], "train")
    return keep_sentences_apart(rows, context.options.seed, context.left_out)


main = Script(
    CORPUS, rows, settings=(Setting("--seed", "draws test and dev speakers and sentences", 0, int),), finish=hold_out
)

if __name__ == "__main__":
    sys.exit(main())
