"""EdAcc, the Edinburgh International Accents of English Corpus: video calls between friends, some 40 kinds of English.

    python -m data_scripts.edacc --download --out DIR
    python -m data_scripts.edacc --source edacc_v1.0 --train --out DIR

The release: edacc_v1.0/data/CONVERSATION.wav, dev/ and test/ with Kaldi's segments, text and utt2spk, and
linguistic_background.csv, where speakers describe their own accent. Rows point into the long recordings with `start`
and `end`. Marks such as <LAUGH> are taken out of the text; what is then empty, foreign or not to be scored is left
out. The corpus is for testing: it has dev and test only. `--train` makes train of four fifths of dev's conversations.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.held_out import hold_out
from speech_tl.data.corpora.tables import read_kaldi, read_lines, read_quoted, require_columns
from speech_tl.errors import BadInput

CORPUS = Corpus(
    name="edacc",
    title="EdAcc, accents of English in conversation",
    kind="speech",
    language="English",
    hours="40 h",
    speakers="",
    accents="some 40, first and second language, as the speakers describe them",
    size="7 GB",
    licence="CC BY-SA 4.0",
    citation='Sanabria et al., "The Edinburgh International Accents of English Corpus: Towards the Democratization of '
    'English ASR", ICASSP 2023',
    page="https://datashare.ed.ac.uk/handle/10283/4836",
    layout=(
        "lhotse: recipes/edacc.py (folders, columns of the questionnaire)",
        "huggingface.co/datasets/edinburghcstr/edacc (marks in the transcripts)",
    ),
    met="miniature",
    marks=("data", "dev/segments|test/segments", "linguistic_background.csv"),
    splits="official dev and test; --train takes train from dev, by conversation",
    downloads=(Download("https://datashare.ed.ac.uk/download/DS_10283_4836.zip"),),
)
NOT_SCORED = "IGNORE_TIME_SEGMENT_IN_SCORING"
MARK = re.compile(r"<[^>]*>")


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The utterances of dev and test."""
    about = backgrounds(root / "linguistic_background.csv")
    for split in ("dev", "test"):
        folder = root / split
        if not (folder / "segments").is_file():
            continue
        texts, speakers = dict(transcripts(folder / "text")), read_kaldi(folder / "utt2spk")
        for utterance, segment in read_kaldi(folder / "segments").items():
            text = words(texts.get(utterance, ""), context)
            if not text:
                continue
            try:
                recording, start, end = segment.split()
                place = {"start": float(start), "end": float(end)}
            except ValueError as error:
                raise BadInput(
                    f"{folder / 'segments'}: {utterance} {segment}: expected recording, start, end"
                ) from error
            speaker = speakers.get(utterance, "")
            row = {"audio": root / "data" / f"{recording}.wav", "text": text, "speaker": speaker, "language": "en"}
            yield {**row, **about.get(speaker, {}), **place, "split": split, "conversation": recording}


def words(text: str, context: Context) -> str:
    """What is said, in lower case; empty for what cannot be scored."""
    if not text or NOT_SCORED in text:
        context.skip("not to be scored")
        return ""
    if "<FOREIGN>" in text.upper():
        context.skip("partly in another language")
        return ""
    said = " ".join(MARK.sub(" ", text).split()).lower()
    if not said:
        context.skip("noises only")
    return said


def transcripts(path: Path) -> Iterator[tuple[str, str]]:
    """Kaldi's text, where an utterance may be empty."""
    for _, line in read_lines(path):
        utterance, _, text = line.partition(" ")
        yield utterance, text.strip()


def backgrounds(path: Path) -> dict[str, Row]:
    """Accent, gender and so on of each speaker, from the questionnaire; its questions are the column names."""
    answers = list(read_quoted(path, ("PARTICIPANT_ID",)))
    questions = list(answers[0]) if answers else []
    accent = next((question for question in questions if question.startswith("How would you describe your accent")), "")
    gender = next((question for question in questions if question.startswith("What is your gender")), "")
    require_columns(path, questions, [accent or "How would you describe your accent in English?"])
    return {
        row["PARTICIPANT_ID"].strip(): {"accent": row[accent].strip(), "gender": row.get(gender, "").strip().lower()}
        for row in answers
    }


def train_from_dev(rows: list[Row], context: Context) -> None:
    """With `--train`: four fifths of dev's conversations."""
    if context.options.train:
        hold_out(rows, lambda row: row["conversation"].partition("_")[0], context.options.seed, {"dev": 0.2}, of="dev")


main = Script(
    CORPUS,
    rows,
    settings=(
        Setting("--train", "make train of four fifths of dev's conversations", kind=bool),
        Setting("--seed", "draws the conversations", 0, int),
    ),
    finish=train_from_dev,
)

if __name__ == "__main__":
    sys.exit(main())
