"""Elastic weight consolidation: weights are pulled to where they started, each as strongly as it matters for source
speech; how much it matters is the diagonal of the Fisher information.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from speech_tl.errors import AudioError, BadInput
from speech_tl.retention.base import RetentionHooks, TrainingStart
from speech_tl.retention.quadratic_penalty import PenaltyHooks
from speech_tl.retention.source_speech import SourceMethod
from speech_tl.text import damaged, replacing

if TYPE_CHECKING:
    import torch

    from speech_tl.data.manifest import Manifest, Utterance
    from speech_tl.models.base import AcousticModel


DIGEST = "sha256"
"""Key of the file's metadata."""


class EWC(SourceMethod):
    """Weights are pulled to where they started, each as strongly as it matters for the source domain (elastic weight
    consolidation: Kirkpatrick et al. 2017, arXiv 1612.00796, eq. 3).

    How much a weight matters is the diagonal of the Fisher information, estimated once, before training, on source
    utterances with their texts, and scaled to a mean of 1: with the same `weight`, `l2_sp` pulls all alike.

    Attributes:
        weight: of the penalty; the loss is a mean over the utterances or tokens of a step.
    """

    needs_old_head: ClassVar[bool] = True
    pulls_weights: ClassVar[bool] = True
    reads_texts: ClassVar[bool] = True

    name: Literal["ewc"] = "ewc"
    utterances: int | None = Field(200, ge=1)
    weight: float = Field(0.01, gt=0)

    def at_work(self, source: Manifest) -> RetentionHooks:
        """A penalty that weighs every weight by its Fisher information on the source."""
        return _FisherPenalty(self, source)


class _FisherPenalty(PenaltyHooks):
    source: Manifest

    def importance_of(self, start: TrainingStart, moving: Mapping[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
        """Estimated on the source, once a run."""
        start.tell(f"estimating which weights matter on {len(self.source)} source utterances")
        return fisher_importance(start.model, moving, self.source, start.folder / "fisher.safetensors")


def fisher_importance(
    model: AcousticModel, moving: Mapping[str, torch.nn.Parameter], utterances: Sequence[Utterance], path: Path
) -> dict[str, torch.Tensor]:
    """The mean over utterances of the squared gradient of the loss (the empirical Fisher), of each weight.

    The loss is that of training, a mean over an utterance's labels. All is scaled to a mean of 1 over the weights, so
    that a penalty with it weighs about as much as one without; rows of added characters get 0.

    Args:
        model: as it was before training; it runs as in evaluation.
        moving: the weights, by name.
        utterances: of the source domain, with texts.
        path: where the result is kept for a run that is resumed.

    Raises:
        BadInput: no utterance says anything about any weight.
    """
    import torch
    from safetensors.torch import save_file

    if path.is_file():
        return {name: value.to(moving[name].device) for name, value in _noted(path).items()}
    squares = {name: torch.zeros_like(parameter) for name, parameter in moving.items()}
    model.network.eval()
    for utterance in utterances:
        loss = _loss(model, utterance)
        if loss is None or not bool(torch.isfinite(loss.detach())):
            continue
        gradients = torch.autograd.grad(loss, list(moving.values()), allow_unused=True)
        for square, gradient in zip(squares.values(), gradients, strict=True):
            if gradient is not None:
                square.addcmul_(gradient.to(square), gradient.to(square))
    for parameter, rows in model.new_rows():
        for name, moved in moving.items():
            if moved is parameter:
                squares[name][rows:] = 0
    mean = sum(float(square.sum()) for square in squares.values()) / sum(s.numel() for s in squares.values())
    if not mean > 0:
        raise BadInput("keep=ewc: the source utterances say nothing about any weight: give others with keep.ewc.root")
    importance = {name: (square / mean).contiguous() for name, square in squares.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        save_file(importance, temporary, metadata={DIGEST: _digest(importance)})
    return importance


def _noted(path: Path) -> dict[str, torch.Tensor]:
    """What an earlier part of the run estimated."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as stream:
            importance = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - it is no mapping
            written = (stream.metadata() or {}).get(DIGEST)
    except (SafetensorError, ValueError) as error:
        raise damaged(path) from error
    if written != _digest(importance):
        raise damaged(path)
    return importance


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """A hash of names and values."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _loss(model: AcousticModel, utterance: Utterance) -> torch.Tensor | None:
    """Of one utterance; None where it cannot be used."""
    labels = model.encode(utterance.text or "")
    try:
        features = model.features(utterance.load(model.sample_rate))
    except AudioError:
        return None
    if not labels:
        return None
    batch = {name: value.to(model.device) for name, value in model.collate([features], [labels]).items()}
    return model.loss(model.network, batch) / model.items(batch)
