"""The wav2vec2 family: batches change nothing, labels fit, the head keeps what it knew, plain folders come out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.models import front
from speech_tl.models.base import DecodingOptions
from speech_tl.models.ctc import CTCModel, vocabulary_for
from speech_tl.models.front import ValidFramesGroupNorm
from speech_tl.models.heads import extend_head
from speech_tl.models.load import load_model
from tests.sounds import voice
from tests.tiny import tiny_ctc

CLIPS = [voice(seconds, seed) for seed, seconds in enumerate((0.3, 1.0, 1.0, 1.7, 2.9))]

MASKED_STYLES = [
    ("wav2vec2", "layer"),
    ("wav2vec2", "group"),
    ("hubert", "layer"),
    ("hubert", "group"),
    ("wavlm", "layer"),
    ("wavlm", "group"),
    ("unispeech", "group"),
    ("unispeech-sat", "layer"),
]


def logits_of(model: CTCModel, clips: list[np.ndarray]) -> list[torch.Tensor]:
    """Scores `(frames, vocabulary)` of each clip of one batch."""
    with torch.inference_mode():
        scores, frames = model.logits(model.network, model.collate([model.features(c) for c in clips], None))
    return [row[:n] for row, n in zip(scores, frames, strict=True)]


@pytest.mark.parametrize(("model_type", "norm"), MASKED_STYLES)
@pytest.mark.parametrize("large", [0, front.LARGE])
def test_an_utterance_gives_the_same_alone_and_in_a_batch(
    tmp_path: Path, model_type: str, norm: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "LARGE", large)
    model = load_model(tiny_ctc(tmp_path / "m", norm=norm, model_type=model_type))
    assert model.exact_in_batches
    for clip, batched in zip(CLIPS, logits_of(model, CLIPS), strict=True):
        alone = logits_of(model, [clip])[0]
        assert alone.shape == batched.shape
        assert (alone - batched).abs().max() < 1e-4 * max(1.0, float(alone.std()))
    texts = [decode_waveforms(model, [clip])[0] for clip in CLIPS]
    assert decode_waveforms(model, CLIPS) == texts
    assert len(set(texts)) > 1, "the network says the same to everything: this test could not fail"


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_padding_without_what_we_do_about_it_changes_the_scores(tmp_path: Path, norm: str) -> None:
    model = load_model(tiny_ctc(tmp_path / "m", norm=norm))
    clip = torch.from_numpy(model.features(CLIPS[1])["input_values"])[None]
    with torch.inference_mode():
        alone = model.network(clip).logits
        padded = model.network(nn.functional.pad(clip, (0, clip.shape[1]))).logits[:, : alone.shape[1]]
    assert (alone - padded).abs().max() > 0.01


def test_a_mask_alone_does_not_save_a_group_norm(group_norm_folder: Path) -> None:
    model = load_model(group_norm_folder)
    model.shortcuts = False
    alone = logits_of(model, [CLIPS[1]])[0]
    for norm in model.front.norms:
        norm.__class__ = nn.GroupNorm
    assert (logits_of(model, [CLIPS[1], CLIPS[4]])[0] - alone).abs().max() > 0.01


def test_the_group_norm_over_valid_frames_is_the_stock_one_of_each_row() -> None:
    stock = nn.GroupNorm(6, 6)
    nn.init.normal_(stock.weight)
    nn.init.normal_(stock.bias)
    hidden, frames = torch.randn(3, 6, 50) * 3 + 1, torch.tensor([50, 7, 31])
    wanted = [stock(row[None, :, :n])[0] for row, n in zip(hidden, frames, strict=True)]
    stock.__class__ = ValidFramesGroupNorm
    stock.valid_frames = frames
    found = stock(hidden)
    for row, n, want in zip(found, frames, wanted, strict=True):
        torch.testing.assert_close(row[:, :n], want, rtol=1e-5, atol=1e-5)


def test_a_batch_of_equal_lengths_takes_the_published_path(group_norm_folder: Path) -> None:
    model = load_model(group_norm_folder)
    model.shortcuts = False
    batch = model.collate([model.features(c) for c in CLIPS[1:3]], None)
    with torch.inference_mode():
        ours = model.logits(model.network, batch)[0]
        assert torch.equal(ours, model.network(batch["input_values"]).logits)


@pytest.mark.parametrize(("model_type", "norm"), [("data2vec-audio", "layer"), ("sew", "group")])
def test_an_architecture_that_padding_changes_is_decoded_in_batches_of_one_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_type: str, norm: str
) -> None:
    model = load_model(tiny_ctc(tmp_path / "m", model_type=model_type, norm=norm))
    assert not model.exact_in_batches
    alone = [decode_waveforms(model, [clip])[0] for clip in CLIPS]
    batches, collate = [], model.collate

    def seen(features: list, labels: list | None) -> dict:
        batches.append([len(f["input_values"]) for f in features])
        return collate(features, labels)

    monkeypatch.setattr(model, "collate", seen)
    assert decode_waveforms(model, CLIPS) == alone
    assert sorted(map(len, batches)) == [1, 1, 1, 2]
    assert all(len(set(lengths)) == 1 for lengths in batches)


# ---- text <-> labels


def test_text_is_spelt_in_the_vocabulary_and_its_case(tmp_path: Path, ctc_folder: Path) -> None:
    lower = load_model(ctc_folder)
    upper = load_model(tiny_ctc(tmp_path / "upper", characters="ABCDEFGHIJKLMNOPQRSTUVWXYZ'"))
    assert spelt(lower, "Don\u2019t  stop!") == "don't|stop"
    assert spelt(upper, "Don't stop!") == "DON'T|STOP"
    assert lower.unwritable("Caf\u00e9 no. 7") == {"\u00e9", "7"}
    assert upper.unwritable("Plain words, in upper case.") == set()


def spelt(model: CTCModel, text: str) -> str:
    """The tokens of a text's labels."""
    return "".join(model.tokenizer.convert_ids_to_tokens(model.encode(text)))


@pytest.mark.parametrize(("text", "frames"), [("abc", 3), ("aab", 4), ("aaa", 5), ("a a", 3)])
def test_labels_need_a_frame_each_and_one_more_between_equal_ones(ctc_folder: Path, text: str, frames: int) -> None:
    model = load_model(ctc_folder)

    def problem(frames: int) -> str | None:
        samples = model.front.shortest + (frames - 1) * 640
        assert model.front.frames(samples) == frames
        return model.label_problem(text, samples / model.sample_rate)

    assert problem(frames) is None
    assert problem(frames - 1) == f"labels longer than CTC frames ({frames} > {frames - 1})"


def test_a_text_without_a_writable_character_cannot_be_learnt(ctc_folder: Path) -> None:
    assert "no character" in load_model(ctc_folder).label_problem("42 - 7!", 5.0)


def test_frames_are_as_many_as_the_network_gives(ctc_folder: Path) -> None:
    model = load_model(ctc_folder)
    for samples in (model.front.shortest, model.front.shortest + 639, model.front.shortest + 640, 16000, 16001, 12345):
        assert logits_of(model, [np.zeros(samples, np.float32)])[0].shape[0] == model.front.frames(samples)


def test_a_clip_of_one_sample_still_makes_a_frame(ctc_folder: Path) -> None:
    assert logits_of(load_model(ctc_folder), [np.ones(1, np.float32)])[0].shape[0] == 1


# ---- loss and text


def test_the_loss_is_a_sum_over_utterances_that_batching_leaves_alone(group_norm_folder: Path) -> None:
    model = load_model(group_norm_folder)
    texts = ["hi", "one two", "well", "three", "what is it"]
    features, labels = [model.features(c) for c in CLIPS], [model.encode(t) for t in texts]
    with torch.inference_mode():
        together = model.loss(model.network, model.collate(features, labels))
        alone = [model.loss(model.network, model.collate([f], [i])) for f, i in zip(features, labels, strict=True)]
    assert float(together) == pytest.approx(float(sum(alone)), rel=1e-5)
    assert model.items(model.collate(features, labels)) == len(CLIPS)
    scores = logits_of(model, [CLIPS[4]])[0].log_softmax(-1)[:, None]
    wanted = nn.functional.ctc_loss(scores, torch.tensor([labels[4]]), [len(scores)], [len(labels[4])])
    assert float(alone[4]) == pytest.approx(float(wanted), rel=1e-5)


def test_an_impossible_pair_costs_nothing_and_teaches_nothing(ctc_folder: Path) -> None:
    model = load_model(ctc_folder)
    batch = model.collate([model.features(CLIPS[0])], [model.encode("far too many words for so short a clip")])
    loss = model.loss(model.network, batch)
    loss.backward()
    assert loss.item() == 0.0
    assert not model.network.lm_head.weight.grad.any()


def test_greedy_decoding_merges_repeats_keeps_doubles_and_ignores_padding(
    ctc_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(ctc_folder)
    rows = [["h", "e", "e", "l", "<pad>", "l", "o", "|", "u", "|"], ["n", "o", "<pad>", *"xxxxxxx"]]
    ids = torch.tensor([model.tokenizer.convert_tokens_to_ids(row) for row in rows])
    scores = nn.functional.one_hot(ids, len(model.tokenizer)).float()
    monkeypatch.setattr(model, "logits", lambda network, batch: (scores, torch.tensor([10, 3])))
    assert model.transcribe({}, DecodingOptions()) == ["hello u", "no"]


# ---- the head


def test_a_vocabulary_grows_by_what_the_texts_hold_and_nothing_else() -> None:
    assert vocabulary_for(["Abba, no 7!", "\u00c4h"], set("abn")) == ["7", "h", "o", "\u00e4"]
    assert vocabulary_for(["Abba"], set("AB")) == []


def test_a_grown_head_keeps_its_rows(ctc_folder: Path) -> None:
    network = load_model(ctc_folder).network
    weight, bias = network.lm_head.weight.clone(), network.lm_head.bias.clone()
    extend_head(network, len(weight) + 3)
    assert torch.equal(network.lm_head.weight[:-3], weight)
    assert torch.equal(network.lm_head.bias[:-3], bias)
    assert network.config.vocab_size == len(weight) + 3


def test_masks_fall_on_training_only(ctc_folder: Path) -> None:
    model = load_model(ctc_folder)
    plain = logits_of(model, [CLIPS[4]])[0]
    model.set_spec_augment(0.4, 5, 0.3, 4)
    assert torch.equal(logits_of(model, [CLIPS[4]])[0], plain)
    model.network.train()
    assert not torch.allclose(logits_of(model, [CLIPS[4]])[0], plain, atol=0.01)


def test_parts_are_the_whole_network(ctc_folder: Path) -> None:
    model = load_model(ctc_folder)
    named = [p for modules in model.parts().values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in named}) == len(named)
    assert sum(p.numel() for p in named) == model.parameter_counts()[1]


# ---- folders


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_a_saved_folder_is_a_plain_one(tmp_path: Path, norm: str) -> None:
    from transformers import AutoModelForCTC, AutoProcessor, pipeline

    source = tiny_ctc(tmp_path / "source", norm=norm)
    model = load_model(source, texts=["na\u00efve words"])
    model.save(tmp_path / "saved")
    ours = decode_waveforms(model, CLIPS)
    network = AutoModelForCTC.from_pretrained(tmp_path / "saved").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "saved")
    for clip, text in zip(CLIPS, ours, strict=True):
        inputs = processor(clip, sampling_rate=16000, return_tensors="pt")
        assert ("attention_mask" in inputs) == (norm == "layer")
        with torch.inference_mode():
            assert without_specials(processor.batch_decode(network(**inputs).logits.argmax(-1))[0]) == text
    recogniser = pipeline("automatic-speech-recognition", model=str(tmp_path / "saved"), device="cpu")
    theirs = [recogniser({"raw": c.copy(), "sampling_rate": 16000})["text"] for c in CLIPS]
    assert [without_specials(text) for text in theirs] == ours
    assert decode_waveforms(load_model(tmp_path / "saved"), CLIPS) == ours


def without_specials(text: str) -> str:
    """Random weights also write tokens like <s>, which we never show."""
    return re.sub("<.*?>", "", text)
