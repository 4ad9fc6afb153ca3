"""What a run would do, for `adapt --dry-run`: the recipe, the data, the model, the time and the memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from speech_tl.reporting.words import count
from speech_tl.screen import clock

if TYPE_CHECKING:
    from speech_tl.data.manifest import Excluded
    from speech_tl.training.estimate import Estimate
    from speech_tl.training.run_folder import Disk

EXAMPLES = 3

LEAST_S = 0.5
"""Shorter parts of the time are not shown."""


def plan_text(
    facts: Mapping[str, Any],
    excluded: Sequence[Excluded],
    notes: Sequence[str],
    model: Mapping[str, Any],
    guess: Estimate,
    disk: Disk,
    guards: Mapping[str, Mapping[str, Any]] | None = None,
    ladder: tuple[str, float] | None = None,
    reading_s: float = 0.0,
    report_s: float = 0.0,
) -> str:
    """The plan as plain text, a line a fact.

    Args:
        facts: of the data: utterances, hours and speakers of each split; hours that retention methods decode; seconds
            to decode for the texts' capitals and marks.
        excluded: rows set aside.
        notes: sentences about the data.
        model: `describe()` of the model, with "trainable", "device" and "normaliser" (of the WERs).
        guess: what was measured.
        disk: what the run takes while it trains, and afterwards.
        guards: facts of each guard's data by name: source, utterances, hours.
        ladder: the noise ladder in words, and the hours that one model decodes for it.
        reading_s, report_s: seconds that it took to read and check the data, and to compare train and test.
    """
    guards, (rungs, ladder_hours) = guards or {}, ladder or ("", 0.0)
    hours = sum(guard["hours"] for guard in guards.values()) + ladder_hours
    an_hour_s = guess.test_s / max(facts["hours"]["test"], 1e-3)
    others_s, between_s = an_hour_s * hours, an_hour_s * facts.get("retention_hours", 0.0)
    parts = {
        "reading and checking the data": reading_s,
        **guess.parts(),
        "guards and noise, before and after": 2 * others_s,
        "capitals and marks of the train texts": facts.get("restoring_s", 0.0),
        "shares of the new weights": between_s,
        "leaks and report": report_s,
    }
    total_s = sum(parts.values())
    total, trainable = model["parameters"], model["trainable"]
    lines = [
        *_too_few(facts, guards),
        *_data(facts, excluded),
        *(
            f"guard     {name}: {guard['source']}, {count(guard['utterances'])} utterances, {guard['hours']:.2f} h"
            for name, guard in guards.items()
        ),
        *([f"ladder    {rungs}, {ladder_hours:.2f} h"] if ladder else []),
        *(
            f"source    of {way}: {from_['source']}, {count(from_['utterances'])} utterances, {from_['hours']:.2f} h"
            for way, from_ in facts.get("sources", {}).items()
        ),
        f"model     {model['source']} ({model['architecture']}) on {model['device']}, {guess.precision}",
        f"trains    {count(trainable)} of {count(total)} parameters ({trainable / total:.0%}), "
        f"learning rate up to {guess.learning_rate:g}",
        f"steps     {count(guess.steps)} ({guess.epochs:g} epochs)"
        + (f", {guess.looks} validation passes, every {count(guess.eval_steps)} steps" if guess.looks else "")
        + (f", {count(guess.dev_utterances)} dev utterances each" if guess.looks else ""),
        f"time      about {clock(total_s)}; validation is {guess.looks_s / total_s:.0%} of it",
        *(f"  {clock(seconds):>8}  {name}" for name, seconds in parts.items() if seconds >= LEAST_S),
        f"memory    about {guess.peak_memory_bytes / 1e9:.1f} GB",
        f"disk      needs {disk.training / 1e6:,.0f} MB while training, {disk.afterwards / 1e6:,.0f} MB afterwards",
        f"scored    with the normaliser {model['normaliser']}",
        *(f"note      {note}" for note in notes),
        "Nothing was written.",
    ]
    return "\n".join(lines)


def with_recipe(recipe_yaml: str, plan: str) -> str:
    """The resolved recipe as YAML and the plan as YAML comments below it: a file of it is a recipe."""
    return recipe_yaml + "\n" + "\n".join(f"# {line}" for line in plan.splitlines())


def _too_few(facts: Mapping[str, Any], guards: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """First of all: which test sets are too small for any claim, whatever will be measured on them."""
    sides = {"test": facts, **{f"guard {name}": guard for name, guard in guards.items()}}
    return [f"{name}: {side['too_few']}" for name, side in sides.items() if side.get("too_few")]


def _data(facts: Mapping[str, Any], excluded: Sequence[Excluded]) -> list[str]:
    """Found and set aside, split by split, and the first that were set aside."""
    lines = [f"data      {facts['source']}"]
    for name, utterances in facts["utterances"].items():
        speakers = facts["speakers"][name]
        aside = Counter(row.problem.replace("_", " ") for row in excluded if row.split == name)
        line = f"  {name:<8}{count(utterances)} utterances, {facts['hours'][name]:.2f} h"
        line += f", {speakers} speaker{'s' if speakers > 1 else ''}" if speakers else ", speakers unknown"
        if aside:
            line += f"; set aside {sum(aside.values())} ({', '.join(f'{n} {kind}' for kind, n in aside.items())})"
        lines.append(line)
    lines += [f"  aside   row {row.row}: {row.detail}" for row in excluded[:EXAMPLES]]
    return [*lines, f"  aside   ... and {len(excluded) - EXAMPLES} more"] if len(excluded) > EXAMPLES else lines
