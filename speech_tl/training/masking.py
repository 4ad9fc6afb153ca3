"""Whether masks are drawn where the recipe leaves it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech_tl.data.augment import SpecAugment
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy

USUAL_TIME_SHARE = 0.05


def set_masks(model: AcousticModel, options: SpecAugment, strategy: BaseStrategy | None) -> None:
    """Have the network mask what it sees in training, as the options say.

    Masks stand before the encoder. Where all of it is fixed they teach it nothing, and drawing them anew would have it
    compute every epoch what could be kept: there they are off unless the recipe asks for them, as for SUPERB's probes
    (Yang et al. 2021, arXiv 2105.01051). Whether outputs really are kept (`data.cache_gb`) changes nothing here.
    """
    given = options.model_dump()
    if given["time_share"] is None:
        model.set_spec_augment(**given | {"time_share": 0.0})
        given["time_share"] = 0.0 if _could_be_kept(model, strategy) else USUAL_TIME_SHARE
    model.set_spec_augment(**given)


def _could_be_kept(model: AcousticModel, strategy: BaseStrategy | None) -> bool:
    """Whether the encoder's output is the same in every epoch, but for masks."""
    if strategy is None:
        return False
    stage = model.frozen_stage(strategy.frozen(model), not getattr(strategy, "reads_all_layers", False))
    return stage is not None and stage.name == "encoded"
