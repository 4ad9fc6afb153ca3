"""What another recogniser wrote, read from a file and put beside the references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speech_tl.data.manifest import Utterance
from speech_tl.errors import BadInput
from speech_tl.scoring.pairing import first_few
from speech_tl.scoring.sclite import Word, read_ctm, read_stm, read_trn, words_in_segments
from speech_tl.scoring.tables import TABLES, read_table

SCLITE_READERS = {".stm": read_stm, ".trn": read_trn}
FORMATS = (*TABLES, *SCLITE_READERS, ".ctm")


@dataclass(frozen=True)
class Hypotheses:
    """The content of a hypotheses file.

    Attributes:
        source: the file, for messages.
        texts: raw text by the utterance's id; empty for a ctm.
        words: of a ctm, else None.
        utterances: with their references, where the file holds those too.
        notes: what a person should know about how it was read.
    """

    source: str
    texts: dict[str, str] = field(default_factory=dict)
    words: list[Word] | None = None
    utterances: list[Utterance] | None = None
    notes: list[str] = field(default_factory=list)


def read_hypotheses(path: str | Path) -> Hypotheses:
    """Read a table (.csv, .tsv, .jsonl: id or audio, and hypothesis or text), or sclite's .trn, .stm or .ctm.

    A table may hold the references too, in the column `reference`, or in `text` beside `hypothesis`.

    Raises:
        BadInput: no such file, another format or encoding, other columns, an id twice, or no hypothesis at all.
    """
    suffix = Path(path).suffix.lower()
    if suffix in TABLES:
        texts, utterances, notes = read_table(path)
        return Hypotheses(str(path), texts, utterances=utterances, notes=notes)
    if suffix == ".ctm":
        return Hypotheses(str(path), words=read_ctm(path))
    if suffix in SCLITE_READERS:
        return Hypotheses(str(path), {said.id: said.text or "" for said in SCLITE_READERS[suffix](path)})
    raise BadInput(f"{path}: cannot tell the format from {suffix!r}; expected a file {', '.join(FORMATS)}")


def read_sclite_references(path: str | Path) -> list[Utterance] | None:
    """The references of an .stm or .trn file (some may be `IGNORED`); None for others."""
    reader = SCLITE_READERS.get(Path(path).suffix.lower())
    return None if reader is None else reader(path)


def hypotheses_for(utterances: Sequence[Utterance], given: Hypotheses, source: str) -> list[str | None]:
    """The text for each utterance; None where the file has none.

    Utterances and hypotheses are matched by id, else by the name of the audio file: by what fits most of them.

    Args:
        utterances: all that the hypotheses may be of.
        given: what was read.
        source: of the utterances, for messages.

    Raises:
        BadInput: hypotheses of utterances or recordings that are not there (names the first ones).
    """
    if given.words is not None:
        return list(words_in_segments(given.words, utterances, given.source))
    matches = [_matched(utterances, given, naming) for naming in NAMINGS]
    places, names = max(matches, key=lambda match: len(match[0].keys() & match[1]))
    if not places:
        raise BadInput(f"{source}: has ids twice, so hypotheses cannot be told apart; give each row an id of its own")
    unknown = [identity for name, identity in names.items() if name not in places]
    if unknown:
        sizes = f"{len(given.texts)} hypotheses, {len(utterances)} utterances"
        raise BadInput(
            f"{given.source} does not match {source} ({sizes}): the references lack {first_few(unknown)}; "
            "expected the references' ids or names of audio files"
        )
    found: list[str | None] = [None] * len(utterances)
    for name, identity in names.items():
        found[places[name]] = given.texts[identity]
    return found


def require_all(utterances: Sequence[Utterance], texts: Sequence[str | None], source: str) -> list[str]:
    """The texts, none of which may be missing.

    Raises:
        BadInput: `source` has no hypothesis for an utterance (names the first ones).
    """
    without = [said.id for said, text in zip(utterances, texts, strict=True) if text is None]
    if without:
        raise BadInput(
            f"{source} has no hypothesis for {len(without)} of {len(utterances)} utterances: {first_few(without)}; "
            "write an empty one where nothing was recognised"
        )
    return [text for text in texts if text is not None]


# ---- matching

Naming = tuple[Callable[[Utterance], str], Callable[[str], str]]
"""What an utterance is called, and what a hypothesis with that id is called."""

NAMINGS: tuple[Naming, ...] = (
    (lambda said: said.id, str),
    (lambda said: Path(said.audio).stem, str),
    (lambda said: Path(said.audio).name, lambda identity: Path(identity).name),
    (lambda said: Path(said.audio).stem, lambda identity: Path(identity).stem),
)


def _matched(
    utterances: Sequence[Utterance], given: Hypotheses, naming: Naming
) -> tuple[dict[str, int], dict[str, str]]:
    """Each utterance's place and each hypothesis' id by their names; nothing where two have the same name."""
    of_utterance, of_hypothesis = naming
    places = {of_utterance(said): place for place, said in enumerate(utterances)}
    names = {of_hypothesis(identity): identity for identity in given.texts}
    unique = len(places) == len(utterances) and len(names) == len(given.texts)
    return (places, names) if unique else ({}, {})
