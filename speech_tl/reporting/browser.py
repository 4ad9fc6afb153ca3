"""The utterance browser's data: every utterance with what each recogniser got wrong, as small as a page needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from speech_tl.reporting.clips import AudioMode, clip_addresses
from speech_tl.scoring.alignment import SPACE, UNITS, Chunk, chunks_of_all
from speech_tl.scoring.pairing import PAIR
from speech_tl.scoring.wer import Evaluation, ScoredUtterance
from speech_tl.text import Rate

MOST_BYTES = 700_000  # of utterances in a page, sound aside; the rest stay in utterances.jsonl

Edit = list[Any]
Choices = tuple[tuple[str, str], ...]
"""Of a list to choose from: what the page's script calls an entry, and what a reader does."""

ALWAYS: Choices = (("longest", "longest"), ("speaker", "speaker"), ("order", "order of the test set"))
CHANGE_ORDERS: Choices = (
    ("improved", "most improved"),
    ("worsened", "most worsened"),
    ("after", "most errors after"),
    ("before", "most errors before"),
)
CHANGE_KINDS: Choices = (
    ("all", "all"),
    ("better", "better"),
    ("worse", "worse"),
    ("wrong", "with errors after"),
    ("right", "without errors after"),
)
SEVERAL_ORDERS: Choices = (("differing", "most different"), ("hardest", "hardest for all"))
SEVERAL_KINDS: Choices = (
    ("all", "all"),
    ("differ", "not alike"),
    ("nobody", "wrong by all"),
    ("everybody", "right by all"),
)


class Browser(NamedTuple):
    """What the page's script is given.

    Attributes:
        rows: one list an utterance, in the test set's order: id, speaker, values of `columns`, seconds, what was said,
            its number of units, the edits of each side (as `edits_of` gives them), address of its sound.
        sides: what the sides are called, in order: "before" and "after", or recognisers.
        columns: names of the manifest's columns that are shown beside each utterance.
        left_out: how many utterances found no room; those in which the sides differ least.
        clips: how many have sound.
        unit: "word", or "character" for languages without spaces.
    """

    rows: list[list[Any]]
    sides: list[str]
    columns: list[str]
    left_out: int
    clips: int
    unit: str

    @property
    def paired(self) -> bool:
        """Whether these are a before and its after, so that a change is a gain or a loss."""
        return self.sides == list(PAIR)

    @property
    def orders(self) -> Choices:
        """In which orders the page offers the utterances."""
        return (CHANGE_ORDERS if self.paired else SEVERAL_ORDERS) + ALWAYS

    @property
    def kinds(self) -> Choices:
        """What the page can show alone."""
        return CHANGE_KINDS if self.paired else SEVERAL_KINDS


def browser_of(
    sides: Mapping[str, Evaluation],
    columns: Sequence[str] = (),
    audio: AudioMode = "none",
    folder: Path | None = None,
    rate: Rate = "wer",
) -> Browser:
    """Evaluations side by side, an utterance a row.

    Args:
        sides: by name, in order: before and after, or several recognisers; of the same utterances in the same order
            (`speech_tl.scoring.pairing.pair` sees to that).
        columns: of the manifest, to be shown and searched.
        audio, folder: as `speech_tl.reporting.clips.clip_addresses` takes them.
        rate: which one leads: what is aligned are words, or characters where it is the CER.
    """
    shown = [name for name in dict.fromkeys(columns) if name != "speaker"]
    first = next(iter(sides.values())).utterances
    edits = [_all_edits(side, rate) for side in sides.values()]
    rows = [
        _row(utterance, _units(utterance.reference, rate), shown, found)
        for utterance, *found in zip(first, *edits, strict=True)
    ]
    wrong = [[error_count(found) for found in row[6]] for row in rows]
    order = by_change([last - first for first, last in wrong]) if tuple(sides) == PAIR else by_difference(wrong)
    kept = _fitting(rows, order)
    heard = [_with_sound(said) for said in zip(*(side.utterances for side in sides.values()), strict=True)]
    sound = clip_addresses(heard, [index for index in order if index in kept], audio, folder)
    for index, address in sound.items():
        rows[index][7] = address
    left_out, unit = len(rows) - len(kept), UNITS[rate].removesuffix("s")
    return Browser([rows[i] for i in sorted(kept)], list(sides), shown, left_out, len(sound), unit)


def _with_sound(said: Sequence[ScoredUtterance]) -> ScoredUtterance:
    """The one of several records of an utterance whose audio file is there: text from elsewhere may name none."""
    return next((one for one in said if one.audio and Path(one.audio).is_file()), said[0])


def by_change(changes: Sequence[int]) -> list[int]:
    """Indices in the order in which they are worth a look: most improved and most worsened by turns, then the rest."""
    indices = range(len(changes))
    better = sorted((i for i in indices if changes[i] < 0), key=lambda i: changes[i])
    worse = sorted((i for i in indices if changes[i] > 0), key=lambda i: -changes[i])
    turns = [side[turn] for turn in range(max(len(better), len(worse))) for side in (worse, better) if turn < len(side)]
    return turns + [i for i in indices if changes[i] == 0]


def by_difference(wrong: Sequence[Sequence[int]]) -> list[int]:
    """Indices in the order in which they are worth a look, of several recognisers' errors: the most different first."""
    return sorted(range(len(wrong)), key=lambda i: min(wrong[i]) - max(wrong[i]))


def edits_of(chunks: Sequence[Chunk]) -> list[Edit]:
    """What a hypothesis did to what was said.

    Returns:
        [place, heard] for each word of the reference that was not heard as such: `heard` is the word written instead,
        or None where nothing was; and [place, [words]] for words added before that place (at the end: the reference's
        length).
    """
    edits: list[Edit] = []
    place = 0
    for chunk in chunks:
        if chunk.kind == "insert":
            edits.append([place, chunk.heard])
        elif chunk.kind != "equal":
            heard: list[str | None] = [*chunk.heard] or [None] * len(chunk.said)
            edits += [[place + number, word] for number, word in enumerate(heard)]
        place += len(chunk.said)
    return edits


def error_count(edits: Sequence[Edit]) -> int:
    """How many words are wrong by `edits`."""
    return sum(len(heard) if isinstance(heard, list) else 1 for _, heard in edits)


def _all_edits(side: Evaluation, rate: Rate) -> list[list[Edit]]:
    """The edits of every utterance of one side."""
    said, heard = ([getattr(u, text) for u in side.utterances] for text in ("reference", "hypothesis"))
    return [edits_of(chunks) for chunks in chunks_of_all(said, heard, rate)]


def _row(utterance: ScoredUtterance, said: str, columns: Sequence[str], edits: Sequence[list[Edit]]) -> list[Any]:
    """One utterance as `Browser.rows` has it, still without sound; `edits` are those of each side."""
    values = ["" if utterance.columns.get(name) is None else str(utterance.columns[name]) for name in columns]
    seconds = None if utterance.duration is None else round(utterance.duration, 1)
    return [utterance.id, utterance.speaker or "", values, seconds, said, len(said.split()), list(edits), None]


def _units(text: str, rate: Rate) -> str:
    """Text as it is shown: words, or characters, with a space between them."""
    return text if rate == "wer" else " ".join(text.replace(" ", SPACE))


def _fitting(rows: Sequence[list[Any]], order: Sequence[int]) -> set[int]:
    """The indices of the rows that there is room for, taken in `order`."""
    kept, size = set(), 0
    for index in order:
        size += len(json.dumps(rows[index], ensure_ascii=False).encode("utf-8", "replace"))
        if size > MOST_BYTES:
            break
        kept.add(index)
    return kept
