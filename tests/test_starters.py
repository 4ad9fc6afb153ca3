"""The shipped starters are what the README says: small, plain Hugging Face folders, in float16, with a card."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open

import speech_tl
from speech_tl.data.manifest import Manifest
from speech_tl.evaluation import evaluate
from speech_tl.models.load import STARTERS, load_model

STARTERS_FOLDER = Path(speech_tl.__file__).parent / "starters"


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_is_small_and_has_a_card(name: str) -> None:
    folder = STARTERS_FOLDER / STARTERS[name]
    assert sum(f.stat().st_size for f in folder.iterdir()) <= 16e6
    with safe_open(folder / "model.safetensors", "np") as weights:
        assert {str(weights.get_tensor(key).dtype) for key in weights.keys()} == {"float16"}  # noqa: SIM118
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in card.lower() and "| test set |" in card and "license: apache-2.0" in card


def test_plain_transformers_loads_the_wav2vec2_starter() -> None:
    from transformers import AutoModelForCTC, AutoProcessor

    folder = STARTERS_FOLDER / "wav2vec2"
    assert type(AutoModelForCTC.from_pretrained(folder)).__name__ == "Wav2Vec2ForCTC"
    assert set("abcdefghijklmnopqrstuvwxyz'|") <= set(AutoProcessor.from_pretrained(folder).tokenizer.get_vocab())


def test_plain_transformers_loads_the_whisper_starter() -> None:
    from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

    folder = STARTERS_FOLDER / "whisper"
    assert type(AutoModelForSpeechSeq2Seq.from_pretrained(folder)).__name__ == "WhisperForConditionalGeneration"
    vocabulary = AutoProcessor.from_pretrained(folder).tokenizer.get_vocab()
    assert {"<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>", "<|0.00|>"} <= set(vocabulary)


def test_the_pipeline_makes_batches_with_the_whisper_starter() -> None:
    from transformers import pipeline

    recogniser = pipeline("automatic-speech-recognition", model=str(STARTERS_FOLDER / "whisper"), device="cpu")
    rows = Manifest.read(STARTERS_FOLDER / "quickstart", split="test")
    heard = [{"raw": rows[row].load(16000), "sampling_rate": 16000} for row in range(2)]
    asked = {"language": "en", "task": "transcribe", "max_new_tokens": 40}
    assert all(found["text"].strip() for found in recogniser(heard, batch_size=2, generate_kwargs=asked))


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_hears_words_in_an_accent_it_never_met(name: str) -> None:
    test = Manifest.read(STARTERS_FOLDER / "quickstart", split="test").sample(20, seed=0)
    score = evaluate(load_model(name), test, split=None).score
    assert score.cer < 0.55
    assert score.wer < 0.92


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_from_scratch_learns_in_full_precision(name: str) -> None:
    network = load_model(name, from_scratch=True, language="en").network
    assert {str(p.dtype) for p in network.parameters()} == {"torch.float32"}, "the file's float16 is for its size"


def test_the_quickstart_set_keeps_voices_and_sentences_apart() -> None:
    data = Manifest.read(STARTERS_FOLDER / "quickstart")
    parts = {name: data.split(name) for name in ("train", "dev", "test")}
    assert len(parts["test"]) == 120 and 30 * 60 < parts["train"].durations_s().sum() < 40 * 60
    for other in ("train", "dev"):
        assert not set(parts["test"].column("speaker")) & set(parts[other].column("speaker"))
        assert not set(parts["test"].column("text")) & set(parts[other].column("text"))
    size = sum(f.stat().st_size for f in (STARTERS_FOLDER / "quickstart").rglob("*") if f.is_file())
    assert size <= 6e6
