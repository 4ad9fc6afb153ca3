"""What a sentence sounds like, as far as choosing needs it: its diphones, or three letters in a row instead of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise

from speech_tl.text import get_normaliser

Sounds = frozenset[str]
"""The different units of a sentence."""

PATIENCE_S = 60.0


def sounds_of(sentences: Sequence[str], language: str) -> tuple[list[Sounds], str]:
    """The units of each sentence, and what they are, in words.

    Diphones are what espeak-ng would say: two phonemes in a row, silence at either end among them. Without espeak-ng,
    or where it does not speak the language, three letters in a row stand for them.
    """
    spoken = _spoken(sentences, language)
    if spoken is not None:
        return [_pairs(line) for line in spoken], "diphones, by espeak-ng"
    letters = [letter_sounds(sentence, language) for sentence in sentences]
    return letters, "three letters in a row: there is no espeak-ng for it"


def letter_sounds(sentence: str, language: str | None = None, size: int = 3) -> Sounds:
    """`size` letters in a row, without case (as the language has it) and punctuation; spaces count.

    >>> sorted(letter_sounds("A cat."))
    [' a ', ' ca', 'a c', 'at ', 'cat']
    """
    text = f" {get_normaliser('basic', language)(sentence)} "
    return frozenset(text[first : first + size] for first in range(len(text) - size + 1))


def _spoken(sentences: Sequence[str], language: str) -> list[str] | None:
    """Each sentence in phonemes; None without espeak-ng, or where it does not give a line for each."""
    program = shutil.which("espeak-ng")
    if program is None or not sentences:
        return None
    normalise = get_normaliser("basic", language)  # punctuation would end espeak-ng's lines
    text = "".join(f"{normalise(sentence)}\n\n" for sentence in sentences)
    command = [program, "-q", "--ipa", "--sep=_", "-v", language.lower().replace("_", "-"), "--stdin"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=PATIENCE_S)
    except (subprocess.SubprocessError, OSError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return lines if len(lines) == len(sentences) else None


def _pairs(line: str) -> Sounds:
    """Diphones of a line of phonemes, stress aside."""
    phonemes = [one for one in re.split(r"[_\s]+", re.sub("[ˈˌ]", "", line)) if one]
    return frozenset(f"{left} {right}" for left, right in pairwise(["#", *phonemes, "#"]))
