"""Attention code for training on a CPU: plain for short inputs, fused for long ones, where plain fills the memory."""

from __future__ import annotations

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask
from transformers.models.whisper.modeling_whisper import eager_attention_forward

BY_LENGTH = "plain_if_short"
"""Its name for `set_attn_implementation`."""

LONG_POSITIONS = 1000
"""20 s at 50 positions a second. Plain attention keeps a number for every pair of positions: on a 30 s window 54 MB a
layer and utterance in whisper-tiny, up to three times until the backward pass; on windows of a few seconds it is the
faster one."""


def attention_by_length(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: object,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention of `(batch, heads, positions, width)`, as transformers' attention interface has it; one result."""
    fused = query.shape[2] * key.shape[2] >= LONG_POSITIONS**2
    attend = sdpa_attention_forward if fused else eager_attention_forward
    return attend(module, query, key, value, attention_mask, **options)


AttentionInterface.register(BY_LENGTH, attention_by_length)
AttentionMaskInterface.register(BY_LENGTH, eager_mask)
