"""Speech without pauses in overlapping windows: the same words as decoded whole, none cut, none twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_tl.audio import load_audio, save_audio
from speech_tl.decoding.decode import decode_waveforms
from speech_tl.decoding.words import decode_words
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.transcribing.overlap import CONTEXT_S, Joiner, add_windows, context_s, joined, with_context
from speech_tl.transcribing.segments import Segment
from speech_tl.transcribing.transcribe import transcribe
from speech_tl.transcribing.words import Word
from tests.sounds import talking
from tests.tiny import tiny_ctc

RATE = 16000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    """A network that hears half a second around a frame and no more, so that a window can know as much as the whole."""
    model = load_model(tiny_ctc(tmp_path_factory.mktemp("model") / "ctc"), device="cpu")
    model.normalise_waveform = False
    with torch.no_grad():
        for layer in model.network.wav2vec2.encoder.layers:
            layer.attention.out_proj.weight.zero_()
        model.network.lm_head.bias[model.vocabulary["|"]] += 4.0  # shorter words, as those of speech
    return model


class Recording:
    def __init__(self) -> None:
        self.joiner = Joiner([])


def in_windows(model, sound: np.ndarray, borders: list[int], context_s: float = CONTEXT_S) -> list:
    """Segments of a recording that was cut at `borders`, in samples."""
    cut = [Segment(a / RATE, b / RATE, sound[a:b]) for a, b in pairwise([0, *borders, len(sound)])]
    recording = Recording()
    windows = with_context(cut, RATE, model.frame_samples, context_s)
    add_windows(model, [(recording, window) for window in windows], DecodingOptions())
    recording.joiner.finish()
    return recording.joiner.segments


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), steps=st.lists(st.integers(4 * RATE, 9 * RATE), min_size=1, max_size=3))
def test_words_in_overlapping_windows_are_those_of_the_whole(model, seed, steps):
    borders = np.cumsum(steps).tolist()
    sound = talking((borders[-1] / RATE) + 5, seed)
    segments = in_windows(model, sound, borders)
    ((text, whole),) = decode_words(model, [sound])
    assert len(whole) > 10
    assert " ".join(segment.text for segment in segments) == " ".join(text.split())
    frame_s = model.frame_samples / RATE
    found = [word for segment in segments for word in segment.words]
    assert [word.start_s for word in found] == pytest.approx([word.first * frame_s for word in whole])
    assert all(one.end_s <= other.start_s + 1e-9 for one, other in pairwise(found))
    assert all(0 <= w.end_s - (at.last + 1) * frame_s <= 0.041 for w, at in zip(found[:-1], whole, strict=False))
    assert [s.start_s for s in segments[1:]] == [s.end_s for s in segments[:-1]]


def test_without_context_words_at_the_borders_are_lost_or_doubled(model):
    sound = talking(30.0, 1)
    borders = [int(border * RATE) for border in (5.01, 10.37, 14.98, 20.22, 25.55)]
    whole = " ".join(decode_waveforms(model, [sound])[0].split())
    assert " ".join(s.text for s in in_windows(model, sound, borders, 0.0)) != whole
    assert " ".join(s.text for s in in_windows(model, sound, borders)) == whole


@pytest.mark.parametrize("max_segment_s", [5.0, 9.0, 25.0])
def test_a_long_recording_without_pauses_is_written_as_if_at_once(model, tmp_path, max_segment_s):
    sound = talking(40.0, 2)
    save_audio(tmp_path / "speech.wav", sound, RATE)
    (transcript,) = transcribe(model, tmp_path / "speech.wav", max_segment_s=max_segment_s, words=True).transcripts
    assert len(transcript.segments) >= 40 / max_segment_s
    assert all(s.end_s - s.start_s <= max_segment_s + 1e-6 for s in transcript.segments)
    assert all(s.text == " ".join(word.text for word in s.words) for s in transcript.segments)
    heard = load_audio(tmp_path / "speech.wav", RATE)
    first, last = (round(end_s * RATE) for end_s in (transcript.segments[0].start_s, transcript.segments[-1].end_s))
    assert transcript.text == " ".join(decode_waveforms(model, [heard[first:last]])[0].split())


def test_pauses_part_windows(model):
    sound = talking(12.0, 3)
    apart = [Segment(0.0, 5.0, sound[: 5 * RATE]), Segment(6.0, 12.0, sound[6 * RATE :])]
    for window, segment in zip(with_context(apart, RATE, model.frame_samples), apart, strict=True):
        assert window.context_s == (0.0, 0.0) and len(window.waveform) == len(segment.waveform)


@pytest.mark.parametrize("max_segment_s", [1.0, 2.0, 8.0, 30.0])
def test_a_window_and_its_seams_fit_what_was_asked(max_segment_s):
    context = context_s(max_segment_s)
    assert 0 <= context <= CONTEXT_S and max_segment_s - 2 * context >= 1.0


def said(*words: tuple[float, float, str]) -> list[Word]:
    return [Word(start_s, end_s, text, 1.0) for start_s, end_s, text in words]


def test_a_seam_lies_between_words_on_which_both_agree():
    before = said(
        (8.1, 8.5, "where"), (8.6, 9.4, "they"), (9.5, 10.4, "agree"), (10.5, 11.0, "no"), (11.6, 12.0, "thi")
    )
    after = said(
        (8.0, 8.4, "ere"), (8.62, 9.4, "they"), (9.5, 10.42, "agree"), (10.5, 11.0, "know"), (11.5, 12.6, "this")
    )
    seam_s, kept, rest = joined(before, after, (8.0, 12.0))
    assert 9.4 <= seam_s <= 9.5
    assert [word.text for word in [*kept, *rest]] == ["where", "they", "agree", "know", "this"]


def test_a_word_across_the_middle_is_written_once_and_whole():
    word = (9.0, 11.0, "incomprehensibilities")
    for shift_s in (-0.1, 0.0, 0.1):
        later = (word[0] + shift_s, word[1] + shift_s, word[2])
        _, kept, rest = joined(said((8.0, 8.5, "of"), word), said(later, (11.5, 11.9, "by")), (8.0, 12.0))
        assert [found.text for found in [*kept, *rest]] == ["of", "incomprehensibilities", "by"]


def test_silence_in_the_overlap_is_no_disagreement():
    before, after = said((1.0, 2.0, "early")), said((13.0, 14.0, "late"))
    seam_s, kept, rest = joined(before, after, (8.0, 12.0))
    assert seam_s == 10.0 and kept == before and rest == after


def test_a_window_in_which_nothing_is_heard_has_no_words():
    from speech_tl.transcribing.overlap import _placed

    assert _placed([], Segment(0.0, 1.0, np.zeros(16000, np.float32)), 0.02, 16000) == []
