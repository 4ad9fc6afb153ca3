"""Which words (or characters) of a reference were heard, replaced, lost or added, by jiwer's Levenshtein alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from speech_tl.text import Rate

UNITS: dict[Rate, str] = {"wer": "words", "cer": "characters"}
"""What each error rate counts."""

SPACE = "\u2423"
"""Stands for a space where single characters are shown."""


class Edits(NamedTuple):
    """How one reference becomes one hypothesis: `units` are the reference's words (or characters)."""

    units: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """Units substituted, deleted or inserted."""
        return self.substitutions + self.deletions + self.insertions


class Chunk(NamedTuple):
    """A run of units of one `kind`: equal, substitute, delete or insert; what was said and what was heard there."""

    kind: str
    said: list[str]
    heard: list[str]


def align(references: Sequence[str], hypotheses: Sequence[str], rate: Rate = "wer") -> list[Edits]:
    """Count the edits of each pair by one jiwer pass: of words, or of characters (spaces included)."""
    if not references:
        return []
    result = _processed(references, hypotheses, rate)
    return [_edits(len(said), chunks) for said, chunks in zip(result.references, result.alignments, strict=True)]


def chunks_of(reference: str, hypothesis: str) -> list[Chunk]:
    """The word alignment of one pair, in order, for showing."""
    return chunks_of_all([reference], [hypothesis])[0]


def chunks_of_all(references: Sequence[str], hypotheses: Sequence[str], rate: Rate = "wer") -> list[list[Chunk]]:
    """The alignment of each pair, by one jiwer pass: the same alignments that `align` counts.

    Of characters, a space is shown as "\u2423".
    """
    if not references:
        return []
    result = _processed(references, hypotheses, rate)
    sides = [[_shown(units) for units in side] for side in (result.references, result.hypotheses)]
    return [
        [_chunk(found, said, heard) for found in chunks]
        for said, heard, chunks in zip(*sides, result.alignments, strict=True)
    ]


def _processed(references: Sequence[str], hypotheses: Sequence[str], rate: Rate) -> Any:
    """jiwer's result."""
    import jiwer

    process = jiwer.process_words if UNITS[rate] == "words" else jiwer.process_characters
    return process(list(references), list(hypotheses))


def _shown(units: Sequence[str]) -> list[str]:
    """Words as they are; characters with a sign for a space."""
    return [SPACE if unit == " " else unit for unit in units]


def _chunk(found: Any, said: Sequence[str], heard: Sequence[str]) -> Chunk:
    """One of jiwer's chunks with its words."""
    return Chunk(
        found.type,
        list(said[found.ref_start_idx : found.ref_end_idx]),
        list(heard[found.hyp_start_idx : found.hyp_end_idx]),
    )


def _edits(units: int, chunks: Sequence[Any]) -> Edits:
    """The counts of one alignment."""
    counts = {"substitute": 0, "delete": 0, "insert": 0, "equal": 0}
    for chunk in chunks:
        longer = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        counts[chunk.type] += longer
    return Edits(units, counts["substitute"], counts["delete"], counts["insert"])
