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
    import jiwer

    result = jiwer.process_words(reference, hypothesis)
    said, heard = result.references[0], result.hypotheses[0]
    return [
        Chunk(
            found.type,
            said[found.ref_start_idx : found.ref_end_idx],
            heard[found.hyp_start_idx : found.hyp_end_idx],
        )
        for found in result.alignments[0]
    ]


def _edits(units: int, chunks: Sequence[Any]) -> Edits:
    """The counts of one alignment."""
    counts = {"substitute": 0, "delete": 0, "insert": 0, "equal": 0}
    for chunk in chunks:
        longer = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        counts[chunk.type] += longer
    return Edits(units, counts["substitute"], counts["delete"], counts["insert"])
