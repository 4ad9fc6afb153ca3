"""What a recogniser writes where nobody speaks, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_tl.reporting import words

TEXTS_SHOWN = 5


def silence_lines(figures: Mapping[str, Any]) -> list[str]:
    """The figures of `scoring.silence`: the share of clips with text, and what is written most often."""
    share = f"{words.percent(figures['share'])} (95 % interval {words.interval(figures['ci95'])})"
    counted = f"{figures['with_text']} of {figures['clips']} clips without speech got text"
    first = f"{counted}: {share}, {words.count(figures['words'])} words"
    texts = [f'"{text}" ({times})' for text, times in figures["texts"][:TEXTS_SHOWN]]
    return [first, *([f"most often: {', '.join(texts)}"] if texts else [])]
