"""Control characters in texts, from broken files and hostile ones: our counts are those of jiwer all the same."""

from __future__ import annotations

from pathlib import Path

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_tl.scoring.wer import Evaluation
from speech_tl.text import NORMALISERS
from tests.scoring.made import evaluation

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA1))]
CONTROLS += ["\u00ad", "\u200b", "\u200e", "\u2028", "\u2029", "\u202e", "\u2060", "\ufeff"]
SPACES = {ord(character): " " for character in CONTROLS if character.isspace()}

texts = st.lists(st.one_of(st.sampled_from(["a", "b", "one ", "2", " ", "été"]), st.sampled_from(CONTROLS)), max_size=9)
pairs = st.lists(st.tuples(texts.map("".join), texts.map("".join)), min_size=1, max_size=3)


def counts(found: jiwer.WordOutput | jiwer.CharacterOutput) -> tuple[int, int, int]:
    return found.substitutions, found.deletions, found.insertions


@pytest.mark.parametrize("normaliser", NORMALISERS)
@settings(max_examples=100)
@given(said=pairs)
def test_what_rows_hold_is_counted_as_jiwer_counts_it(normaliser: str, said: list[tuple[str, str]]) -> None:
    for row in evaluation(said, normaliser).utterances:
        words = jiwer.process_words(row.reference, row.hypothesis)
        assert (row.substitutions, row.deletions, row.insertions) == counts(words)
        assert row.words == len(row.reference.split()) == len(words.references[0])
        assert row.characters[1:] == counts(jiwer.process_characters(row.reference, row.hypothesis))


@settings(max_examples=200)
@given(said=pairs)
def test_as_written_they_are_part_of_words_unless_they_are_white_space(said: list[tuple[str, str]]) -> None:
    found = evaluation(said).score
    sides = [[pair[side].translate(SPACES) for pair in said] for side in (0, 1)]
    theirs = jiwer.process_words(*sides)
    assert (found.substitutions, found.deletions, found.insertions) == counts(theirs)
    assert found.wer == (pytest.approx(theirs.wer) if found.words else None) == found.raw["wer"]


def test_a_written_evaluation_is_read_with_the_same_counts(tmp_path: Path) -> None:
    said = [(f"a{control}b {control} c", f"a b{control}{control}c d") for control in CONTROLS]
    found = evaluation(said)
    found.write(tmp_path)
    assert Evaluation.read(tmp_path).utterances == found.utterances
