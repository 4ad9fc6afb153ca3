"""Forced alignment on scores made by hand, where every frame's letter is known."""

from __future__ import annotations

import numpy as np
import pytest

from speech_tl.transcribing import alignment
from speech_tl.transcribing.alignment import Aligner, Piece, mean_score

BLANK, DELIMITER = 0, 1
LETTERS = {letter: place for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 2)}


def piece(text: str) -> Piece:
    return Piece(tuple(tuple(LETTERS[letter] for letter in word if letter in LETTERS) for word in text.split()))


def spoken(*texts: str, silence: int = 10, seed: int = 0) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Scores of a model that hears well: (log probabilities, first and last frame of each text's letters)."""
    rng = np.random.default_rng(seed)
    frames: list[int] = []
    places = []
    for text in texts:
        frames += [BLANK] * silence
        first = len(frames)
        for word in text.split():
            for letter in word:
                frames += [LETTERS[letter], LETTERS[letter], BLANK]
            frames += [DELIMITER, BLANK]
        places.append((first, len(frames) - 4))
    frames += [BLANK] * silence
    logits = rng.normal(0, 1, (len(frames), 28)).astype(np.float32)
    logits[np.arange(len(frames)), frames] += 9
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), places


def located(scores: np.ndarray, *texts: str) -> list:
    return Aligner(scores, BLANK, DELIMITER).locate([piece(text) for text in texts])


def close(found: list, places: list[tuple[int, int]], frames: int = 2) -> bool:
    """Whether every piece is where it was said; at the edge of a letter the filler may score as well as the letter."""
    return (
        all(one is not None for one in found)
        and len(found) == len(places)
        and all(
            abs(one.start - start) <= frames and abs(one.end - end) <= frames
            for one, (start, end) in zip(found, places, strict=True)
        )
    )


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list(LETTERS), rng.integers(2, 8))) for _ in range(60)]
    return [" ".join(rng.choice(words, rng.integers(4, 9))) for _ in range(count)]


def test_every_word_is_where_it_was_said():
    scores, places = spoken("hello all", "bye")
    hello, bye = located(scores, "hello all", "bye")
    assert close([hello, bye], places)
    assert hello.words[0].end == 23 and hello.words[1].start == 27  # the double l has frames of its own
    assert hello.score > -0.01 and hello.words[0].letters == 5


def test_a_word_that_cannot_be_written_has_no_place_and_harms_nobody():
    scores, places = spoken("hello fourteenfiftyfive all")
    (found,) = located(scores, "hello 1455 all")
    assert close([found], places)
    assert found.words[0].end == 23 and found.words[1].letters == 0 and found.words[2].start == places[0][1] - 7
    assert found.score > -1.0
    (first,) = located(scores, "1454 1455 all 1456")
    assert first.words[2].start == found.words[2].start and first.words[2].letters == 3


def test_speech_that_is_not_in_the_text_is_passed_over():
    said = ["this is an announcement", *sentences(3), "and a remark in between", *sentences(3, seed=1), "goodbye"]
    scores, places = spoken(*said)
    wanted = [number for number in range(len(said)) if number not in (0, 4, 8)]
    found = located(scores, *(said[number] for number in wanted))
    assert close(found, [places[number] for number in wanted])


def test_text_that_nobody_said_is_taken_out_and_its_neighbours_stay():
    said = sentences(8)
    scores, places = spoken(*said)
    text = [*said[:3], "nobody ever said this here", "nor that", *said[3:], "the end of the book"]
    found = located(scores, *text)
    assert [number for number, one in enumerate(found) if one is None] == [3, 4, 10]
    assert close([one for one in found if one is not None], places)


def test_a_long_run_of_unspoken_text_is_taken_out_a_quarter_at_a_time():
    said, unsaid = sentences(12), sentences(15, seed=5)
    scores, places = spoken(*said)
    found = located(scores, *said[:6], *unsaid, *said[6:])
    assert [number for number, one in enumerate(found) if one is None] == list(range(6, 21))
    assert close([one for one in found if one is not None], places)


@pytest.mark.parametrize("block", [400, 1000, 3000])
def test_a_long_recording_block_by_block_is_the_same_as_at_once(block, monkeypatch):
    said = sentences(60)
    scores, places = spoken(*said, silence=30)
    monkeypatch.setattr(alignment, "BLOCK_FRAMES", block)
    assert len(scores) > 2 * block
    found = located(scores, *said)
    assert close(found, places)


def test_an_announcement_longer_than_a_block_makes_the_block_longer(monkeypatch):
    said, before = sentences(30), sentences(12, seed=3)
    scores, places = spoken(*before, *said)
    monkeypatch.setattr(alignment, "BLOCK_FRAMES", 500)
    found = located(scores, *said)
    assert close(found, places[len(before) :])


def test_other_text_altogether_is_not_found():
    scores, _ = spoken(*sentences(10))
    assert located(scores, *sentences(8, seed=9)) == [None] * 8


def test_too_much_text_does_not_fit():
    scores, _ = spoken("hello")
    aligner = Aligner(scores, BLANK, DELIMITER)
    assert aligner.fits([piece("hello")]) and not aligner.fits([piece("hello " * 9)])
    assert aligner.locate([piece("hello " * 9)]) == [None]


def test_scores_are_of_letters_against_the_best_label():
    scores, _ = spoken("abc")
    wrong = scores.copy()
    at = slice(10, 12)  # both frames of the first letter: another one is likelier by 2 nats
    wrong[at] = np.log(1e-6)
    wrong[at, LETTERS["a"]], wrong[at, LETTERS["x"]] = np.log(0.119), np.log(0.88)
    (found,) = located(wrong, "abc")
    assert found.score == pytest.approx(-2.0 / 3, abs=0.02)
    assert mean_score([]) == -np.inf


def test_a_model_without_a_label_between_words():
    scores, _ = spoken("hello")
    (found,) = Aligner(scores, BLANK, None).locate([piece("he llo")])
    assert [word.letters for word in found.words] == [2, 3]


def test_labels_of_words_and_what_stands_for_those_that_cannot_be_written():
    filler = 28
    labels, owners = piece("ab 1 c 2").labels(DELIMITER, filler)
    assert labels == [filler, LETTERS["a"], LETTERS["b"], filler, LETTERS["c"]], "no filler at the end: one follows"
    assert owners == [-1, 0, 0, -1, 2]
    assert piece("ab c").labels(DELIMITER, filler)[0] == [filler, LETTERS["a"], LETTERS["b"], DELIMITER, LETTERS["c"]]
    assert piece("1 2").labels(DELIMITER, filler)[0] == [filler]


def test_a_text_fits_into_just_as_many_frames_as_it_needs():
    """A filler, five letters, one frame between the two that are alike, a filler."""
    scores, _ = spoken("hello")
    for frames, enough in ((7, False), (8, True)):
        aligner = Aligner(scores[:frames], BLANK, DELIMITER)
        assert aligner.fits([piece("hello")]) == enough
    (found,) = aligner.place_within([piece("hello")], 0, 8)
    assert (found.start, found.end) == (1, 6)


def test_after_an_announcement_blocks_are_short_again(monkeypatch):
    said, before = sentences(60), sentences(12, seed=3)
    scores, places = spoken(*before, *said)
    monkeypatch.setattr(alignment, "BLOCK_FRAMES", 500)
    lengths = []
    looked = Aligner._spoken

    def look(self, pieces, first, end):
        lengths.append(end - first)
        return looked(self, pieces, first, end)

    monkeypatch.setattr(Aligner, "_spoken", look)
    assert close(located(scores, *said), places[len(before) :])
    assert max(lengths) >= 1000 and lengths[-2] <= 750


def test_of_a_long_run_several_are_taken_out_at_once(monkeypatch):
    """One by one every trial aligns the rest anew: the work would grow with the cube of the run."""
    said, unsaid = sentences(6), sentences(40, seed=5)
    scores, _ = spoken(*said)
    trials = []
    took = Aligner._take_one_out

    def take(self, pieces, now, near, run, within):
        trials.append(len(run))
        return took(self, pieces, now, near, run, within)

    monkeypatch.setattr(Aligner, "_take_one_out", take)
    located(np.concatenate([scores, scores, scores, scores]), *said[:3], *unsaid, *said[3:])
    assert max(trials) > alignment.MOST_TRIED and len(trials) < 25


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_sentence_said_twice_stays_between_its_neighbours(where):
    """An unspoken text beside it has it placed anew; the other time it is said, more clearly, is not its place."""
    one, twice, last = sentences(3, seed=2)
    said = [twice, "so", twice, last] if where == "before" else [one, twice, "so", twice, last]
    unclear, unspoken = (2, 3) if where == "before" else (1, 1)
    scores, places = spoken(*said)
    for frame in range(places[unclear][0], places[unclear][1], 2):  # another letter is likelier in every other one
        heard = int(scores[frame].argmax())
        scores[frame, [heard, heard - 1]] = np.log(0.15), np.log(0.8)
    found = located(scores, *said[:unspoken], "nobody ever said this here", *said[unspoken:])
    assert [number for number, piece in enumerate(found) if piece is None] == [unspoken]
    assert close([piece for piece in found if piece is not None], places, frames=4)


def test_few_letters_are_not_put_back_they_are_found_anywhere():
    scores, places = spoken("the cat sat", "on the mat it sat")
    aligner = Aligner(scores, BLANK, DELIMITER)
    pieces = [piece("cat sat"), piece("on the mat it sat")]
    assert aligner._put_back(pieces, [0], (0, len(scores))) == {}
    back = aligner._put_back(pieces, [0, 1], (0, len(scores)))
    assert list(back) == [1] and close([back[1]], places[1:])
