"""Text as tokens that a Whisper reads or writes, and as what stands before its own: light to import."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain

from speech_tl.errors import BadInput

CHARACTERS_A_TOKEN = 16
"""No more of a text is looked at: a client may send a megabyte, which takes a second or two to put into tokens."""


def tokens_of_text(text: str, encode: Callable[[str], Sequence[int]]) -> list[int]:
    """Tokens of a text with the leading space of Whisper's own training.

    The names of Whisper's own tokens, such as <|nospeech|>, are text like any.

    Args:
        text: in one language.
        encode: the tokenizer's, without special tokens.
    """
    said = text.strip()
    pieces = re.split(r"(?<=<)(?=\|)", f" {said}") if said else []  # no piece holds the name of a token
    return list(chain.from_iterable(encode(piece) for piece in pieces))


def most_prompt_tokens(longest: int) -> int:
    """Of a decoder with so many positions: half of them, one of which is for the token that begins the prompt."""
    return longest // 2 - 1


def require_short_prompt(tokens: Sequence[int], longest: int, source: str) -> Sequence[int]:
    """The tokens of a prompt, if they fit.

    Raises:
        BadInput: they are more than `most_prompt_tokens`; says both.
    """
    most = most_prompt_tokens(longest)
    if len(tokens) > most:
        raise BadInput(f"a prompt of {len(tokens)} tokens: {source} takes at most {most}; shorten --prompt")
    return tokens


def end_that_fits(text: str, count: Callable[[str], int], longest: int) -> str:
    """The last words of a prompt, as many as fit, as OpenAI's server takes them; `count` tells the tokens of a text."""
    most = most_prompt_tokens(longest)
    words = text[-CHARACTERS_A_TOKEN * most :].split()
    while (over := count(" ".join(words)) - most) > 0:
        del words[: max(1, over // 8)]  # few words have more than eight tokens, so that few are dropped needlessly
    return " ".join(words)
