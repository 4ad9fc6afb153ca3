"""Text: normalisers with names, the characters a CTC model writes, nearest names, files written whole. Floor 0."""

from __future__ import annotations

from speech_tl.text.files import read_text, replacing, require_writable, write_atomically
from speech_tl.text.languages import RATES, Rate, bare_language, default_normaliser, leading_rate, one_language
from speech_tl.text.normalisers import NORMALISERS, Normaliser, get_normaliser, joint_hash, normaliser_for
from speech_tl.text.rules import tags_of, without_tags
from speech_tl.text.spelling import nearest
from speech_tl.text.vocabulary import ctc_characters, fit_case, spelt_words

__all__ = [
    "NORMALISERS",
    "RATES",
    "Normaliser",
    "Rate",
    "bare_language",
    "ctc_characters",
    "default_normaliser",
    "fit_case",
    "get_normaliser",
    "joint_hash",
    "leading_rate",
    "nearest",
    "normaliser_for",
    "one_language",
    "read_text",
    "replacing",
    "require_writable",
    "spelt_words",
    "tags_of",
    "without_tags",
    "write_atomically",
]
