"""Whisper's encoder on windows shorter than 30 s."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.modeling_whisper import WhisperEncoder


class ShortContextEncoder(WhisperEncoder):
    """Whisper's encoder on as many frames as it is given: it takes the first position embeddings.

    The published forward refuses anything but 30 s. The weights and the result on 30 s are the same.
    """

    def forward(self, input_features: torch.Tensor, attention_mask: None = None, **kwargs: object) -> BaseModelOutput:
        """`(batch, mels, frames)` -> last_hidden_state `(batch, frames / 2, width)`."""
        if input_features.shape[-1] == 2 * self.max_source_positions:
            return super().forward(input_features, attention_mask=attention_mask, **kwargs)
        hidden = nn.functional.gelu(self.conv1(input_features))
        hidden = nn.functional.gelu(self.conv2(hidden)).transpose(1, 2)
        hidden = hidden + self.embed_positions.weight[: hidden.shape[1]]
        hidden = nn.functional.dropout(hidden, p=self.dropout, training=self.training)
        for layer in self.layers:
            if not (self.training and self.layerdrop > 0.0 and torch.rand([]) < self.layerdrop):
                hidden = layer(hidden, None)
        return BaseModelOutput(last_hidden_state=self.layer_norm(hidden))


def fitted(features: torch.Tensor, silence: torch.Tensor, frames: int) -> torch.Tensor:
    """Log-mel `(batch, mels, any)` cut to `(batch, mels, frames)`, or filled with each row's `silence` `(batch,)`."""
    missing = frames - features.shape[-1]
    if missing <= 0:
        return features[..., :frames]
    fill = silence[:, None, None].expand(-1, features.shape[1], missing)
    return torch.cat([features, fill.to(features.dtype)], dim=-1)
