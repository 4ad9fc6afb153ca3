"""A recipe: the typed description of a run, how it is written to a file, read back and overridden."""

from __future__ import annotations

from speech_tl.data.guards import GuardOptions
from speech_tl.data.manifest import DataOptions
from speech_tl.models.options import DecodingOptions, ModelOptions
from speech_tl.recipe.reading import (
    augment_options,
    copy_recipe,
    read_recipe,
    recipe_from_yaml,
    script_titles,
    shipped_recipe,
    shipped_recipes,
    shipped_studies,
)
from speech_tl.recipe.value import Recipe, ScoringOptions, validated
from speech_tl.reporting.options import ReportOptions
from speech_tl.retention import EWC, L2SP, Distill, Interpolate, Replay
from speech_tl.strategies.pseudo_label import PseudoLabel
from speech_tl.strategies.trained import (
    Adapters,
    BitFit,
    DecoderOnly,
    EncoderOnly,
    Full,
    Gradual,
    HeadOnly,
    LanguageAdapter,
    LoRA,
)
from speech_tl.training.options import TrainingOptions

__all__ = [
    "EWC",
    "L2SP",
    "Adapters",
    "BitFit",
    "DataOptions",
    "DecoderOnly",
    "DecodingOptions",
    "Distill",
    "EncoderOnly",
    "Full",
    "Gradual",
    "GuardOptions",
    "HeadOnly",
    "Interpolate",
    "LanguageAdapter",
    "LoRA",
    "ModelOptions",
    "PseudoLabel",
    "Recipe",
    "Replay",
    "ReportOptions",
    "ScoringOptions",
    "TrainingOptions",
    "augment_options",
    "copy_recipe",
    "read_recipe",
    "recipe_from_yaml",
    "script_titles",
    "shipped_recipe",
    "shipped_recipes",
    "shipped_studies",
    "validated",
]
