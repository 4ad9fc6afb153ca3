"""Back-off n-gram models as files have them: ARPA as text (SRILM's ngram-format(5)), or KenLM's binary form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from speech_tl.errors import BadInput

START, END, UNKNOWN = "<s>", "</s>", "<unk>"

NEVER = -99.0
"""What ARPA files write for log10 of zero; also of an unknown word where a model has no `<unk>`."""

NATURAL = math.log(10)

BINARY_WORDS = b"<unk>\0"
"""What the list of words begins with that KenLM's `build_binary` puts at the end of its files."""


class LanguageModel(Protocol):
    """What the next word is likely to be after words that are known; a state is whatever the model makes of these."""

    words: frozenset[str]

    def start(self) -> Any:
        """The state before the first word of a sentence."""

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """Natural log of a word's probability, and the state after it; unknown words are `<unk>`."""

    def unigram(self, word: str) -> float:
        """Natural log of a word's probability, whatever stands before it."""

    def end(self, state: Any) -> float:
        """Natural log of the probability that the sentence ends here."""


class NGrams:
    """A back-off model (Katz 1987) in memory: probabilities of n-grams and weights of their contexts.

    Attributes:
        order: words of the longest n-grams.
        words: all it knows, without `<s>`, `</s>` and `<unk>`.
    """

    def __init__(self, logs: dict[str, float], backoffs: dict[str, float], order: int) -> None:
        """Keep natural logs of probabilities by "a b c", and of back-off weights by context."""
        self.order = order
        self.words = frozenset(key for key in logs if " " not in key) - {START, END, UNKNOWN}
        self._logs, self._backoffs = logs, backoffs
        self._logs.setdefault(UNKNOWN, NEVER * NATURAL)
        self._logs.setdefault(END, NEVER * NATURAL)

    def start(self) -> str:
        """See `LanguageModel`; a state is the longest known context, as its words."""
        return START if START in self._logs and self.order > 1 else ""

    def score(self, state: str, word: str) -> tuple[float, str]:
        """See `LanguageModel`."""
        if word not in self._logs:
            word = UNKNOWN
        backed_off = 0.0
        while state:
            key = f"{state} {word}"
            found = self._logs.get(key)
            if found is not None:
                full = state.count(" ") + 2 == self.order
                return found + backed_off, key.partition(" ")[2] if full else key
            backed_off += self._backoffs.get(state, 0.0)
            state = state.partition(" ")[2]
        return self._logs[word] + backed_off, word if self.order > 1 else ""

    def unigram(self, word: str) -> float:
        """See `LanguageModel`."""
        return self._logs.get(word, self._logs[UNKNOWN])

    def end(self, state: str) -> float:
        """See `LanguageModel`."""
        return self.score(state, END)[0]

    @classmethod
    def read(cls, path: str | Path) -> NGrams:
        """Read an ARPA file.

        Raises:
            BadInput: it cannot be read, is no ARPA file, or breaks off.
        """
        logs: dict[str, float] = {}
        backoffs: dict[str, float] = {}
        order, ended = 0, False
        for number, line in _lines(path):
            if line.startswith("\\"):
                ended = line == "\\end\\"
                order = int(line[1:].partition("-")[0]) if line.endswith("-grams:") else order
            elif order:
                try:
                    _take(line, order, logs, backoffs)
                except ValueError as error:
                    raise BadInput(
                        f"{path} line {number}: expected log10 probability, {order} words, back-off weight; got "
                        f"{line[:60]!r}"
                    ) from error
        if not order or not ended:
            why = "breaks off before \\end\\" if order else "has no \\1-grams:"
            raise BadInput(f"{path} is no ARPA language model: it {why}; `speech-tl lm TEXT --out FILE.arpa` makes one")
        return cls(logs, backoffs, order)


class KenLMFile:
    """A model in KenLM's binary form (Heafield 2011, https://kheafield.com/code/kenlm), read by flashlight-text."""

    def __init__(self, path: str | Path) -> None:
        """Map the file and read its words.

        Raises:
            BadInput: flashlight-text is missing, or the file holds no model or no words.
        """
        try:
            from flashlight.lib.text.decoder.kenlm import KenLM
            from flashlight.lib.text.dictionary import Dictionary
        except ImportError as error:
            raise BadInput(
                f"{path}: KenLM's binary files need flashlight-text: pip install 'speech_tl[lm]', or give an .arpa file"
            ) from error
        words = _binary_words(path)
        self.words = frozenset(words) - {START, END, UNKNOWN}
        self._places = {word: place for place, word in enumerate(words)}
        try:
            self._model = KenLM(str(path), Dictionary(words))
        except RuntimeError as error:
            raise BadInput(f"{path}: KenLM cannot read it ({str(error).splitlines()[0][:120]})") from error

    def start(self) -> object:
        """See `LanguageModel`."""
        return self._model.start(False)

    def score(self, state: object, word: str) -> tuple[float, object]:
        """See `LanguageModel`."""
        after, log10 = self._model.score(state, self._places.get(word, self._places[UNKNOWN]))
        return log10 * NATURAL, after

    def unigram(self, word: str) -> float:
        """See `LanguageModel`."""
        return self.score(self._model.start(True), word)[0]

    def end(self, state: object) -> float:
        """See `LanguageModel`."""
        return self._model.finish(state)[1] * NATURAL


def open_ngrams(path: str | Path) -> LanguageModel:
    """The model of a file, `.bin` or `.binary` as KenLM's and anything else as ARPA; an open one is not read again.

    Raises:
        BadInput: there is no such file, or no such model in it.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"there is no language model {path}: expected an ARPA file or KenLM's .bin")
    return _opened(path.absolute(), path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _opened(path: Path, time_ns: int) -> LanguageModel:
    return KenLMFile(path) if path.suffix in (".bin", ".binary") else NGrams.read(path)


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Number and content of each line that is not empty."""
    try:
        with Path(path).open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                if line := line.strip("\r\n "):
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as a language model: {error}") from error


def _take(line: str, order: int, logs: dict[str, float], backoffs: dict[str, float]) -> None:
    """One n-gram's line into the tables; both tabs and blanks part its columns."""
    columns = line.split()
    if len(columns) not in (order + 1, order + 2):
        raise ValueError
    key = " ".join(columns[1 : order + 1])
    logs[key] = float(columns[0]) * NATURAL
    if len(columns) == order + 2 and (weight := float(columns[-1])):
        backoffs[key] = weight * NATURAL


def _binary_words(path: str | Path) -> list[str]:
    """The words at the end of KenLM's binary file, in the order of their numbers."""
    content = Path(path).read_bytes()
    place = content.rfind(BINARY_WORDS)
    if place < 0:
        raise BadInput(f"{path} holds no list of words: make it with KenLM's build_binary, without -v")
    return content[place:].rstrip(b"\0").decode("utf-8", errors="replace").split("\0")
