"""What the ways of keeping need before training: source speech, read, checked and told apart from every test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from speech_tl.data.guards import Guard
from speech_tl.data.manifest import Manifest
from speech_tl.data.source import SourceOptions, checked_source, read_source
from speech_tl.errors import BadInput
from speech_tl.evaluation import the_language
from speech_tl.recipe import Recipe
from speech_tl.reporting.screen import Screen
from speech_tl.strategies.kept import Interpolate, require_fit
from speech_tl.training.anchoring import old_weights
from speech_tl.training.retention import Retention

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel


@dataclass(frozen=True)
class Sources:
    """The source speech of a run.

    Attributes:
        utterances: usable rows, by the way of keeping that hears them.
        notes: for the report: what was set aside.
    """

    utterances: Mapping[str, Manifest] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def retention(self, recipe: Recipe) -> Retention:
        """The recipe's ways of keeping, ready to begin."""
        return Retention(recipe.keep, self.utterances)

    def facts(self) -> dict[str, dict[str, Any]]:
        """Where the speech is from and how much of it, by way."""
        return {
            name: {
                "source": source.source,
                "utterances": len(source),
                "hours": round(float(source.durations_s().sum()) / 3600, 3),
                "fingerprint": source.fingerprint(),
            }
            for name, source in self.utterances.items()
        }


def read_sources(recipe: Recipe) -> dict[str, Manifest]:
    """The rows of every way that hears source speech; no audio is opened.

    Raises:
        BadInput: a way that needs source speech has none.
    """
    seed = recipe.data.split_seed
    return {
        way.name: read_source(way.name, way, seed, with_text=way.reads_texts)
        for way in recipe.keep
        if isinstance(way, SourceOptions)
    }


def require_keeping(recipe: Recipe, model: AcousticModel) -> None:
    """Refuse ways of keeping that do not go with the model, once the strategy has prepared it.

    Raises:
        BadInput: as `require_fit` and `old_weights`.
    """
    anew = recipe.model.from_scratch or recipe.model.source.startswith("new:")
    require_fit(recipe.keep, model, recipe.strategy, from_scratch=anew)
    for way in recipe.keep:
        if way.pulls_weights:
            old_weights(model, recipe.strategy, way.name)


def interpolates(recipe: Recipe) -> Interpolate | None:
    """The recipe's interpolation, if it has one."""
    return next((way for way in recipe.keep if isinstance(way, Interpolate)), None)


def chooses_share(recipe: Recipe) -> Interpolate | None:
    """The recipe's interpolation, if its share is to be chosen on dev and on guards."""
    options = interpolates(recipe)
    return options if options is not None and options.fixed_share is None else None


def require_choice(recipe: Recipe, devs: Mapping[str, Manifest | None]) -> None:
    """Refuse to interpolate where nothing can tell which share harms; `devs` are the guards' dev parts, by name.

    Raises:
        BadInput: no guard, or one without a dev part.
    """
    if chooses_share(recipe) is None:
        return
    if not devs:
        raise BadInput(
            "keep=interpolate chooses its share on a guard, and the recipe has none: give one that has rows of split "
            "dev and of split test (guards.NAME=MANIFEST)"
        )
    for name, dev in devs.items():
        if dev is None:
            raise BadInput(
                f"keep=interpolate chooses its share on the dev part of every guard, and guard {name} has no row of "
                f"split dev: give guards.{name}.dev=MANIFEST, or leave the guard out"
            )


def checked_sources(
    recipe: Recipe,
    read: Mapping[str, Manifest],
    model: AcousticModel,
    parts: Mapping[str, Manifest],
    guards: Sequence[Guard],
    screen: Screen,
) -> Sources:
    """The usable rows of what `read_sources` found.

    Args:
        recipe: whose ways.
        read: by way.
        model: whose characters the texts must fit.
        parts: of the target; its dev and test must not be heard.
        guards: nor these.
        screen: where to show progress.

    Raises:
        BadInput: nothing usable, a row that is in a test set, or a language that the model is not set to.
    """
    tests = unheard_rows(parts, guards)
    ways, found, notes = {way.name: way for way in recipe.keep}, {}, []
    for name, manifest in read.items():
        _refuse_another_language(name, manifest, model)
        writer = model if ways[name].reads_texts else None
        with screen.progress(f"checking the source of {name}") as update:
            found[name], note = checked_source(name, manifest, recipe.data, writer, tests, update)
        notes += [note] if note else []
    return Sources(found, notes)


def unheard_rows(parts: Mapping[str, Manifest], guards: Sequence[Guard]) -> dict[str, Manifest]:
    """What is selected or reported on, which nothing may learn from, by what it is called."""
    tests = {f"{name} of the target": parts[name] for name in ("dev", "test")}
    tests |= {f"guard {guard.name}": guard.utterances for guard in guards}
    return tests | {f"the dev part of guard {guard.name}": guard.dev for guard in guards if guard.dev is not None}


def _refuse_another_language(name: str, manifest: Manifest, model: AcousticModel) -> None:
    """A model that is told which language it writes would learn the source under the wrong one."""
    spoken = the_language(manifest)
    if getattr(model, "multilingual", False) and spoken and model.language and spoken != model.language:
        raise BadInput(
            f"keep={name}: {manifest.source} is in {spoken} and the model is set to {model.language}: give source "
            f"speech in {model.language}, or use keep=l2_sp, which needs none"
        )
