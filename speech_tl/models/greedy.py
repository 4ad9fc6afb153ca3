"""Whisper's greedy search: step by step, with keys and values in place, and only for rows that still write.

The same tokens as transformers' `generate`, which grows its caches by copying them at every step, and carries every row
along until the last one ends. Modules are called as they are, so that adapters within them are heard; a decoder that is
not the published one, or settings that ask for more than greedy search, are left to `generate` (`is_plain`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import GenerationConfig, WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import WhisperAttention, WhisperDecoder, WhisperDecoderLayer

KEPT_SHARE = 0.75
"""Rows that are done are dropped once no more than this share of the rows still writes: dropping copies the rest."""

BEYOND_GREEDY = (
    "repetition_penalty",
    "encoder_repetition_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "min_length",
    "min_new_tokens",
    "sequence_bias",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "forced_decoder_ids",
    "guidance_scale",
    "no_speech_threshold",
    "prompt_lookup_num_tokens",
    "stop_strings",
)
"""Generation settings that change what is written and that are not looked at here."""


def is_plain(network: WhisperForConditionalGeneration) -> bool:
    """Whether greedy search here writes what `generate` would: the published decoder and no unusual settings."""
    decoder, settings, usual = network.model.decoder, network.generation_config, GenerationConfig()
    unusual = any(
        getattr(settings, name, None) not in (None, getattr(usual, name, None), 0, 1.0) for name in BEYOND_GREEDY
    )
    attentions = [a for layer in decoder.layers for a in (layer.self_attn, layer.encoder_attn)]
    published = (
        type(network) is WhisperForConditionalGeneration
        and type(decoder) is WhisperDecoder
        and all(type(layer) is WhisperDecoderLayer for layer in decoder.layers)
        and all(type(attention) is WhisperAttention for attention in attentions)
    )
    return published and not unusual and not any(_hooked(m) for m in (decoder, *decoder.layers, *attentions))


def _hooked(module: nn.Module) -> bool:
    """Whether something listens to the call of the module itself, which the steps below do not make."""
    return bool(module._forward_hooks or module._forward_pre_hooks) or "forward" in module.__dict__


@dataclass
class Limits:
    """How much each row may write before it is stopped.

    Attributes:
        tokens: new tokens of each row, `(rows,)`.
        characters: a row that has written more characters than this is stopped, `(rows,)`; None is any number.
        sizes: characters that each token begins, `(vocabulary,)`; wanted where `characters` are.
    """

    tokens: torch.Tensor
    characters: torch.Tensor | None = None
    sizes: torch.Tensor | None = None

    def to(self, device: torch.device) -> Limits:
        """The same on another device."""
        return Limits(*(held if held is None else held.to(device) for held in vars(self).values()))

    def of(self, rows: torch.Tensor) -> Limits:
        """Those of some rows."""
        return Limits(self.tokens[rows], None if self.characters is None else self.characters[rows], self.sizes)

    def spend(self, written: torch.Tensor, count: int) -> torch.Tensor:
        """Which rows may go on `(rows,)` after `written` `(rows,)`, their token number `count`."""
        going = self.tokens > count
        if self.characters is not None:
            self.characters = self.characters - self.sizes[written]
            going &= self.characters >= 0
        return going


def greedy_tokens(
    network: WhisperForConditionalGeneration,
    states: torch.Tensor,
    prompts: torch.Tensor,
    limits: Limits,
    temperature: float = 0.0,
) -> torch.Tensor:
    """The most probable next token, again and again, until each row has ended or has as many as it is allowed.

    Args:
        network: one that `is_plain`.
        states: the encoder's last hidden states, `(rows, positions, width)`.
        prompts: the tokens that each row begins with, `(rows, tokens)`.
        limits: how much each row may write.
        temperature: above 0, the next token is drawn, scores divided by it.

    Returns:
        `(rows, longest)` new tokens, filled up with the end token.
    """
    settings, end = network.generation_config, network.config.eos_token_id
    limits, longest = limits.to(states.device), int(limits.tokens.max())
    tokens = torch.full((len(states), longest), end, dtype=torch.long, device=states.device)
    rows = torch.arange(len(states), device=states.device)
    steps = _Steps(network, states, prompts.shape[1] + longest)
    scores = steps.forward(prompts)
    scores[:, settings.begin_suppress_tokens or []] = -torch.inf
    writing = limits.tokens > 0
    for length in range(1, longest + 1):
        scores[:, settings.suppress_tokens or []] = -torch.inf
        best = _chosen(scores, temperature).masked_fill(~writing, end)
        tokens[rows, length - 1] = best
        writing &= (best != end) & limits.spend(best, length)
        left = int(writing.sum())
        if not left:
            break
        if left <= KEPT_SHARE * len(rows):
            kept = writing.nonzero()[:, 0]
            steps.keep(kept)
            rows, limits, best, writing = rows[kept], limits.of(kept), best[kept], writing[kept]
        scores = steps.forward(best[:, None])
    return tokens[:, :length]


def _chosen(scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """The next token of each row `(rows,)`."""
    if not temperature:
        return scores.argmax(-1)
    return torch.multinomial((scores / temperature).softmax(-1), 1)[:, 0]


def heard_languages(network: WhisperForConditionalGeneration, states: torch.Tensor) -> torch.Tensor:
    """The most probable language token of each row `(rows,)`, as `detect_language` finds it."""
    known, scores = language_log_probabilities(network, states)
    return known[scores.argmax(-1)]


def language_log_probabilities(
    network: WhisperForConditionalGeneration, states: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The language tokens `(languages,)`, and their log probabilities among each other `(rows, languages)`."""
    settings = network.generation_config
    start = torch.full((len(states), 1), settings.decoder_start_token_id, device=states.device)
    scores = _Steps(network, states, 1).forward(start)
    known = torch.tensor(sorted(settings.lang_to_id.values()), device=states.device)
    return known, scores[:, known].float().log_softmax(-1)


@dataclass
class _Memory:
    """One layer's keys and values, `(rows, heads, positions, width)`: of the tokens so far and of the sound."""

    keys: torch.Tensor
    values: torch.Tensor
    heard_keys: torch.Tensor
    heard_values: torch.Tensor


class _Steps:
    """The decoder of `WhisperForConditionalGeneration`, fed some tokens at a time."""

    def __init__(self, network: WhisperForConditionalGeneration, states: torch.Tensor, room: int) -> None:
        """`room` is how many tokens a row can get, its prompt among them."""
        self.network, self.decoder = network, network.model.decoder
        self.length = 0
        self.memories = [self._memory(layer, states, room) for layer in self.decoder.layers]

    @staticmethod
    def _memory(layer: WhisperDecoderLayer, states: torch.Tensor, room: int) -> _Memory:
        attention = layer.encoder_attn
        keys, values = (_heads(attention, project(states)) for project in (attention.k_proj, attention.v_proj))
        shape = (*keys.shape[:2], room, keys.shape[3])
        return _Memory(keys.new_empty(shape), keys.new_empty(shape), keys.contiguous(), values.contiguous())

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores `(rows, vocabulary)` of what follows `tokens` `(rows, count)`, in float32."""
        first, self.length = self.length, self.length + tokens.shape[1]
        decoder = self.decoder
        hidden = decoder.embed_tokens(tokens) + decoder.embed_positions.weight[first : self.length]
        for layer, memory in zip(decoder.layers, self.memories, strict=True):
            hidden = hidden + self._own(layer, memory, layer.self_attn_layer_norm(hidden), first)
            hidden = hidden + self._heard(layer, memory, layer.encoder_attn_layer_norm(hidden))
            inner = layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden)))
            hidden = hidden + layer.fc2(inner)
        return self.network.proj_out(decoder.layer_norm(hidden[:, -1])).float()

    def _own(self, layer: WhisperDecoderLayer, memory: _Memory, hidden: torch.Tensor, first: int) -> torch.Tensor:
        """Attention to the tokens so far; the new ones are kept."""
        attention, new = layer.self_attn, slice(first, self.length)
        memory.keys[:, :, new] = _heads(attention, attention.k_proj(hidden))
        memory.values[:, :, new] = _heads(attention, attention.v_proj(hidden))
        keys, values = memory.keys[:, :, : self.length], memory.values[:, :, : self.length]
        return _attended(attention, hidden, keys, values, causal=hidden.shape[1] > 1)

    @staticmethod
    def _heard(layer: WhisperDecoderLayer, memory: _Memory, hidden: torch.Tensor) -> torch.Tensor:
        """Attention to the sound."""
        return _attended(layer.encoder_attn, hidden, memory.heard_keys, memory.heard_values, causal=False)

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all rows but these; the order stays."""
        for memory in self.memories:
            for name, held in vars(memory).items():
                if name.startswith("heard"):
                    setattr(memory, name, held[rows])
                else:
                    left = held.new_empty((len(rows), *held.shape[1:]))
                    left[:, :, : self.length] = held[rows, :, : self.length]
                    setattr(memory, name, left)


def _heads(attention: WhisperAttention, projected: torch.Tensor) -> torch.Tensor:
    """`(rows, positions, width)` -> `(rows, heads, positions, width of a head)`."""
    rows, positions, _ = projected.shape
    return projected.view(rows, positions, attention.num_heads, attention.head_dim).transpose(1, 2)


def _attended(
    attention: WhisperAttention, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, causal: bool
) -> torch.Tensor:
    """The attention's output for `hidden` `(rows, count, width)`; scaled before the product, as published."""
    query = _heads(attention, attention.q_proj(hidden) * attention.scaling)
    found = nn.functional.scaled_dot_product_attention(query, keys, values, is_causal=causal, scale=1.0)
    return attention.out_proj(found.transpose(1, 2).flatten(2))
