"""Decoding stops loops: people are left alone, no clip is worth more than its words, and every loop is counted."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_tl.data.manifest import Manifest
from speech_tl.data.test_set import TestSet
from speech_tl.decoding import loops
from speech_tl.decoding.decode import decode
from speech_tl.decoding.loops import Written, compression_ratio, cut, is_loop, without_loops
from speech_tl.decoding.measuring import measure
from speech_tl.figures import Sides
from speech_tl.models.audio_context import AudioContext
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.reporting.page import build_report
from speech_tl.scoring.loops import most_characters
from speech_tl.scoring.wer import Evaluation, score
from speech_tl.text import get_normaliser
from tests.scoring.made import Said
from tests.tiny import tiny_ctc

WORDS = ["we", "call", "it", "bear", "the", "cat", "sat", "on", "mat", "they", "went", "home", "with", "a", "dog"]


@pytest.mark.parametrize(
    ("text", "seconds", "kept"),
    [
        (
            "the tears ran out of my eyes, the tears ran out of my eyes, the tears ran",
            2.0,
            "the tears ran out of my eyes,",
        ),
        ("We call it bear. Bear. Bear. Bear. Bear. Bear. Bear. Bear. Bear. Bear. Bear", 2.2, "We call it bear."),
        ("thank you for " * 12, 3.0, "thank you for"),
        (
            "I said that " + "it was the end of the day and " * 9,
            4.0,
            "I said that it was the end of the day and",
        ),
        ("谢谢观看" * 30, 2.0, "谢谢观看"),
        ("oh " + "a" * 90, 1.5, "oh a"),
    ],
)
def test_a_loop_is_written_once(text: str, seconds: float, kept: str) -> None:
    assert is_loop(text, seconds) and cut(text, seconds) == kept


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 1.0),
        ("no, no, no, no, no", 1.2),
        ("1,000,000,000,000", 2.0),
        ("five five five one two three four", 2.4),
        ("row, row, row your boat, row, row, row your boat", 4.0),
        ("ha ha ha ha ha", 1.2),
    ],
)
def test_people_may_repeat_themselves(text: str, seconds: float) -> None:
    assert not is_loop(text, seconds)


def test_a_text_without_end_is_a_loop_although_nothing_comes_twice() -> None:
    counted = " ".join(map(str, range(1, 40)))
    assert compression_ratio(counted) < loops.MOST_COMPRESSION and is_loop(counted, 2.0)
    assert len(cut(counted, 2.0)) <= 36 and counted.startswith(cut(counted, 2.0))


def test_no_transcript_of_a_real_corpus_is_a_loop(corpora: Path) -> None:
    """The bounds rest on this: what people said, from a sixth of a second to half a minute, in five languages."""
    checked, nearest = 0, 99.0
    for manifest in sorted(corpora.glob("*/manifest.csv")):
        with manifest.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get("text") and row.get("split") != "test"]
        window, window_s = "", 0.0  # some of them in a row, as a window of a long recording has them
        for row in rows:
            seconds = float(row["duration"])
            assert not is_loop(row["text"], seconds), (manifest, row)
            if window_s + seconds > 30:
                assert len(set(window.split())) < 30 or not is_loop(window, window_s), window
                window, window_s = "", 0.0
            window, window_s = f"{window} {row['text']}".strip(), window_s + seconds
            nearest = min(nearest, most_characters(seconds) - len(row["text"]))
            checked += 1
    assert checked > 6000 and nearest > 1


@st.composite
def looping(draw: st.DrawFn) -> tuple[str, float, str]:
    """A sentence, the seconds it takes, and what a decoder that loops makes of it: some of it right, then a loop."""
    said = draw(st.lists(st.sampled_from(WORDS), min_size=4, max_size=30))
    seconds = len(said) / draw(st.floats(2.7, 5.0))
    begun = draw(st.sampled_from([said[: draw(st.integers(0, len(said)))], ["wrong"] * len(said)]))
    unit = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
    times = draw(st.integers(6, 60))
    return " ".join(said), seconds, " ".join(begun + unit * times)


@settings(max_examples=150)
@given(looping())
def test_no_clip_is_worth_more_than_its_words_and_half_as_many(clip: tuple[str, float, str]) -> None:
    said, seconds, loop = clip
    loop = loop[: int(most_characters(seconds)) + 1]
    [found] = without_loops([Written(loop)], [seconds])
    edits = score([Said("a", said)], [found.text], "basic").utterances[0]
    assert edits.errors <= 1.5 * edits.words


def test_only_loops_are_touched() -> None:
    counted = " ".join(map(str, range(1, 40)))
    first = [Written("hello", 0.9), Written("good morning " * 12, 0.8), Written(counted, 0.7)]
    found = without_loops(first, [1.0, 2.0, 2.0])
    assert found == [first[0], Written("good morning", 0.0, True), Written("1 2 3 4 5 6 7 8", 0.0, True)]


def without_end(model: WhisperModel) -> WhisperModel:
    """The same, which may not write the end token."""
    asked = model.network.generation_config
    asked.suppress_tokens = [*(asked.suppress_tokens or []), model.end]
    return model


@pytest.fixture(scope="module")
def endless() -> WhisperModel:
    """A model that may not end a text: every clip is a loop."""
    model = without_end(load_model("starter-whisper", language="en", device="cpu"))
    model.decoding_context = AudioContext.wanted("auto")
    return model


@pytest.fixture(scope="module")
def clips() -> Manifest:
    """Real sentences."""
    quickstart = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"
    return Manifest.read(quickstart, split="test").sample(2, seed=1)


def test_an_endless_decoder_is_stopped_alone_and_in_a_batch_alike(endless: WhisperModel, clips: Manifest) -> None:
    options = DecodingOptions(workers=0)
    found = decode(endless, clips, options)
    for said, written in zip(clips, found, strict=True):
        assert written.looped and len(written.text) <= 18 * (said.duration_s + 0.1)
    assert decode(endless, clips, options.model_copy(update={"max_batch": 1})) == found
    scored = decode(endless, clips, options, confidence=True)
    assert [said.text for said in scored] == [said.text for said in found]


def test_loops_are_counted_in_rows_summary_and_report(endless: WhisperModel, clips: Manifest, tmp_path: Path) -> None:
    test_set = TestSet("test", clips, get_normaliser("basic"), facts={"split": "test"})
    found = measure(endless, test_set, DecodingOptions(workers=0))
    assert found.loops == len(clips)
    found.write(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["loops"] == len(clips)
    rows = [json.loads(line) for line in (tmp_path / "utterances.jsonl").read_text().splitlines()]
    assert all(row["looped"] is True for row in rows)
    read = Evaluation.read(tmp_path)
    assert read.loops == len(clips) and "looped" not in read.utterances[0].columns
    other = score(clips, ["hello"] * len(clips), "basic", data={"split": "test"})
    report = build_report("made", read, other)
    assert report.target.loops == Sides(before=2, after=0) == report.errors.loops
    assert "test: loops stopped while decoding: 2 → 0." in report["notes"]
    assert not any("loops" in note for note in build_report("made", other, other)["notes"])


def test_a_manifest_may_have_a_column_of_that_name(tmp_path: Path) -> None:
    found = score([Said("a", "hello", columns={"looped": True})], ["hello"], "basic")
    found.write(tmp_path)
    read = Evaluation.read(tmp_path)
    assert read.loops == 0 and read.utterances[0].columns["manifest_looped"] is True


def test_ctc_models_pay_nothing(tmp_path: Path, clips: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "is_loop", lambda *_: pytest.fail("a CTC text was checked"))
    found = decode(load_model(tiny_ctc(tmp_path / "ctc"), device="cpu"), clips, DecodingOptions(workers=0))
    assert not any(said.looped for said in found)


def test_malayalam_is_not_cut_short(published_whisper: Callable[[str], Path], corpora: Path) -> None:
    """Three tokens a character: up to 43 a second, which an earlier bound of 25 did not allow."""
    model = load_model(published_whisper("whisper-base"), language="ml", device="cpu")
    with (corpora / "malayalam_msc" / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "train"]
    for row in rows:
        limits = model._limits({"frames": torch.tensor([int(100 * float(row["duration"]))])})
        tokens = model.encode(row["text"])
        assert len(tokens) <= int(limits.tokens[0]), row["text"]
        assert int(limits.sizes[tokens].sum()) == len(row["text"].strip()) + 1 <= int(limits.characters[0])


def test_published_weights_that_never_end_are_worth_no_more_than_wrong_words(
    published_whisper: Callable[[str], Path], corpora: Path
) -> None:
    model = without_end(load_model(published_whisper("whisper-tiny.en"), device="cpu"))
    rows = Manifest.read(corpora / "speechocean762" / "manifest.csv", split="dev").sample(3, seed=3)
    found = score(rows, [h.text for h in decode(model, rows, DecodingOptions(workers=0))], "english")
    for said in found.utterances:
        assert said.errors <= 1.5 * said.words, said
