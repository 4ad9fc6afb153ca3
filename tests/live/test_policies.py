"""When words are final: hypotheses as decoders write them while a sentence goes on."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from speech_tl.live.policies import RIGHT_CONTEXT_S, LocalAgreement, StableFrames, continued
from speech_tl.transcribing.recogniser import Word, spread


def texts(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


def told(policy, hypotheses: list[str]) -> list[tuple[str, str]]:
    """(Final, partial) of each hypothesis, a second of sound apart; the last one ends the utterance."""
    found = []
    for number, text in enumerate(hypotheses, start=1):
        fresh, rest = policy.take(spread(text, 0.0, number), number, last=number == len(hypotheses))
        found.append((texts(fresh), texts(rest)))
    return found


def test_what_two_hypotheses_agree_on_is_final():
    assert told(
        LocalAgreement(),
        [
            "There's",
            "There's iron",
            "There's iron, they see",
            "There's iron, they say in",
            "There's iron, they say in all.",
        ],
    ) == [
        ("", "There's"),
        ("There's", "iron"),
        ("iron,", "they see"),
        ("they", "say in"),
        ("say in all.", ""),
    ]


def test_a_final_word_stays_when_the_decoder_changes_its_mind():
    policy = LocalAgreement()
    hypotheses = ["the cat", "the cat sat", "a fat cat sat on", "the cat sat on a mat"]
    assert [final for final, _ in told(policy, hypotheses)] == ["", "the cat", "sat", "on a mat"]
    assert texts(policy.final) == "the cat sat on a mat"


def test_repeated_words_are_not_lost():
    policy = LocalAgreement()
    told(policy, ["no no", "no no no", "no no no no", "no no no no no no"])
    assert texts(policy.final) == "no no no no no no"


def test_an_utterance_that_shrinks_ends():
    policy = LocalAgreement()
    assert told(policy, ["one two three", "one two three four", "one two"])[-1] == ("", "")
    assert texts(policy.final) == "one two three"


@given(st.integers(0, 10**6))
def test_finals_are_never_taken_back(seed: int):
    rng = random.Random(seed)
    spoken = [rng.choice(["a", "b", "c", "d", "e", "f", "g"]) for _ in range(12)]
    hypotheses = []
    for length in range(1, 13):
        heard = [rng.choice("abcdefg") if rng.random() < 0.15 else word for word in spoken[:length]]
        hypotheses.append(" ".join(heard))
    policy, so_far = LocalAgreement(), []
    for final, _ in told(policy, hypotheses):
        so_far += final.split()
    assert so_far == [word.text for word in policy.final]
    times = [time for word in policy.final for time in (word.start_s, word.end_s)]
    assert times == sorted(times)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_a_hypothesis_that_goes_on_from_the_final_words_is_continued_behind_them(final: list[str], more: list[str]):
    place = continued([*final, *more], final)
    assert place == len(final)


def test_frames_are_final_once_they_lie_far_enough_back():
    policy = StableFrames()
    words = [Word("one", 0.2, 0.5), Word("two", 0.6, 0.9), Word("three", 1.5, 1.9)]
    fresh, rest = policy.take(words, 0.9 + RIGHT_CONTEXT_S, last=False)
    assert (texts(fresh), texts(rest)) == ("one two", "three")
    again = [Word("two", 0.61, 0.92), Word("three", 1.5, 2.0), Word("four", 2.2, 2.5)]
    fresh, rest = policy.take(again, 3.0, last=False)
    assert (texts(fresh), texts(rest)) == ("three", "four")
    assert texts(policy.take([Word("four", 2.2, 2.6)], 3.2, last=True)[0]) == "four"
