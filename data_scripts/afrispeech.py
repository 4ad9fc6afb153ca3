"""AfriSpeech-200: English, clinical and general, read by 2 463 people with 120 African accents.

    hf download intronhealth/afrispeech-200 --repo-type dataset --include 'transcripts/*' 'audio/hausa/*' \
        --local-dir afrispeech
    python -m data_scripts.afrispeech --source afrispeech --accent hausa --out DIR

The copy on the Hub: transcripts/{train,dev,test}.csv (and the same by accent) and
audio/ACCENT/SPLIT/SPLIT_ACCENT_0.tar.gz, whose members end in SESSION/FILE.wav like the table's audio_paths; the file
names alone are not unique. Only accents whose archives (or unpacked recordings) are there become rows. The official
splits share no speaker.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Row, Script
from speech_tl.data.corpora.tables import read_quoted

CORPUS = Corpus(
    name="afrispeech",
    title="AfriSpeech-200, African-accented English",
    kind="speech",
    language="English",
    hours="197 h",
    speakers="2 463 speakers",
    accents="120 African",
    size="about 110 GB",
    licence="CC BY-NC-SA 4.0 (not for commercial use)",
    citation='Olatunji et al., "AfriSpeech-200: Pan-African Accented Speech Dataset for Clinical and General Domain '
    'ASR", TACL 2023',
    page="https://huggingface.co/datasets/intronhealth/afrispeech-200",
    layout=(
        "github.com/intron-innovation/AfriSpeech-200: Readme.md (figures), data/intron-dev-tiny-public-25-clean.csv",
        "huggingface.co/datasets/intronhealth/afrispeech-200: file names, as public loaders of it use them",
    ),
    met="miniature",
    marks=("transcripts/*.csv|transcripts/*/*.csv", "audio|train|dev|test"),
    splits="official",
    access="hf download intronhealth/afrispeech-200 --repo-type dataset --include 'transcripts/*' 'audio/ACCENT/*'",
)
NEEDED = ("user_ids", "accent", "transcript", "audio_paths")


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The clips whose audio is there."""
    recordings, accents = recordings_of(root, context)
    seen = set()
    for table in sorted([*root.glob("transcripts/*.csv"), *root.glob("transcripts/*/*.csv")]):
        split = next((name for name in ("train", "dev", "test") if table.stem == name), "")
        for clip in read_quoted(table, NEEDED):
            key = tail(clip["audio_paths"])
            if key in seen or not split:
                continue
            seen.add(key)
            if key not in recordings and accents and clip["accent"].lower() not in accents:
                context.skip("accents whose audio is not in this copy")
                continue
            yield {
                "audio": recordings.get(key, root / key),
                "text": clip["transcript"],
                "speaker": clip["user_ids"],
                "accent": clip["accent"].lower(),
                "language": "en",
                "gender": {"Male": "male", "Female": "female"}.get(clip.get("gender", ""), ""),
                "split": split,
                "duration": clip.get("duration", ""),
                "domain": clip.get("domain", ""),
                "country": clip.get("country", ""),
                "age": clip.get("age_group", ""),
            }


def recordings_of(root: Path, context: Context) -> tuple[dict[str, Path], set[str]]:
    """(every recording by session and file, the accents that have a folder of archives)."""
    places, accents = [root], set()
    wanted = {accent.lower() for accent in context.options.accent or []}
    for archive in sorted(root.glob("audio/*/*/*.tar.gz")):
        accent = archive.parent.parent.name.lower()
        accents.add(accent)
        if not wanted or accent in wanted:
            places.append(context.unpacked(archive, root))
    return {tail(path.as_posix()): path for place in places for path in place.rglob("*.wav")}, accents


def tail(path: str) -> str:
    """Session and file: what the table and the archives agree on."""
    return "/".join(path.strip().rstrip("/").split("/")[-2:])


main = Script(CORPUS, rows)

if __name__ == "__main__":
    sys.exit(main())
