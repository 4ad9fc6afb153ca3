"""Which sentences are read: coverage, wanted words, carriers, and the list that goes on."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from speech_tl.errors import BadInput
from speech_tl.recording import sounds
from speech_tl.recording.choosing import Wanted, by_coverage, reading_list, reading_s, with_words
from speech_tl.recording.everyday import everyday_sentences
from speech_tl.recording.sentences import CARRIERS, everyday, own_sentences, own_words
from speech_tl.recording.sounds import letter_sounds, sounds_of

POOL = list(islice(everyday_sentences(1), 300))


def test_each_choice_is_the_best_of_all_that_are_left():
    """The lazy choice against looking at every sentence every time."""
    held = [letter_sounds(sentence) for sentence in POOL[:60]]
    counts: Counter[str] = Counter(held[3])
    left, plain = set(range(60)), []
    while left:
        best = max(left, key=lambda n: (sum(0.5 ** counts[u] for u in held[n]) / reading_s(POOL[n]), -n))
        counts.update(held[best])
        left.remove(best)
        plain.append(POOL[best])
    assert list(by_coverage(POOL[:60], held, [held[3]])) == plain


def test_chosen_sentences_cover_more_than_the_first_ones():
    held = dict(zip(POOL, map(letter_sounds, POOL), strict=True))

    def covered(sentences: list[str]) -> int:
        taken, seconds = set(), 0.0
        for sentence in sentences:
            seconds += reading_s(sentence)
            if seconds > 120:
                break
            taken |= held[sentence]
        return len(taken)

    assert covered(list(by_coverage(POOL, [held[s] for s in POOL]))) > 1.1 * covered(POOL)


def test_espeak_tells_diphones_and_letters_stand_in_without_it(monkeypatch: pytest.MonkeyPatch):
    if sounds.shutil.which("espeak-ng") is None:
        pytest.skip("no espeak-ng (Debian: apt-get install espeak-ng)")
    (night, knight, other), basis = sounds_of(["Night!", "knight", "nothing, much"], "en")
    assert "espeak-ng" in basis and night == knight != other and "# n" in night and "t #" in night
    assert not {mark for unit in night | other for mark in unit} & set("ˈˌ"), "stress makes no other sound"
    assert "three letters" in sounds_of(["hello"], "zz")[1]
    assert "three letters" in sounds_of(["hello", "...", "you"], "en")[1], "a line for each sentence, or none at all"
    monkeypatch.setattr(sounds.shutil, "which", lambda name: None)
    (night, knight), basis = sounds_of(["Night!", "knight"], "en")
    assert "three letters" in basis and night == letter_sounds("night") != knight


def test_a_word_is_looked_for_as_a_word_and_inside_where_there_are_no_spaces():
    wanted = Wanted(["Ann", "New York", "東京"], 2)
    assert wanted.held("anna saw ANN in New  York.") == ["Ann", "New York"]
    assert wanted.held("annual newyork") == []
    assert Wanted(["東京"], 2, spaced=False).held("私は東京です") == ["東京"]
    assert wanted.missing(["Ann", "Ann, again", "new york"]) == {"New York": 1, "東京": 2}


def test_every_wanted_word_comes_often_enough_and_early():
    wanted = Wanted(["Kubernetes", "glasgow", "Ann-Marie O'Neill"], 4)
    chosen, _ = reading_list(POOL, CARRIERS, wanted, "xx")
    assert not wanted.missing(chosen)
    assert len(set(chosen)) == len(chosen) and set(POOL) <= set(chosen)
    made = [sentence for sentence in chosen if sentence not in POOL]
    held = sum("Glasgow" in sentence for sentence in POOL)
    assert len(made) == 4 + 4 + max(0, 4 - held), "sentences are made only for what the others do not hold"
    holding = [place for place, sentence in enumerate(chosen) if wanted.held(sentence)]
    assert max(holding[: len(made)]) < 2 * len(holding) and 1 not in holding


@pytest.mark.parametrize("count", [1, 3, 40])
def test_what_is_recorded_counts_and_does_not_come_again(count: int):
    wanted = Wanted(["Kubernetes"], 3)
    first, _ = reading_list(POOL, CARRIERS, wanted, "xx")
    done = first[:count]
    then, _ = reading_list(POOL, CARRIERS, wanted, "xx", done)
    assert not set(done) & set(then) and not wanted.missing([*done, *then])
    assert len(first) == len(done) + len(then)


def test_a_word_that_has_been_in_all_carriers_is_read_by_itself():
    assert list(with_words(["say {word}"], Counter({"Ann": 3}), ["Say Ann."])) == ["Ann", "Ann", "Ann"]
    assert list(with_words([], Counter({"a": 1, "b": 2}), [])) == ["a", "b", "b"]


def test_words_in_a_row_get_different_carriers():
    made = list(with_words(CARRIERS, Counter({"xx": 2, "yy": 2, "zz": 2}), []))
    assert len({text.replace(word, "") for text, word in zip(made, ["xx", "yy", "zz"] * 2, strict=True)}) >= 4
    assert made[0].replace("xx", "") != made[1].replace("yy", "") != made[2].replace("zz", "")


def test_files_of_sentences_and_words(tmp_path):
    file = tmp_path / "s.txt"
    file.write_text("\ufeffGuten Tag.\n\n  guten   tag\nSag {word} noch einmal.\n" + "lang " * 80 + "\n", "utf-8")
    texts, carriers, too_long = own_sentences(file)
    assert (texts, carriers, len(too_long)) == (["guten tag"], ["Sag {word} noch einmal."], 1)
    file.write_text("Ann\nNew York\nann\n...\n")
    assert own_words(file) == ["ann", "New York"]


@pytest.mark.parametrize(
    ("read", "content", "expected"),
    [
        (own_sentences, None, "no such file"),
        (own_sentences, b"\n \n...\n", "no sentence"),
        (own_sentences, "grün\n".encode("latin-1"), "line 1 is not UTF-8"),
        (own_sentences, b"word " * 100, "every line takes longer"),
        (own_words, b"", "no word"),
        (own_words, b"Ann\nplease turn on the light in the kitchen\n", "word 2.*one word or name a line"),
    ],
)
def test_files_that_cannot_be_used(read, content, expected, tmp_path):
    file = tmp_path / "given.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadInput, match=expected) as caught:
        read(file)
    assert str(file) in str(caught.value)


def test_sentences_that_ship_are_english():
    assert len(everyday(1, "en-GB")) == 1000 < len(everyday(20, "en"))
    with pytest.raises(BadInput, match="--language de.*--sentences"):
        everyday(1, "de")
