"""What test shares with train and must not: speakers, sentences, the very same audio; counted, and the first named."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from speech_tl.data.check import Progress, in_parallel
from speech_tl.data.examining import DIGEST_BYTES
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.data.overlaps import Pair
from speech_tl.errors import AudioError
from speech_tl.text import get_normaliser

Leak = dict[str, Any]
Row = tuple[Manifest, int]

TRAIN_AND_TEST: Pair = ("train", "test")
FIRST = 5  # names given in a report
SAME_LENGTH_S = 0.05
"""Durations that differ by more belong to different audio; manifests round theirs."""
BEGINNING_SAMPLES, BEGINNING_S = 4000, 0.6
"""Audio that begins alike is compared whole; the rest is told apart by this much."""


def find_leaks(
    train: Manifest,
    test: Manifest,
    shared_speakers: Mapping[Pair, Sequence[str]],
    shared_sentences: Mapping[Pair, Sequence[str]],
    progress: Progress | None = None,
) -> dict[str, Leak | None]:
    """What train and test share, as report.json has it under `leaks`.

    Args:
        train, test: the usable utterances.
        shared_speakers: from a check, by pair of splits.
        shared_sentences: likewise, normalised by `basic`.
        progress: called with (files heard, files in all) while audio is compared.

    Returns:
        `speakers`, `sentences` and `audio`, each with `count`, `first` (the first few names; of audio
        "id in train = id in test") and `test_utterances` (how many of test they touch); `speakers` is None where no
        speaker of train or of test is known.
    """
    speakers = shared_speakers.get(TRAIN_AND_TEST, ())
    sentences = shared_sentences.get(TRAIN_AND_TEST, ())
    known = all(any(part.texts("speaker")) for part in (train, test))
    normalise = get_normaliser("basic")
    said = [normalise(text or "") for text in test.texts("text")] if sentences else []
    twins = shared_audio(train, test, progress)
    return {
        "speakers": _leak(speakers, test.texts("speaker")) if known else None,
        "sentences": _leak(sentences, said),
        "audio": {
            "count": len(twins),
            "first": [f"{ours} = {theirs}" for ours, theirs in twins[:FIRST]],
            "test_utterances": len(twins),
        },
    }


def leak_notes(leaks: Mapping[str, Leak | None]) -> list[str]:
    """One sentence for a report about each thing that train and test share."""
    told = {
        "speakers": "speakers are in both train and test ({}): new voices may fare worse",
        "sentences": "sentences of test are also spoken in train ({}): new sentences may fare worse",
        "audio": "recordings of test are in train too ({}): what was learnt by heart counts as recognised",
    }
    found = {name: leaks.get(name) for name in told}
    return [
        f"{leak['count']} {told[name].format(named(leak))}" for name, leak in found.items() if leak and leak["count"]
    ]


def named(leak: Leak) -> str:
    """The first names of a leak, and whether there are more."""
    return ", ".join(leak["first"]) + (" ..." if leak["count"] > len(leak["first"]) else "")


def shared_audio(
    train: Manifest, test: Manifest, progress: Progress | None = None, workers: int = 2
) -> list[tuple[str, str]]:
    """Ids (in train, in test) of the utterances of test whose very samples are also in train.

    Only train files about as long as one of test are opened, and only those that begin like one are decoded whole, so
    that large corpora take seconds or minutes. What another encoder or volume changed is other audio.
    """
    candidates = _of_similar_length(train.durations_s(), test.durations_s())
    if not len(candidates):
        return []
    rows = [(train, int(index)) for index in candidates] + [(test, index) for index in range(len(test))]
    begin = _digests(lambda row: _digest(_beginning(rows[row]), BEGINNING_SAMPLES), len(rows), workers, progress)
    alike = _in_both(rows, begin, train)
    whole = _digests(lambda row: _digest(_utterance(alike[row])), len(alike), workers)
    first: dict[bytes, str] = {}
    for row, digest in zip(alike, whole, strict=True):
        if row[0] is train:
            first.setdefault(digest, _utterance(row).id)
    found = [(digest, row) for row, digest in zip(alike, whole, strict=True) if row[0] is test]
    return [(first[digest], _utterance(row).id) for digest, row in found if digest and digest in first]


def _leak(names: Sequence[str], values: Sequence[str | None]) -> Leak:
    """A leak's figures; `values` are those of each test utterance."""
    shared = set(names)
    touched = sum(value in shared for value in values)
    return {"count": len(names), "first": list(names[:FIRST]), "test_utterances": touched}


def _of_similar_length(ours_s: np.ndarray, theirs_s: np.ndarray) -> np.ndarray:
    """Indices of `ours_s` `(train,)` within `SAME_LENGTH_S` of any of `theirs_s` `(test,)`."""
    theirs_s = np.sort(theirs_s)
    after = np.searchsorted(theirs_s, ours_s - SAME_LENGTH_S)
    before = np.searchsorted(theirs_s, ours_s + SAME_LENGTH_S, side="right")
    return np.flatnonzero(before > after)


def _in_both(rows: Sequence[Row], digests: Sequence[bytes], train: Manifest) -> list[Row]:
    """The rows whose digest occurs in train and in test."""
    sides: dict[bytes, set[bool]] = defaultdict(set)
    for (manifest, _), digest in zip(rows, digests, strict=True):
        sides[digest].add(manifest is train)
    return [row for row, digest in zip(rows, digests, strict=True) if digest and len(sides[digest]) > 1]


def _utterance(row: Row) -> Utterance:
    return row[0][row[1]]


def _beginning(row: Row) -> Utterance:
    """The utterance, to be read no further than its beginning (or whole, where it is hardly longer)."""
    utterance = _utterance(row)
    longer = utterance.duration_s is not None and utterance.duration_s > 2 * BEGINNING_S
    return replace(utterance, end_s=utterance.start_s + BEGINNING_S) if longer else utterance


def _digest(utterance: Utterance, samples: int | None = None) -> bytes:
    """A hash of the samples as recorded, or of the first `samples`; empty where they cannot be read."""
    try:
        waveform = utterance.load(None)[:samples]
    except AudioError:
        return b""
    return hashlib.blake2b(waveform.tobytes(), digest_size=DIGEST_BYTES).digest()


def _digests(digest: Callable[[int], bytes], rows: int, workers: int, progress: Progress | None = None) -> list[bytes]:
    """The digest of every row, in order."""
    digests: list[bytes] = []
    for found in in_parallel(digest, rows, workers):
        digests.extend(value for _, value in found)
        if progress:
            progress(len(digests), rows)
    return digests
