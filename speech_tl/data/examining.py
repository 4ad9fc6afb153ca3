"""Rows of a manifest looked at: what is wrong with their audio and their text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from speech_tl.audio import clipped_share, glance_s, is_silent, load_audio, probe
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

WARNINGS = ("unwritable_characters", "tags", "clipped", "duplicate_audio", "speaker_overlap", "sentence_overlap")
"""Kinds that are reported while the row stays in use."""

DIGEST_BYTES = 12

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
            waveform, rate = _own_samples(utterance)
            heard.duration_s = len(waveform) / rate
            if is_silent(waveform):
                yield "silent", f"{utterance.audio}: nothing to be heard (peak below -70 dB)"
            else:
                heard.digest = hashlib.blake2b(waveform.tobytes(), digest_size=DIGEST_BYTES).digest()
            if (share := clipped_share(waveform)) >= _CLIPPED_SHARE:
                yield "clipped", f"{utterance.audio}: {share:.1%} of the samples are at full scale"
        if heard.duration_s < self.min_s:
            yield "too_short", f"{utterance.audio}: {heard.duration_s:.2f} s, shorter than {self.min_s:g} s"
        if heard.duration_s > self.max_s:
            yield "too_long", f"{utterance.audio}: {heard.duration_s:.2f} s, longer than {self.max_s:g} s"

    def _read(self, utterance: Utterance, duration_s: float) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the text."""
        if not self.has_text:
            return
        if not (utterance.text or "").strip():
            yield "empty_text", f"{utterance.audio}: no text"
            return
        said = self.normaliser.without_tags(utterance.text)
        if tags := tags_of(utterance.text):
            fate = "neither learnt nor scored" if said != utterance.text else "learnt and scored as words"
            yield "tags", f"{utterance.audio}: {' '.join(tags)} in {utterance.text!r}: {fate} ({self.normaliser.name})"
        if not any(map(str.isalnum, said)):
            yield "no_words", f"{utterance.audio}: no word in {utterance.text!r}"
            return
        if self.model is None:
            return
        if foreign := self.model.unwritable(utterance.text):
            listed = " ".join(sorted(foreign))
            yield "unwritable_characters", f"{utterance.audio}: the model cannot write {listed} in {utterance.text!r}"
        if not np.isnan(duration_s) and (trouble := self.model.label_problem(utterance.text, duration_s)):
            yield "label_too_long", f"{utterance.audio}: {trouble}"


def _own_samples(utterance: Utterance) -> tuple[np.ndarray, int]:
    """The utterance's samples as recorded, not resampled (clipping would be smoothed away), and their rate."""
    source = utterance.audio if utterance.audio_bytes is None else utterance.audio_bytes
    rate = probe(source, name=utterance.audio).sample_rate
    return load_audio(source, None, utterance.start_s, utterance.end_s, name=utterance.audio), rate


def _duration_by_headers(utterance: Utterance) -> float:
    """Seconds by the manifest where it says (the file must at least be there), else by the file's headers."""
    embedded = utterance.audio_bytes is not None
    if utterance.duration_s is not None and (embedded or os.path.isfile(utterance.audio)):
        return utterance.duration_s
    whole_s = None if embedded else glance_s(utterance.audio)
    if whole_s is None:
        whole_s = probe(utterance.audio_bytes or utterance.audio, name=utterance.audio).duration_s
    return (utterance.end_s or whole_s) - utterance.start_s
