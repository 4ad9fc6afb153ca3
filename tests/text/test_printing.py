"""What may reach a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_tl.text import literal, printable


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x9b2J", "\x1b]0;mine\x07", "\r", "\x00", "\x08", "\x7f", "\x85", "\u2028", "\u202e", "\u2066"]
)
def test_what_steers_a_terminal_is_spelt_out(text):
    shown = printable(f"a{text}b")
    assert shown.isprintable() and shown.startswith("a\\u00" if ord(text[0]) < 256 else "a\\u20")


@pytest.mark.parametrize("text", ["plain [bold] :smile: <b>", "a\tb", "\u200fשלום", "İstanbul", "日本", "😀", ""])
def test_text_stays(text):
    assert printable(text) == text and literal(text).plain == text


@given(st.text())
def test_json_reads_it_back(text):
    assert json.loads(printable(json.dumps(text, ensure_ascii=False), lines=True)) == text


@given(st.text(st.characters()))
def test_a_stream_takes_it(text):
    assert printable(text).encode("utf-8").decode("utf-8") == printable(text)


def test_line_ends_are_data_but_in_a_page():
    assert printable("a\nspeech-tl: done") == "a\\u000aspeech-tl: done"
    assert printable("a\nb\r\n", lines=True) == "a\nb\\u000d\n"
    assert literal("a\nb", "c").plain == "a\\u000ab\nc"
