"""Numbers in English: however they are written, they count alike, digit by digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.text import get_normaliser

ALIKE = {
    "digits": (
        "2 5 9 9",
        ["two five nine nine", "2599", "2-5-9-9", "2 5 9 9", "25 99", "25-99", "2, 5, 9, 9.", "twenty five ninety nine",
         "Two-five-nine-nine", "2,599", "two thousand five hundred ninety nine",
         "two thousand five hundred and ninety-nine", "2 599", "２５９９"],
    ),
    "one among digits": ("1 1 2 1", ["one one two one", "1121", "1 1 2 1", "11 21", "1-1-2-1", "eleven twenty one"]),
    "zeros": ("0 0 7", ["zero zero seven", "oh oh seven", "double oh seven", "007", "0 0 7", "0-0-7"]),
    "a zero in the middle": ("7 0 5", ["seven oh five", "705", "7-0-5", "seven hundred and five"]),
    "double": ("4 5 5 6", ["four double five six", "4556", "4 5 5 6", "4 55 6"]),
    "triple": ("8 8 8", ["triple eight", "888", "eight eight eight"]),
    "telephone": ("5 5 5 0 1 2 3", ["five five five oh one two three", "555-0123", "(555) 0123", "5550123"]),
    "year": ("1 9 8 4", ["nineteen eighty four", "nineteen eighty-four", "1984"]),
    "year with oh": ("1 9 0 5", ["nineteen oh five", "1905", "nineteen hundred and five"]),
    "year 2007": ("2 0 0 7", ["two thousand and seven", "two thousand seven", "twenty oh seven", "2007"]),
    "year 2024": ("2 0 2 4", ["twenty twenty four", "2024", "two thousand and twenty-four"]),
    "round year": ("2 thousand", ["two thousand", "2000", "2,000", "2 000"]),
    "decade": ("1990s", ["nineteen nineties", "1990s"]),
    "ordinal": ("21st", ["twenty first", "twenty-first", "21st"]),
    "small ordinal": ("the 4th of july", ["the fourth of July", "the 4th of July"]),
    "dollars": ("2 0 dollars", ["twenty dollars", "$20", "20 dollars", "$ 20", "20$"]),
    "cents": ("2 0 dollars 5 0", ["twenty dollars and fifty cents", "$20.50", "20 dollars and 50 cents",
                                  "twenty dollars fifty"]),
    "cents alone": ("5 0 cents", ["fifty cents", "50 cents", "$0.50", "50¢", "¢50"]),
    "pounds": ("3 pounds 5 0", ["three pounds fifty", "£3.50", "£ 3.50"]),
    "euros": ("1 5 euros", ["fifteen euros", "€15", "15 euros"]),
    "millions": ("2 0 million dollars", ["twenty million dollars", "$20 million", "$20,000,000", "20 million dollars"]),
    "halves": ("2 5 0 0 thousand", ["two and a half million", "2 and a half million", "2.5 million", "2,500,000"]),
    "thousands": ("2 0 thousand", ["twenty thousand", "20,000", "20 000", "20000"]),
    "a hundred": ("1 0 0", ["a hundred", "one hundred", "100"]),
    "a thousand": ("1 thousand people", ["a thousand people", "1,000 people", "one thousand people"]),
    "decimal": ("3 point 5", ["three point five", "3.5"]),
    "long decimal": ("3 point 1 4 1 5", ["three point one four one five", "3.1415"]),
    "one in a decimal": ("1 point 1", ["one point one", "1.1"]),
    "percent": ("5 0 percent", ["fifty percent", "fifty per cent", "50 percent", "50%", "50 %"]),
    "minus": ("minus 5", ["minus five", "-5", "\u22125"]),
    "minus a decimal": ("it is minus 2 point 5", ["it is minus two point five", "It is -2.5"]),
    "plus": ("plus 4 4 2 0", ["plus forty four twenty", "+44 20", "+4420"]),
    "time": ("1 0 3 0", ["ten thirty", "10:30"]),
    "time with oh": ("1 0 0 5", ["ten oh five", "10:05"]),
    "full hour": ("at 1 0", ["at ten", "at 10:00"]),
    "o'clock": ("5 0 clock", ["five o'clock", "5 o'clock", "five o\u2019clock"]),
    "pronoun": ("one of them", ["one of them", "1 of them", "One of them!"]),
    "a one alone": ("chapter one", ["chapter one", "chapter 1"]),
    "letters and digits": ("a 4 and mp 3", ["A4 and MP3", "a four and MP three"]),
    "and": ("2 and 3", ["two and three", "2 and 3"]),
    "range": ("2 to 3", ["two to three", "2 to 3"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALIKE)
def test_however_a_number_is_written_it_counts_alike(kind: str) -> None:
    counted, written = ALIKE[kind]
    english = get_normaliser("english")
    assert {text: english(text) for text in written} == dict.fromkeys(written, counted)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("three point five", "thirty five"),
        ("2599", "2598"),
        ("twenty dollars", "twenty"),
        ("fifty percent", "fifty"),
        ("minus five", "five"),
        ("twenty first", "twenty one"),
        ("two million", "two thousand"),
        ("1990s", "1990"),
        ("double five", "five"),
        ("2-5", "2 minus 5"),
    ],
)
def test_different_numbers_stay_different(one: str, other: str) -> None:
    english = get_normaliser("english")
    assert english(one) != english(other)


def test_one_wrong_digit_is_one_wrong_word() -> None:
    from tests.scoring.made import evaluation

    score = evaluation([("zero three five one", "0352"), ("it cost two million", "It cost $2.")], "english").score
    assert (score.words, score.substitutions, score.deletions, score.insertions) == (8, 2, 0, 0)


@pytest.mark.parametrize(
    "text",
    ["9" * 5000, "1" * 40, "0" * 200, "$", "%", "point", ".", "-", "minus", "plus and", "double", "triple oh",
     "and a half", "one and a half", "¢", "$0.", "1.1.1.1.1", "²½٣۵", "hundred hundred million", "point five million",
     "-$5", "5 % %"],
)  # fmt: skip
def test_odd_numbers_stop_nothing(text: str) -> None:
    assert isinstance(get_normaliser("english")(text), str)


WORDS = "0 1 5 05 2599 one two oh double triple point and minus percent dollars cents hundred thousand million first "
WORDS += "a half pound plus per cent sixty nineteen $ ¢5 % - . , : ' ( ) [ ] İ ı ß ς \u0307 \u0301 \u0640 \u200b "
WORDS += "\u200d \ufeff \x00 \x1f \x85 \u2028 \U0001f600 \U0001f468\u200d\U0001f469 \ud83d ﷺ ㎏ Ǆ \U000e0041"


@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=8), st.sampled_from(["", " "]))
def test_no_text_stops_a_normaliser(words: list[str], between: str) -> None:
    for name in ("none", "basic", "english", "unspaced"):
        for language in (None, "tr"):
            found = get_normaliser(name, language)(between.join(words))
            assert found == " ".join(found.split())


@given(st.text())
def test_no_text_at_all_stops_the_rules_of_english(text: str) -> None:
    get_normaliser("english")(text)
