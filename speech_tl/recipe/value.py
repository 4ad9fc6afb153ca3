"""The recipe itself: the typed description of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator

from speech_tl.data.augment import AugmentOptions, LadderOptions
from speech_tl.data.guards import GuardOptions
from speech_tl.data.manifest import DataOptions
from speech_tl.errors import BadInput
from speech_tl.models.options import DecodingOptions, ModelOptions
from speech_tl.options import Options, Seed
from speech_tl.recipe.overrides import PICKS, SHORT_FORMS, put, yaml_value
from speech_tl.reporting.options import ReportOptions
from speech_tl.retention.base import METHODS
from speech_tl.retention.recipe_field import Keep, as_list, repeated
from speech_tl.strategies.pseudo_label import PseudoLabel
from speech_tl.strategies.trained import STRATEGIES, Full, Strategy
from speech_tl.text import NORMALISERS
from speech_tl.training.options import TrainingOptions

GuardName = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
"""Also the name of a folder."""


class ScoringOptions(Options):
    """How hypotheses are scored.

    Attributes:
        normaliser: `none`, `basic`, `english`, `unspaced` or "module:function"; None takes the language's default;
            an English-only checkpoint says the language where recipe and manifest do not.
        by: manifest columns whose values get a WER of their own.
    """

    normaliser: str | None = None
    by: list[str] = Field([])


class Recipe(Options):
    """One run: which model, which data, what is trained, how, how it is scored, and what it must not spoil.

    Attributes:
        name: of the run; also of its folder, runs/NAME.
        description: one line for the report and the model card.
        seed: of all chance in the run.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    description: str = ""
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    strategy: Strategy = Full()
    keep: list[Keep] = Field([])
    unlabelled: PseudoLabel | None = None
    training: TrainingOptions = TrainingOptions()
    augment: AugmentOptions = AugmentOptions()
    ladder: LadderOptions | None = None
    scoring: ScoringOptions = ScoringOptions()
    decoding: DecodingOptions = DecodingOptions()
    guards: dict[GuardName, GuardOptions] = Field({})
    report: ReportOptions = ReportOptions()
    seed: Seed = 0

    @field_validator("keep", mode="before")
    @classmethod
    def _methods(cls, value: Any) -> Any:
        """A retention method's name stands for the method with its defaults."""
        return as_list(value)

    @field_validator("keep")
    @classmethod
    def _each_once(cls, methods: list[Keep]) -> list[Keep]:
        """Twice the same method could not be told apart."""
        if twice := repeated(methods):
            raise ValueError(f"{twice} stands there twice: give it once, with its options")
        return methods

    def with_overrides(self, overrides: Sequence[str]) -> Recipe:
        """A copy with `key=value` overrides, each a dotted path: "training.learning_rate=1e-4".

        "model=X" means "model.source=X"; "strategy=lora" picks the strategy with its defaults; "data=X" means
        "data.root=X"; "guards.NAME=X" begins a guard with its data, "guards.NAME=null" leaves one out. A key of an
        effect that is off ("augment.noise.folders=noise") switches it on, "augment.noise=null" switches it off.
        "keep=[replay,l2_sp]" picks retention methods with their defaults; "keep.replay.share=0.3" changes (or adds) one
        of them, "keep.root=X" whichever of them have such an option; "keep=null" leaves all out.

        >>> Recipe(name="demo").with_overrides(["training.max_steps=50", "model=starter-whisper"]).model.source
        'starter-whisper'

        Raises:
            BadInput: no "=", an unknown key (the nearest real one is named), or a value that does not fit.
        """
        values = self.model_dump()
        for override in sorted(overrides, key=lambda override: override.partition("=")[0] not in PICKS):
            key, equals, text = override.partition("=")
            if not equals:
                raise BadInput(f"{override!r} is not an override: expected key=value, like training.max_steps=100")
            put(values, SHORT_FORMS.get(key, key), yaml_value(key, text), type(self))
        return validated(values, "override")

    def normalisers(self) -> dict[str, str]:
        """The normalisers that it names, by their dotted keys: the target's and the guards'."""
        named = {"scoring.normaliser": self.scoring.normaliser}
        named |= {f"guards.{name}.normaliser": guard.normaliser for name, guard in self.guards.items()}
        return {key: name for key, name in named.items() if name}

    def owners_overrides(self) -> list[str]:
        """What its owner has to say again where it is read from its YAML: functions of their own."""
        return [f"{key}={name}" for key, name in self.normalisers().items() if name not in NORMALISERS]

    def to_yaml(self) -> str:
        """The whole recipe as YAML; `read_recipe` on it, with `owners_overrides`, repeats the run."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def validated(values: dict[str, Any], origin: str) -> Recipe:
    """A recipe from plain values.

    Raises:
        BadInput: the first thing that does not fit, in one line.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise BadInput(f"{origin}: {first_mistake(error)}") from error


def first_mistake(error: ValidationError) -> str:
    """One line from pydantic's report: the dotted key, what is wrong, what was given; and how many more there are."""
    mistakes = error.errors()
    first = mistakes[0]
    place = [str(part) for part in _without_position(first["loc"]) if part not in STRATEGIES]
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    tables = isinstance(first["input"], dict) or (first["input"] and first["loc"] == ("keep",))
    untold = first["type"] in ("missing", "extra_forbidden") or tables
    given = "" if untold else f", not {first['input']!r}"
    return f"{'.'.join(place)}: {first['msg']}{given}{more}"


def _without_position(place: Sequence[str | int]) -> Sequence[str | int]:
    """("keep", 0, "replay", "share") as a user writes it: which method it is says the name alone."""
    return [place[0], *place[2:]] if len(place) > 2 and place[0] == "keep" and place[2] in METHODS else place
