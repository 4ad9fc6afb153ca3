"""Common Voice (scripted speech): sentences read by volunteers in some 290 languages, with the accents they name.

    python -m data_scripts.common_voice --source cv-corpus-24.0-2025-12-05-cy.tar.gz --out DIR
    python -m data_scripts.common_voice --source cv-corpus-24.0-2025-12-05 --accent "Scottish English" --out DIR

The release, one archive a language: cv-corpus-VERSION-DATE/LANGUAGE/clips/*.mp3 beside train.tsv, dev.tsv, test.tsv
and validated.tsv (a copy of the datasets once on the Hub is something else). Quotes in the tables are part of the
sentence. The official splits share no speaker and hold each sentence once; `--validated` adds the other validated
clips to train, but for those by speakers or of sentences of dev and test. `speaker` is the start of the hashed
client_id, `accent` what the speaker ticked or wrote, several of them between bars; `--accent` finds each.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Row, Script, Setting
from speech_tl.data.corpora.tables import read_lines, read_unquoted, unquoted

CORPUS = Corpus(
    name="common_voice",
    title="Common Voice, sentences read by volunteers",
    kind="speech",
    language="289 languages",
    hours="38 932 h, 25 886 of them validated",
    speakers="371 058 speakers",
    accents="as the speakers name them",
    size="by language, up to 90 GB",
    licence="CC0 1.0; who downloads promises not to find out who the speakers are",
    citation='Ardila et al., "Common Voice: A Massively-Multilingual Speech Corpus", LREC 2020',
    page="https://datacollective.mozillafoundation.org/ (Common Voice)",
    layout=(
        "github.com/common-voice/cv-dataset: README.md, datasets/scripted-speech/README.md (version 24, its figures)",
        "lhotse: recipes/commonvoice.py",
    ),
    met="miniature",
    marks=("clips", "train.tsv|validated.tsv"),
    splits="official; --validated adds to train",
    access="download your language's archive from the Mozilla Data Collective (free account)",
)

GENDERS = {"male_masculine": "male", "female_feminine": "female", "male": "male", "female": "female"}
NEEDED = ("client_id", "path", "sentence")


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The clips of one language."""
    lengths_s = clip_lengths_s(root)
    clips = {split: list(table(root, split, context)) for split in ("train", "dev", "test")}
    if not any(clips.values()):  # a small language has no splits
        clips = {"": list(table(root, "validated", context))}
    elif context.options.validated:
        clips["train"] += other_validated(list(table(root, "validated", context)), clips)
    for split, found in clips.items():
        for clip in found:
            yield row(root, clip, split, lengths_s)


def row(root: Path, clip: dict[str, str], split: str, lengths_s: dict[str, float]) -> Row:
    """One clip."""
    return {
        "audio": root / "clips" / clip["path"],
        "text": unquoted(clip["sentence"]),
        "speaker": clip["client_id"][:16],
        "accent": (clip.get("accents") or clip.get("accent") or "").strip(),
        "language": clip.get("locale") or root.name,
        "gender": GENDERS.get(clip.get("gender", ""), ""),
        "split": split,
        "duration": lengths_s.get(clip["path"]),
        "age": clip.get("age", ""),
        "variant": clip.get("variant", ""),
    }


def table(root: Path, name: str, context: Context) -> Iterator[dict[str, str]]:
    """The clips of one table; an empty sentence or a broken line is counted."""
    path = root / f"{name}.tsv"
    if not path.is_file():
        return
    broken = f"lines of {path.name} with too few cells"
    for clip in read_unquoted(path, NEEDED, free="sentence", odd=lambda number: context.skip(broken)):
        if clip["sentence"].strip():
            yield {**clip, "path": clip["path"] if clip["path"].endswith(".mp3") else f"{clip['path']}.mp3"}
        else:
            context.skip("no sentence")


def other_validated(validated: list[dict[str, str]], clips: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    """Validated clips outside the splits that give nothing of dev and test away."""
    known = {clip["path"] for found in clips.values() for clip in found}
    held = [clip for split in ("dev", "test") for clip in clips[split]]
    speakers, sentences = {clip["client_id"] for clip in held}, {clip["sentence"].lower() for clip in held}
    return [
        clip
        for clip in validated
        if clip["path"] not in known and clip["client_id"] not in speakers and clip["sentence"].lower() not in sentences
    ]


def clip_lengths_s(root: Path) -> dict[str, float]:
    """Seconds of each clip, from clip_durations.tsv (a name and milliseconds); empty for releases before 16.1."""
    path = root / "clip_durations.tsv"
    if not path.is_file():
        return {}
    lines = [line.split("\t") for number, line in read_lines(path) if number > 1]
    return {cells[0]: float(cells[1]) / 1000 for cells in lines if len(cells) == 2}


def language_of(root: Path) -> str:
    """The locale that the first row names; the folder's name where there is none."""
    for name in ("validated", "train", "test"):
        if (root / f"{name}.tsv").is_file():
            first = next(read_unquoted(root / f"{name}.tsv", NEEDED, free="sentence", odd=lambda number: None), {})
            if first.get("locale"):
                return first["locale"]
    return root.name


main = Script(
    CORPUS,
    rows,
    settings=(Setting("--validated", "add to train what is validated but in no split", kind=bool),),
    language_of=language_of,
)

if __name__ == "__main__":
    sys.exit(main())
