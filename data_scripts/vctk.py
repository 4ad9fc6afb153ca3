"""VCTK: English sentences read by 110 people with many accents.

    python -m data_scripts.vctk --download --out DIR
    python -m data_scripts.vctk --source VCTK-Corpus-0.92.zip --accent scottish --out DIR

The release 0.92: txt/p225/p225_001.txt, wav48_silence_trimmed/p225/p225_001_mic1.flac (and _mic2), speaker-info.txt;
the older one (0.80) has wav48/p225/p225_001.wav. Speaker p315 has no texts, p280 and p315 no second microphone, and
some files are missing: such rows are left out. There are no official splits. The first 24 sentences are the same for
everybody.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script, Setting
from speech_tl.data.corpora.tables import read_lines

CORPUS = Corpus(
    name="vctk",
    title="VCTK, accents of English",
    kind="speech",
    language="English",
    hours="44 h",
    speakers="110 speakers",
    accents="English, Scottish, Irish, American, Canadian, Indian, South African and more",
    size="11 GB",
    licence="CC BY 4.0",
    citation="Yamagishi, Veaux, MacDonald, CSTR VCTK Corpus 0.92, University of Edinburgh 2019, doi 10.7488/ds/2645",
    page="https://datashare.ed.ac.uk/handle/10283/3443",
    layout=(
        "torchaudio: datasets/vctk.py (0.92: folders, what is missing, SHA-256)",
        "lhotse: recipes/vctk.py (0.80, speaker-info.txt)",
    ),
    met="miniature",
    marks=("speaker-info.txt", "txt", "wav48_silence_trimmed|wav48"),
    splits="none official; the first 24 sentences are the same for everybody",
    downloads=(
        Download(
            "https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
            "sha256:f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c",
        ),
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """Every recording that has a text."""
    about = speakers(root / "speaker-info.txt")
    new = root / "wav48_silence_trimmed"
    pattern = f"*/*_{context.options.mic}.flac" if new.is_dir() else "*/*.wav"
    for recording in sorted((new if new.is_dir() else root / "wav48").glob(pattern)):
        speaker, number = recording.stem.split("_")[:2]
        text = root / "txt" / speaker / f"{speaker}_{number}.txt"
        if not text.is_file():
            context.skip("recordings without text")
            continue
        yield {
            "audio": recording,
            "text": " ".join(line for _, line in read_lines(text)),
            "speaker": speaker,
            "language": "en",
            **about.get(speaker, {}),
            "sentence": number,
        }


def speakers(path: Path) -> dict[str, Row]:
    """From speaker-info.txt: ID, age, gender, accent, region (maybe of several words), and notes in brackets."""
    found = {}
    for number, line in read_lines(path):
        cells = line.partition("(")[0].split()
        if number > 1 and len(cells) >= 4:
            name = cells[0] if cells[0][0].isalpha() else f"p{cells[0]}"
            gender = {"F": "female", "M": "male"}.get(cells[2], "")
            found[name] = {"accent": cells[3].lower(), "gender": gender, "age": cells[1], "region": " ".join(cells[4:])}
    return found


main = Script(
    CORPUS, rows, settings=(Setting("--mic", "which microphone of release 0.92", "mic1", choices=("mic1", "mic2")),)
)

if __name__ == "__main__":
    sys.exit(main())
