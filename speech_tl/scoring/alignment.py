"""Which words (or characters) of a reference were heard, replaced, lost or added, by jiwer's Levenshtein alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Edits(NamedTuple):
    """How one reference becomes one hypothesis: `units` are the reference's words (or characters)."""

    units: int
    substitutions: int
    deletions: int
    insertions: int


class Chunk(NamedTuple):
    """A run of words of one `kind`: equal, substitute, delete or insert; what was said and what was heard there."""

    kind: str
    said: list[str]
    heard: list[str]


def align(references: Sequence[str], hypotheses: Sequence[str], unit: str = "words") -> list[Edits]:
    """Count the edits of each pair by one jiwer pass; `unit` is "words" or "characters" (spaces included)."""
    import jiwer

    if not references:
        return []
    process = jiwer.process_words if unit == "words" else jiwer.process_characters
    result = process(list(references), list(hypotheses))
    return [_edits(len(said), chunks) for said, chunks in zip(result.references, result.alignments, strict=True)]


def chunks_of(reference: str, hypothesis: str) -> list[Chunk]:
    """The word alignment of one pair, in order, for showing."""
    return chunks_of_all([reference], [hypothesis])[0]


def chunks_of_all(references: Sequence[str], hypotheses: Sequence[str]) -> list[list[Chunk]]:
    """The word alignment of each pair, by one jiwer pass: the same alignments that `align` counts."""
    import jiwer

    if not references:
        return []
    result = jiwer.process_words(list(references), list(hypotheses))
    return [
        [_chunk(found, said, heard) for found in chunks]
        for said, heard, chunks in zip(result.references, result.hypotheses, result.alignments, strict=True)
    ]


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
