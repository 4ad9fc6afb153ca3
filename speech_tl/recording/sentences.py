"""Where sentences to read come from: a file of one's own, or the everyday ones in English; and the words wanted."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.recording.choosing import SLOT, key, reading_s
from speech_tl.recording.everyday import everyday_sentences
from speech_tl.text import read_text

LONGEST_S = 20.0  # a sentence that takes longer is read badly, and a recording may last 30 s

CARRIERS = tuple(
    f"{begin}{SLOT}{end}".strip()
    for begin, end in (
        ("Have you heard of ", " before?"),
        ("Please write to me about ", " today."),
        ("This morning ", " was mentioned twice."),
        ("How do you spell ", "?"),
        ("We talked about ", " for an hour."),
        ("Can you tell me more about ", "?"),
        ("Nobody asked for ", " yesterday."),
        ("My notes begin with ", " and end there."),
        ("Is ", " on your list?"),
        ("Look up ", " when you have time."),
        ("The next line says ", " again."),
        ("They said ", " and I smiled."),
    )
)


def own_sentences(path: str | Path) -> tuple[list[str], list[str], list[str]]:
    """(sentences, carriers with `{word}` in them, those too long to read) of a file with one on each line.

    Raises:
        BadInput: no such file, not UTF-8, or no sentence in it.
    """
    lines = list({key(line): line for line in _lines(path) if key(line)}.values())
    if not lines:
        raise BadInput(f"{path}: holds no sentence; expected one on each line")
    long = [line for line in lines if reading_s(line) > LONGEST_S]
    carriers = [line for line in lines if SLOT in line]
    sentences = [line for line in lines if line not in carriers and line not in long]
    if not sentences and not carriers:
        raise BadInput(f"{path}: every line takes longer than {LONGEST_S:g} s to read; cut them into sentences")
    return sentences, carriers, long


def own_words(path: str | Path) -> list[str]:
    """The words or phrases of a file with one on each line, each once.

    Raises:
        BadInput: no such file, not UTF-8, no word in it, or a line that is a whole text.
    """
    lines = _lines(path)
    for number, line in enumerate(lines, 1):
        if len(line.split()) > 6:
            raise BadInput(f"{path}: '{line[:40]}...' (word {number}) is a sentence: expected one word or name a line")
    words = list({key(line): line for line in lines if key(line)}.values())
    if not words:
        raise BadInput(f"{path}: holds no word; expected one word or name on each line")
    return words


def everyday(minutes: float, language: str) -> list[str]:
    """Enough everyday sentences to choose well from.

    Raises:
        BadInput: another language than English.
    """
    if not is_english(language):
        raise BadInput(
            f"--language {language}: the sentences that ship are English; give yours with --sentences FILE, one a line"
        )
    return list(islice(everyday_sentences("read aloud"), max(1000, round(100 * minutes))))


def is_english(language: str) -> bool:
    """Whether a language's code is one of English: en, en-GB, eng."""
    return language.lower().replace("_", "-").partition("-")[0] in ("en", "eng")


def _lines(path: str | Path) -> list[str]:
    """Lines that are not empty, spaces evened out."""
    lines = (" ".join(line.split()) for line in read_text(path).splitlines())
    return [line for line in lines if line]
