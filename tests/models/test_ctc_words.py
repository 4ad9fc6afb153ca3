"""Words of a CTC text on their frames: forced alignment by torchaudio, on scores made by hand and on a real network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.decoding.words import decode_words
from speech_tl.models.ctc_words import align_words, labels_of, words_of
from speech_tl.models.load import load_model
from tests.sounds import voice
from tests.tiny import tiny_ctc

BLANK, DELIMITER, A, B = range(4)


def scores_of(path: list[int], share: float = 0.9) -> torch.Tensor:
    """Log probabilities `(frames, 4)` in which each frame's label has `share`."""
    scores = np.full((len(path), 4), (1 - share) / 3)
    scores[np.arange(len(path)), path] = share
    return torch.from_numpy(np.log(scores))


def test_words_lie_on_the_frames_of_their_letters():
    path = [BLANK, A, A, BLANK, A, BLANK, DELIMITER, BLANK, B, BLANK, BLANK, DELIMITER]
    words = words_of(labels_of(path, BLANK), DELIMITER)
    assert words == [[A, A], [B]]
    (first, second) = align_words(scores_of(path), words, BLANK, DELIMITER)
    assert first[:2] == (1, 4) and second[:2] == (8, 8)
    assert first[2] == second[2] == pytest.approx(0.9, abs=1e-4)


def test_a_word_nobody_said_is_placed_with_a_low_probability():
    path = [BLANK, A, BLANK, DELIMITER, BLANK, BLANK, A, BLANK]
    sure, unsure = align_words(scores_of(path), [[A], [B]], BLANK, DELIMITER)
    assert sure[:2] == (1, 1) and unsure[0] > 3
    assert unsure[2] < 0.1 < sure[2]


def test_no_words_need_no_frames():
    assert align_words(scores_of([BLANK, BLANK]), [], BLANK, DELIMITER) == []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    return load_model(tiny_ctc(tmp_path_factory.mktemp("model") / "ctc"), device="cpu")


def test_words_are_those_of_the_text_in_batches_too(model):
    sounds = [voice(seconds, seed) for seed, seconds in enumerate((2.0, 3.5, 1.2))]
    found = decode_words(model, sounds)
    assert [text for text, _ in found] == decode_waveforms(model, sounds)
    assert sum(len(words) for _, words in found) > 10
    for (text, words), sound in zip(found, sounds, strict=True):
        assert " ".join(word.text for word in words) == text
        places = [frame for word in words for frame in (word.first, word.last)]
        assert places == sorted(places) and places[-1] * model.frame_samples < len(sound)
        assert all(0 < word.probability <= 1 for word in words)
        (alone,) = decode_words(model, [sound])
        assert [(w.text, w.first, w.last) for w in alone[1]] == [(w.text, w.first, w.last) for w in words]
        assert [w.probability for w in alone[1]] == pytest.approx([w.probability for w in words], rel=1e-4)


def test_characters_are_the_words_of_a_language_without_spaces(tmp_path):
    model = load_model(tiny_ctc(tmp_path / "ctc"), device="cpu", language="zh")
    ((text, words),) = decode_words(model, [voice(2.0)])
    assert {len(word.text) for word in words} == {1}
    assert "".join(word.text for word in words) == text.replace(" ", "") != text
