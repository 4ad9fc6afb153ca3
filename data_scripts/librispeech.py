"""LibriSpeech and mini LibriSpeech: English audiobooks.

    python -m data_scripts.librispeech --download --part train-clean-5 dev-clean-2 --out DIR
    python -m data_scripts.librispeech --source LibriSpeech --out DIR

The release, one archive a part: LibriSpeech/SPEAKERS.TXT and LibriSpeech/PART/SPEAKER/CHAPTER/ with .flac files and
one SPEAKER-CHAPTER.trans.txt. The split is the beginning of the part's name. Mini LibriSpeech (train-clean-5,
dev-clean-2) has no test set: `speech-tl adapt` takes one from train, by speaker. `text` is in lower case.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Download, Row, Script
from speech_tl.data.corpora.tables import read_kaldi, read_lines
from speech_tl.errors import BadInput

SHA256 = {
    "dev-clean": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    "dev-other": "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
    "test-clean": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    "test-other": "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
    "train-clean-100": "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
    "train-clean-360": "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
    "train-other-500": "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
}
MINI_MD5 = {"train-clean-5": "5df7d4e78065366204ca6845bb08f490", "dev-clean-2": "6d7ab67ac6a1d2c993d050e16d61080d"}

CORPUS = Corpus(
    name="librispeech",
    title="LibriSpeech, and its five-hour mini",
    kind="speech",
    language="English",
    hours="982 h, the mini 7 h",
    speakers="2 484 speakers",
    size="60 GB, the mini 0.5 GB",
    licence="CC BY 4.0",
    citation='Panayotov et al., "Librispeech: an ASR corpus based on public domain audio books", ICASSP 2015',
    page="https://www.openslr.org/12/ and https://www.openslr.org/31/",
    layout=(
        "lhotse: recipes/librispeech.py, recipes/mini_librispeech.py",
        "torchaudio: datasets/librispeech.py (SHA-256)",
        "PaddleSpeech: dataset/mini_librispeech (MD5 as OpenSLR 31 publishes them)",
    ),
    met="excerpt",
    marks=("*/*/*/*.trans.txt|*/*/*.trans.txt",),
    splits="official; the mini has no test",
    downloads=tuple(
        Download(f"https://www.openslr.org/resources/31/{part}.tar.gz", f"md5:{md5}", part)
        for part, md5 in MINI_MD5.items()
    )
    + tuple(
        Download(f"https://www.openslr.org/resources/12/{part}.tar.gz", f"sha256:{sha256}", part)
        for part, sha256 in SHA256.items()
    ),
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The chapters of every part."""
    inside = root if any(root.glob("*/*/*/*.trans.txt")) else root.parent
    parts = {path.name for path in inside.iterdir() if path.is_dir()} if inside == root else {root.name}
    known = [part for part in parts if part.partition("-")[0] in ("train", "dev", "test")]
    if not known:
        raise BadInput(
            f"{inside}: no part is called train-..., dev-... or test-... (there are {', '.join(sorted(parts))})"
        )
    genders = speaker_genders(inside)
    for part in sorted(known):
        if not context.wants("part", part):
            continue
        for table in sorted((inside / part).glob("*/*/*.trans.txt")):
            for utterance, text in read_kaldi(table).items():
                speaker = utterance.partition("-")[0]
                yield {
                    "audio": table.parent / f"{utterance}.flac",
                    "text": text.lower(),
                    "speaker": speaker,
                    "language": "en",
                    "gender": genders.get(speaker, ""),
                    "split": part.partition("-")[0],
                    "part": part,
                }


def speaker_genders(root: Path) -> dict[str, str]:
    """From SPEAKERS.TXT: comments after semicolons, then ID | SEX | SUBSET | MINUTES | NAME."""
    path = root / "SPEAKERS.TXT"
    lines = [line.split("|") for _, line in read_lines(path) if not line.startswith(";")] if path.is_file() else []
    words = {"M": "male", "F": "female"}
    return {cells[0].strip(): words.get(cells[1].strip(), "") for cells in lines if len(cells) > 1}


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
