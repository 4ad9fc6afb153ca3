"""Recordings of noise or of rooms: which there are, which part of the data may hear them, a stretch of one."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from speech_tl.data.augment.base import Part, Progress
from speech_tl.data.augment.levels import looped, trim_silence
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.errors import BadInput

BY_FILE_FROM = 5
"""So many recordings without splits are dealt out whole; fewer are cut in time."""

PARTS: Mapping[Part, tuple[float, float]] = {"test": (0.8, 1.0), "dev": (0.7, 0.8), "train": (0.0, 0.7)}
"""Which stretch of a row of recordings, or of each recording, a part hears where nothing says it."""

ALL_HEARD_UP_TO = 5000
"""Collections of more recordings are looked at by their headers only."""

LONG_S = 30.0
"""Of longer recordings only the stretch that is needed is decoded."""

CACHE_BYTES = 64 << 20
FADE_S = 0.05
EMPTY_BELOW_DB = 60.0
UNHEARABLE = ("missing", "folder", "empty", "unreadable", "truncated", "nan", "silent")


def read_sounds(
    folders: Sequence[str], where: Mapping[str, Any], option: str, progress: Progress | None = None
) -> list[Manifest]:
    """The recordings of every folder (or manifest), all of them heard once, each with its duration.

    Args:
        folders: folders of audio files, or manifests; columns may say `split`, `label` or anything else.
        where: keep the rows with these values, e.g. {label: rain}.
        option: what to call this in messages, e.g. "augment.noise.folders".
        progress: told how many have been heard.

    Raises:
        BadInput: no audio there, nothing left by `where`, or a recording that is silent or unreadable (names it).
    """
    found = []
    for folder in folders:
        try:
            manifest = Manifest.read(folder).where(where)
        except BadInput as error:
            raise BadInput(f"{option}: {error}") from error
        depth: Literal["full", "headers"] = "full" if len(manifest) <= ALL_HEARD_UP_TO else "headers"
        check = check_manifest(manifest, depth=depth, progress=progress, min_duration_s=0, max_duration_s=np.inf)
        faults = [problem for problem in check.problems if problem.kind in UNHEARABLE]
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise BadInput(f"{option}: {faults[0].detail}{more}; take it out of {folder}")
        _refuse_the_same_in_two_parts(manifest, check.duplicate_audio, option)
        found.append(manifest.with_column("duration", check.durations_s.tolist()))
    return found


def _refuse_the_same_in_two_parts(manifest: Manifest, groups: Sequence[Sequence[str]], option: str) -> None:
    """Refuse noise of the test that training hears under another name."""
    splits = dict(zip(manifest.column("id"), manifest.texts("split"), strict=True))
    for group in groups:
        parts = {splits[name]: name for name in group if splits[name]}
        if "test" in parts and len(parts) > 1:
            other = next(part for part in parts if part != "test")
            raise BadInput(
                f"{option}: {manifest.source}: {parts['test']} of test is the same recording as {parts[other]} of "
                f"{other}; take one of them out"
            )


def part_of(manifest: Manifest, part: Part, option: str, divisible: bool = True) -> Manifest:
    """The recordings that one part of the data may hear; no two parts share a sound (dev may hear train's).

    The manifest's own splits hold. Without them recordings are dealt out by file; a few recordings are each cut in
    time instead: the first 70 % for training, the last 20 % for the test.

    Args:
        manifest: from `read_sounds`.
        part: which.
        option: what to call this in messages.
        divisible: whether half a recording is worth something: of noise, not of a room's response.

    Raises:
        BadInput: nothing is left for this part.
    """
    splits = manifest.texts("split")
    if any(splits):
        chosen = manifest.split(part)
        if part == "dev" and not len(chosen):
            chosen = manifest.split("train")
    elif divisible and len(manifest) < BY_FILE_FROM:
        return _in_time(manifest, part)
    else:
        chosen = _by_file(manifest, part)
    if not len(chosen):
        there = ", ".join(sorted({split for split in splits if split})) or f"{len(manifest)} recordings"
        raise BadInput(
            f"{option}: {manifest.source} has nothing for {part} (there are: {there}); what the test hears must not be "
            "what training heard: give recordings with split=train and others with split=test, or more of them"
        )
    return chosen


def _by_file(manifest: Manifest, part: Part) -> Manifest:
    """Whole recordings by a fixed shuffle, at least one for the test; a single one is for training."""
    rows = len(manifest)
    order = np.random.default_rng(0).permutation(rows)
    first, last = (round(share * rows) for share in PARTS[part])
    if rows > 1:
        first, last = (min(first, rows - 1), rows) if part == "test" else (first, min(last, rows - 1))
    elif part == "test":
        first = last
    else:
        first, last = 0, 1
    if part == "dev" and first == last:
        return _by_file(manifest, "train")
    return manifest.select(np.sort(order[first:last]))


def _in_time(manifest: Manifest, part: Part) -> Manifest:
    """A stretch of each recording."""
    starts, ends = [], []
    for utterance in manifest:
        length_s = utterance.duration_s or 0.0
        first, last = PARTS[part]
        starts.append(utterance.start_s + first * length_s)
        ends.append(utterance.start_s + last * length_s)
    durations = [end - start for start, end in zip(starts, ends, strict=True)]
    return manifest.with_column("start", starts).with_column("end", ends).with_column("duration", durations)


class SoundBank:
    """Recordings to take stretches from; those that were used lately stay in memory."""

    def __init__(self, recordings: Sequence[Utterance], sample_rate: int) -> None:
        """`recordings` with known durations, heard at `sample_rate`."""
        self.recordings, self.sample_rate = recordings, sample_rate
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._kept_bytes = 0

    def __len__(self) -> int:
        """How many recordings there are."""
        return len(self.recordings)

    def __getstate__(self) -> dict[str, Any]:
        """A copy for a loader's worker begins with nothing in memory."""
        return {**self.__dict__, "_kept": OrderedDict(), "_kept_bytes": 0}

    def stretch(self, samples: int, rng: np.random.Generator) -> tuple[np.ndarray, Utterance]:
        """A stretch of one recording, beginning anywhere, and where it is from.

        A recording that is too short is looped, its ends cross-faded into its beginning.
        """
        utterance = self.recordings[int(rng.integers(len(self.recordings)))]
        return self.stretch_of(utterance, samples, rng), utterance

    def stretch_of(self, utterance: Utterance, samples: int, rng: np.random.Generator) -> np.ndarray:
        """A stretch `(samples,)` of this recording, beginning anywhere."""
        fade, place = round(FADE_S * self.sample_rate), rng.random()
        duration_s, needed_s = utterance.duration_s or 0.0, (samples + fade) / self.sample_rate
        if duration_s > max(LONG_S, needed_s):
            start_s = utterance.start_s + place * (duration_s - needed_s)
            part = dataclasses.replace(utterance, start_s=start_s, end_s=start_s + needed_s)
            sound = part.load(self.sample_rate)
        else:
            sound = self.whole(utterance)
        if len(sound) > samples + fade:
            first = int(place * (len(sound) - samples - fade))
            sound = sound[first : first + samples + fade]
        return looped(sound, samples, fade)

    def whole(self, utterance: Utterance) -> np.ndarray:
        """All of a recording but the emptiness at its ends."""
        key = f"{utterance.audio} {utterance.start_s} {utterance.channel}"
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        sound = trim_silence(utterance.load(self.sample_rate), EMPTY_BELOW_DB)
        if len(sound) < 2:
            raise BadInput(f"{utterance.audio}: silent, or next to; take it out")
        self._kept[key] = sound
        self._kept_bytes += sound.nbytes
        while self._kept_bytes > CACHE_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return sound
