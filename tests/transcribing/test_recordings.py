"""What files, folders and patterns mean, and that no two recordings share a name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.transcribing.recordings import find_recordings


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(paths) -> list[str]:
    return [recording.name for recording in find_recordings(paths)]


def test_a_folder_means_its_recordings_in_all_sub_folders(tmp_path):
    touch(tmp_path, "b.WAV", "a.mp3", "deep/er/c.m4a", "notes.txt", ".hidden.wav", ".cache/d.wav", "deep/._a.mp3")
    assert names(tmp_path) == ["a", "b", "deep/er/c"]


def test_a_single_path_and_an_unusual_suffix(tmp_path):
    touch(tmp_path, "talk.dat")
    (recording,) = find_recordings(str(tmp_path / "talk.dat"))
    assert (recording.name, recording.path) == ("talk", tmp_path / "talk.dat")


def test_patterns_mirror_what_lies_below_their_fixed_part(tmp_path):
    touch(tmp_path, "x/a.wav", "x/b.flac", "y/a.wav", "y/a.txt")
    assert names(str(tmp_path / "*" / "*.wav")) == ["x/a", "y/a"]
    assert names(str(tmp_path / "**" / "*")) == ["x/a", "x/b", "y/a"]
    assert names(str(tmp_path / "x" / "*")) == ["a", "b"]


def test_a_bracket_in_a_real_name_is_no_pattern(tmp_path):
    touch(tmp_path, "talk [1].wav")
    assert names(str(tmp_path / "talk [1].wav")) == ["talk [1]"]


def test_patterns_relative_to_the_current_folder(tmp_path, monkeypatch):
    touch(tmp_path, "a.wav")
    monkeypatch.chdir(tmp_path)
    (recording,) = find_recordings("*.wav")
    assert (recording.name, recording.path) == ("a", tmp_path / "a.wav")


def test_same_names_in_two_folders_get_their_folder(tmp_path):
    touch(tmp_path, "day1/talk.wav", "day2/talk.wav", "day2/other.wav")
    assert names([tmp_path / "day1", tmp_path / "day2"]) == ["day1/talk", "day2/other", "day2/talk"]


def test_same_names_in_one_folder_keep_their_suffix(tmp_path):
    touch(tmp_path, "talk.wav", "talk.mp3", "talk.wav.flac", "alone.wav")
    assert names(tmp_path) == ["alone", "talk.mp3", "talk.wav", "talk.wav.flac"]


def test_names_stay_unique_whatever_clashes(tmp_path):
    touch(tmp_path, "p/d/a.wav", "q/d/a.wav", "q/d/a.ogg", "d/a.wav", "a.wav")
    folders = [tmp_path / "p" / "d", tmp_path / "q" / "d", tmp_path / "d", tmp_path / "a.wav"]
    found = names(folders)
    assert len(set(found)) == len(found) == 5


def test_a_file_named_twice_is_one_recording(tmp_path, monkeypatch):
    touch(tmp_path, "a.wav")
    monkeypatch.chdir(tmp_path)
    assert names([tmp_path, "a.wav", os.path.join(".", "a.wav")]) == ["a"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [("nope.wav", "no such file"), ("empty", "holds no recording"), ("*.opus", "matches no recording")],
)
def test_what_is_not_there_is_named(tmp_path, given, problem):
    touch(tmp_path, "empty/readme.txt", "a.wav")
    with pytest.raises(BadInput, match=problem) as raised:
        find_recordings([tmp_path / "a.wav", tmp_path / given])
    assert str(tmp_path / given) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_path_at_all():
    with pytest.raises(BadInput, match="no recording given"):
        find_recordings([])
