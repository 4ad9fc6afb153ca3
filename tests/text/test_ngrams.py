"""N-gram models: probabilities by hand, files of others, texts of test sets noticed."""

from __future__ import annotations

import base64
import math
import zlib
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.text.ngrams import END, UNKNOWN, NGrams, open_ngrams
from speech_tl.text.ngrams.kneser_ney import arpa_lines, discounts_of, estimate
from speech_tl.text.ngrams.texts import digest, require_unseen, write_digests

TWO = [["a", "b"], ["a", "c"]]

ARPA = """
\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-1.0 <unk>
-99 <s> -0.3
-0.7 </s>
-0.5 a -0.2
-0.6 b

\\2-grams:
-0.2 <s> a
-0.4 a b

\\end\\
"""


BINARY = (
    "eNrLzU0sUMjJVcgoKSmw0tfPzkhNTMtMzUnRS87P1U/OT0lVSMsvyk0sUShLLSrOzM9TMOViQIAGeyCxnxFI/AcCkAgjVIYJTB6w"
    "RxZjRZFDAJB4QZ3iXsu2UrBawezsy5fExdmZGXADrpzvH2uLH2SDzDLX0ppU+6f7FQuGqob9IIKB4dihWTNn7jM2NobyGezPnvHZ"
    "N2umpD2UDwYcn5gyWjYaC589c2ZfY9HbD7XVNa0gdcgm2pTmZdsx2BQDsT6QSGRIYgAAYbdFsA=="
)
"""`ARPA` as KenLM's build_binary writes it, compressed."""


def written(path: Path, sentences: list[list[str]], order: int) -> NGrams:
    path.write_text("\n".join(arpa_lines(estimate(sentences, order))), encoding="utf-8")
    return NGrams.read(path)


def test_bigrams_by_hand() -> None:
    """Counted and discounted on paper: two sentences are too few to estimate discounts, so 0.5, 1 and 1.5 are taken."""
    model = estimate(TWO, 2)
    unigrams, bigrams = model.probabilities
    found = {gram[0]: round(p, 6) for gram, p in unigrams.items()}
    assert found == {"a": 0.2, "b": 0.2, "c": 0.2, END: 0.3, UNKNOWN: 0.1}
    wanted = {("<s>", "a"): 0.6, ("a", "b"): 0.35, ("a", "c"): 0.35, ("b", END): 0.65, ("c", END): 0.65}
    assert bigrams == pytest.approx(wanted)
    assert model.backoffs == pytest.approx({("<s>",): 0.5, ("a",): 0.5, ("b",): 0.5, ("c",): 0.5})


def test_discounts_are_those_of_chen_and_goodman() -> None:
    counts = [1] * 10 + [2] * 4 + [3] * 2 + [4] * 1 + [7]
    share = 10 / (10 + 2 * 4)
    assert discounts_of(counts) == pytest.approx((1 - 2 * share * 0.4, 2 - 3 * share * 0.5, 3 - 4 * share * 0.5))
    assert discounts_of([1, 1, 1]) == discounts_of([5]) == (0.5, 1.0, 1.5)


def test_what_follows_any_words_sums_to_one(tmp_path: Path) -> None:
    text = "the cat sat on the mat and the dog sat on the cat while the mat was on the dog and a cat saw the dog"
    words = text.split()
    model = written(tmp_path / "m.arpa", [words[i : i + 5] for i in range(0, len(words), 5)], 3)
    for context in (["the"], ["on", "the"], ["never", "read"], []):
        state = model.start()
        for word in context:
            _, state = model.score(state, word)
        total = sum(math.exp(model.score(state, word)[0]) for word in {*model.words, END, UNKNOWN})
        assert total == pytest.approx(1, abs=1e-4)


def test_an_arpa_file_backs_off(tmp_path: Path) -> None:
    (tmp_path / "m.arpa").write_text(ARPA)
    model = open_ngrams(tmp_path / "m.arpa")
    assert (model.order, model.words) == (2, {"a", "b"})
    found, state = [], model.start()
    for word in ("a", "b", "b", "unread"):
        log, state = model.score(state, word)
        found.append(round(log / math.log(10), 6))
    assert found == [-0.2, -0.4, -0.6, -1.0]
    assert model.end(state) / math.log(10) == pytest.approx(-0.7)
    assert model.score(model.start(), "b")[0] / math.log(10) == pytest.approx(-0.9)


def test_kenlm_reads_what_we_write_and_its_binary_form_is_read(tmp_path: Path) -> None:
    pytest.importorskip("flashlight.lib.text.decoder.kenlm")
    from speech_tl.text.ngrams.model import KenLMFile

    (tmp_path / "m.arpa").write_text(ARPA.strip() + "\n")
    (tmp_path / "m.bin").write_bytes(zlib.decompress(base64.b64decode(BINARY)))
    ours, theirs = open_ngrams(tmp_path / "m.arpa"), open_ngrams(tmp_path / "m.bin")
    assert isinstance(theirs, KenLMFile)
    assert theirs.words == ours.words
    for sentence in ("a b b", "b a", "a unread b", ""):
        logs = []
        for model in (ours, theirs):
            log, state = 0.0, model.start()
            for word in sentence.split():
                more, state = model.score(state, word)
                log += more
            logs.append(log + model.end(state))
        assert logs[0] == pytest.approx(logs[1], abs=1e-4)
    assert theirs.unigram("a") == pytest.approx(ours.unigram("a"), abs=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n", "is no ARPA language model: it has no"),
        (ARPA.replace("\\end\\", ""), "breaks off"),
        (ARPA.replace("-0.4 a b", "-0.4 a b c d"), "line 15"),
        (ARPA.replace("-0.4 a b", "minus a b"), "line 15"),
    ],
)
def test_a_damaged_file_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.arpa").write_text(content)
    with pytest.raises(BadInput, match=message):
        open_ngrams(tmp_path / "m.arpa")
    with pytest.raises(BadInput, match="no language model"):
        open_ngrams(tmp_path / "other.arpa")


def test_no_words_make_no_model() -> None:
    with pytest.raises(BadInput, match="no words"):
        estimate([[], []], 2)


def test_test_sentences_in_a_model_are_noticed_whatever_their_case_and_marks(tmp_path: Path) -> None:
    model = tmp_path / "lm.arpa"
    assert "nobody noted" in require_unseen(model, ["hello there"], "test")
    write_digests(model, ["Hello, there!", "Something else."], {})
    assert require_unseen(model, ["hello you", None, ""], "test") is None
    for name in ("lm.arpa", "lm.bin"):  # KenLM's form of the same model
        with pytest.raises(BadInput, match="made from 1 sentences of test.*'hello there'"):
            require_unseen(tmp_path / name, ["hello there", "hello there"], "test")
    assert digest("?!") == ""
    (tmp_path / "lm.arpa.json").write_text("{")
    with pytest.raises(BadInput, match="damaged"):
        require_unseen(model, ["hello"], "test")
