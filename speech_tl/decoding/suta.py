"""SUTA: a CTC model adapts to the one utterance that is being transcribed, and is put back afterwards.

Single-utterance test-time adaptation (Lin, Li and Lee 2022, arXiv 2203.14222): before an utterance is transcribed, the
normalisation layers move for a few steps so that its frames become certain (entropy minimisation) and labels are
confused less with each other (minimum class confusion: Jin et al. 2020, arXiv 1912.03699). No transcript is needed, and
nothing is remembered: the next utterance meets the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel, Batch, DecodingOptions
from speech_tl.models.options import SUTA

NORMS = (nn.LayerNorm, nn.GroupNorm)

SMALL, SMALL_RATE, RATE = 20e6, 1e-3, 2e-5
"""Models of fewer parameters bear, and need, more: at the paper's rate, which is wav2vec2-base's, `starter-wav2vec2`
writes almost what it wrote before (speechocean762, 80 utterances of dev).
"""


def require_frames(model: AcousticModel, options: DecodingOptions) -> None:
    """Refuse test-time adaptation of a model that has no frames or nothing that could move.

    Raises:
        BadInput: says for which models it is.
    """
    if options.test_time is None:
        return
    try:
        model.blank_and_delimiter()
    except BadInput as error:
        raise BadInput(
            f"test-time adaptation is for CTC models (the wav2vec2 family), and {model.source} is a {model.family} "
            "model: leave --test-time (decoding.test_time) out"
        ) from error
    if not _moving(model, options.test_time):
        raise BadInput(f"test-time adaptation moves normalisation layers, and {model.source} has none: leave it out")


def settled(options: SUTA, model: AcousticModel) -> SUTA:
    """The options with a number for the learning rate."""
    if options.learning_rate is not None:
        return options
    small = model.parameter_counts()[1] < SMALL
    return options.model_copy(update={"learning_rate": SMALL_RATE if small else RATE})


@contextmanager
def adapted(model: AcousticModel, batch: Batch, options: SUTA | None) -> Iterator[Batch]:
    """Within, the weights are adapted to the utterance of a batch of one; afterwards they are what they were.

    Args:
        model: one that `require_frames` lets pass, in evaluation mode.
        batch: collated, on the model's device.
        options: how; None adapts nothing.

    Yields:
        The batch to transcribe: with what the front end made of it, where that does not move.
    """
    if options is None:
        yield batch
        return
    options = settled(options, model)
    moving = _moving(model, options)
    batch = _without_repetition(model, batch, options)
    with _put_back(model.network, moving):
        _adapt(model, batch, options, moving)
        yield batch


def suta_loss(log_probabilities: torch.Tensor, blank: int, options: SUTA) -> torch.Tensor:
    """What is minimised for one utterance, a scalar.

    Args:
        log_probabilities: of the labels, `(frames, vocabulary)`.
        blank: the label that stands for nothing; frames that are most probably blank have no entropy loss, as they are
            the most and would drown the others.
        options: temperature and weights. Log probabilities serve as scores: they differ by a constant in each frame.

    Source: Lin et al. 2022; the confusion of labels is normalised as Jin et al. 2020 do for classes.
    """
    smooth = nn.functional.log_softmax(log_probabilities / options.temperature, dim=-1)
    shares = smooth.exp()
    spoken = log_probabilities.argmax(-1) != blank
    entropy = -(shares * smooth).sum(-1)[spoken].sum() / spoken.sum().clamp(min=1)
    together = shares.T @ shares
    together = together / together.sum(1)
    confusion = (together.sum() - together.trace()) / len(together)
    return options.entropy_share * entropy + (1 - options.entropy_share) * confusion


def _adapt(model: AcousticModel, batch: Batch, options: SUTA, moving: list[nn.Parameter]) -> None:
    """The steps; a loss that is not finite ends them."""
    blank, _ = model.blank_and_delimiter()
    optimizer = torch.optim.AdamW(moving, lr=options.learning_rate, weight_decay=0.0)
    with torch.enable_grad():
        for _ in range(options.steps):
            log_probabilities, frames = model.frame_log_probabilities(batch)
            loss = suta_loss(log_probabilities[0, : int(frames[0])], blank, options)
            if not bool(loss.isfinite()):
                return
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _moving(model: AcousticModel, options: SUTA) -> list[nn.Parameter]:
    """Scale and shift of the normalisation layers above the front end, and all of that where it is to move."""
    parts = model.parts()
    norms = [m for part in parts["encoder"] for m in part.modules() if isinstance(m, NORMS)]
    modules = [*norms, *(parts["feature_encoder"] if options.feature_encoder else [])]
    return list(dict.fromkeys(parameter for module in modules for parameter in module.parameters()))


def _without_repetition(model: AcousticModel, batch: Batch, options: SUTA) -> Batch:
    """The batch with the front end's output, which is then computed once for all steps."""
    resting = [] if options.feature_encoder else model.parts()["feature_encoder"]
    stage = model.frozen_stage(resting, whole=False)
    return batch if stage is None else model.with_stage(stage, batch, torch.float32)


@contextmanager
def _put_back(network: nn.Module, moving: list[nn.Parameter]) -> Iterator[None]:
    """Within, `moving` alone have gradients; afterwards every weight, flag and gradient is what it was."""
    flags = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    before = [(parameter, parameter.detach().clone(), parameter.grad) for parameter in moving]
    network.requires_grad_(False)
    for parameter in moving:
        parameter.grad = None
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
        with torch.no_grad():
            for parameter, value, gradient in before:
                parameter.copy_(value)
                parameter.grad = gradient
