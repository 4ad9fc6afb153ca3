"""A folder that fills: what is kept, splits, going on another day, and what cannot be."""

from __future__ import annotations

import os
import stat

import pytest

from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from speech_tl.errors import AudioError, BadInput
from speech_tl.recording.opening import open_session
from tests.recording.made import as_wav, clip
from tests.small import rows_of

GOOD = as_wav(clip())


@pytest.fixture
def given(tmp_path):
    """A folder to record into, 30 sentences and two words."""
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    lines = [f"the {word} of us saw it {twice}" for word in numbers for twice in ("once", "twice", "again")]
    (tmp_path / "s.txt").write_text("\n".join(lines) + "\nsay {word} to me please\n")
    (tmp_path / "w.txt").write_text("Kubernetes\nseven\n")
    return {"out": tmp_path / "mine", "sentences": tmp_path / "s.txt", "words": tmp_path / "w.txt", "times": 1}


def read(session, count: int) -> list[str]:
    """Read the next sentences well; what they were."""
    taken = []
    for number in range(count):
        taken.append(session.sentence)
        assert session.take(as_wav(clip(seed=100 * len(session.rows) + number)), session.sentence)[1]
    return taken


def test_a_manifest_that_everything_else_can_use(given):
    session, remarks = open_session(**given, speaker="ann", language="en")
    assert remarks == [f"{given['sentences']}: about 1.7 min in all, less than --minutes asks for"]
    taken = read(session, 20)
    rows = rows_of(given["out"] / "manifest.csv")
    assert [row["text"] for row in rows] == taken
    assert {row["speaker"] for row in rows} == {"ann"} and {row["language"] for row in rows} == {"en"}
    assert [row["split"] for row in rows].count("train") >= 16 and {row["split"] for row in rows} == {
        "train", "dev", "test",
    }  # fmt: skip
    assert all(float(row["duration"]) == pytest.approx(2.8, abs=0.01) for row in rows)
    table = Manifest.read(given["out"])
    assert check_manifest(table).problems == []
    assert len(table[0].load(16000)) == pytest.approx(2.8 * 16000, abs=2)


def test_a_bad_clip_is_kept_only_when_that_is_wanted(given):
    session, _ = open_session(**given)
    sentence, quiet = session.sentence, as_wav(clip(gain=0.01, noise=1e-5))
    heard, kept = session.take(quiet, sentence)
    assert heard.problems and not kept and session.sentence == sentence and not session.rows
    assert not given["out"].exists()
    silent = as_wav(0 * clip())
    assert not session.take(silent, sentence, anyway=True)[1] and not session.rows
    assert session.take(quiet, sentence, anyway=True)[1] and session.sentence != sentence
    assert "Too quiet" in rows_of(given["out"] / "manifest.csv")[0]["problem"]


def test_goes_on_where_it_stopped(given):
    session, _ = open_session(**given, speaker="ann")
    taken = read(session, 3)
    skipped = session.sentence
    session.skip(skipped)
    planned = session.waiting
    again, remarks = open_session(**given)
    assert remarks[0] == f"{given['out']}: 3 recordings, 0.1 min; going on there"
    assert again.speaker == "ann" and sorted(again.waiting) == sorted(planned)
    assert not {*taken, skipped} & set(again.waiting)
    read(again, 1)
    assert [row["audio"][-8:] for row in rows_of(given["out"] / "manifest.csv")] == [
        "0001.wav", "0002.wav", "0003.wav", "0004.wav",
    ]  # fmt: skip
    with pytest.raises(BadInput, match="holds recordings of ann, not bob: choose another --out"):
        open_session(**given, speaker="bob")


def test_a_clip_can_be_read_again(given):
    session, _ = open_session(**given)
    first, second = read(session, 2)
    session.again("0001.wav")
    assert session.sentence == first and [row["text"] for row in session.rows] == [second]
    assert not (given["out"] / "clips" / "0001.wav").exists()
    read(session, 1)
    assert [row["text"] for row in rows_of(given["out"] / "manifest.csv")] == [second, first]
    for name in ("0002.wav", "0003.wav"):
        session.again(name)
    assert not (given["out"] / "manifest.csv").exists()
    with pytest.raises(BadInput, match="no clip 0007.wav"):
        session.again("0007.wav")


def test_recordings_that_were_deleted_are_read_again(given):
    session, _ = open_session(**given)
    taken = read(session, 2)
    (given["out"] / "clips" / "0001.wav").unlink()
    again, _ = open_session(**given)
    assert again.texts() == taken[1:] and taken[0] in again.waiting


def test_a_word_is_learnt_before_it_is_tested_and_a_sentence_has_one_split(tmp_path):
    (tmp_path / "w.txt").write_text("Kubernetes\n")
    (tmp_path / "s.txt").write_text("a first sentence to be read here\n")
    session, _ = open_session(
        tmp_path / "o", sentences=tmp_path / "s.txt", words=tmp_path / "w.txt", times=12, minutes=1
    )
    read(session, 13)
    rows = rows_of(tmp_path / "o" / "manifest.csv")
    assert [row["text"] for row in rows].count("Kubernetes") == 12
    assert {row["split"] for row in rows if row["text"] == "Kubernetes"} == {"train"}


def test_a_word_s_first_recording_is_to_learn_from_wherever_it_falls(tmp_path):
    """The fifth recording is dev by its turn; with a word that train lacks it is not, though dev has it already."""

    def read_one(sentence: str, wanted: bool) -> None:
        (tmp_path / "s.txt").write_text(sentence)
        (tmp_path / "w.txt").write_text("zebra")
        words = {"words": tmp_path / "w.txt", "times": 1} if wanted else {}
        read(open_session(tmp_path / "o", sentences=tmp_path / "s.txt", **words)[0], 1)

    for number in "abcdefghijklm":
        read_one(f"a zebra was seen in {number} today" if number in "ejmk" else f"{number} was here", number in "jm")
    splits = {row["text"]: row["split"] for row in rows_of(tmp_path / "o" / "manifest.csv")}
    found = [(text, split) for text, split in splits.items() if "zebra" in text]
    assert [split for _, split in found] == ["dev", "train", "train", "train"]


def test_what_is_told_of_words_before_reading(tmp_path):
    (tmp_path / "w.txt").write_text("Kubernetes\nseven\n")
    (tmp_path / "s.txt").write_text("seven of us saw it\n" + "\n".join(f"line {'x' * n} here" for n in range(40)))
    given = {"sentences": tmp_path / "s.txt", "words": tmp_path / "w.txt", "minutes": 0.5, "times": 6}
    _, remarks = open_session(tmp_path / "o", **given)
    assert remarks == [
        f"no sentence holds Kubernetes: read by themselves; lines of {tmp_path / 's.txt'} with {{word}} in them "
        "would carry them",
        "the wanted words and as many other sentences take about 1 min",
    ]
    session, remarks = open_session(tmp_path / "o", **given, language="en")
    assert len(remarks) == 1 and any("Kubernetes" in text and " " in text for text in session.waiting)


def test_clips_that_cannot_be_taken(given):
    session, _ = open_session(**given)
    with pytest.raises(BadInput, match="this page is behind"):
        session.take(GOOD, "something else")
    with pytest.raises(AudioError, match="the recording"):
        session.take(b"no audio at all", session.sentence)
    with pytest.raises(BadInput, match="32 s long"):
        session.take(as_wav(clip(31.2)), session.sentence)
    assert not given["out"].exists()


def test_a_folder_that_cannot_be_written_loses_nothing(given):
    session, _ = open_session(**given)
    read(session, 1)
    before = (given["out"] / "manifest.csv").read_bytes()
    (given["out"] / "clips").rename(given["out"] / "away")
    (given["out"] / "clips").write_text("in the way")
    sentence = session.sentence
    with pytest.raises(OSError):
        session.take(GOOD, sentence)
    assert session.sentence == sentence and len(session.rows) == 1
    assert (given["out"] / "manifest.csv").read_bytes() == before
    (given["out"] / "clips").unlink()
    (given["out"] / "away").rename(given["out"] / "clips")
    session.take(GOOD, sentence)
    assert len(rows_of(given["out"] / "manifest.csv")) == 2


def test_a_manifest_that_cannot_be_written_leaves_no_clip_behind(given):
    session, _ = open_session(**given)
    read(session, 1)
    (given["out"] / "manifest.csv").rename(given["out"] / "away")
    (given["out"] / "manifest.csv").mkdir()
    with pytest.raises(OSError):
        session.take(GOOD, session.sentence)
    assert len(session.rows) == 1 and [path.name for path in (given["out"] / "clips").iterdir()] == ["0001.wav"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"minutes": 0}, "--minutes 0: expected more than 0"),
        ({"times": 0}, "--times 0: expected 1"),
        ({"out": "file/inside"}, "is a file; choose another one"),
    ],
)
def test_options_out_of_range(given, change, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("here")
    with pytest.raises(BadInput, match=expected):
        open_session(**{**given, **change})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(given, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(BadInput, match="no permission"):
        open_session(**{**given, "out": locked / "mine"})


def test_nothing_left_to_read(given):
    session, _ = open_session(**given)
    for sentence in session.waiting:
        session.skip(sentence)
    assert session.state()["sentence"] is None
    with pytest.raises(BadInput, match="every sentence is recorded or was skipped"):
        open_session(**given)


def test_files_that_a_manifest_names_elsewhere_are_neither_given_out_nor_removed(given, tmp_path):
    session, _ = open_session(**given)
    read(session, 1)
    precious = tmp_path / "precious.wav"
    precious.write_bytes(GOOD)
    (tmp_path / "mine" / "linked.wav").symlink_to(precious)
    manifest = tmp_path / "mine" / "manifest.csv"
    rows = rows_of(manifest)
    for name in ("../precious.wav", "linked.wav"):
        whole = manifest.read_text()
        manifest.write_text(whole + whole.splitlines()[1].replace("clips/0001.wav", name) + "\n")
    session, _ = open_session(**given)
    assert len(session.rows) == len(rows) + 2 and session.clip("0001.wav") == tmp_path / "mine" / "clips" / "0001.wav"
    for name in ("precious.wav", "linked.wav"):
        assert session.clip(name) is None
        session.again(name)
    assert precious.is_file() and len(session.rows) == 1
