"""Files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.text import write_atomically


def test_write_atomically_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    write_atomically(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(target, "\ud800")
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
