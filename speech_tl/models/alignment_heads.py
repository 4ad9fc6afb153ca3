"""Which heads of a Whisper's cross-attention place words, and how late they are.

OpenAI lists heads for its checkpoints that follow the sound, some ahead of what is said and some behind: their delay is
a checkpoint's own. It was measured for the lists below; with others, and with none, all heads of the upper half of the
decoder's layers place words, whose delay hardly depends on the checkpoint.

Medians of the distance of word starts from the truth, 60 synthesised sentences of the split dev of
`tests/benchmarks/word_times.py` (`python -m tests.benchmarks.word_times MODEL --split dev --utterances 60`):

| | whisper-tiny.en | whisper-base |
|:--|--:|--:|
| the listed heads with their own delay | 43 ms | 40 ms |
| the upper half (`alignment_heads` taken out of generation_config.json) | 48 ms | 52 ms |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Heads = tuple[tuple[int, int], ...]
"""(Layer, head)."""

TINY_EN: Heads = ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4))
BASE: Heads = ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6))

LATE_S = {TINY_EN: 0.11, BASE: -0.03}
"""Seconds from the beginning of a word's sound to where these heads find it."""

UPPER_HALF_LATE_S = 0.045


def chosen_heads(listed: Iterable[Sequence[int]] | None, layers: int, heads: int) -> tuple[Heads, float]:
    """The heads that place words, in order, and their delay in seconds.

    Args:
        listed: in the checkpoint's settings.
        layers, heads: of the decoder.

    >>> chosen_heads(None, 2, 2)
    (((1, 0), (1, 1)), 0.045)
    """
    known = tuple(sorted((layer, head) for layer, head in listed or ()))
    if known in LATE_S and known[-1][0] < layers and max(head for _, head in known) < heads:
        return known, LATE_S[known]
    return tuple((layer, head) for layer in range(layers // 2, layers) for head in range(heads)), UPPER_HALF_LATE_S
