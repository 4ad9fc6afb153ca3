"""The wav2vec2 family, architecture by architecture and vocabulary by vocabulary, as the Hub has them, made small.

Each is loaded, transcribes alone and in a batch alike, learns for twenty steps, is saved, loaded by plain transformers
and by us, and exported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import decode_waveforms
from speech_tl.models.ctc import CTCModel
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from tests.small import made_corpus
from tests.sounds import voice
from tests.tiny import ENGLISH, tiny_ctc
from tests.training.learning import learn

CLIPS = [voice(seconds, seed) for seed, seconds in enumerate((0.4, 1.0, 1.7))]
UPPER = ENGLISH.upper()
PHONEMES = ["\u0259", "n", "t", "s", "\u026a", "a\u026a", "o\u028a", "\u0254\u02d0", "t\u0283", "b", "w", "i\u02d0"]

Made = Callable[[Path], Path]


def architecture(model_type: str, norm: str = "layer") -> Made:
    """As facebook/wav2vec2-base-960h and its like: capitals, "|" between words."""
    return lambda folder: tiny_ctc(folder, norm=norm, model_type=model_type, characters=UPPER)


def vocabulary(tokens: Sequence[str], delimiter: str = "|", pad: str = "<pad>") -> Made:
    """wav2vec2 with these tokens in a vocabulary of its own."""

    def make(folder: Path) -> Path:
        from transformers import AutoConfig, AutoModelForCTC, Wav2Vec2CTCTokenizer

        tiny_ctc(folder)
        (folder / "tokenizer_config.json").unlink()
        rows = {token: row for row, token in enumerate([pad, "<s>", "</s>", "<unk>", *tokens])}
        (folder / "vocab.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), pad_token=pad, word_delimiter_token=delimiter)
        tokenizer.save_pretrained(folder)
        torch.manual_seed(0)
        network = AutoModelForCTC.from_config(AutoConfig.from_pretrained(folder, vocab_size=len(rows), pad_token_id=0))
        with torch.no_grad():
            network.lm_head.weight.mul_(40)
        network.save_pretrained(folder)
        return folder

    return make


def old_weight_norm(folder: Path) -> Path:
    """Weights saved before torch 2.1: `weight_g` and `weight_v` of the positional convolution, unsafe format."""
    from safetensors.torch import load_file

    tiny_ctc(folder, characters=UPPER)
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = load_file(folder / "model.safetensors")
    renamed = {_renamed(name, names): weight for name, weight in weights.items()}
    assert any(name.endswith("weight_g") for name in renamed)
    torch.save(renamed, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def _renamed(name: str, names: dict[str, str]) -> str:
    for new, old in names.items():
        name = name.replace(new, old)
    return name


FAMILY: dict[str, Made] = {
    "wav2vec2-base": architecture("wav2vec2", "group"),
    "wav2vec2-large-lv60, XLS-R": architecture("wav2vec2"),
    "hubert-large": architecture("hubert"),
    "wavlm-base-plus": architecture("wavlm", "group"),
    "data2vec-audio": architecture("data2vec-audio"),
    "wav2vec2-conformer": architecture("wav2vec2-conformer"),
    "digits and letters": vocabulary([*ENGLISH, *"0123456789", "|"]),
    "a space between words": vocabulary([*ENGLISH, " "], " "),
    "[PAD] for the blank": vocabulary([*ENGLISH, "|"], pad="[PAD]"),
    "phonemes": vocabulary([*PHONEMES, *"acdefghijklmopqruvxyz", "|"]),
    "old weight norm": old_weight_norm,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return Manifest.read(made_corpus(tmp_path_factory.mktemp("corpus"), shortest_s=1.0)).split("train").select(range(4))


@pytest.mark.parametrize("name", FAMILY)
def test_from_loading_to_plain_files(name: str, corpus: Manifest, tmp_path: Path) -> None:
    from transformers import AutoModelForCTC, AutoProcessor

    made = FAMILY[name](tmp_path / "published")
    model = load_model(made)
    for options in (DecodingOptions(), DecodingOptions(beam=4)):
        alone = [decode_waveforms(model, [clip], options)[0] for clip in CLIPS]
        assert decode_waveforms(model, CLIPS, options) == alone
        assert any(alone), "it writes nothing at all: this test could not fail"
    start = _loss(model, corpus)
    learn(model, corpus, tmp_path / "training", dev=False, max_steps=20, batch_seconds=4.0, learning_rate=2e-3)
    assert _loss(model, corpus) < start
    model.network.eval()
    adapted = decode_waveforms(model, CLIPS)
    model.save(tmp_path / "saved")
    assert decode_waveforms(load_model(tmp_path / "saved"), CLIPS) == adapted

    network = AutoModelForCTC.from_pretrained(tmp_path / "saved").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "saved")
    inputs = processor(CLIPS[1], sampling_rate=16000, return_tensors="pt")
    with torch.inference_mode():
        theirs = network(**inputs).logits[0]
        ours = model.logits(model.network, model.collate([model.features(CLIPS[1])], None))[0][0]
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def _loss(model: CTCModel, corpus: Manifest) -> float:
    """Of the whole train split, without what is random."""
    model.network.eval()
    features = [model.features(utterance.load(model.sample_rate)) for utterance in corpus]
    batches = [model.collate([f], [model.encode(u.text)]) for f, u in zip(features, corpus, strict=True)]
    with torch.inference_mode():
        return float(sum(model.loss(model.network, batch) for batch in batches))


@pytest.mark.parametrize("name", ["wav2vec2-conformer", "a space between words"])
def test_onnx_writes_the_same(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tests.exporting.test_targets import exported

    model = load_model(FAMILY[name](tmp_path / "m"))
    sounds: list[np.ndarray] = CLIPS[1:]
    assert exported("onnx", model, tmp_path / "onnx", None, sounds) == decode_waveforms(model, sounds)
