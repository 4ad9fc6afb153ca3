"""What test shares with train and must not: speakers, sentences, the very same audio; counted, and the first named."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from speech_tl.audio import glance_s
from speech_tl.data.check import Progress
from speech_tl.data.examining import DIGEST_BYTES
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.data.overlaps import Pair, spoken_in
from speech_tl.data.parallel import in_threads
from speech_tl.errors import AudioError
from speech_tl.figures import Figures
from speech_tl.text import get_normaliser


class Leak(Figures):
    """What train and test share of one kind.

    Attributes:
        count: how many things.
        first: the first few by name; of audio "id in train = id in test".
        test_utterances: how many of test they touch.
    """

    count: int
    first: list[str] = Field([])
    test_utterances: int | None = None


class Leaks(Figures):
    """What train and test share; None is not known."""

    speakers: Leak | None = None
    sentences: Leak | None = None
    audio: Leak | None = None


Row = tuple[Manifest, int]

TRAIN_AND_TEST: Pair = ("train", "test")
FIRST = 5  # names given in a report
SAME_LENGTH_S = 0.05
"""Durations that differ by more belong to different audio; manifests round theirs."""
SAME_HEADERS_S = 0.002
"""Headers count samples: the same samples have the same length by them, but for rounding."""
BEGINNING_SAMPLES, BEGINNING_S = 4000, 0.6
"""Audio that begins alike is compared whole; the rest is told apart by this much."""


def find_leaks(
    train: Manifest,
    test: Manifest,
    shared_speakers: Mapping[Pair, Sequence[str]],
    shared_sentences: Mapping[Pair, Sequence[str]],
    progress: Progress | None = None,
    language: str | None = None,
) -> Leaks:
    """What train and test share.

    Args:
        train, test: the usable utterances.
        shared_speakers: from a check, by pair of splits.
        shared_sentences: likewise, normalised by `basic` in their language.
        progress: called with (files heard, files in all) while audio is compared.
        language: of rows that do not say their own.

    Returns:
        Each kind; `speakers` is None where no speaker of train or of test is known.
    """
    speakers = shared_speakers.get(TRAIN_AND_TEST, ())
    sentences = shared_sentences.get(TRAIN_AND_TEST, ())
    known = all(any(part.texts("speaker")) for part in (train, test))
    spoken = zip(test.texts("text"), spoken_in(test, language), strict=True)
    said = [get_normaliser("basic", own)(text or "") for text, own in spoken] if sentences else []
    twins = shared_audio(train, test, progress)
    alike = [f"{ours} = {theirs}" for ours, theirs in twins[:FIRST]]
    return Leaks(
        speakers=_leak(speakers, test.texts("speaker")) if known else None,
        sentences=_leak(sentences, said),
        audio=Leak(count=len(twins), first=alike, test_utterances=len(twins)),
    )


def leak_notes(leaks: Leaks) -> list[str]:
    """One sentence for a report about each thing that train and test share."""
    told = {
        "speakers": "speakers are in both train and test ({}): new voices may fare worse",
        "sentences": "sentences of test are also spoken in train ({}): new sentences may fare worse",
        "audio": "recordings of test are in train too ({}): what was learnt by heart counts as recognised",
    }
    return [f"{leak.count} {told[name].format(named(leak))}" for name in told if (leak := leaks[name]) and leak.count]


def named(leak: Leak) -> str:
    """The first names of a leak, and whether there are more."""
    return ", ".join(leak.first) + (" ..." if leak.count > len(leak.first) else "")


def shared_audio(
    train: Manifest, test: Manifest, progress: Progress | None = None, workers: int = 2
) -> list[tuple[str, str]]:
    """Ids (in train, in test) of the utterances of test whose very samples are also in train.

    Only train files as long as one of test are decoded, and only those that begin like one are decoded whole, so that
    large corpora take seconds or minutes. What another encoder or volume changed is other audio.
    """
    candidates = _as_long(train, test)
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
    return Leak(count=len(names), first=list(names[:FIRST]), test_utterances=touched)


def _as_long(train: Manifest, test: Manifest) -> np.ndarray:
    """Indices of train that could hold the very samples of one of test: as long by the manifest and by the headers."""
    said_s = test.durations_s()
    alike = np.flatnonzero(_near(train.durations_s(), said_s, SAME_LENGTH_S))
    ours_s, theirs_s = _glanced(train, alike), _glanced(test, np.arange(len(test)))
    unknown = np.isnan(ours_s) | _near(train.durations_s()[alike], said_s[np.isnan(theirs_s)], SAME_LENGTH_S)
    return alike[unknown | _near(ours_s, theirs_s[~np.isnan(theirs_s)], SAME_HEADERS_S)]


def _glanced(manifest: Manifest, indices: np.ndarray) -> np.ndarray:
    """Seconds by the headers `(indices,)`; NaN for parts of files, and where it takes more than a glance."""
    found = np.full(len(indices), np.nan)
    for number, utterance in enumerate(manifest.select(indices)):
        if utterance.audio_bytes is None and not utterance.start_s and utterance.end_s is None:
            found[number] = glance_s(utterance.audio) or np.nan
    return found


def _near(ours_s: np.ndarray, theirs_s: np.ndarray, within_s: float) -> np.ndarray:
    """Whether each of `ours_s` `(train,)` is near any of `theirs_s` `(test,)`."""
    theirs_s = np.sort(theirs_s)
    return np.searchsorted(theirs_s, ours_s + within_s, side="right") > np.searchsorted(theirs_s, ours_s - within_s)


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

    def digests_of(some: np.ndarray) -> list[bytes]:
        return [digest(row) for row in some.tolist()]

    for _, found in in_threads(digests_of, np.arange(rows), workers):
        digests.extend(found)
        if progress:
            progress(len(digests), rows)
    return digests
