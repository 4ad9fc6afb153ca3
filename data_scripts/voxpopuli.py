"""VoxPopuli: speeches in the European Parliament, transcribed, in 16 languages; and English with 15 accents.

    hf download facebook/voxpopuli --repo-type dataset --include 'data/nl/*' --local-dir voxpopuli
    python -m data_scripts.voxpopuli --source voxpopuli --language nl --out DIR
    python -m data_scripts.voxpopuli --source voxpopuli --language en_accented --out DIR

Three layouts are known: what `voxpopuli.get_asr_data` writes (transcribed_data/nl/asr_train.tsv,
transcribed_data/nl/2019/ ID.ogg), the copy on the Hub (data/nl/asr_train.tsv, data/nl/train/train_part_0.tar.gz), and
whole sessions (raw_audios/original/2019/SESSION_original.ogg beside asr_nl.tsv.gz), whose pieces become `start` and
`end`. `text` is the normalised transcript (lower case, no punctuation). `en_accented` has a test set only, and names
the accents.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from speech_tl.data.corpora import Context, Corpus, Row, Script
from speech_tl.data.corpora.tables import read_unquoted
from speech_tl.errors import BadInput

CORPUS = Corpus(
    name="voxpopuli",
    title="VoxPopuli, speeches in the European Parliament",
    kind="speech",
    language="16 languages",
    hours="1 800 h transcribed, 29 h of accented English",
    speakers="",
    accents="15, of English as a second language (en_accented, 29 h)",
    size="by language",
    licence="CC0; the European Parliament's legal notice applies to the raw recordings",
    citation='Wang et al., "VoxPopuli: A Large-Scale Multilingual Speech Corpus for Representation Learning, '
    'Semi-Supervised Learning and Interpretation", ACL 2021',
    page="https://github.com/facebookresearch/voxpopuli",
    layout=(
        "github.com/facebookresearch/voxpopuli: voxpopuli/get_asr_data.py (tables, names)",
        "lhotse: recipes/voxpopuli.py (whole sessions)",
        "huggingface.co/datasets/facebook/voxpopuli: voxpopuli.py (data/LANGUAGE/SPLIT/SPLIT_part_N.tar.gz)",
    ),
    met="miniature",
    marks=("asr_train.tsv|asr_dev.tsv|asr_test.tsv|asr_*.tsv.gz",),
    splits="official",
    access="hf download facebook/voxpopuli --repo-type dataset --include 'data/LANGUAGE/*'",
)


def rows(root: Path, context: Context) -> Iterator[Row]:
    """The speeches of one language."""
    sessions = sorted(root.glob("asr_*.tsv.gz"))
    if sessions and not any(root.glob("asr_*.tsv")):
        for table in sessions:
            yield from session_rows(root, table)
        return
    for split in ("train", "dev", "test"):
        table = root / f"asr_{split}.tsv"
        if table.is_file():
            yield from cut_rows(root, table, split, context)


def cut_rows(root: Path, table: Path, split: str, context: Context) -> Iterator[Row]:
    """Pieces that are files of their own."""
    inside = {
        path.name: path
        for archive in sorted((root / split).glob("*.tar.gz"))
        for path in context.unpacked(archive, root).rglob("*")
    }
    for entry in read_unquoted(table, ("id", "normalized_text", "speaker_id"), free="raw_text"):
        name = f"{entry['id']}.ogg"
        beside = root / entry["id"][:4] / name
        yield {
            "audio": inside.get(name) or inside.get(f"{entry['id']}.wav") or beside,
            "text": entry["normalized_text"],
            "speaker": known(entry["speaker_id"]),
            "accent": known(entry.get("accent", "")),
            "language": root.name.partition("_")[0],
            "gender": known(entry.get("gender", "")),
            "split": split,
        }


def session_rows(root: Path, table: Path) -> Iterator[Row]:
    """Pieces of whole sessions."""
    language = table.name.removeprefix("asr_").removesuffix(".tsv.gz")
    plain = table.with_suffix("")
    try:
        lines = gzip.decompress(table.read_bytes()).decode("utf-8").splitlines()
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{table}: truncated or damaged ({error}); fetch it again") from error
    names = lines[0].split("|")
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("|")
        if len(cells) != len(names):
            raise BadInput(f"{plain}:{number}: {len(cells)} cells, expected {len(names)}")
        entry = dict(zip(names, cells, strict=True))
        if entry["split"] in ("train", "dev", "test"):  # the others are "invalid"
            session = entry["session_id"]
            yield {
                "audio": root / "raw_audios" / "original" / session[:4] / f"{session}_original.ogg",
                "text": entry["normed_text"],
                "speaker": known(entry["speaker_id"]),
                "language": language,
                "gender": known(entry["gender"]),
                "split": entry["split"],
                "start": float(entry["start_time"]),
                "end": float(entry["end_time"]),
            }


def known(cell: str) -> str:
    """A cell without the word for nothing."""
    return "" if cell.strip() in ("None", "none", "N/A") else cell.strip()


main = Script(CORPUS, rows, language_of=lambda root: root.name)

if __name__ == "__main__":
    sys.exit(main())
