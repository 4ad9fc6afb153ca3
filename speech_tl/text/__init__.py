"""Text: normalisers with names, the characters a CTC model writes, nearest names, files written whole. Floor 0."""

from __future__ import annotations

from speech_tl.text.files import (
    damaged,
    discard,
    make_folder,
    read_noted,
    read_text,
    replacing,
    replacing_folder,
    require_writable,
    sweep,
    sync,
    sync_names,
    write_atomically,
)
from speech_tl.text.languages import (
    RATES,
    Rate,
    agreed,
    default_normaliser,
    is_language,
    language_code,
    language_name,
    leading_rate,
    nearest_language,
    same_language,
)
from speech_tl.text.normalisers import (
    NORMALISERS,
    Normaliser,
    get_normaliser,
    joint_hash,
    normaliser_for,
    stated_normaliser,
)
from speech_tl.text.printing import literal, printable
from speech_tl.text.rules import tags_of, without_tags
from speech_tl.text.spelling import nearest
from speech_tl.text.vocabulary import ctc_characters, fit_case, spelt_words

__all__ = [
    "NORMALISERS",
    "RATES",
    "Normaliser",
    "Rate",
    "agreed",
    "ctc_characters",
    "damaged",
    "default_normaliser",
    "discard",
    "fit_case",
    "get_normaliser",
    "is_language",
    "joint_hash",
    "language_code",
    "language_name",
    "leading_rate",
    "literal",
    "make_folder",
    "nearest",
    "nearest_language",
    "normaliser_for",
    "printable",
    "read_noted",
    "read_text",
    "replacing",
    "replacing_folder",
    "require_writable",
    "same_language",
    "spelt_words",
    "stated_normaliser",
    "sweep",
    "sync",
    "sync_names",
    "tags_of",
    "without_tags",
    "write_atomically",
]
