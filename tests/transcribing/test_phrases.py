"""Words into segments: sentences, pauses, and nothing too long."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speech_tl.audio import load_audio
from speech_tl.decoding.words import decode_words
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.transcribing.phrases import _out_of_pauses, phrases, segments_of_windows
from speech_tl.transcribing.segments import Segment
from speech_tl.transcribing.words import Word

QUICKSTART, RATE = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart", 16000


def said(text: str, word_s: float = 0.5, start_s: float = 0.0) -> list[Word]:
    """A word every `word_s`; a bar is a pause of a second."""
    found = []
    for word in text.split():
        if word == "|":
            start_s += 1.0
            continue
        found.append(Word(start_s, start_s + word_s, word, 0.9))
        start_s += word_s
    return found


def test_sentences_and_pauses_end_segments() -> None:
    found = phrases(said("It was late. Nobody came | but a dog, and it sang."))
    assert [segment.text for segment in found] == ["It was late.", "Nobody came", "but a dog, and it sang."]
    assert (found[1].start_s, found[1].end_s, found[2].start_s) == (1.5, 2.5, 3.5)
    assert [word.text for word in found[0].words] == ["It", "was", "late."]


def test_a_short_sentence_stays_with_the_next() -> None:
    assert [segment.text for segment in phrases(said("No. It was late.", 0.3))] == ["No. It was late."]


def test_long_sentences_are_cut_after_a_clause_near_the_middle() -> None:
    text = "one two three four five, six seven eight nine ten eleven twelve"
    assert [segment.text for segment in phrases(said(text), longest_s=5.0)] == [
        "one two three four five,",
        "six seven eight nine ten eleven twelve",
    ]
    assert all(part.end_s - part.start_s <= 1.5 for part in phrases(said("word " * 40), longest_s=1.5))


def test_without_spaces() -> None:
    assert phrases(said("a b c"), space="")[0].text == "abc"


def test_a_word_is_on_one_side_of_a_pause() -> None:
    speech = [(1.0, 2.0), (3.0, 4.0)]
    assert _out_of_pauses(1.7, 2.6, speech) == (1.7, 2.0)
    assert _out_of_pauses(1.9, 3.4, speech) == (3.0, 3.4)
    assert _out_of_pauses(2.4, 3.3, speech) == (3.0, 3.3)
    assert _out_of_pauses(2.1, 2.3, speech) == (2.0, 2.0)
    assert _out_of_pauses(0.5, 1.3, speech) == (1.0, 1.3)
    assert _out_of_pauses(1.2, 1.6, speech) == (1.2, 1.6)


def test_a_window_is_heard_in_parts_where_it_reads_badly_whole() -> None:
    """The starter has learnt from short clips alone: what it writes in a full window is improbable, and left."""
    model, margin_s = load_model("starter-whisper", language="en", device="cpu"), 0.5
    clips = [load_audio(clip, RATE) for clip in sorted(QUICKSTART.rglob("*.ogg"))[:3]]
    silence = np.zeros(round(margin_s * RATE), np.float32)
    kept, speech, sound, at_s = [], [], [], 10.0
    for clip in clips:
        sound += [silence, clip, silence]
        speech.append((at_s + margin_s, at_s + margin_s + len(clip) / RATE))
        kept.append((at_s, speech[-1][1] + margin_s))
        at_s = kept[-1][1] + 2.0
    window = Segment(speech[0][0], speech[-1][1], np.concatenate(sound), 10.0, kept=tuple(kept), speech=tuple(speech))
    parts = [part.waveform for part in window.parts(RATE, 0.5)]
    (whole, _), *alone = decode_words(model, [window.waveform, *parts])
    (segments,) = segments_of_windows(model, [window], DecodingOptions(engine="torch"))
    said = " ".join(segment.text for segment in segments)
    assert len(parts) == 3 and said == " ".join(text for text, _ in alone) != whole
    for (start_s, end_s), (_, words) in zip(speech, alone, strict=True):
        inside = [w.start_s for s in segments for w in s.words or () if start_s - 0.3 <= w.start_s <= end_s]
        assert words and len(inside) == len(words)
