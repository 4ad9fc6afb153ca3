"""The text of a recording, cut into pieces."""

from __future__ import annotations

import pytest

from speech_tl.errors import BadInput
from speech_tl.transcribing.script_text import read_pieces


def test_sentences_go_over_line_ends_but_not_over_paragraphs(tmp_path):
    path = tmp_path / "chapter.txt"
    path.write_text(
        "\ufeffCHAPTER I\r\n\r\nIt was late. Mr. Smith\r\nsaid: “No!” He\r\nleft… at 3.5 o'clock?\r\n\r\n* * *\r\n"
    )
    assert read_pieces(path) == ["CHAPTER I", "It was late.", "Mr. Smith said: “No!”", "He left… at 3.5 o'clock?"]


def test_lines_where_the_text_has_no_sentence_ends_or_where_asked(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("one two\n\n three   four \n---\n")
    assert read_pieces(path) == ["one two", "three four"]
    assert read_pieces(path, "sentence") == ["one two", "three four ---"]
    path.write_text("One. Two.\nThree.\n")
    assert read_pieces(path, "line") == ["One. Two.", "Three."]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("今天好。明天呢？好！", ["今天好。", "明天呢？", "好！"]),
        ("वह गया। कहाँ?", ["वह गया।", "कहाँ?"]),
        ("نعم. لماذا؟ لا", ["نعم.", "لماذا؟", "لا"]),
    ],
    ids=["Chinese", "Hindi", "Arabic"],
)
def test_other_scripts(tmp_path, text, pieces):
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    assert read_pieces(path) == pieces


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no words"), (b"-- ... --\n", "no words"), ("café".encode("latin-1"), "line 1 is not UTF-8")],
)
def test_no_text(tmp_path, content, said):
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_pieces(tmp_path / "text.txt")
    with pytest.raises(BadInput, match="no such file"):
        read_pieces(tmp_path / "none.txt")
