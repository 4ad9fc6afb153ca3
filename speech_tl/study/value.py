"""A study: the typed description of many runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from speech_tl.errors import BadInput
from speech_tl.options import Options, Seed
from speech_tl.recipe import Recipe
from speech_tl.recipe.overrides import methods_changed, yaml_value
from speech_tl.recipe.value import first_mistake
from speech_tl.text import nearest

Name = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
"""Also a part of a folder's name."""


class Variant(Options):
    """One way of running the study's recipe.

    Attributes:
        overrides: `key=value`, as on the command line of `speech-tl adapt`.
        times: so many times the training steps (or epochs) that the others have.
    """

    overrides: list[str] = Field([])
    times: int = Field(1, ge=1)


@dataclass(frozen=True)
class Trial:
    """One run of a study; `name` is its folder's."""

    name: str
    variant: str
    minutes: float | None
    seed: int
    recipe: Recipe

    @property
    def cell(self) -> tuple[float | None, int]:
        """What it shares with the other variants: the training speech."""
        return self.minutes, self.seed


class Study(Options):
    """A recipe, run in every variant on every amount of target speech with every seed.

    Attributes:
        name: also of the folder, runs/NAME.
        recipe: what all runs share; the budget of the training is in it.
        variants: the ways that are compared, by their names.
        minutes: of target speech to learn from; with one seed, fewer minutes are a part of more. None is all there is.
        seeds: of the training and of the choice of speech.
        reference: the variant whose final dev WER the others are timed against.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    description: str = ""
    recipe: Recipe
    variants: dict[Name, Variant] = Field(min_length=1)
    minutes: list[Annotated[float, Field(gt=0)] | None] = Field([None], min_length=1)
    seeds: list[Seed] = Field([0], min_length=1)
    reference: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Study:
        if self.reference is not None and self.reference not in self.variants:
            raise ValueError(f"reference {self.reference} is no variant (there are {', '.join(self.variants)})")
        if len(set(self.minutes)) < len(self.minutes) or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("minutes and seeds must not repeat")
        self.trials()
        return self

    def trials(self) -> list[Trial]:
        """Every run: the smaller amounts of speech first, all variants of one before the next.

        Raises:
            BadInput: a variant's override does not fit the recipe.
        """
        amounts = sorted(self.minutes, key=lambda minutes: (minutes is None, minutes))
        return [
            self._trial(name, variant, minutes, seed)
            for minutes in amounts
            for seed in self.seeds
            for name, variant in self.variants.items()
        ]

    def _trial(self, name: str, variant: Variant, minutes: float | None, seed: int) -> Trial:
        """One run, whose recipe bears the name of its folder."""
        folder = "-".join([name, *([f"{minutes:g}min"] if minutes is not None else []), f"seed{seed}"])
        cell = [f"seed={seed}", f"data.train_seed={seed}", f"name={self.name}-{folder}"]
        cell += [f"data.train_minutes={minutes!r}"] if minutes is not None else []
        recipe = self.recipe.with_overrides([*variant.overrides, *cell])
        training = recipe.training
        longer = {"epochs": training.epochs * variant.times}
        if training.max_steps is not None:
            longer["max_steps"] = training.max_steps * variant.times
        training = training.model_copy(update=longer)
        return Trial(folder, name, minutes, seed, recipe.model_copy(update={"training": training}))

    def with_overrides(self, overrides: Sequence[str]) -> Study:
        """A copy with `key=value` overrides: `minutes=[5,30]`, `seeds=[1]`, `only=[full,lora]` (those variants, and the
        reference where it is among them), and for all others any field of the recipe. `keep.OPTION` changes the
        retention methods that variants pick: `keep.root=X` says where all their source speech is.

        Raises:
            BadInput: as `Recipe.with_overrides`; or no such variant.
        """
        values: dict[str, Any] = {"minutes": self.minutes, "seeds": self.seeds, "only": list(self.variants)}
        others: list[str] = []
        retention: list[str] = []
        for override in overrides:
            key, equals, text = override.partition("=")
            if equals and key in values:
                values[key] = yaml_value(key, text)
            else:
                (retention if key.startswith("keep.") else others).append(override)
        only = values.pop("only")
        names = only if isinstance(only, list) else [only]
        for name in names:
            if name not in self.variants:
                close = nearest(str(name), self.variants)
                hint = f"did you mean {close}? " if close else ""
                raise BadInput(f"only={name}: no such variant; {hint}There are {', '.join(self.variants)}")
        recipe = self.recipe.with_overrides(others)
        # also those left out: one command line serves any `only`
        variants = _with_retention(self.variants, retention, recipe)
        changed = {
            "recipe": recipe,
            "variants": {name: variants[name] for name in names},
            "reference": self.reference if self.reference in names else None,
            **{key: value if isinstance(value, list) else [value] for key, value in values.items()},
        }
        return checked({**dict(self), **changed}, "override")


def _with_retention(variants: dict[str, Variant], overrides: Sequence[str], recipe: Recipe) -> dict[str, Variant]:
    """Variants with the overrides below "keep." that change one of their retention methods.

    Raises:
        BadInput: an override that changes none, or as `Recipe.with_overrides`.
    """
    taken: dict[str, list[str]] = {name: [] for name in variants}
    for override in overrides:
        key = override.partition("=")[0]
        for name, variant in variants.items():
            methods = recipe.with_overrides(variant.overrides).model_dump()["keep"]
            before = len(methods)
            if methods_changed(methods, key) and len(methods) == before:
                taken[name].append(override)
        if not any(override in found for found in taken.values()):
            recipe.with_overrides(["keep=null", override])  # a key that no method has is told by its nearest
            raise BadInput(
                f"{override}: no variant has the retention method {key.split('.')[1]} (there are {', '.join(variants)})"
            )
    return {
        name: variant.model_copy(update={"overrides": [*variant.overrides, *taken[name]]})
        for name, variant in variants.items()
    }


def checked(values: dict, origin: str) -> Study:
    """A study from its values.

    Raises:
        BadInput: the first thing that does not fit, in one line.
    """
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise BadInput(f"{origin}: {first_mistake(error)}") from error
