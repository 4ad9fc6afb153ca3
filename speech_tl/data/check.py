"""Is this data fit to learn from and to report on? Every row looked at once; faults listed, never fatal."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.data.examining import (
    DIGEST_BYTES,
    UNUSABLE,
    UNUSABLE_IN_TRAIN,
    WARNINGS,
    Depth,
    Examiner,
    Heard,
    Problem,
    Writer,
)
from speech_tl.data.manifest import Excluded, Manifest
from speech_tl.data.overlaps import (
    SPLITS,
    Pair,
    comparable_sentences,
    same_audio,
    shared_values,
    spoken_in,
)
from speech_tl.data.parallel import in_processes, in_threads
from speech_tl.errors import BadInput
from speech_tl.text import Normaliser, agreed, literal, normaliser_for, tags_of, write_atomically

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "RUN_DEPTH",
    "UNUSABLE",
    "UNUSABLE_IN_TRAIN",
    "WARNINGS",
    "CheckResult",
    "Problem",
    "check_manifest",
    "print_check",
    "write_clean",
    "write_excluded",
]

Progress = Callable[[int, int], None]

RUN_DEPTH: Mapping[str, Depth] = {"train": "headers"}
"""What a run checks before it trains: train by its headers, so that it starts at once; the rest fully."""


@dataclass
class CheckResult:
    """What a check found; `*_by_split` count usable rows only ("" holds rows without a split).

    Attributes:
        source: what was checked.
        rows: how many utterances were looked at.
        problems: everything found, row by row, overlaps last.
        counts: number of problems of each kind that occurs.
        utterances_by_split: usable rows.
        hours_by_split: their audio, as far as durations are known.
        speakers_by_split: their known speakers.
        one_voice: all usable rows are by one known speaker, whom the splits then share of necessity.
        shared_speakers: names by pair of splits, e.g. `{("train", "test"): ["ann"]}`; empty when none is shared.
        shared_sentences: normalised sentences likewise.
        duplicate_audio: groups of ids whose samples are the same.
        tags: in how many rows each tag ([laughter], <COMMA>) occurs, the most frequent first.
        clean_indices: the usable rows, `(usable,)`, for `Manifest.select`.
        durations_s: seconds of every row `(rows,)`; NaN where neither manifest nor audio says.
        notes: what a person should know about how the manifest was read.
    """

    source: str
    rows: int
    problems: list[Problem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    utterances_by_split: dict[str, int] = field(default_factory=dict)
    hours_by_split: dict[str, float] = field(default_factory=dict)
    speakers_by_split: dict[str, int] = field(default_factory=dict)
    one_voice: bool = False
    shared_speakers: dict[Pair, list[str]] = field(default_factory=dict)
    shared_sentences: dict[Pair, list[str]] = field(default_factory=dict)
    duplicate_audio: list[tuple[str, ...]] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=dict)
    clean_indices: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    durations_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    notes: tuple[str, ...] = ()

    @property
    def excluded(self) -> list[Excluded]:
        """The rows set aside, each once, with the first reason."""
        first: dict[int, Problem] = {}
        for problem in self.problems:
            if problem.sets_aside:
                first.setdefault(problem.row, problem)
        return [Excluded(p.id, p.audio, p.row, p.split, p.kind, p.detail) for p in first.values()]

    def usable(self, manifest: Manifest) -> Manifest:
        """`manifest` without the rows set aside.

        Raises:
            BadInput: none is left (says why most of them went).
        """
        if len(self.clean_indices):
            return manifest.select(self.clean_indices)
        reasons = Counter(excluded.problem for excluded in self.excluded).most_common(3)
        why = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in reasons) or "no rows"
        example = f"; e.g. {self.excluded[0].detail}" if self.excluded else ""
        raise BadInput(f"{self.source}: no usable row among {self.rows} ({why}){example}")

    def usable_with_durations(self, manifest: Manifest) -> Manifest:
        """The same, every row with the duration that the check found."""
        return self.usable(manifest).with_column("duration", self.durations_s[self.clean_indices].tolist())


def check_manifest(
    manifest: Manifest,
    *,
    model: Writer | None = None,
    normaliser: Normaliser | None = None,
    depth: Depth | Mapping[str, Depth] = "full",
    workers: int = 2,
    progress: Progress | None = None,
    min_duration_s: float = 0.3,
    max_duration_s: float = 30.0,
) -> CheckResult:
    """Look at every row once, audio and text; keep hashes and numbers, no audio.

    Args:
        manifest: what to check.
        model: whose characters and label lengths the texts must fit; None leaves those two out.
        normaliser: what the texts are scored with, which says what becomes of tags ([laughter], <COMMA>); None takes
            the default of the manifest's language.
        depth: "full" decodes all audio; "headers" opens files only where the manifest has no duration. One for all,
            or one a split (splits not named: "full"), as in `RUN_DEPTH`.
        workers: threads that decode; where only headers are read there is a process for each processor.
        progress: called with (rows done, rows in all).
        min_duration_s: shorter utterances are too_short.
        max_duration_s: longer ones too_long.

    Returns:
        What was found. Nothing about a row raises: a broken file is a problem in the list.
    """
    normaliser = normaliser or normaliser_for(None, agreed(manifest.texts("language")))
    examine = Examiner(manifest, model, normaliser, depth, (min_duration_s, max_duration_s))
    durations_s = np.full(len(manifest), np.nan)
    digests = np.zeros(len(manifest), dtype=f"S{DIGEST_BYTES}")
    found_at: dict[int, list[Problem]] = {}
    done = 0
    for rows, found in _looked_at(examine, manifest, workers):
        for index, heard in zip(rows.tolist(), found, strict=True):
            durations_s[index], digests[index] = heard.duration_s, heard.digest
            if heard.problems:
                found_at[index] = heard.problems
        done += len(rows)
        if progress:
            progress(done, len(manifest))
    problems = [problem for index in sorted(found_at) for problem in found_at[index]]
    return _summed_up(manifest, problems, durations_s, digests, normaliser)


def write_clean(manifest: Manifest, result: CheckResult, path: str | Path) -> Path:
    """Write the usable rows of `manifest` to `path` (.csv, .tsv, .jsonl, .parquet), whole or not at all.

    Raises:
        BadInput: no row is usable, or the format cannot be written.
    """
    return result.usable(manifest).write(path)


def write_excluded(path: str | Path, excluded: Sequence[Excluded]) -> Path:
    """Write the rows set aside as JSONL, one object each: id, audio, row, split, problem, detail."""
    lines = (json.dumps(dataclasses.asdict(row), ensure_ascii=False) for row in excluded)
    return write_atomically(path, "".join(f"{line}\n" for line in lines))


def print_check(result: CheckResult, console: Console, offenders: int = 3) -> None:
    """Show splits, then the number of problems of each kind, then the first `offenders` of each."""
    from rich.table import Table

    usable = f"{result.rows} utterances, {len(result.clean_indices)} usable"

    def line(text: str, style: str = "") -> None:
        console.print(literal(text, style=style), soft_wrap=True)

    line(f"{result.source}: {usable}")
    for note in result.notes:
        line(f"note: {note}")
    table = Table()
    for name in ("split", "utterances", "hours", "speakers"):
        table.add_column(name, justify="left" if name == "split" else "right")
    for split, count in result.utterances_by_split.items():
        speakers = result.speakers_by_split[split]
        hours = f"{result.hours_by_split[split]:.2f}"
        table.add_row(literal(split or "(none)"), str(count), hours, str(speakers or "unknown"))
    console.print(table)
    if not result.problems:
        line("No problems found.", "green")
    for kind, count in result.counts.items():
        of_kind = [problem for problem in result.problems if problem.kind == kind]
        aside = sum(problem.sets_aside for problem in of_kind)
        line(f"{kind.replace('_', ' ')}: {count} ({f'{aside} set aside' if aside else 'warning'})", "bold")
        if kind == "tags":
            line(f"  {tag_list(result.tags)}")
        for problem in of_kind[:offenders]:
            line(f"  row {problem.row}: {problem.detail}")
        if count > offenders:
            line(f"  ... and {count - offenders} more")


def tag_list(tags: Mapping[str, int], most: int = 8) -> str:
    """The most frequent tags with the number of rows that have them.

    >>> tag_list({"[laughter]": 12, "<COMMA>": 1})
    '[laughter] in 12 rows, <COMMA> in 1 row'
    """
    shown = [f"{tag} in {rows} row{'s' if rows > 1 else ''}" for tag, rows in list(tags.items())[:most]]
    return ", ".join([*shown, *([f"and {len(tags) - most} others"] if len(tags) > most else [])])


def _tags(manifest: Manifest, problems: Sequence[Problem]) -> dict[str, int]:
    """In how many rows each tag occurs."""
    rows = {problem.row for problem in problems if problem.kind == "tags"}
    if not rows:
        return {}
    pairs = zip((manifest.rows + 1).tolist(), manifest.texts("text"), strict=True)
    return dict(Counter(tag for row, text in pairs if row in rows for tag in set(tags_of(text or ""))).most_common())


def _looked_at(examine: Examiner, manifest: Manifest, workers: int) -> Iterator[tuple[np.ndarray, list[Heard]]]:
    """All rows, some at a time: first those of which only headers are read, then those that are decoded."""
    quick = np.array([examine.depth_of(split) == "headers" for split in manifest.texts("split")], dtype=bool)
    yield from in_processes(examine, np.flatnonzero(quick))
    yield from in_threads(examine, np.flatnonzero(~quick), workers)


def _summed_up(
    manifest: Manifest, problems: list[Problem], durations_s: np.ndarray, digests: np.ndarray, normaliser: Normaliser
) -> CheckResult:
    aside = {problem.row for problem in problems if problem.sets_aside}
    clean = np.array([i for i, row in enumerate(manifest.rows) if int(row) + 1 not in aside], dtype=np.int64)
    result = CheckResult(manifest.source, len(manifest), problems, clean_indices=clean, durations_s=durations_s)
    result.notes = manifest.notes
    groups = same_audio(digests)
    result.duplicate_audio = [tuple(manifest[int(index)].id for index in group) for group in groups]
    for group in groups:
        first = manifest[int(group[0])]
        same_as = f"the same samples as {first.id} ({first.columns.get('split') or 'no split'})"
        problems.extend(_problem("duplicate_audio", manifest, int(index), same_as) for index in group[1:])
    usable = manifest.select(clean)
    splits = [split or "" for split in usable.texts("split")]
    _count_splits(result, usable, splits, durations_s[clean])
    _find_overlaps(result, usable, splits, normaliser.language)
    result.tags = _tags(manifest, problems)
    result.counts = dict(Counter(problem.kind for problem in problems).most_common())
    return result


def _count_splits(result: CheckResult, usable: Manifest, splits: list[str], durations_s: np.ndarray) -> None:
    speakers = usable.texts("speaker")
    result.one_voice = len(set(speakers)) == 1 and bool(speakers[0])
    names = np.array(splits, dtype=object)
    for split in sorted(set(splits), key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name)):
        chosen = np.flatnonzero(names == split)
        result.utterances_by_split[split] = len(chosen)
        result.hours_by_split[split] = float(np.nansum(durations_s[chosen])) / 3600
        result.speakers_by_split[split] = len({speakers[index] for index in chosen} - {None, ""})


def _find_overlaps(result: CheckResult, usable: Manifest, splits: list[str], language: str | None) -> None:
    speakers = usable.texts("speaker")
    sentences = comparable_sentences(usable.texts("text"), splits, spoken_in(usable, language))
    result.shared_speakers = shared_values(speakers, splits)
    result.shared_sentences = shared_values(sentences, splits)
    for kind, what, values, shared in (
        ("speaker_overlap", "speaker", speakers, result.shared_speakers),
        ("sentence_overlap", "sentence", sentences, result.shared_sentences),
    ):
        first_at: dict[tuple[str, Any], int] = {}
        for index, key in enumerate(zip(splits, values, strict=True)):
            first_at.setdefault(key, index)
        for (first, second), names in shared.items():
            if kind == "speaker_overlap" and result.one_voice:
                continue
            result.problems.extend(
                _problem(kind, usable, first_at[second, name], f"{what} {name!r} is in {first} and in {second}")
                for name in names
            )


def _problem(kind: str, manifest: Manifest, index: int, detail: str) -> Problem:
    utterance = manifest[index]
    row = int(manifest.rows[index]) + 1
    return Problem(kind, row, utterance.id, utterance.audio, utterance.columns.get("split") or "", detail)
