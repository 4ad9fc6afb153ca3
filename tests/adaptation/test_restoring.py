"""Capitals and marks of a transcript on a text: the words stay the text's."""

from __future__ import annotations

import pytest

from speech_tl.adaptation.restoring import Habits, is_complete, is_useless, restored
from speech_tl.text.style import words_of

HABITS = Habits({"i": "I", "i'm": "I'm", "mary": "Mary", "london": "London"}, True, ".")

CASES = {
    "statement": ("we call it bear", "We call it bear.", None, "We call it bear."),
    "question": ("where are you", "Where are you?", None, "Where are you?"),
    "two sentences": ("i see the man left", "I see. The man left.", None, "I see. The man left."),
    "exclamation": ("stop", "Stop!", None, "Stop!"),
    "names": ("he saw john in london", "He saw John in London.", None, "He saw John in London."),
    "inner capitals": ("mcdonald visited the usa", "McDonald visited the USA.", None, "McDonald visited the USA."),
    "other spelling of a name": ("then sara came", "Then Sarah came.", None, "Then Sara came."),
    "apostrophes": ("i don't think it's john's", "I don't think it's John's.", None, "I don't think it's John's."),
    "typographic apostrophe": ("don\u2019t go", "Don't go.", None, "Don\u2019t go."),
    "apostrophe missing": ("dont go", "Don't go.", None, "Dont go."),
    "hyphen in the transcript": ("the well known man", "The well-known man.", None, "The well known man."),
    "hyphen in the text": ("the well-known man", "The well known man.", None, "The well-known man."),
    "quotes are not taken": ("he said no thanks", 'He said, "No, thanks."', None, "He said, No, thanks."),
    "number": ("two five nine nine i said", "2599, I said.", None, "Two five nine nine I said."),
    "decimal": ("it is three point five", "It is 3.5.", None, "It is three point five."),
    "number at the end": ("i have 25", "I have 25.", None, "I have 25."),
    "abbreviation": ("mr bennet came", "Mr. Bennet came.", None, "Mr. Bennet came."),
    "abbreviation for a word": ("then mister bennet came", "Then Mr. Bennet came.", None, "Then mister Bennet came."),
    "e.g.": ("fruit e g the apple", "Fruit, e.g. the apple.", None, "Fruit, e g the apple."),
    "inserted word": ("we call it bear", "So we call it a bear.", None, "We call it bear."),
    "inserted at the end": ("we call it bear", "We call it bear, right?", None, "We call it bear?"),
    "deleted at the end": ("we call it a bear", "We call it a.", None, "We call it a bear."),
    "deleted at the start": ("yes mary came home", "Mary came home.", None, "Yes Mary came home."),
    "deleted at a sentence's start": (
        "i see that the man left",
        "I see. The man left.",
        None,
        "I see. That the man left.",
    ),
    "substituted": ("likes the green bean", "Like the green bean.", None, "Likes the green bean."),
    "all capitals": ("WE CALL IT BEAR", "We call it bear.", None, "We call it bear."),
    "all capitals with a name": ("HE SAW JOHN TODAY", "He saw John today.", None, "He saw John today."),
    "capitals in the transcript": ("we call it bear mary", "WE CALL IT BEAR MARY!", None, "We call it bear Mary!"),
    "text's names win": ("we met Bear there", "We met bear there.", None, "We met Bear there."),
    "text in its own case": ("We met the queen there", "We met the Queen there.", None, "We met the queen there."),
    "text's own mark": ("we call it bear!", "We call it bear.", None, "We call it bear!"),
    "text's own comma": ("good parentage,", "good parentage.", None, "Good parentage,"),
    "unfinished": ("especially after a long", "especially after a long", None, "Especially after a long."),
    "pause": ("well we go", "Well... we go.", None, "Well... we go."),
    "hopeless": ("zero four one i", "The dolphins are sleeping there?", None, "Zero four one I?"),
    "loop": ("i call it bear", "Yes. Yes. Yes. Yes. Yes. Yes.", None, "I call it bear."),
    "nothing": ("i call it bear", "", None, "I call it bear."),
    "tags": (
        "<unk> we [laughter] call it bear [noise]",
        "We call it bear.",
        None,
        "<unk> We [laughter] call it bear. [noise]",
    ),
    "empty": ("", "We call it bear.", None, ""),
    "no words": ("...", "We call it bear.", None, "..."),
    "turkish": ("istanbul ılık ve iyi", "İstanbul ılık ve iyi.", "tr", "İstanbul ılık ve iyi."),
    "turkish capitals": ("İSTANBUL ILIK VE İYİ", "İstanbul ılık ve iyi.", "tr", "İstanbul ılık ve iyi."),
    "dutch": ("ijs is koud", "IJs is koud.", "nl", "IJs is koud."),
    "german": ("wo ist die straße", "Wo ist die Straße?", "de", "Wo ist die Straße?"),
    "spanish": ("qué tal estás", "¿Qué tal estás?", "es", "¿Qué tal estás?"),
    "spanish in the middle": ("hola qué tal", "Hola, ¿qué tal?", "es", "Hola, ¿qué tal?"),
    "russian": ("мы идём в париж", "Мы идём в Париж.", "ru", "Мы идём в Париж."),
    "greek": ("ο γιάννης ήρθε", "Ο Γιάννης ήρθε.", "el", "Ο Γιάννης ήρθε."),
    "hindi": ("यह क्या है", "यह क्या है?", "hi", "यह क्या है?"),
    "chinese": ("你好世界你好", "你好，世界。你好。", "zh", "你好，世界。你好。"),
}


@pytest.mark.parametrize("name", CASES)
def test_case_and_marks_are_taken_and_words_stay(name: str) -> None:
    text, transcript, language, wanted = CASES[name]
    found = restored(text, transcript, HABITS, language)
    assert found == wanted
    assert [word.key for word in words_of(found, language)] == [word.key for word in words_of(text, language)]


def test_a_cased_text_stays_as_it_is() -> None:
    text = 'Mr. Bennet said: "I know (perhaps)."'
    assert restored(text, "mister bennet said i know perhaps", HABITS) == text and is_complete(text)
    assert not is_complete("We go") and not is_complete("we go.") and not is_complete("WE CALL IT BEAR.")
    assert is_complete("你好。") and is_complete("2 men came.")


def test_habits_are_learnt_within_sentences() -> None:
    found = Habits.of(
        ["Then I met Mary.", "Mary and I left.", "The man? The man.", "THE WHOLE MAN", "la la la la la la"]
    )
    assert found.forms == {"i": "I", "mary": "Mary"} and found.capital and found.mark == "."


def test_who_writes_neither_teaches_neither() -> None:
    plain = Habits.of(["we call it bear", "zero four one"])
    assert plain == Habits({}, False, "")
    assert restored("we call it", "", plain) == "we call it"
    assert restored("WE CALL IT", "we call it", plain) == "we call it"


def test_few_words_in_capitals_may_be_an_abbreviation() -> None:
    assert restored("OH YES", "Oh, yes.", HABITS) == "OH, YES."
    assert restored("OH YES", "Oh, yes.", HABITS, shouted_words=1) == "Oh, yes."


def test_a_loop_is_useless_unless_it_was_said() -> None:
    assert is_useless("no no no no no no", "we call it bear") and is_useless("", "we") and is_useless("...", "we")
    assert not is_useless("No, no, no, no, no!", "no no no no no") and not is_useless("Something else.", "we")


def test_texts_without_a_transcript_end_as_others_that_begin_alike_do() -> None:
    questions = ["Where are you?", "Where is he?", "Where do we go?", "Where it was."]
    habits = Habits.of([*questions, "We call it bear.", "He is at home.", "She saw it."])
    assert restored("where is it", "", habits) == "Where is it?"
    assert restored("we call it", "", habits) == "We call it."
