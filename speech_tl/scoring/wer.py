"""Word and character error rates: texts are aligned once, every figure is a sum over the utterances' counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from speech_tl.errors import BadInput
from speech_tl.figures import Figures, Rates
from speech_tl.options import LARGEST
from speech_tl.scoring import files
from speech_tl.scoring.alignment import Edits, align
from speech_tl.scoring.significance import rate_interval
from speech_tl.text import RATES, Normaliser, Rate, get_normaliser, joint_hash, leading_rate

KEYS = (
    "id",
    "audio",
    "reference",
    "hypothesis",
    "words",
    "substitutions",
    "deletions",
    "insertions",
    "duration",
    "reference_raw",
    "hypothesis_raw",
)
AUDIO_FINGERPRINT = "audio_fingerprint"
"""A row's key beside those, where the audio was there to be heard."""

LOOPED = "looped"  # a key of the rows whose first text was a loop
TEXTS = ("reference", "hypothesis", "reference_raw", "hypothesis_raw")
SECONDS = ("duration", "start", "end")

MOST_SHOWN = 60
"""Characters of a value in a message."""


class UtteranceLike(Protocol):
    """What scoring reads of an utterance (a manifest's `Utterance` has it)."""

    id: str
    audio: str
    text: str | None
    start_s: float
    end_s: float | None
    duration_s: float | None
    columns: dict[str, Any]


class Raw(NamedTuple):
    """One utterance's counts over the texts as written: case, punctuation and all."""

    words: int
    errors: int
    characters: int
    character_edits: int


@dataclass(frozen=True)
class ScoredUtterance:
    """One utterance's texts and counts: a row of utterances.jsonl.

    `reference` and `hypothesis` are the normalised texts that were compared, `..._raw` are as written, and `raw` is
    what comparing those would count; `characters` counts letter by letter what the four counts of words count word by
    word; `duration` in seconds; `columns` holds the manifest's other columns; `audio_fingerprint` is a digest of the
    audio file, None where nobody noted it. `looped`: decoding was stopped in a loop (see
    `speech_tl/decoding/loops.py`).
    """

    id: str
    audio: str
    reference: str
    hypothesis: str
    reference_raw: str
    hypothesis_raw: str
    words: int
    substitutions: int
    deletions: int
    insertions: int
    characters: Edits
    raw: Raw
    duration: float | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    audio_fingerprint: str | None = None
    looped: bool = False

    @property
    def errors(self) -> int:
        """Wrong words: substituted, deleted or inserted."""
        return self.substitutions + self.deletions + self.insertions

    def edits(self, rate: Rate = "wer") -> Edits:
        """The counts that an error rate is made of: words, or characters."""
        if rate == "cer":
            return self.characters
        return Edits(self.words, self.substitutions, self.deletions, self.insertions)

    @property
    def speaker(self) -> str | None:
        """Who spoke; None where nobody knows."""
        value = self.columns.get("speaker")
        return None if value is None or str(value).strip() == "" else str(value)

    def as_row(self) -> dict[str, Any]:
        """The row of utterances.jsonl: the contract's keys first, then the manifest's other columns.

        `looped` is there where it is true. A manifest column of the same name as one of the contract's keys gets the
        prefix `manifest_`.
        """
        row = {key: getattr(self, key) for key in KEYS} | ({LOOPED: True} if self.looped else {})
        if self.audio_fingerprint is not None:
            row[AUDIO_FINGERPRINT] = self.audio_fingerprint
        for name, value in self.columns.items():
            while name in (*row, LOOPED):
                name = f"manifest_{name}"
            row[name] = value
        return row


class CharacterCounts(Figures):
    """The characters of the references, and how many of them are wrong."""

    characters: int
    substitutions: int
    deletions: int
    insertions: int

    @classmethod
    def of(cls, edits: Edits) -> CharacterCounts:
        """The counts by name."""
        units, substitutions, deletions, insertions = edits
        return cls(characters=units, substitutions=substitutions, deletions=deletions, insertions=insertions)


class Score(Rates):
    """The figures of a set of utterances.

    Attributes:
        wer: (substitutions + deletions + insertions) / words over the whole set, never a mean over utterances; None
            when the references hold no word at all (`insertions` then says what was heard in silence).
        cer: the same over characters, the spaces between words included.
        ci95, cer_ci95: 95 % intervals of WER and CER, (low, high), by bootstrap over speakers; None where they cannot
            be drawn.
        by_character: the counts of characters; None in reports of earlier versions.
        raw: the rates of the texts as written: what a model gains here and not above, it gained in formatting.
    """

    words: int
    utterances: int
    substitutions: int
    deletions: int
    insertions: int
    ci95: tuple[float, float] | None = None
    cer_ci95: tuple[float, float] | None = None
    by_character: CharacterCounts | None = None
    raw: Rates | None = None

    @classmethod
    def of(cls, utterances: Sequence[ScoredUtterance]) -> Score:
        """Sum the counts of `utterances`."""
        words, characters = (_sum_of(utterances, rate) for rate in RATES)
        raw = Raw(*(sum(utterance.raw[count] for utterance in utterances) for count in range(len(Raw._fields))))
        return cls(
            wer=_rate(words.errors, words.units),
            cer=_rate(characters.errors, characters.units),
            words=words.units,
            utterances=len(utterances),
            substitutions=words.substitutions,
            deletions=words.deletions,
            insertions=words.insertions,
            ci95=rate_interval(utterances),
            cer_ci95=rate_interval(utterances, rate="cer"),
            by_character=CharacterCounts.of(characters),
            raw=Rates(wer=_rate(raw.errors, raw.words), cer=_rate(raw.character_edits, raw.characters)),
        )

    def edits(self, rate: Rate = "wer") -> Edits:
        """The counts that an error rate is made of: words, or characters.

        Raises:
            BadInput: a report of an earlier version lacks those of characters.
        """
        if rate == "wer":
            return Edits(self.words, self.substitutions, self.deletions, self.insertions)
        if self.by_character is None:
            raise BadInput("the report has no counts of characters: an earlier version wrote it; measure again")
        found = self.by_character
        return Edits(found.characters, found.substitutions, found.deletions, found.insertions)

    def interval(self, rate: Rate) -> tuple[float, float] | None:
        """The 95 % interval of an error rate."""
        return self.ci95 if rate == "wer" else self.cer_ci95


def _sum_of(utterances: Sequence[ScoredUtterance], rate: Rate) -> Edits:
    """The counts of all utterances together."""
    counts = [utterance.edits(rate) for utterance in utterances]
    return Edits(*(sum(found[place] for found in counts) for place in range(len(Edits._fields))))


def _rate(errors: int, units: int) -> float | None:
    """Errors a unit; None where there are no units."""
    return errors / units if units else None


@dataclass
class Evaluation:
    """A model's answers to a test set and what they were worth.

    Attributes:
        utterances: in the order of the test set.
        normaliser, normaliser_hash: what both sides of every comparison went through.
        normaliser_reason: why that one, for people.
        model, decoding, data: the conditions, as plain values; `data["left_out"]` lists the ids of utterances that
            could not be decoded, which are in no figure.
        versions: of the packages that can change a figure.
        seconds: how long decoding took; None where nobody measured. No condition: it changes no text.
    """

    utterances: list[ScoredUtterance]
    normaliser: str
    normaliser_hash: str
    model: dict[str, Any] = field(default_factory=dict)
    decoding: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=files.versions)
    seconds: float | None = None
    normaliser_reason: str = ""

    @property
    def rate(self) -> Rate:
        """The rate that leads: "cer" for languages written without spaces, else "wer"."""
        return leading_rate(self.data.get("language") or self.model.get("language"), self.normaliser)

    @cached_property
    def score(self) -> Score:
        """The figures of all utterances together."""
        return Score.of(self.utterances)

    @property
    def loops(self) -> int:
        """Utterances in which the decoder was stopped in a loop."""
        return sum(utterance.looped for utterance in self.utterances)

    def write(self, folder: str | Path) -> Path:
        """Write summary.json and utterances.jsonl into `folder` (made if need be); returns the folder."""
        folder = Path(folder)
        files.write_rows(folder / files.UTTERANCES, (utterance.as_row() for utterance in self.utterances))
        conditions = ("normaliser", "normaliser_hash", "normaliser_reason", "model", "decoding", "data", "versions")
        summary = {"score": self.score.as_dict(), **{name: getattr(self, name) for name in conditions}}
        summary["loops"] = self.loops
        if self.seconds is not None:
            summary["seconds"] = self.seconds
        if self.score.wer is None:
            summary["note"] = "the references hold no words: there is no WER, only insertions"
        files.write_json(folder / files.SUMMARY, summary)
        return folder

    @classmethod
    def read(cls, folder: str | Path) -> Evaluation:
        """The evaluation that `write` left in `folder`.

        Raises:
            BadInput: a file is missing or broken, or a row's counts do not belong to its texts; names file and line.
        """
        summary = files.read_summary(folder)
        rows = files.read_rows(folder, KEYS)
        conditions = {name: summary.get(name) or {} for name in ("model", "decoding", "data", "versions")}
        _require_plain(summary, conditions, Path(folder) / files.SUMMARY)
        return cls(
            utterances=_from_rows(rows, Path(folder) / files.UTTERANCES),
            normaliser=str(summary.get("normaliser", "unknown")),
            normaliser_hash=str(summary.get("normaliser_hash", "unknown")),
            normaliser_reason=str(summary.get("normaliser_reason", "")),
            **conditions,
            seconds=summary.get("seconds"),
        )


def score(
    utterances: Sequence[UtteranceLike],
    hypotheses: Sequence[str | None],
    normaliser: str | Normaliser,
    *,
    model: dict[str, Any] | None = None,
    decoding: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    seconds: float | None = None,
    heard: Sequence[str | None] | None = None,
    looped: Sequence[bool] = (),
) -> Evaluation:
    """Compare what a model wrote with what was said.

    Args:
        utterances: the test set; an empty `text` means that nothing is said, and all that is heard counts as inserted.
        hypotheses: raw text for each utterance, in the same order; None where the audio could not be decoded: such an
            utterance is left out and its id listed in `data["left_out"]`.
        normaliser: applied to both sides. One that was made for no language takes the rules of each row's own, where a
            column `language` says it.
        model, decoding, data: the conditions to record beside the figures.
        seconds: how long decoding took.
        heard: a digest of each utterance's audio file, where it is known.
        looped: whether each hypothesis stands in place of a loop; empty is that none does.

    Raises:
        BadInput: an utterance without text, an unknown normaliser, or nothing to score.
    """
    if len(utterances) != len(hypotheses):
        raise BadInput(f"{len(utterances)} utterances but {len(hypotheses)} hypotheses: expected one for each")
    language = (data or {}).get("language") or (model or {}).get("language")
    rules = get_normaliser(normaliser, language) if isinstance(normaliser, str) else normaliser
    written = [row for row, text in enumerate(hypotheses) if text is not None]
    pairs = [(utterances[row], hypotheses[row] or "") for row in written]
    if not pairs:
        raise BadInput(f"nothing to score: none of {len(utterances)} utterances could be decoded")
    own = [rules.spoken_in(said.columns.get("language")) for said, _ in pairs]
    conditions = dict(data or {})
    left_out = [said.id for said, text in zip(utterances, hypotheses, strict=True) if text is None]
    if left_out:
        conditions["left_out"] = left_out
    scored = _compare(pairs, own, [heard[row] if heard else None for row in written])
    if any(looped):
        stopped = [loop for loop, text in zip(looped, hypotheses, strict=True) if text is not None]
        scored = [replace(utterance, looped=loop) for utterance, loop in zip(scored, stopped, strict=True)]
    return Evaluation(
        scored,
        rules.name,
        joint_hash(own),
        model or {},
        decoding or {},
        conditions,
        seconds=seconds,
        normaliser_reason=rules.reason,
    )


def _compare(
    pairs: Sequence[tuple[UtteranceLike, str]], rules: Sequence[Normaliser], fingerprints: Sequence[str | None]
) -> list[ScoredUtterance]:
    """Normalise all pairs of utterance and raw hypothesis, each by its own rules, and align them."""
    for said, _ in pairs:
        if said.text is None:
            raise BadInput(f"utterance {said.id} has no text: scoring needs the column `text`")
    references = [own(said.text or "") for own, (said, _) in zip(rules, pairs, strict=True)]
    hypotheses = [own(heard) for own, (_, heard) in zip(rules, pairs, strict=True)]
    words, characters = align(references, hypotheses), align(references, hypotheses, "cer")
    raw = _raw_counts([said.text or "" for said, _ in pairs], [heard for _, heard in pairs])
    return [
        ScoredUtterance(
            id=said.id,
            audio=said.audio,
            reference=references[row],
            hypothesis=hypotheses[row],
            reference_raw=said.text or "",
            hypothesis_raw=heard,
            words=words[row].units,
            substitutions=words[row].substitutions,
            deletions=words[row].deletions,
            insertions=words[row].insertions,
            characters=characters[row],
            raw=raw[row],
            duration=_duration_s(said),
            columns={**_segment(said), **said.columns},
            audio_fingerprint=fingerprints[row],
        )
        for row, (said, heard) in enumerate(pairs)
    ]


def _raw_counts(references: Sequence[str], hypotheses: Sequence[str]) -> list[Raw]:
    """The counts over texts as written, only white space squeezed."""
    as_written = get_normaliser("none")
    sides = [as_written(text) for text in references], [as_written(text) for text in hypotheses]
    words, characters = align(*sides), align(*sides, "cer")
    return [
        Raw(found.units, found.errors, spelt.units, spelt.errors)
        for found, spelt in zip(words, characters, strict=True)
    ]


def _duration_s(said: UtteranceLike) -> float | None:
    """The utterance's length in seconds, as far as it is known."""
    if said.duration_s is not None or said.end_s is None:
        return said.duration_s
    return said.end_s - said.start_s


def _segment(said: UtteranceLike) -> dict[str, float | None]:
    """`start` and `end` of an utterance that is a part of its file: two test sets may cut one file differently."""
    return {"start": said.start_s, "end": said.end_s} if said.start_s or said.end_s is not None else {}


def _require_plain(summary: dict[str, Any], conditions: dict[str, Any], path: Path) -> None:
    """Refuse a summary whose parts are of another kind than `Evaluation.write` makes them."""
    for name, values in conditions.items():
        if not isinstance(values, dict):
            raise BadInput(f"{path}: {name} is {_shown(values)}, expected an object; evaluate again")
    texts = {"normaliser": summary.get("normaliser", "unknown")}
    texts |= {
        f"{area}.{key}": conditions[area].get(key) for area in ("model", "data") for key in ("source", "language")
    }
    for name, value in texts.items():
        if not isinstance(value, str | None):
            raise BadInput(f"{path}: {name} is {_shown(value)}, expected text; evaluate again")
    if not _is_seconds(summary.get("seconds")):
        raise BadInput(f"{path}: seconds is {_shown(summary['seconds'])}, expected a number; evaluate again")


def _is_seconds(value: Any) -> bool:
    """Whether a value is a number of seconds, or unknown."""
    if value is None:
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _shown(value: Any) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} ..."


def _require_cells(row: dict[str, Any], where: str) -> None:
    """Refuse a row whose cells are of another kind than `ScoredUtterance.as_row` makes them."""
    if not all(isinstance(row[key], str) for key in (*TEXTS, "id", "audio")):
        raise BadInput(f"{where}: {', '.join(('id', 'audio', *TEXTS))} must be text")
    for key in SECONDS:
        if not _is_seconds(row.get(key)):
            raise BadInput(f"{where}: {key} is {_shown(row[key])}, expected seconds such as 2.5")


def _from_rows(rows: Sequence[dict[str, Any]], path: Path) -> list[ScoredUtterance]:
    """The utterances of utterances.jsonl; what it does not hold (characters, raw errors) is counted again."""
    for line, row in enumerate(rows, 1):
        _require_cells(row, f"{path}, line {line}")
    references, hypotheses = [row["reference"] for row in rows], [row["hypothesis"] for row in rows]
    words, characters = align(references, hypotheses), align(references, hypotheses, "cer")
    for line, row in enumerate(rows, 1):
        if not _belongs(row, words[line - 1]):
            raise BadInput(f"{path}, line {line} ({row['id']}): its counts do not belong to its texts; evaluate again")
    raw = _raw_counts([row["reference_raw"] for row in rows], [row["hypothesis_raw"] for row in rows])
    return [
        ScoredUtterance(
            **{key: row[key] for key in KEYS},
            characters=spelt,
            raw=written,
            columns={name: value for name, value in row.items() if name not in (*KEYS, AUDIO_FINGERPRINT, LOOPED)},
            audio_fingerprint=row.get(AUDIO_FINGERPRINT),
            looped=row.get(LOOPED) is True,
        )
        for row, spelt, written in zip(rows, characters, raw, strict=True)
    ]


def _belongs(row: dict[str, Any], counted: Edits) -> bool:
    """Whether a stored row has as many words and errors as its texts; how the errors divide may depend on jiwer."""
    errors = [row[key] for key in ("substitutions", "deletions", "insertions")]
    whole = all(isinstance(count, int) for count in [row["words"], *errors])
    return whole and row["words"] == counted.units and sum(errors) == counted.errors
