"""A language model from texts, for beam search: never from those that it will be measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.text import read_text, replacing, require_writable
from speech_tl.text.ngrams.kneser_ney import arpa_lines, estimate
from speech_tl.text.ngrams.texts import digest, named, sentences_shared, words_of_sentence, write_digests

HIGHEST_ORDER = 6

MEASURED = ("dev", "test")
"""Splits that a language model must not have read."""

TEXTS = (".txt", ".text", ".md")
"""Files that hold a sentence a line; anything else is a manifest."""


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        sentences, words: that it was made from.
        vocabulary: different words.
        ngrams: by order.
        dropped: sentences that were left out, as a test set has them.
    """

    sentences: int
    words: int
    vocabulary: int
    ngrams: list[int]
    dropped: int


def make_lm(
    texts: Sequence[str | Path],
    out: str | Path,
    *,
    order: int = 3,
    language: str | None = None,
    not_in: Sequence[str | Path] = (),
    drop: bool = False,
) -> Made:
    """Make an n-gram model by interpolated modified Kneser-Ney smoothing (`speech_tl.text.ngrams.kneser_ney`).

    Args:
        texts: files with a sentence a line (.txt), and manifests, of which the train split is read.
        out: the ARPA file; beside it, NAME.json has digests of its sentences.
        order: words of the longest n-grams, 1 to 6.
        language: of the texts, for its rules of case; those written without spaces are taken by characters.
        not_in: manifests whose sentences of dev and test must not be in the texts: on dev the model's weight is chosen.
        drop: leave such sentences out, instead of refusing.

    Raises:
        BadInput: a text that cannot be read, sentences of a test set among them, or no words at all.
    """
    if not 1 <= order <= HIGHEST_ORDER:
        raise BadInput(f"--order {order}: expected 1 to {HIGHEST_ORDER}")
    out = Path(out)
    if out.suffix != ".arpa":
        raise BadInput(f"--out {out}: expected a name that ends in .arpa")
    require_writable(out.parent)
    lines = [line for text in texts for line in sentences_of(text)]
    forbidden = {digest(text) for name in not_in for text in _texts(name, MEASURED) if text} - {""}
    found = sentences_shared(forbidden, lines)
    if found and not drop:
        raise BadInput(
            f"{len(found)} sentences of dev or test are in the texts ({named(found)}): what a model has read it writes "
            "whatever was said; --drop leaves them out"
        )
    kept = [line for line in lines if digest(line) not in forbidden]
    sentences = [words for words in (words_of_sentence(line, language) for line in kept) if words]
    model = estimate(sentences, order)
    with replacing(out) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in arpa_lines(model))
    made = Made(
        len(sentences),
        sum(map(len, sentences)),
        len(model.probabilities[0]) - 2,
        [len(table) for table in model.probabilities],
        len(lines) - len(kept),
    )
    facts = {"order": order, "sentences": made.sentences, "words": made.words, "language": language}
    write_digests(out, kept, facts)
    return made


def sentences_of(text: str | Path) -> Iterator[str]:
    """The sentences of a text file, a line each, or of a manifest's train split.

    Raises:
        BadInput: it cannot be read, or is a manifest without texts.
    """
    if Path(text).suffix.lower() in TEXTS:
        yield from (line for line in read_text(text).splitlines() if line.strip())
        return
    yield from (line for line in _texts(text, ("train",)) if line)


def _texts(manifest: str | Path, splits: Sequence[str]) -> list[str | None]:
    """The texts of a manifest's splits; of all rows where it has none."""
    read = Manifest.read(manifest)
    read.require_text()
    if "split" not in read.columns:
        return read.texts("text")
    return [text for split in splits for text in read.split(split).texts("text")]
