"""Hotwords of a Whisper: earned whole or not at all, alone as in a batch, refused where they cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import conditions, decode_waveforms
from speech_tl.decoding.words import decode_words
from speech_tl.errors import BadInput
from speech_tl.models.favoured import Favoured, FavouredScores
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"


@pytest.fixture(scope="module")
def starter() -> WhisperModel:
    """A model that ends its sentences."""
    return load_model("starter-whisper", language="en", device="cpu")


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    """The beginnings of two sentences."""
    return [row.load(16000)[:12000] for row in list(Manifest.read(QUICKSTART))[:2]]


def listed(path: Path, *words: str) -> Path:
    """A file of hotwords."""
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


def earned(favoured: Favoured, tokens: list[int]) -> float:
    """What a text of these tokens earns in all."""
    scores, total = FavouredScores(favoured, 1), 0.0
    for count, token in enumerate(tokens):
        before = torch.tensor([[9, *tokens[:count]]])
        total += float(scores(before, torch.zeros(1, 10))[0, token])
    return total


@pytest.mark.parametrize(
    ("tokens", "letters"),
    [
        ([1, 2, 3], 6),  # a whole word
        ([1, 2, 4], 0),  # left before its end: paid back
        ([1, 2, 3, 1, 2, 3, 5], 12),
        ([1, 1, 2, 3], 6),  # begun twice, the first paid back
        ([1, 2, 3, 4, 5], 11),  # a longer word whose beginning is one
        ([1, 2, 3, 4, 6], 6),  # left after the shorter one
        ([5, 5], 0),
    ],
)
def test_a_word_earns_its_letters_whole_or_not_at_all(tokens: list[int], letters: int) -> None:
    favoured = Favoured([[1, 2, 3], [1, 2, 3, 4, 5]], torch.tensor([0, 1, 2, 3, 2, 3, 1, 1, 1, 1]), 0.5)
    assert earned(favoured, tokens) == pytest.approx(0.5 * letters)


def test_a_hotword_is_written_with_weight_enough_alone_as_in_a_batch(
    starter: WhisperModel, clips: list[np.ndarray], tmp_path: Path
) -> None:
    names = listed(tmp_path / "names.txt", "Ada Lovelace", "", "Zoltan")
    heavy = DecodingOptions(hotwords=names, hotword_weight=20)
    together = decode_waveforms(starter, clips, heavy)
    assert all("ada lovelace" in text for text in together)
    assert [decode_waveforms(starter, [clip], heavy)[0] for clip in clips] == together
    assert [text for text, _ in decode_words(starter, clips, heavy)] == together
    light = DecodingOptions(hotwords=names, hotword_weight=0)
    assert decode_waveforms(starter, clips, light) == decode_waveforms(starter, clips, DecodingOptions(beam=5))
    assert starter.favoured is None, "gone with the options that had them"


def test_hotwords_stand_in_the_record(starter: WhisperModel, tmp_path: Path) -> None:
    told = conditions(starter, DecodingOptions(hotwords=listed(tmp_path / "names.txt", "Ada")))
    assert (told["hotwords"], told["hotword_weight"], told["beam"]) == ("names.txt", "0.4", 5)
    assert "hotwords" not in conditions(starter, DecodingOptions())


def test_hotwords_that_cannot_be_written_are_one_line(
    starter: WhisperModel, clips: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tmp_path / "names.txt"
    with pytest.raises(BadInput, match="holds no hotwords"):
        decode_waveforms(starter, clips, DecodingOptions(hotwords=listed(names)))
    monkeypatch.setattr(starter.network.generation_config, "suppress_tokens", starter.encode("+")[-2:-1])
    with pytest.raises(BadInput, match=r"line 2: .* cannot write \+ of 'a\+'"):
        decode_waveforms(starter, clips, DecodingOptions(hotwords=listed(names, "Ada", "a+")))
    with pytest.raises(BadInput, match="engine ctranslate2 takes no hotwords"):
        decode_waveforms(starter, clips, DecodingOptions(hotwords=listed(names, "Ada"), engine="ctranslate2"))


def test_transcribe_takes_hotwords(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    clip = str(next(iter(Manifest.read(QUICKSTART))).audio)
    names = str(listed(tmp_path / "names.txt", "Ada Lovelace"))
    asked = ["--hotwords", names, "--hotword-weight", "20", "--no-vad"]
    assert _run(["transcribe", clip, "--model", "starter-whisper", "--language", "en", *asked]) == 0
    shown = capsys.readouterr()
    assert "ada lovelace" in shown.out.lower()
    assert "ctranslate2" not in shown.err, "nobody asked for the engine that takes none"
