"""Scores over Whisper's vocabulary, only where a target wants them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def only_at(output: nn.Module, positions: torch.Tensor) -> Iterator[None]:
    """Make an output layer compute `positions` `(n,)` of its input `(batch, tokens, width)` only: `(n, vocabulary)`.

    Prompt and padding are about a third of a batch of short texts, each over the 50 000 tokens of a published Whisper.
    """

    def select(layer: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (inputs[0].flatten(0, 1)[positions],)

    hook = output.register_forward_pre_hook(select)
    try:
        yield
    finally:
        hook.remove()
