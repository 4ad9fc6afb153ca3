"""TORGO: English words and sentences by eight people with dysarthria (cerebral palsy, ALS) and seven without.

    python -m data_scripts.torgo --download --part F M --out DIR
    python -m data_scripts.torgo --source TORGO --mic array --out DIR

The release, one archive a group (F, FC, M, MC; C is for control): F01/Session1/wav_headMic/0001.wav (and
wav_arrayMic) beside F01/Session1/prompts/0001.txt. Not every session has both microphones, or prompts. Prompts that
are an instruction in brackets, the name of a picture to describe or "xxx" are no transcript and are left out. There
are no official splits; people usually test on one speaker after the other (`data.where`). Many prompts are single
words that everybody reads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.tables import read_lines

CORPUS = Corpus(
    name="torgo",
    title="TORGO, dysarthric speech",
    kind="speech",
    language="English",
    hours="23 h",
    speakers="15 speakers, 8 of them with dysarthria",
    size="18 GB",
    licence="free for academic, non-commercial use",
    citation='Rudzicz, Namasivayam, Wolff, "The TORGO database of acoustic and articulatory speech from speakers with '
    'dysarthria", Language Resources and Evaluation 46, 2012',
    page="http://www.cs.toronto.edu/~complingweb/data/TORGO/torgo.html",
    layout=(
        "github.com/idiap/torgo_asr: local/torgo_data_prep.sh (folders, prompts that are none)",
        "LDC2012S02: README.txt (hours, speakers)",
    ),
    met="miniature",
    marks=("*/Session*/prompts/*.txt", "*/Session*/wav_*Mic/*.wav"),
    splits="none official",
    downloads=tuple(
        Download(f"http://www.cs.toronto.edu/~complingweb/data/TORGO/{group}.tar.bz2", part=group)
        for group in ("F", "FC", "M", "MC")
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every recording with a transcript."""
    for recording in sorted(root.glob(f"*/Session*/wav_{context.options.mic}Mic/*.wav")):
        session = recording.parent.parent
        speaker = session.parent.name
        prompt = session / "prompts" / f"{recording.stem}.txt"
        text = " ".join(line.strip() for _, line in read_lines(prompt)) if prompt.is_file() else ""
        if not is_transcript(text):
            context.skip("no transcript of what is said")
        elif context.wants("part", speaker.rstrip("0123456789")):
            yield {
                "audio": recording,
                "text": text,
                "speaker": speaker,
                "language": "en",
                "gender": {"F": "female", "M": "male"}.get(speaker[:1], ""),
                "impairment": "none" if speaker[1:2] == "C" else "dysarthria",
                "session": session.name,
            }


def is_transcript(prompt: str) -> bool:
    """Whether a prompt is what was said.

    >>> is_transcript("The quick brown fox"), is_transcript("[say Ah-P-Eee repeatedly]"), is_transcript("xxx")
    (True, False, False)
    """
    stripped = prompt.strip().lower()
    return bool(stripped) and "[" not in stripped and "input/images" not in stripped and stripped != "xxx"


main = Script(CORPUS, rows, settings=(Setting("--mic", "which microphone", "head", choices=("head", "array")),))

if __name__ == "__main__":
    sys.exit(main())
