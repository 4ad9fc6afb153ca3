"""Corpora's own tables, and the splits made for those without."""

from __future__ import annotations

from collections import Counter

import pytest

from speech_tl.data.corpora.held_out import hold_out, keep_sentences_apart
from speech_tl.data.corpora.tables import read_kaldi, read_quoted, read_unquoted
from speech_tl.errors import BadInput


def test_kaldi_tables_with_tabs_or_spaces_and_a_key_without_a_value(tmp_path):
    path = tmp_path / "text"
    path.write_text("a\tone two\r\nb  three\n\n")
    assert read_kaldi(path) == {"a": "one two", "b": "three"}
    path.write_text("a one\nb\n")
    with pytest.raises(BadInput, match=r"text:2: 'b' has no value"):
        read_kaldi(path)


def test_unquoted_rows_and_where_a_broken_one_is(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('\ufeffid\ttext\tage\n1\t"a" b\t7\n2\tone\ttwo\t8\n3\tshort\n', encoding="utf-8")
    odd: list[int] = []
    rows = list(read_unquoted(path, ["id"], free="text", odd=odd.append))
    assert rows == [{"id": "1", "text": '"a" b', "age": "7"}, {"id": "2", "text": "one two", "age": "8"}]
    assert odd == [4]
    with pytest.raises(BadInput, match=r"t.tsv:3: 4 cells, expected 3 \(id, text, age\)"):
        list(read_unquoted(path, ["id"]))
    with pytest.raises(BadInput, match=r"t.tsv: no column sentence \(there are id, text, age\)"):
        list(read_unquoted(path, ["sentence"]))


def test_another_encoding_is_named_with_its_line(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes("id\ttext\n1\tfine\n2\tcafé\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"t.tsv:3: not UTF-8 text"):
        list(read_unquoted(path, ["id"]))
    with pytest.raises(BadInput, match="t.tsv"):
        list(read_quoted(path, ["id"], "\t"))


def test_quoted_rows_hold_commas_and_line_ends(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,text\n1,"a, ""b""\nc"\n2\n', encoding="utf-8")
    assert list(read_quoted(path, ["id"])) == [{"id": "1", "text": 'a, "b"\nc'}, {"id": "2", "text": ""}]
    with pytest.raises(BadInput, match="no such file"):
        list(read_quoted(tmp_path / "none.csv", []))


@pytest.mark.parametrize("groups", [1, 2, 3, 10, 40])
def test_groups_are_held_out_whole_and_train_is_never_empty(groups):
    rows = [{"room": f"r{number % groups}"} for number in range(80)]
    hold_out(rows, lambda row: row["room"], seed=1)
    rooms = {name: {row["room"] for row in rows if row["split"] == name} for name in ("train", "dev", "test")}
    assert sum(map(len, rooms.values())) == groups and rooms["train"]
    assert bool(rooms["dev"]) == bool(rooms["test"]) == (groups > 2)
    if groups == 40:
        assert len(rooms["dev"]) == len(rooms["test"]) == 4


def test_sentences_kept_apart_lose_only_what_would_cross():
    rows = [{"text": f"s{n}", "split": split} for split in ("train", "dev", "test") for n in range(10)]
    left_out: Counter[str] = Counter()
    kept = keep_sentences_apart(rows, 0, left_out, share=0.3)
    assert left_out == {"sentences that only the other side may have": len(rows) - len(kept)}
    held = {row["text"] for row in kept if row["split"] != "train"}
    assert len(held) == 3 and len(kept) == 7 + 3 + 3
    assert not held & {row["text"] for row in kept if row["split"] == "train"}


def test_sentences_of_speakers_too_few_to_split_have_no_split():
    rows = [{"text": f"s{n}", "split": "train"} for n in range(10)]
    assert keep_sentences_apart(rows, 0, Counter()) == [{"text": f"s{n}", "split": ""} for n in range(10)]


def test_one_split_divided_leaves_the_others_alone():
    rows = [{"room": str(n), "split": split} for split in ("dev", "test") for n in range(10)]
    hold_out(rows, lambda row: row["room"], 0, {"dev": 0.2}, of="dev")
    assert Counter(row["split"] for row in rows) == {"train": 8, "dev": 2, "test": 10}
    assert {row["split"] for row in rows[10:]} == {"test"}
