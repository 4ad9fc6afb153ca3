"""Text: normalisers with names, the characters a CTC model writes, nearest names, files written whole. Floor 0."""

from __future__ import annotations

from speech_tl.text.files import read_text, replacing, require_writable, write_atomically
from speech_tl.text.languages import (
    RATES,
    Rate,
    default_normaliser,
    is_language,
    language_code,
    language_name,
    leading_rate,
    nearest_language,
)
from speech_tl.text.normalisers import NORMALISERS, Normaliser, get_normaliser
from speech_tl.text.spelling import nearest
from speech_tl.text.vocabulary import ctc_characters, fit_case

__all__ = [
    "NORMALISERS",
    "RATES",
    "Normaliser",
    "Rate",
    "ctc_characters",
    "default_normaliser",
    "fit_case",
    "get_normaliser",
    "is_language",
    "language_code",
    "language_name",
    "leading_rate",
    "nearest",
    "nearest_language",
    "read_text",
    "replacing",
    "require_writable",
    "write_atomically",
]
