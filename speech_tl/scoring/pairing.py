"""Two evaluations side by side: whether they may be compared, and in which other conditions they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from speech_tl.errors import BadInput
from speech_tl.scoring.files import DECODING_PACKAGES
from speech_tl.scoring.wer import Evaluation, ScoredUtterance

FIRST = 3  # offenders named in a message

ELSEWHERE = "text from elsewhere"
"""Stands for the model's family where another recogniser wrote the text."""

PAIR = ("before", "after")

UNSAID = {"test_time": "none", "lm": "none", "hotwords": "none"}
"""What a decoding without such a condition was, where that is known."""

Key = tuple[str, int]


def pair(before: Evaluation, after: Evaluation, names: tuple[str, str] = ("before", "after")) -> Evaluation:
    """`after` with its utterances in the order of `before`.

    Raises:
        BadInput: the normaliser, the utterances, their segments, references or audio files differ: figures that were
            not measured on the same words are no comparison. Names the first offenders.
    """
    _same_normaliser(before, after, names)
    first, second = _keyed(before), _keyed(after)
    _same_ids(first, second, names)
    for what, fields in (("reference", ("reference",)), ("segment", ("start", "end"))):
        differing = [key for key in first if any(_value(first[key], f) != _value(second[key], f) for f in fields)]
        if differing:
            raise BadInput(
                f"{names[0]} and {names[1]} differ in the {what} of {_named(differing)}: score both on one test set"
            )
    differing = [key for key in first if _other_audio(first[key], second[key])]
    if differing:
        raise BadInput(
            f"{names[0]} and {names[1]} differ in the audio of {_named(differing)}: other recordings under the same "
            "ids; evaluate both on one test set"
        )
    return replace(after, utterances=[second[key] for key in first])


def differing_conditions(sides: Mapping[str, Evaluation]) -> list[str]:
    """One line for each condition that is not the same, such as "decoding.beam: 1 before, 5 after".

    Whether the audio was the same is told as unknown where an evaluation did not note it, as earlier versions did not.
    The models' own facts are left out but for language and task: two models are two models. Of text from elsewhere
    nobody knows how it was decoded: one line says so.

    Args:
        sides: evaluations of one test set, by the name that the lines have for them.
    """
    elsewhere = [name for name, side in sides.items() if side.model.get("family") == ELSEWHERE]
    found = [f"decoding: unknown of {' and '.join(elsewhere)} ({ELSEWHERE})"] if elsewhere else []
    unnoted = [name for name, side in sides.items() if name not in elsewhere and not _knows_audio(side)]
    if unnoted:
        found.append(f"audio: not noted by an earlier version ({', '.join(unnoted)}), so that nobody compared it")
    for area in ("model", "decoding", "data", "versions"):
        conditions = {name: _flat(getattr(side, area)) for name, side in sides.items()}
        for condition in sorted({key for flat in conditions.values() for key in flat}):
            known = [name for name in sides if name not in elsewhere or not _of_decoding(area, condition)]
            values = _by_value({name: conditions[name].get(condition, UNSAID.get(condition)) for name in known})
            if len(values) > 1 and (area != "model" or condition in ("language", "task")):
                found.append(f"{area}.{condition}: {_told(values, tuple(sides) == PAIR)}")
    return found


def _other_audio(first: ScoredUtterance, second: ScoredUtterance) -> bool:
    """Whether two evaluations heard different files under one id, as far as both noted it."""
    known = [side.audio_fingerprint for side in (first, second) if side.audio_fingerprint is not None]
    return len(set(known)) > 1


def _knows_audio(side: Evaluation) -> bool:
    """Whether an evaluation noted which audio files it heard."""
    return any(utterance.audio_fingerprint is not None for utterance in side.utterances)


def _told(values: Mapping[str, Sequence[str]], paired: bool) -> str:
    """Values with who has them: "1 before, 5 after"; of any other names "1 (small, base), 5 (large)"."""
    written = "{} {}" if paired else "{} ({})"
    return ", ".join(written.format(value, ", ".join(names)) for value, names in values.items())


def _by_value(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Which sides have each value, as text; one that nobody knows is "unknown"."""
    found: dict[str, list[str]] = {}
    for name, value in values.items():
        found.setdefault("unknown" if value is None else str(value), []).append(name)
    return found


def _of_decoding(area: str, condition: str) -> bool:
    """Whether text from elsewhere cannot have such a condition."""
    return area in ("model", "decoding") or condition in DECODING_PACKAGES


def _same_normaliser(before: Evaluation, after: Evaluation, names: tuple[str, str]) -> None:
    """Refuse two different normalisers, or two versions of one."""
    first, second = (f"{e.normaliser} (rules {e.normaliser_hash})" for e in (before, after))
    if first != second:
        raise BadInput(
            f"{names[0]} was scored with normaliser {first}, {names[1]} with {second}: evaluate one of them again"
        )


def _same_ids(first: Mapping[Key, Any], second: Mapping[Key, Any], names: tuple[str, str]) -> None:
    """Refuse two different sets of utterances."""
    only = [[key for key in these if key not in those] for these, those in ((first, second), (second, first))]
    if not any(only):
        return
    sides = [f"only {name} has {_named(keys)}" for name, keys in zip(names, only, strict=True) if keys]
    sizes = f"{len(first)} and {len(second)} utterances"
    raise BadInput(f"{names[0]} and {names[1]} are not of the same test set ({sizes}): {'; '.join(sides)}")


def _keyed(evaluation: Evaluation) -> dict[Key, ScoredUtterance]:
    """Utterances by id; a second one with the same id counts as another."""
    seen: Counter[str] = Counter()
    found = {}
    for utterance in evaluation.utterances:
        found[str(utterance.id), seen[utterance.id]] = utterance
        seen[utterance.id] += 1
    return found


def _value(utterance: ScoredUtterance, name: str) -> Any:
    """The reference, or where the segment starts or ends."""
    return utterance.reference if name == "reference" else utterance.columns.get(name)


def first_few(ids: Sequence[str]) -> str:
    """The first few ids, and how many more there are."""
    more = f" and {len(ids) - FIRST} more" if len(ids) > FIRST else ""
    return ", ".join(ids[:FIRST]) + more


def _named(keys: Sequence[Key]) -> str:
    """The first few of the utterances, by id."""
    return first_few([name for name, _ in keys])


def _flat(conditions: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested conditions with dotted names."""
    found: dict[str, Any] = {}
    for name, value in conditions.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return found
