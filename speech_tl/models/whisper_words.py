"""When Whisper's words were said: dynamic programming over what its decoder attends to.

While it writes a token, some heads of the cross-attention look at the sound of that token. The weights of these
alignment heads, normalised over the tokens and smoothed, give every token a stretch of the sound, one after the other
(openai-whisper's `timing.py`; Louradour 2023, whisper-timestamped). Published checkpoints list their heads in
generation_config.json; of any other, those of the upper half of the layers are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import WhisperForConditionalGeneration

from speech_tl.models.alignment_heads import Heads, chosen_heads
from speech_tl.models.converted_decoder import SMOOTHED
from speech_tl.models.frame_words import TokenTimes

NEVER = -1e4
"""Score of what no path may take."""


def alignment_heads(network: WhisperForConditionalGeneration) -> tuple[Heads, float]:
    """See `chosen_heads`."""
    config, listed = network.config, getattr(network.generation_config, "alignment_heads", None)
    return chosen_heads(listed, config.decoder_layers, config.decoder_attention_heads)


def token_times(
    network: WhisperForConditionalGeneration,
    states: torch.Tensor,
    prompts: torch.Tensor,
    tokens: Sequence[Sequence[int]],
    positions: Sequence[int],
) -> list[TokenTimes]:
    """Where each row's tokens are.

    Args:
        network: whose encoder gave the states.
        states: `(rows, positions, width)`.
        prompts: what each row began with, `(rows, tokens)`.
        tokens: of the text of each row, without an end token.
        positions: how many of the encoder's positions hold the row's own sound.
    """
    given = prompts.shape[1]
    rows = [torch.tensor(list(row), dtype=torch.long) for row in tokens]
    written = nn.utils.rnn.pad_sequence(rows, True, network.config.eos_token_id).to(states.device)
    read = torch.cat([prompts, written], dim=1)
    heads, _ = alignment_heads(network)
    with _attention(network, {layer for layer, _ in heads}) as heard:
        hidden = network.model.decoder(input_ids=read, encoder_hidden_states=states, use_cache=False)[0]
    scores = network.proj_out(hidden[:, given - 1 : -1]).float().log_softmax(-1) if written.shape[1] else None
    found = []
    for row, count in enumerate(map(len, tokens)):
        if not count:
            found.append(TokenTimes(np.zeros(1, dtype=int), np.zeros(0)))
            continue
        used = slice(given - 1, given + count)
        weights = torch.stack([heard[layer].weights(row, head, used, positions[row]) for layer, head in heads])
        sure = scores[row, :count].gather(-1, written[row, :count, None])[:, 0].exp()
        found.append(TokenTimes(_borders(weights), sure.cpu().numpy()))
    return found


@dataclass
class _Heard:
    """Queries and keys of one layer's cross-attention, `(rows, tokens or positions, width)`."""

    attention: nn.Module
    queries: torch.Tensor | None = None
    keys: torch.Tensor | None = None

    def weights(self, row: int, head: int, tokens: slice, positions: int) -> torch.Tensor:
        """What a head gives the first positions, `(tokens, positions)`."""
        size = self.attention.head_dim
        part = slice(head * size, (head + 1) * size)
        query = self.queries[row, tokens, part].float() * self.attention.scaling
        return (query @ self.keys[row, :, part].float().T).softmax(-1)[:, :positions]


@contextmanager
def _attention(network: WhisperForConditionalGeneration, layers: set[int]) -> Iterator[dict[int, _Heard]]:
    """Within, what the cross-attention of some layers computes is kept."""
    heard = {layer: _Heard(network.model.decoder.layers[layer].encoder_attn) for layer in layers}
    hooks = []
    for one in heard.values():
        for name, projection in (("queries", one.attention.q_proj), ("keys", one.attention.k_proj)):
            hooks.append(
                projection.register_forward_hook(lambda _, __, found, one=one, name=name: setattr(one, name, found))
            )
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _borders(weights: torch.Tensor) -> np.ndarray:
    """Where tokens begin by the weights of the heads `(heads, tokens + 1, positions)`, and where the last one ends."""
    from torchaudio.functional import forced_align

    deviation, mean = torch.std_mean(weights, dim=1, keepdim=True, unbiased=False)
    wide = nn.functional.pad((weights - mean) / (deviation + 1e-9), (SMOOTHED // 2, SMOOTHED // 2), mode="reflect")
    scores = wide.unfold(-1, SMOOTHED, 1).median(-1).values.mean(0).cpu()
    tokens, positions = scores.shape
    if tokens > positions:
        return np.linspace(0, positions, tokens).astype(int)
    emission = torch.cat([torch.full((positions, 1), NEVER), scores.T], dim=1)
    labels = torch.arange(1, tokens + 1, dtype=torch.int32)
    path, _ = forced_align(emission[None].contiguous(), labels[None], blank=0)
    return np.searchsorted(path[0].numpy(), labels.numpy())
