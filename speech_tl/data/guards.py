"""Guards: other test sets that an adaptation must not spoil, read and checked before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from speech_tl.data.check import Progress
from speech_tl.data.manifest import DataOptions, Excluded, Manifest
from speech_tl.data.selection import Selection, first_of, shared_rows, usable_rows
from speech_tl.data.test_set import TestSet
from speech_tl.errors import BadInput
from speech_tl.options import Options
from speech_tl.text import Normaliser


class GuardOptions(Options):
    """One test set that is scored before and after, the source domain first.

    Attributes:
        data: a manifest or a folder that holds one, as `data.root`.
        split: which split; None, or a manifest without splits, means every row.
        where: keep rows with these values, e.g. {accent: us}.
        utterances: at most so many, drawn with `data.split_seed`.
        limit: how much the WER (the CER, for languages without spaces) may rise before it is a warning, absolute:
            0.02 is two percentage points.
        normaliser: None takes the recipe's for the same language, else the language's default.
        language: of the speech; None takes the manifest's when all rows agree, else the target's.
        dev: where its dev part is, on which `keep=interpolate` chooses: a manifest, of which the rows of split dev are
            taken (all, where it has no splits); None looks for rows of split dev in `data`.
    """

    data: str
    split: str | None = "test"
    where: dict[str, Any] = Field({})
    utterances: int | None = Field(None, ge=1)
    limit: float = Field(0.02, ge=0)
    normaliser: str | None = None
    language: str | None = None
    dev: str | None = None


@dataclass(frozen=True)
class Guard:
    """A guard after the check.

    Attributes:
        test: what is reported; named as the recipe calls the guard.
        dev: its dev part, none of whose rows are in `test`; None where it has none or nobody asked.
        excluded: rows excluded.
        tables: what it was read from, before any row was excluded, by what messages call it.
    """

    test: TestSet
    dev: TestSet | None = None
    excluded: list[Excluded] = field(default_factory=list)
    tables: Mapping[str, Manifest] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the recipe calls it."""
        return self.test.name

    def set_to(self, language: str | None) -> Guard:
        """With a model that writes several languages set to this one while it decodes; None is the target's."""
        dev = self.dev and replace(self.dev, set_to=language)
        return replace(self, test=replace(self.test, set_to=language), dev=dev)


def read_guard(name: str, options: GuardOptions, seed: int) -> Manifest:
    """The rows of a guard, as its options choose them; no audio is opened.

    Raises:
        BadInput: nothing there, no such split, value or column, or no text to score against; names the guard.
    """
    chosen = (options.where, options.utterances, seed)
    manifest = Selection(f"guard {name}", options.data, options.split, *chosen).read()
    if not any((text or "").strip() for text in manifest.column("text")):
        ids = manifest.column("id")
        raise BadInput(
            f"guard {name}: {options.data} has no text in any of its {len(manifest)} rows ({first_of(ids)}): a guard "
            "is scored against what is said"
        )
    return manifest


def read_guard_dev(name: str, options: GuardOptions, guard: Manifest, seed: int) -> Manifest | None:
    """The rows of a guard's dev part, as `options` choose them beside its `split`; no audio is opened.

    Returns:
        None where there are none.

    Raises:
        BadInput: as `read_guard`, or a row of `guard`, which is reported, is among them.
    """
    root, who = options.dev or options.data, f"guard {name}, dev part"
    splits = set(Selection(who, root, None, {}, with_text=False).read().texts("split")) - {None, ""}
    if "dev" not in splits and (splits or options.dev is None):
        return None
    dev = Selection(who, root, "dev", options.where, options.utterances, seed).read()
    shared = shared_rows(dev, guard)
    if shared:
        raise BadInput(
            f"guard {name}: {len(shared)} rows of its dev part are also in what is reported ({first_of(shared)}): set "
            f"guards.{name}.split=test, or give guards.{name}.dev=MANIFEST"
        )
    return dev


def checked_guard(
    name: str,
    options: GuardOptions,
    manifest: Manifest,
    data: DataOptions,
    *,
    language: str | None,
    normaliser: Normaliser,
    dev: Manifest | None = None,
    progress: Progress | None = None,
) -> Guard:
    """The guard's usable rows, by the same limits as the target's.

    Args:
        name: as the recipe calls it.
        options: from the recipe.
        manifest: from `read_guard`.
        data: the target's options, for the shortest and the longest utterance.
        language: of the guard's speech.
        normaliser: for its WERs.
        dev: from `read_guard_dev`.
        progress: called with (rows done, rows in all).

    Raises:
        BadInput: no row can be used, or its texts hold no word; names the guard.
    """
    tables = {f"guard {name}": manifest} | ({} if dev is None else {f"the dev part of guard {name}": dev})
    usable, excluded = _usable(f"guard {name}", manifest, data, normaliser, progress)
    if dev is not None:
        dev, _ = _usable(f"guard {name}, dev part", dev, data, normaliser, progress)
    facts = {
        "source": options.data,
        "split": options.split,
        "fingerprint": manifest.fingerprint(),
        "language": language,
        "utterances": len(usable),
        "hours": round(float(usable.durations_s().sum()) / 3600, 3),
        "excluded": dict(Counter(row.problem for row in excluded)),
    }
    if dev is not None:
        facts["dev_utterances"] = len(dev)
    test = TestSet(name, usable, normaliser, language, limit=options.limit, facts=facts)
    dev_set = None if dev is None else replace(test, utterances=dev, facts=None)
    return Guard(test, dev_set, excluded, tables)


def _usable(
    who: str, manifest: Manifest, data: DataOptions, rules: Normaliser, progress: Progress | None
) -> tuple[Manifest, list[Excluded]]:
    """The rows that can be scored, all with a duration, and those excluded."""
    tested = manifest.with_column("split", ["test"] * len(manifest))  # whatever it says: nothing learns from it
    usable, excluded = usable_rows(who, manifest, tested, data, progress, normaliser=rules)
    if not any(rules(text).strip() for text in usable.column("text")):
        raise BadInput(f"{who}: {manifest.source} holds no words after normalising with {rules.name}")
    return usable, excluded
