"""The clips that an export and its source are compared on: the dev rows of the model's own run, or a manifest's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech_tl.adaptation.preparation import normaliser_of
from speech_tl.data.manifest import Manifest, open_data
from speech_tl.errors import BadInput
from speech_tl.evaluation import the_language
from speech_tl.recipe import recipe_from_yaml
from speech_tl.scoring.selection import chosen_to_score
from speech_tl.text import Normaliser, normaliser_for

MOST_CLIPS, SEED = 200, 0
"""Clips that are compared, drawn from all: every program hears each in a window of 30 s."""

LONGEST_S = 30.0
"""Beyond its window a Whisper hears nothing, and each program goes on in its own way."""


@dataclass(frozen=True)
class Clips:
    """Utterances with text, and how they are scored.

    Attributes:
        utterances: at most `MOST_CLIPS`, none known to be longer than `LONGEST_S`.
        language: of the speech, where the run or the manifest says one.
        normaliser: of references and texts; None is the default of the model's language.
        facts: source, split and fingerprint.
    """

    utterances: Manifest
    language: str | None
    normaliser: Normaliser | None
    facts: dict[str, Any]


def run_of(model: str) -> Path | None:
    """The folder of the run that left this model, adapter or whole; None where it is from elsewhere."""
    folder = Path(model).expanduser()
    run = folder.resolve().parent
    return run if folder.name in ("model", "adapter") and (run / "recipe.yaml").is_file() else None


def find_clips(model: str, manifest: str | Path | None) -> Clips:
    """The clips of a manifest, or without one of the model's own run.

    Raises:
        BadInput: there is neither, or no row that can be scored.
    """
    run = run_of(model)
    if manifest is not None:
        table = Manifest.read(manifest)
        return _clips(table, None, the_language(table))
    if run is None:
        raise BadInput(
            f"model {model} is no run's, whose dev clips would be known: give --clips MANIFEST to compare the export "
            "with it, or --no-compare"
        )
    recipe = recipe_from_yaml(run / "recipe.yaml")
    try:
        table = open_data(recipe.data, needs_train=recipe.unlabelled is None).manifest
    except BadInput as error:
        raise BadInput(f"the dev clips of {run} are not there any more ({error}): give --clips MANIFEST") from error
    normaliser = normaliser_of(recipe, table)
    return _clips(table, normaliser, normaliser.language)


def _clips(table: Manifest, normaliser: Normaliser | None, language: str | None) -> Clips:
    """The dev rows, or all of a manifest without any."""
    split = "dev" if len(table.split("dev")) else None
    table, rows, _ = chosen_to_score(table, split, silence=False)
    chosen = table.select(rows).limit_duration(0.0, LONGEST_S).sample(MOST_CLIPS, SEED)
    if not len(chosen):
        raise BadInput(f"{table.source}: no clip to compare on is {LONGEST_S:g} s or shorter")
    facts = {"source": table.source, "split": split, "fingerprint": chosen.fingerprint()}
    return Clips(chosen, language, normaliser, facts)


def rules_for(clips: Clips, model_language: str | None) -> Normaliser:
    """How both sides are normalised: as the run did, else by the default of the language."""
    return clips.normaliser or normaliser_for(None, clips.language, model_language)
