"""Train, dev and test that share no speaker (or, with one voice, no sentence)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.text import get_normaliser

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest

Basis = Literal["given", "speaker", "sentence"]
_SHARES: Mapping[str, float] = {"train": 0.8, "dev": 0.1, "test": 0.1}
_UNASSIGNED = ""


@dataclass(frozen=True)
class SplitResult:
    """A manifest whose column `split` says train, dev or test for each row.

    Attributes:
        manifest: the rows with their splits.
        basis: what the splits do not share: "speaker", "sentence" (one voice), or "given" (the manifest's own).
        note: one sentence for the report; empty when there is nothing to add.
    """

    manifest: Manifest
    basis: Basis
    note: str = ""


def speaker_disjoint_split(manifest: Manifest, seed: int, shares: Mapping[str, float] = _SHARES) -> SplitResult:
    """Give every row a split so that no speaker is in two of them.

    Fewer known speakers than splits: the split is by sentence (compared without case and punctuation), so that the
    same words never cross. Rows of unknown speakers, who might be anyone, all go to the first split of `shares`.

    Args:
        manifest: rows to divide; a split they already have is overwritten.
        seed: the same seed gives the same splits.
        shares: parts of the audio (or of the rows, where durations are unknown); the first takes what is left over.

    Raises:
        BadInput: fewer different sentences than splits, where only those can tell rows apart.
    """
    names = list(shares)
    speakers = [speaker or _UNASSIGNED for speaker in manifest.texts("speaker")]
    known = {speaker for speaker in speakers if speaker}
    if len(known) >= len(names):
        chosen = _divide(speakers, _sizes(manifest), shares, seed, not_moved=_UNASSIGNED)
        unknown = speakers.count(_UNASSIGNED)
        note = f"no speaker is in two splits (seed {seed})"
        if unknown:
            note += f"; {unknown} rows of unknown speakers went to {names[0]}"
        return SplitResult(manifest.with_column("split", chosen), "speaker", note)
    sentences = _sentences(manifest)
    if len(set(sentences)) < len(names):
        raise BadInput(
            f"{manifest.source}: {len(set(sentences))} different sentences by {len(known)} known speakers cannot be "
            f"split into {', '.join(names)}; add recordings or give the manifest a column 'split'"
        )
    chosen = _divide(sentences, _sizes(manifest), shares, seed)
    return SplitResult(
        manifest.with_column("split", chosen), "sentence", _voices_note(len(known), _UNASSIGNED in speakers)
    )


def ensure_splits(manifest: Manifest, seed: int, *, needs_train: bool = True) -> SplitResult:
    """The manifest's own splits, with what is missing made: all of them, or only dev (or test) taken from train.

    Where there is other speech to learn from, it need have no train if it has dev and test.

    Raises:
        BadInput: there are splits, but no train among them.
    """
    splits = np.array([split or _UNASSIGNED for split in manifest.texts("split")])
    if not splits.astype(bool).any():
        return speaker_disjoint_split(manifest, seed)
    missing = [name for name in _SHARES if not (splits == name).any()]
    if missing == ["train"] and not needs_train:
        return SplitResult(manifest, "given")
    if "train" in missing:
        there = ", ".join(sorted(set(splits) - {_UNASSIGNED}))
        raise BadInput(f"{manifest.source}: no row has split 'train' (there are {there}); name one of them train")
    if not missing:
        return SplitResult(manifest, "given")
    train = np.flatnonzero(splits == "train")
    parts = {name: _SHARES[name] for name in _SHARES if name == "train" or name in missing}
    carved = speaker_disjoint_split(manifest.select(train), seed, parts)
    splits = splits.astype(object)
    splits[train] = carved.manifest.column("split")
    note = f"{' and '.join(missing)} taken from train: {carved.note}"
    basis = carved.basis if "test" in missing else "given"
    return SplitResult(manifest.with_column("split", splits.tolist()), basis, note)


def _voices_note(known: int, some_unknown: bool) -> str:
    if some_unknown:
        return "split by sentence because the speakers are unknown: the result may hold for these voices only"
    if known == 1:
        return "this voice only: one speaker, split by sentence; nothing is shown about other voices"
    return f"these {known} voices only: too few speakers to keep apart, split by sentence"


def _sizes(manifest: Manifest) -> np.ndarray:
    """Seconds of each row, or 1 each where any is unknown."""
    durations_s = manifest.durations_s()
    return np.ones(len(manifest)) if np.isnan(durations_s).any() else durations_s


def _sentences(manifest: Manifest) -> list[str]:
    """Each row's normalised text; a row without text is a sentence of its own."""
    spoken = zip(manifest.texts("text"), manifest.texts("language"), strict=True)
    return [get_normaliser("basic", own)(text) if text else f"\0{row}" for row, (text, own) in enumerate(spoken)]


def _divide(
    keys: Sequence[str], sizes: np.ndarray, shares: Mapping[str, float], seed: int, not_moved: str | None = None
) -> list[str]:
    """The split of every row; rows with the same key stay together, rows keyed `not_moved` in the first split."""
    first, *others = shares
    groups, group_of_row = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    totals = np.bincount(group_of_row, weights=sizes, minlength=len(groups))
    free = [
        g for g in np.random.default_rng(seed).permutation(len(groups)) if not_moved is None or groups[g] != not_moved
    ]
    split_of_group = np.full(len(groups), first, dtype=object)
    for position, name in enumerate(others):
        still_needed = len(others) - position  # one group for every split to come, the first one included
        taken = _fill(free, totals, shares[name] * totals.sum(), most=len(free) - still_needed)
        split_of_group[taken] = name
        free = [group for group in free if group not in set(taken)]
    return split_of_group[group_of_row].tolist()


def _fill(groups: Sequence[int], totals: np.ndarray, target: float, most: int) -> list[int]:
    """Groups, at least one and at most `most`, that come close to `target`; a group much too large is passed over."""
    taken: list[int] = []
    filled = 0.0
    for group in groups:
        if len(taken) >= most or filled >= target:
            break
        if filled + totals[group] <= 1.25 * target:
            taken.append(group)
            filled += totals[group]
    return taken or [min(groups, key=lambda group: totals[group])]
