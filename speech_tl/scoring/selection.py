"""Which rows of a test set are scored, and what they can be grouped by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from speech_tl.data.columns import standard_split
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.scoring.groups import DERIVED
from speech_tl.scoring.sclite import IGNORED
from speech_tl.text import nearest, without_tags


def chosen_to_score(manifest: Manifest, split: str | None, silence: bool) -> tuple[Manifest, list[int], list[str]]:
    """The manifest with its texts, which of its rows are scored, and what a reader of the figures must know.

    Rows that cannot be used, and rows without text, are in no figure, and counted in a note; where clips without
    speech are looked for, no text means an empty one.

    Raises:
        BadInput: there is no column text, no row of the split, or none with a text.
    """
    if silence:
        manifest = manifest.with_column("text", [text or "" for text in manifest.texts("text")])
    else:
        manifest.require_text()
    texts = manifest.texts("text")
    rows = rows_to_score(manifest.texts("split"), texts, split, silence, manifest.source)
    faulty = [row for row in rows if int(manifest.rows[row]) in manifest.faults]
    bare = [row for row in rows if not silence and not (texts[row] or "").strip() and row not in set(faulty)]
    kept = sorted({*rows} - {*faulty, *bare})
    notes = list(manifest.notes)
    if faulty:
        first = manifest.faults[int(manifest.rows[faulty[0]])].detail
        notes.append(f"{len(faulty)} of {len(rows)} rows cannot be used and are in no figure: {first}")
    if bare:
        notes.append(f"{len(bare)} of {len(rows)} rows have no text and are in no figure (--silence scores such clips)")
    if not kept:
        raise BadInput(f"{manifest.source}: {notes[-1]}; expected rows with what is said")
    return manifest, kept, notes


def rows_to_score(
    splits: Sequence[str | None], texts: Sequence[str | None], split: str | None, silence: bool, source: str
) -> list[int]:
    """The rows to score: of one split (all where no row names one or none is wanted), or its clips without speech,
    whose texts are empty or nothing but tags ([noise]).

    Raises:
        BadInput: no row of that split, or none without speech.
    """
    everything, wanted = split is None or not any(splits), standard_split(split)
    in_split = [row for row, name in enumerate(splits) if everything or standard_split(name) == wanted]
    if not in_split:
        there = ", ".join(sorted({name for name in splits if name}))
        raise BadInput(f"{source} has no rows of split {split} (there are: {there})")
    if not silence:
        return [row for row in in_split if texts[row] != IGNORED]
    silent = [row for row in in_split if not without_tags(texts[row] or "").strip()]
    if not silent:
        raise BadInput(f"--silence: all {len(in_split)} rows of {source} have text; expected clips without speech")
    return silent


def require_known(there: Iterable[str], source: str, columns: Sequence[str], option: str) -> None:
    """Refuse columns to group by that are not among those that are `there`; `option` is what named them.

    Raises:
        BadInput: the first that is not there, with the nearest that is.
    """
    there = list(dict.fromkeys([*there, *DERIVED]))
    for column in columns:
        if column not in there:
            close = nearest(column, there)
            hint = f"; did you mean {close}?" if close else f" (there are: {', '.join(there) or 'none'})"
            raise BadInput(f"{option} {column}: {source} has no such column to group by{hint}")
