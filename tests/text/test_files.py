"""Files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.text import replacing, replacing_folder, sweep, write_atomically


def test_write_atomically_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    write_atomically(target, "old")
    with pytest.raises(OSError, match="full"), replacing(target) as temporary:
        temporary.write_text("half")
        raise OSError("the disk is full")
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_is_whole_or_as_it_was_and_what_a_kill_left_is_swept(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with replacing_folder(tmp_path / "model") as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "weights").write_text(content)
    with pytest.raises(OSError, match="full"), replacing_folder(tmp_path / "model") as folder:
        (folder / "weights").write_text("half")
        raise OSError("the disk is full")
    assert (tmp_path / "model" / "inner" / "weights").read_text() == "new"
    left, own = tmp_path / "model" / ".weights.abcd_123.unfinished", tmp_path / ".notes.unfinished"
    left.mkdir()
    own.touch()
    sweep(tmp_path, below=False)
    assert left.exists()
    sweep(tmp_path)
    assert sorted(place.name for place in tmp_path.iterdir()) == [".notes.unfinished", "model"] and not left.exists()
