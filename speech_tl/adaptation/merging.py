"""What a strategy added is merged into the model, and the merged model must write what the unmerged one wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.adaptation.preparation import Data
from speech_tl.decoding.measuring import measure
from speech_tl.recipe import Recipe
from speech_tl.screen import Screen

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel


def merge_and_check(
    model: AcousticModel, data: Data, recipe: Recipe, folder: Path, screen: Screen
) -> tuple[dict[str, Any], list[str]]:
    """Save what was learnt beside the checkpoint, merge it, and compare transcripts of dev before and after merging.

    Args:
        model: as training left it; merged in place.
        data: its dev utterances are transcribed, at most `training.dev_at_most` of them.
        recipe: the strategy, and how to decode.
        folder: for the unmerged adapter, where the strategy has one.
        screen: where to show progress.

    Returns:
        {} where nothing is merged, else "merging": utterances, how many transcripts changed, the WER before and after;
        and a sentence for the report when any transcript changed.
    """
    strategy = recipe.strategy
    strategy.save_adapter(model, folder)
    if not strategy.folds:
        strategy.finish(model)
        return {}, []
    dev = data.dev_set(model).at_most(recipe.training.dev_at_most, recipe.seed)
    texts, wers = [], []
    for when in ("before merging", "after merging"):
        with screen.progress(f"{when}: decoding {len(dev.utterances)} utterances of dev") as update:
            evaluation = measure(model, dev, recipe.decoding.of_the_sound(), progress=update)
        texts.append([utterance.hypothesis_raw for utterance in evaluation.utterances])
        wers.append(evaluation.score.wer)
        if when == "before merging":
            strategy.finish(model)
    changed = sum(first != last for first, last in zip(*texts, strict=True))
    told = {"utterances": len(dev.utterances), "changed": changed, "wer_before": wers[0], "wer_after": wers[1]}
    notes = [] if not changed else [_warning(told)]
    return {"merging": told}, notes


def _warning(told: dict[str, Any]) -> str:
    """Merging changed something: rounding alone changes next to nothing."""
    return (
        f"merging changed {told['changed']} of {told['utterances']} transcripts of dev "
        f"(WER {told['wer_before']:.4f} before, {told['wer_after']:.4f} after)"
    )
