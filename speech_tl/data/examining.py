"""Rows of a manifest looked at: what is wrong with their audio and their text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from speech_tl.audio import Levels, glance_s, no_such_channel, probe, stream_audio
from speech_tl.audio.remote import is_remote
from speech_tl.data.manifest import Manifest, Utterance, explained
from speech_tl.errors import AudioError
from speech_tl.text import Normaliser, tags_of

Depth = Literal["full", "headers"]

UNUSABLE = (
    "missing",
    "folder",
    "empty",
    "unreadable",
    "truncated",
    "nan",
    "channel",
    "silent",
    "too_short",
    "too_long",
    "empty_text",
)
"""Kinds that set a row aside in every split."""

FAULTS = ("malformed", "audio_not_a_string", "text_not_a_string", "bad_times")
"""Kinds that set a row aside in every split and show in the table alone (`Table.faults`)."""

UNUSABLE_IN_TRAIN = ("label_too_long", "no_words")
"""Kinds that set a row aside in train only: what cannot be learnt from must still count in dev and test."""

WARNINGS = (
    "unwritable_characters",
    "tags",
    "clipped",
    "opposite_phase",
    "duration_differs",
    "duplicate_audio",
    "speaker_overlap",
    "sentence_overlap",
)
"""Kinds that are reported while the row stays in use."""

DIGEST_BYTES = 12

BLOCK_S = 10.0
"""Seconds that are decoded at a time."""

DURATION_OFF_S = 0.5
"""A manifest's duration that is further from the audio's own is worth a look."""

_CLIPPED_SHARE = 0.001


class Writer(Protocol):
    """What the check asks of a model.

    Attributes:
        scored_by: what its run scores with.
    """

    scored_by: Normaliser

    def unwritable(self, text: str) -> set[str]:
        """Characters of `text` that the model cannot write."""

    def label_problem(self, text: str, duration_s: float) -> str | None:
        """Why the labels of `text` do not fit `duration_s` seconds of audio; None when they do."""


@dataclass(frozen=True)
class Problem:
    """One thing found.

    Attributes:
        kind: one of `UNUSABLE`, `FAULTS`, `UNUSABLE_IN_TRAIN`, `WARNINGS`.
        row: the utterance's number in the source, counted from 1 (for an overlap: the first of the later split).
        id: the utterance's id.
        audio: path of its audio.
        split: its split, "" when it has none.
        detail: what exactly, for people.
    """

    kind: str
    row: int
    id: str
    audio: str
    split: str
    detail: str

    @property
    def sets_aside(self) -> bool:
        """Whether the row is left out because of this."""
        return self.kind in (*UNUSABLE, *FAULTS) or (self.kind in UNUSABLE_IN_TRAIN and self.split in ("train", ""))


@dataclass
class Heard:
    """What is left of one row after looking at it."""

    duration_s: float = float("nan")
    digest: bytes = b""
    problems: list[Problem] = field(default_factory=list)


class Examiner:
    """Looks at rows; holds what is the same for all of them."""

    def __init__(
        self,
        manifest: Manifest,
        model: Writer | None,
        normaliser: Normaliser,
        depth: Depth | Mapping[str, Depth],
        limits_s: tuple[float, float],
    ) -> None:
        """Keep what all rows share; `depth` is one for all or one a split, `limits_s` the shortest and the longest."""
        self.manifest = manifest
        self.model = model
        self.normaliser = normaliser
        self.depth = depth
        self.min_s, self.max_s = limits_s
        self.has_text = "text" in manifest.columns

    def depth_of(self, split: str | None) -> Depth:
        """How deep rows of a split are looked into."""
        return self.depth if isinstance(self.depth, str) else self.depth.get(split or "", "full")

    def __call__(self, indices: np.ndarray) -> list[Heard]:
        """What is found about these rows; a broken file is a problem in the list, not an exception."""
        chosen = self.manifest.select(indices)
        return [
            self._examined(utterance, row)
            for row, utterance in zip((chosen.rows + 1).tolist(), chosen.block(0, len(chosen)), strict=True)
        ]

    def _examined(self, utterance: Utterance, row: int) -> Heard:
        split = utterance.columns.get("split") or ""
        heard, found = Heard(), []
        if fault := self.manifest.faults.get(row - 1):
            found.append((fault.kind, fault.detail))
        else:
            found.extend(self._faults_of(utterance, heard, self.depth_of(split)))
        heard.problems = [Problem(kind, row, utterance.id, utterance.audio, split, detail) for kind, detail in found]
        return heard

    def _faults_of(self, utterance: Utterance, heard: Heard, depth: Depth) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with audio and text."""
        try:
            yield from self._hear(utterance, heard, depth)
        except AudioError as error:
            yield error.kind, str(explained(error, utterance.audio))
        yield from self._read(utterance, heard.duration_s)

    def _hear(self, utterance: Utterance, heard: Heard, depth: Depth) -> Iterator[tuple[str, str]]:
        """Fill in duration and digest; yield what is wrong with the audio."""
        if depth == "headers":
            heard.duration_s = _duration_by_headers(utterance)
        else:
            yield from self._decode(utterance, heard)
        said_s = utterance.duration_s
        if said_s is not None and abs(heard.duration_s - said_s) > DURATION_OFF_S:
            yield (
                "duration_differs",
                f"{utterance.audio}: {heard.duration_s:.2f} s of audio, but the manifest says {said_s:.2f} s",
            )
        if heard.duration_s < self.min_s:
            yield "too_short", f"{utterance.audio}: {heard.duration_s:.2f} s, shorter than {self.min_s:g} s"
        if heard.duration_s > self.max_s:
            yield "too_long", f"{utterance.audio}: {heard.duration_s:.2f} s, longer than {self.max_s:g} s"

    def _decode(self, utterance: Utterance, heard: Heard) -> Iterator[tuple[str, str]]:
        """All samples as recorded, not resampled (clipping would be smoothed away), a block at a time.

        What is longer than an utterance may be is not decoded where the headers say so, else no further than that.
        """
        utterance.require_channel()
        source = utterance.audio if utterance.audio_bytes is None else utterance.audio_bytes
        info = probe(source, name=utterance.audio)
        heard.duration_s = min(utterance.end_s or info.duration_s, info.duration_s) - utterance.start_s
        if heard.duration_s > self.max_s:
            return
        notes: list[str] = []
        levels, digest = Levels(), hashlib.blake2b(digest_size=DIGEST_BYTES)
        for block in stream_audio(
            source,
            None,
            BLOCK_S,
            start_s=utterance.start_s,
            end_s=utterance.end_s,
            channel=utterance.channel,
            name=utterance.audio,
            on_note=notes.append,
        ):
            levels.add(block)
            digest.update(block.tobytes())
            if levels.samples > self.max_s * info.sample_rate:
                break
        heard.duration_s = levels.samples / info.sample_rate
        yield from (("opposite_phase", note) for note in notes)
        if levels.silent:
            yield "silent", f"{utterance.audio}: nothing to be heard (peak below -70 dB)"
        else:
            heard.digest = digest.digest()
        if levels.clipped_share >= _CLIPPED_SHARE:
            yield "clipped", f"{utterance.audio}: {levels.clipped_share:.1%} of the samples are at full scale"

    def _read(self, utterance: Utterance, duration_s: float) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the text."""
        if not self.has_text:
            return
        text = utterance.text or ""
        if not text.strip():
            yield "empty_text", f"{utterance.audio}: no text"
            return
        said = self.normaliser.without_tags(text)
        if tags := tags_of(text):
            fate = "neither learnt nor scored" if said != text else "learnt and scored as words"
            yield "tags", f"{utterance.audio}: {' '.join(tags)} in {text!r}: {fate} ({self.normaliser.name})"
        if not any(map(str.isalnum, said)):
            yield "no_words", f"{utterance.audio}: no word in {text!r}"
            return
        if self.model is None:
            return
        if foreign := self.model.unwritable(text):
            listed = " ".join(sorted(foreign))
            yield "unwritable_characters", f"{utterance.audio}: the model cannot write {listed} in {text!r}"
        if not np.isnan(duration_s) and (trouble := self.model.label_problem(text, duration_s)):
            yield "label_too_long", f"{utterance.audio}: {trouble}"


def _duration_by_headers(utterance: Utterance) -> float:
    """Seconds by the file's headers where a glance tells them, else by the manifest, else by opening the file.

    Of a part of a file, and of embedded audio, the manifest is believed; the file must at least be there.
    """
    utterance.require_channel()
    embedded = utterance.audio_bytes is not None
    whole_s = None if embedded else glance_s(utterance.audio)
    if utterance.channel is None and utterance.duration_s is not None and (embedded or _is_there(utterance)):
        is_part = bool(utterance.start_s) or utterance.end_s is not None
        return utterance.duration_s if is_part or whole_s is None else whole_s
    if whole_s is None or utterance.channel is not None:
        info = probe(utterance.audio_bytes or utterance.audio, name=utterance.audio)
        whole_s = info.duration_s
        if utterance.channel is not None and utterance.channel > info.channels:
            raise no_such_channel(utterance.audio, utterance.channel, info.channels)
    return (utterance.end_s or whole_s) - utterance.start_s


def _is_there(utterance: Utterance) -> bool:
    """Whether the file is; of files elsewhere the manifest is believed."""
    return is_remote(utterance.audio) or os.path.isfile(utterance.audio)
