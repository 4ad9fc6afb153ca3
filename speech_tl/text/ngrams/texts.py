"""The sentences that a language model was made from: read, and remembered as digests beside the model.

A language model that has read the sentences of a test set writes them down whatever was said. Its digests lie in
FILE.json beside FILE, so that whoever decodes with it can tell.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.text.files import write_atomically
from speech_tl.text.languages import leading_rate
from speech_tl.text.rules import without_tags
from speech_tl.text.vocabulary import spelt_words

DIGEST_BYTES = 8


def words_of_sentence(text: str, language: str | None = None) -> list[str]:
    """What a language model for CTC has as words: lower case, no punctuation; characters where nobody writes spaces.

    >>> words_of_sentence("Don't stop!"), words_of_sentence("你好。", "zh")
    (["don't", 'stop'], ['你', '好'])
    """
    spelt = spelt_words(without_tags(text), language)
    return spelt.split() if leading_rate(language) == "wer" else [c for c in spelt if not c.isspace()]


def digest(text: str) -> str:
    """Of a sentence's letters and digits, whatever its case, marks and spaces; empty where it has none."""
    plain = unicodedata.normalize("NFKC", without_tags(text)).casefold().replace("\u0131", "i")
    letters = re.sub(r"[\W_]+", "", plain)
    return hashlib.blake2b(letters.encode(), digest_size=DIGEST_BYTES).hexdigest() if letters else ""


def digests_path(model: str | Path) -> Path:
    """Where the digests of a model's sentences lie: `lm.arpa.json` of `lm.arpa`, and of the `lm.bin` made from it."""
    path = Path(model)
    beside = path.with_name(f"{path.name}.json")
    arpa = path.with_suffix(".arpa.json")
    return arpa if not beside.is_file() and arpa.is_file() else beside


def write_digests(model: str | Path, texts: Iterable[str], facts: Mapping[str, object]) -> None:
    """Note the sentences of a model beside it."""
    found = sorted({digest(text) for text in texts} - {""})
    path = Path(model).with_name(f"{Path(model).name}.json")
    write_atomically(path, json.dumps({**facts, "sentence_digests": found}) + "\n")


def read_digests(model: str | Path) -> frozenset[str] | None:
    """The digests of a model's sentences; None where nobody noted any.

    Raises:
        BadInput: the note is damaged.
    """
    path = digests_path(model)
    if not path.is_file():
        return None
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8"))["sentence_digests"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is damaged: make the language model again with `speech-tl lm`") from error


def sentences_shared(known: frozenset[str] | set[str], texts: Iterable[str | None]) -> list[str]:
    """The different texts whose digests are known, in order."""
    return list(dict.fromkeys(text for text in texts if text and digest(text) in known))


def named(sentences: Sequence[str], most: int = 3) -> str:
    """The first of them for a message."""
    shown = ", ".join(repr(text if len(text) <= 50 else f"{text[:50]}...") for text in sentences[:most])
    return shown + (" ..." if len(sentences) > most else "")


def require_unseen(model: str | Path, texts: Iterable[str | None], of: str) -> str | None:
    """Refuse a language model that has read sentences of a test set.

    Args:
        model: the language model's file.
        texts: the test set's references.
        of: what the message calls the test set.

    Returns:
        A note for the report where nobody knows what it has read; None where it is known.

    Raises:
        BadInput: says how many, and which.
    """
    known = read_digests(model)
    if known is None:
        return f"nobody noted which texts the language model {model} was made from: it may have read the test sentences"
    if shared := sentences_shared(known, texts):
        raise BadInput(
            f"the language model {model} was made from {len(shared)} sentences of {of} ({named(shared)}): make it "
            "without them (`speech-tl lm ... --not-in MANIFEST --drop`)"
        )
    return None
