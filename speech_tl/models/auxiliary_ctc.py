"""A second loss for Whisper's pre-training: CTC on its encoder."""

from __future__ import annotations

import torch
from torch import nn


class AuxiliaryCTC(nn.Module):
    """A CTC head on Whisper's encoder, for pre-training only: it teaches the attention to align.

    Joint CTC and attention training: Kim, Hori & Watanabe 2017 (arXiv 1609.06773). Removed before a model is saved
    for use.
    """

    def __init__(self, width: int, tokens: int, weight: float) -> None:
        """`weight` scales the summed CTC loss against the summed cross entropy."""
        super().__init__()
        self.head, self.weight = nn.Linear(width, tokens), weight

    def forward(
        self, hidden: torch.Tensor, frames: torch.Tensor, labels: torch.Tensor, blank: int, ignored: int
    ) -> torch.Tensor:
        """Weighted, summed CTC loss of `labels` without prompt and end, with the end token as blank.

        Only each utterance's own `frames` `(batch,)` count: over 30 s of padding the loss would teach silence alone.
        Labels from `blank` on (timestamps) are left out too: the head has rows for text only.
        """
        spoken = (labels != ignored) & (labels < blank)
        scores = nn.functional.log_softmax(self.head(hidden), dim=-1, dtype=torch.float32).transpose(0, 1)
        loss = nn.functional.ctc_loss(
            scores, labels[spoken], frames, spoken.sum(-1), blank=blank, reduction="sum", zero_infinity=True
        )
        return self.weight * loss
