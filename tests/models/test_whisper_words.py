"""Words of a Whisper: all of the text, in order, within the sound; and what a prompt does to them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio
from speech_tl.decoding.decode import decode_waveforms
from speech_tl.decoding.words import decode_words
from speech_tl.errors import BadInput
from speech_tl.models.alignment_heads import BASE, LATE_S, TINY_EN, UPPER_HALF_LATE_S, chosen_heads
from speech_tl.models.engine import _convert
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.models.whisper_words import TokenTimes, alignment_heads
from tests.sounds import talking
from tests.tiny import tiny_ctc

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart"


@pytest.fixture(scope="module")
def starter() -> WhisperModel:
    return load_model("starter-whisper", language="en", device="cpu")


def test_words_are_the_text_in_order_within_the_sound(starter: WhisperModel) -> None:
    waveforms = [load_audio(clip, 16000) for clip in sorted(QUICKSTART.rglob("*.ogg"))[:3]]
    for (text, words), plain, sound in zip(
        decode_words(starter, waveforms), decode_waveforms(starter, waveforms), waveforms, strict=True
    ):
        assert text == plain and [word.text for word in words] == text.split()
        frames = [frame for word in words for frame in (word.first, word.last)]
        assert frames == sorted(frames) and frames[0] >= 0 and frames[-1] * starter.frame_samples <= len(sound) + 640
        assert all(0 < word.probability <= 1 for word in words)


def test_words_are_runs_of_tokens_and_characters_without_spaces(starter: WhisperModel) -> None:
    tokens = starter.encode("naïve Übergröße, no")[:-1]
    times = TokenTimes(np.arange(len(tokens) + 1) * 3, np.full(len(tokens), 0.5))
    words = starter._words(tokens, times)
    assert [word.text for word in words] == ["naïve", "Übergröße,", "no"]
    assert words[0].first == 0 and words[-1].last == 3 * len(tokens) - 1
    assert all(before.last < after.first for before, after in pairwise(words))


@pytest.mark.parametrize("listed", [None, [[0, 0]], [[1, 0], [99, 0]]])
def test_heads_whose_delay_nobody_measured_are_those_of_the_upper_layers(
    starter: WhisperModel, listed: list[list[int]] | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = starter.network.config
    monkeypatch.setattr(starter.network.generation_config, "alignment_heads", listed, raising=False)
    upper = range(config.decoder_layers // 2, config.decoder_layers)
    heads, late_s = alignment_heads(starter.network)
    assert heads == tuple((layer, head) for layer in upper for head in range(config.decoder_attention_heads))
    assert late_s == UPPER_HALF_LATE_S == starter.words_late_s
    _convert(starter, tmp_path / "converted", "int8")
    told = json.loads((tmp_path / "converted" / "config.json").read_text())
    assert [tuple(one) for one in told["alignment_heads"]] == [*heads]


def test_measured_heads_are_taken_with_their_delay() -> None:
    assert chosen_heads([*reversed(BASE)], 6, 8) == (BASE, LATE_S[BASE])
    assert chosen_heads(TINY_EN, 3, 6)[0] == tuple((layer, head) for layer in (1, 2) for head in range(6)), "smaller"


def test_a_prompt_stands_before_what_is_written(starter: WhisperModel) -> None:
    sound = talking(2.0)
    plain = decode_waveforms(starter, [sound])
    prompted = decode_waveforms(starter, [sound], DecodingOptions(prompt="zero three five one"))
    assert starter.context and isinstance(prompted[0], str)
    assert decode_words(starter, [sound], DecodingOptions(prompt="zero three five one"))[0][0] == prompted[0]
    published = DecodingOptions(prompt="zero three five one", shortcuts=False)
    assert decode_waveforms(starter, [sound], published) == prompted, "transformers' own search"
    assert decode_waveforms(starter, [sound]) == plain and not starter.context


def test_a_prompt_that_cannot_be_taken_is_one_line(starter: WhisperModel, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a prompt of \d+ tokens.*shorten"):
        decode_waveforms(starter, [talking(1.0)], DecodingOptions(prompt="word " * 600))
    with pytest.raises(BadInput, match="is no Whisper"):
        decode_waveforms(load_model(tiny_ctc(tmp_path / "ctc")), [talking(1.0)], DecodingOptions(prompt="Ada"))
