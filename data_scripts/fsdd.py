"""Free Spoken Digit Dataset: the ten English digits, fifty times each, by six men with four accents; 8 kHz.

    python -m data_scripts.fsdd --download --out DIR
    python -m data_scripts.fsdd --source free-spoken-digit-dataset --out DIR

The repository: recordings/DIGIT_SPEAKER_NUMBER.wav, and metadata.py with gender and accent, which is read, not run.
The official test set is repetitions 0 to 4 of everybody: the same voices as in train.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.errors import BadInput

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAME = re.compile(r"(\d)_(\w+?)_(\d+)")
TEST_REPETITIONS = 5

CORPUS = Corpus(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    kind="speech",
    language="English",
    hours="0.4 h",
    speakers="6 speakers",
    accents="American, German, Greek, Belgian French",
    size="20 MB",
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski/free-spoken-digit-dataset",
    page="https://github.com/Jakobovski/free-spoken-digit-dataset",
    layout=("github.com/Jakobovski/free-spoken-digit-dataset: README.md, metadata.py, recordings/",),
    met="excerpt",
    marks=("recordings/*_*_*.wav", "metadata.py"),
    splits="official test (repetitions 0 to 4); no dev",
    downloads=(
        Download(
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz"
        ),
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every recording."""
    about = speakers(root / "metadata.py")
    for recording in sorted((root / "recordings").glob("*.wav")):
        parts = NAME.fullmatch(recording.stem)
        if parts is None:
            context.skip("names unlike 7_jackson_32.wav")
            continue
        digit, speaker, repetition = parts.groups()
        country, _, accent = about.get(speaker, {}).get("accent", "").lower().partition("/")
        yield {
            "audio": recording,
            "text": DIGITS[int(digit)],
            "speaker": speaker,
            "accent": "american" if country == "usa" else accent,
            "language": "en",
            "gender": about.get(speaker, {}).get("gender", ""),
            "split": "test" if int(repetition) < TEST_REPETITIONS else "train",
            "repetition": repetition,
        }


def speakers(path: Path) -> dict[str, dict[str, str]]:
    """The dictionary that metadata.py assigns."""
    try:
        statements = ast.parse(path.read_text(encoding="utf-8")).body
        return next(ast.literal_eval(node.value) for node in statements if isinstance(node, ast.Assign))
    except (SyntaxError, ValueError, StopIteration) as error:
        raise BadInput(f"{path}: expected `metadata = {{...}}` with plain values") from error


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
