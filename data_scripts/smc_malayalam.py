"""SMC Malayalam Speech Corpus: proverbs and everyday sentences, read on phones and in browsers, with the crowd's votes.

    python -m data_scripts.smc_malayalam --download --out DIR
    python -m data_scripts.smc_malayalam --source msc --min-votes 1 --out DIR

The repository: audio/*.webm, speech.tsv (id, sentence's id, user, file, address, time, votes or "default"),
sentences.tsv (id, sentence, later also category). users.tsv holds people's names and is not read; `speaker` is the
opaque user id. Many people read the same sentences: a tenth of the speakers is dev, a tenth test (drawn with
`--seed`), and a fifth of the sentences is for them alone; rows that fall between are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import hold_out, keep_sentences_apart
from speech_tl.data.corpora.tables import read_unquoted, unquoted

CORPUS = Corpus(
    name="smc_malayalam",
    title="SMC Malayalam Speech Corpus",
    kind="speech",
    language="Malayalam",
    hours="",
    speakers="",
    size="",
    licence="CC BY-SA 4.0",
    citation="Swathanthra Malayalam Computing, Malayalam Speech Corpus, msc.smc.org.in, 2019 to 2020",
    page="https://github.com/smc/msc",
    layout=("github.com/smc/msc: speech.tsv, sentences.tsv, users.tsv, audio/, audio.md",),
    met="excerpt",
    marks=("speech.tsv", "sentences.tsv", "audio"),
    splits="none official: made by speaker and sentence",
    downloads=(Download("https://github.com/smc/msc/archive/8fb543a5c794c2193cf1440c68ac3d3988c4b934.tar.gz"),),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The recordings that enough people liked."""
    sentences = {entry["id"]: entry for entry in read_unquoted(root / "sentences.tsv", ("id", "sentence"))}
    for entry in read_unquoted(root / "speech.tsv", ("id", "sentence", "user", "fileName", "vote")):
        votes = int(entry["vote"]) if entry["vote"].lstrip("-").isdigit() else 0  # "default": nobody has voted
        sentence = sentences.get(entry["sentence"])
        if votes < context.options.min_votes:
            context.skip(f"fewer than {context.options.min_votes} votes")
        elif sentence is None:
            context.skip("its sentence is not in sentences.tsv")
        else:
            yield {
                "audio": root / entry["fileName"],
                "text": unquoted(sentence["sentence"]),
                "speaker": entry["user"],
                "language": "ml",
                "category": sentence.get("category", ""),
                "votes": votes,
            }


def split(rows: list[Row], context: Context) -> list[Row]:
    """By speaker, and no sentence of dev or test in train."""
    hold_out(rows, lambda row: row["speaker"], context.options.seed)
    return keep_sentences_apart(rows, context.options.seed, context.left_out)


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--min-votes", "at least so many more votes for than against", 1, int),
        Setting("--seed", "draws speakers and sentences", 0, int),
    ),
    finish=split,
)

if __name__ == "__main__":
    sys.exit(main())
