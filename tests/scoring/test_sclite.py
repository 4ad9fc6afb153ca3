"""NIST's text formats: what is read, what is refused, and agreement with sclite where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from speech_tl.errors import BadInput
from speech_tl.scoring.sclite import IGNORED, read_ctm, read_stm, read_trn, words_in_segments
from speech_tl.scoring.wer import score

STM = f""";; a talk of two people
talk 1 ann 0.00 2.00 <o,f0,female> hello there
talk 1 bob 4.00 6.00 <o,f0,male> good day to you

talk 1 bob 8.00 9.00 {IGNORED}
talk 1 ann 9.00 10.00 <unk> bye
"""
CTM = """;; recognised
talk 1 0.10 0.50 hello 0.98
talk 1 1.00 0.50 there
talk 1 3.90 0.50 good
talk 1 2.50 0.20 between
talk 1 4.60 0.20 day
talk 1 5.00 0.20 to
talk 1 8.20 0.20 junk
talk 1 9.20 0.20 bye
talk 1 12.20 0.20 behind
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, content: str) -> Path:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return write


def test_trn_lines_are_words_and_an_id_that_names_the_speaker(file) -> None:
    found = read_trn(file("r.trn", "Hello, there! (1089-134686-0001)\n;; comment\n(uh) yes (bob_2)\n(alone)\n"))
    assert [(said.id, said.text, said.speaker) for said in found] == [
        ("1089-134686-0001", "Hello, there!", "1089"),
        ("bob_2", "(uh) yes", "bob"),
        ("alone", "", None),
    ]


def test_stm_lines_are_segments_with_speakers_and_labels(file) -> None:
    first, _, ignored, last = read_stm(file("r.stm", STM))
    assert (first.id, first.audio, first.text) == ("talk_1_0.00_2.00", "talk", "hello there")
    assert (first.start_s, first.end_s) == (0.0, 2.0)
    assert first.columns == {"speaker": "ann", "channel": "1", "labels": "o,f0,female"}
    assert ignored.text == IGNORED
    assert last.text == "<unk> bye" and "labels" not in last.columns


def test_words_go_to_the_segment_that_ends_after_their_middle(file) -> None:
    segments = read_stm(file("r.stm", STM))
    texts = words_in_segments(read_ctm(file("h.ctm", CTM)), segments, "h.ctm")
    # What is heard between two segments counts against the next one, what is heard behind the last against the last.
    assert texts == ["hello there", "between good day to", "junk", "bye behind"]


def test_words_of_a_whole_file_need_no_segments(file) -> None:
    from speech_tl.data.manifest import Utterance

    words = read_ctm(file("h.ctm", "b A 0 1 two\na A 5 1 late\na A 0 1 one\n"))
    files = [Utterance("a.wav", "/clips/a.wav"), Utterance("b.wav", "/clips/b.wav")]
    assert words_in_segments(words, files, "h.ctm") == ["one late", "two"]


def test_a_recording_in_which_nothing_was_recognised_must_say_so(file) -> None:
    segments = read_stm(file("r.stm", "a 1 x 0 1 hi\nb 1 x 0 1 ho\n"))
    with pytest.raises(BadInput, match="no word of recording b; .*`b 1 0 0 @`"):
        words_in_segments(read_ctm(file("h.ctm", "a 1 0 1 hi\n")), segments, "h.ctm")
    spoken = read_ctm(file("i.ctm", "a 1 0 1 hi\nb 1 0 0 @\n"))
    assert words_in_segments(spoken, segments, "i.ctm") == ["hi", ""]


@pytest.mark.parametrize(
    ("reader", "line", "said"),
    [
        (read_trn, "hello there", "line 2: expected the words and then the utterance's id in parentheses"),
        (read_trn, "good {day / night} (a-1)", "line 2: alternatives"),
        (read_trn, "again (x-1)", "x-1 is there twice"),
        (read_stm, "talk 1 ann 0.00", "line 2: expected file, channel, speaker, start, end"),
        (read_stm, "talk 1 ann zero 2.0 hello", "line 2: start is 'zero', expected seconds"),
        (read_stm, "talk 1 ann 3.0 2.0 hello", "line 2: the segment ends at 2.0 s, before it starts"),
        (read_ctm, "talk 1 0.5 hello", "line 2: expected file, channel, start, duration and word"),
        (read_ctm, "talk 1 * * hello", r"line 2: start is '\*'"),
        (read_ctm, "talk 1 0 0 <ALT_BEGIN>", "line 2: alternatives"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(file, reader, line, said) -> None:
    good = {read_trn: "hello (x-1)", read_stm: "talk 1 ann 0 1 hi", read_ctm: "talk 1 0 1 hi"}[reader]
    with pytest.raises(BadInput, match=f"given.txt.*{said}"):
        reader(file("given.txt", f"{good}\n{line}\n"))


def test_an_empty_file_and_another_recording_are_refused(file) -> None:
    with pytest.raises(BadInput, match=r"e\.stm: holds no utterance"):
        read_stm(file("e.stm", ";; nothing\n"))
    segments = read_stm(file("r.stm", "a 1 x 0 1 hi\n"))
    with pytest.raises(BadInput, match=r"h\.ctm: no segment is of recording b, channel 1 \(there are: a"):
        words_in_segments(read_ctm(file("h.ctm", "a 1 0 1 hi\nb 1 0 1 ho\n")), segments, "h.ctm")


# ---- agreement with sclite itself


def sclite() -> str | None:
    return shutil.which("sclite") or shutil.which("sclite", path="/usr/lib/sctk/bin")


@pytest.mark.skipif(sclite() is None, reason="sclite is not installed (Debian: apt-get install sctk)")
def test_segments_and_counts_are_those_of_sclite(file, tmp_path) -> None:
    """Each word lands in the segment where sclite puts it, and each segment has as many errors."""
    stm = file("r.stm", STM.replace("<unk> bye", "bye now and then"))
    ctm = file("h.ctm", CTM)
    # sclite wants its ctm sorted by time
    ordered = sorted((line for line in CTM.splitlines()[1:]), key=lambda line: float(line.split()[2]))
    sorted_ctm = file("sorted.ctm", "\n".join(ordered) + "\n")
    command = [sclite(), "-r", stm, "stm", "-h", sorted_ctm, "ctm", "-o", "pra", "stdout"]
    shown = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    theirs = [tuple(map(int, scores)) for scores in re.findall(r"\(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", shown)]

    segments = read_stm(stm)
    texts = words_in_segments(read_ctm(ctm), segments, "h.ctm")
    scored = [(said, text) for said, text in zip(segments, texts, strict=True) if said.text != IGNORED]
    found = score([said for said, _ in scored], [text for _, text in scored], "none").utterances
    ours = [(u.words - u.substitutions - u.deletions, u.substitutions, u.deletions, u.insertions) for u in found]
    assert sorted(ours) == sorted(theirs) and len(ours) == 3
