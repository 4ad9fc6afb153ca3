"""Tags in brackets: what a normaliser drops is in no label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.text import get_normaliser, tags_of, without_tags

TAGS = ["<COMMA>", "[laughter]", "(coughs)", "<unk>", "{noise}", "<|nospeech|>", "<|endoftext|>", "[[x]]",
        "((cross-talk))", "[laugh [loud] er]",
        "<b>", "\uff08笑\uff09", "\uff3b音楽\uff3d", "[SPEAKER 2]", "[*]", "[]"]  # fmt: skip


@pytest.mark.parametrize("name", ["basic", "english", "unspaced"])
@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_neither_scored_nor_learnt(tag: str, name: str) -> None:
    rules = get_normaliser(name)
    for text in (f"good {tag} morning", f"{tag} good morning", f"good morning {tag}", f"good{tag} morning"):
        assert rules(text) == "good morning"
        assert rules.without_tags(text) == "good morning"
    assert rules(tag) == rules.without_tags(tag) == ""


def test_a_tag_that_is_scored_is_learnt() -> None:
    assert get_normaliser("none").without_tags("good [loud] day") == "good [loud] day"
    assert get_normaliser("none")("good [loud] day") == "good [loud] day"


def test_rules_of_ones_own_are_asked_about_each_tag(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_tags.py").write_text("def clean(text):\n    return text.replace('[noise]', '').lower()\n")
    own = get_normaliser("own_tags:clean")
    assert own.without_tags("Well [noise] yes [laughter]") == "Well yes [laughter]"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hello, [laughter] World.", "Hello, World."),
        ("Hello [laughter], World (coughs).", "Hello, World."),
        ("[noise], well ...", "well ..."),
        ("...and <PAUSE> then", "...and then"),
        ("YES <COMMA> NO <PERIOD>", "YES NO"),
        ("a<breath>b", "a b"),
        ("[noise] <unk> (x)", ""),
        ("two  spaces stay", "two  spaces stay"),
        ("an open [bracket", "an open [bracket"),
        ("closed] only :) <3", "closed] only :) <3"),
        ("", ""),
    ],
)
def test_the_rest_of_a_text_stays_as_written(text: str, left: str) -> None:
    assert without_tags(text) == left


def test_a_number_in_brackets_is_said() -> None:
    text = "Call (555) 123-4567 [noise]"
    assert get_normaliser("english").without_tags(text) == "Call (555) 123-4567"
    assert get_normaliser("english")(text) == "call 5 5 5 1 2 3 4 5 6 7"
    assert get_normaliser("basic")(text) == "call 555 123 4567"


def test_tags_are_named() -> None:
    assert tags_of("well [laughter] hello <COMMA> you [a\n b] (555)") == ["[laughter]", "<COMMA>", "[a b]"]
    assert tags_of("no tag (") == []


@given(st.text(alphabet="ab <>[](){}.,|\u0000\uff08\uff09 '5"))
def test_labels_hold_what_is_scored(text: str) -> None:
    for name in ("basic", "english", "unspaced"):
        rules = get_normaliser(name)
        assert rules(rules.without_tags(text)) == rules(text)
        assert rules.without_tags(rules.without_tags(text)) == rules.without_tags(text)
