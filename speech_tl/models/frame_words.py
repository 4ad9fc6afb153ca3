"""Words on frames, whatever found them: forced alignment of CTC, or what Whisper's decoder attends to. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from speech_tl.text import leading_rate


@dataclass(frozen=True)
class FrameWord:
    """A word that a model wrote, on its frames.

    Attributes:
        text: without spaces around it.
        first: frame in which its first letter begins.
        last: frame in which its last letter ends, included.
        probability: geometric mean over the frames of its letters (CTC) or over its tokens (Whisper), 0 to 1.
    """

    text: str
    first: int
    last: int
    probability: float


@dataclass(frozen=True)
class TokenTimes:
    """Where the tokens of one text are.

    Attributes:
        borders: the encoder position at which each token begins, and the one at which the text is over `(tokens + 1,)`.
        probabilities: of each token `(tokens,)`.
    """

    borders: np.ndarray
    probabilities: np.ndarray


SPACE = chr(256 + ord(" "))
"""The letter that stands for a space, see `byte_letters`."""


@cache
def byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in the names of byte-level tokens (Radford et al. 2019, GPT-2) -> the byte.

    Bytes that print stand for themselves, the others, in order, for the letters from U+0100 on.
    """
    printing = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {chr(256 + place): byte for place, byte in enumerate(others)}


def bytes_of(name: str) -> bytes:
    """What a byte-level token stands for.

    >>> bytes_of("Ġnaïve").decode(errors="replace"), bytes_of("Ã©").decode()
    (' na\ufffdve', 'é')
    """
    letters = byte_letters()
    return bytes(letters[letter] for letter in name)


def words_of_tokens(names: Sequence[str], times: TokenTimes, language: str | None) -> list[FrameWord]:
    """Byte-level tokens of a text as its words, with their times.

    Args:
        names: of the tokens.
        times: where they are.
        language: of the text; in those written without spaces each character is a word.
    """
    written = [bytes_of(name) for name in names]
    owners = [place for place, part in enumerate(written) for _ in part]
    text = b"".join(written).decode(errors="replace")
    found = []
    for match in re.finditer(r"\S+" if leading_rate(language) == "wer" else r"\S", text):
        at = len(text[: match.start()].encode())
        first = owners[min(at, len(owners) - 1)]
        last = owners[min(at + len(match[0].encode()), len(owners)) - 1]
        sure = float(np.exp(np.log(np.maximum(times.probabilities[first : last + 1], 1e-9)).mean()))
        end = max(int(times.borders[last + 1]) - 1, int(times.borders[first]))
        found.append(FrameWord(match[0], int(times.borders[first]), end, sure))
    return found
