"""How often dev is decoded while training, and how much of it: by counts alone, so that a recipe repeats itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speech_tl.decoding.decode import windows_s
from speech_tl.models.options import DecodingOptions
from speech_tl.training.options import USUAL_DEV, TrainingOptions

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

MOST_SHARE = 0.25
"""Of the time of training and validation together, at most so much is validation."""

PASSES, UTTERANCES = (10, 5, 2), (USUAL_DEV, 100, 50)
"""Validation passes after the first step, and utterances of each: as many as there is time for. First the utterances
fall to the next figure, then the passes; with the last ones a choice would be chance, so that fewer are never taken."""

DECODING = {False: 1.5, True: 2.5}
"""What a second of a window costs to decode, against the forward pass of training, which may multiply in bf16: without
and with a decoder that writes token by token (measured on a CPU, with some room)."""


@dataclass(frozen=True)
class Validation:
    """The validation passes of a training.

    Attributes:
        eval_steps: steps between two passes.
        passes: how many there are if nothing ends the training early, the one before the first step among them.
        utterances: of dev, in each of them.
    """

    eval_steps: int
    passes: int
    utterances: int


def validation(
    model: AcousticModel,
    train_s: Sequence[float],
    dev_s: Sequence[float],
    steps: int,
    options: TrainingOptions,
    decoding: DecodingOptions,
) -> Validation:
    """As many passes and utterances as `MOST_SHARE` allows; what `options` say in numbers is obeyed.

    Args:
        model: prepared by a strategy: what is trained costs more than what is frozen.
        train_s, dev_s: seconds of each utterance.
        steps: optimiser steps of the training.
        options: with a number for `batch_seconds`.
        decoding: of dev.
    """
    limit = options.dev_limit
    fixed = None if limit == "auto" else min(len(dev_s), limit or len(dev_s))
    if not len(dev_s):
        return Validation(options.eval_steps or max(1, steps // PASSES[0]), 0, 0)
    window_s = sum(windows_s(model, dev_s, decoding)) / len(dev_s)
    trained_s = steps * _step_seconds(model, train_s, options) * _pass_cost(model)
    decoded_s = trained_s * MOST_SHARE / (1 - MOST_SHARE) / DECODING[model.has_decoder]
    affordable = decoded_s / window_s  # utterances, of all passes together
    utterances = min(UTTERANCES[0], len(dev_s)) if fixed is None else fixed
    passes = PASSES[0] if options.eval_steps is None else max(1, steps // options.eval_steps)
    for fewest_passes, fewest in zip(PASSES, UTTERANCES, strict=True):
        if fixed is None:
            utterances = min(utterances, max(fewest, int(affordable / (passes + 1))))
        if options.eval_steps is None:
            passes = min(passes, max(fewest_passes, int(affordable / utterances) - 1))
    eval_steps = options.eval_steps or _spread(steps, passes)
    return Validation(eval_steps, 1 + steps // eval_steps, utterances)


def _spread(steps: int, passes: int) -> int:
    """Steps between two of at most so many passes, the last one as near to the end as can be."""
    return next(every for every in range(max(1, steps // passes), steps + 2) if steps // every <= passes)


def _step_seconds(model: AcousticModel, train_s: Sequence[float], options: TrainingOptions) -> float:
    """Seconds that the network computes on in one step: audio, and the silence of its windows."""
    share = 1.0
    if not options.packing:
        shortened_s = sum(model.window_s(duration_s, model.trained_context) for duration_s in train_s)
        whole_s = len(train_s) * (model.window_limit_s or 0.0)
        share = ((1 - model.full_share) * shortened_s + model.full_share * whole_s) / max(sum(train_s), 1e-3)
    return options.expected_batch_seconds * options.gradient_accumulation_steps * share


def _pass_cost(model: AcousticModel) -> int:
    """Cost of a training step against its forward pass: backward through the activations, and to the weights."""
    trained, total = model.parameter_counts()
    if trained > total / 2:
        return 3
    return 2 if any(p.requires_grad for part in model.parts()["encoder"] for p in part.parameters()) else 1
