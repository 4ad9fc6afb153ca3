"""What both sides of a benchmark are given: real speech and models of published shapes with random weights."""

from __future__ import annotations

import csv
import random
from pathlib import Path

Rows = list[dict[str, str]]
"""Rows of a manifest, with `audio` as an absolute path."""

BASE_WAV2VEC2 = {
    "vocab_size": 32,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "feat_extract_norm": "group",
    "do_stable_layer_norm": False,
}
"""facebook/wav2vec2-base: 94 million parameters, group norm, no attention mask."""


def speech(corpora: Path, split: str | tuple[str, ...] | None = None, count: int | None = None, seed: int = 0) -> Rows:
    """Rows of speechocean762 in a seeded random order: real short clips, median 3.6 s.

    Args:
        corpora: the folder of corpora.
        split: train, dev or test; None means all.
        count: so many rows; more than there are repeat the corpus.
        seed: of the order.
    """
    folder = corpora / "speechocean762"
    wanted = (split,) if isinstance(split, str) else split
    with (folder / "manifest.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if not wanted or row["split"] in wanted]
    rows = [row | {"audio": str(folder / row["audio"])} for row in rows]
    random.Random(seed).shuffle(rows)
    count = len(rows) if count is None else count
    return [rows[i % len(rows)] for i in range(count)]


def seconds(rows: Rows) -> float:
    """Seconds of speech in all."""
    return sum(float(row["duration"]) for row in rows)


def write_manifest(path: Path, rows: Rows, split: str | None = None) -> Path:
    """The rows as a CSV manifest, all in one split if that is given."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(row | ({"split": split} if split else {}) for row in rows)
    return path


def tiny_shaped_whisper(folder: Path, texts: list[str], seed: int = 0) -> Path:
    """A folder with openai/whisper-tiny's shape (39 million parameters, 30 s) and random weights.

    Random weights never write the end token: for training speed only.
    """
    return _whisper(folder, texts, seed, d_model=384, layers=4, heads=6)


def small_shaped_whisper(folder: Path, texts: list[str], seed: int = 0) -> Path:
    """The same in openai/whisper-small's shape (244 million parameters)."""
    return _whisper(folder, texts, seed, d_model=768, layers=12, heads=12)


def _whisper(folder: Path, texts: list[str], seed: int, d_model: int, layers: int, heads: int) -> Path:
    """The vocabulary's size is the published one, though its tokenizer learns 1 000 merges only, from `texts`.

    On speechocean762 that makes 1.2 tokens of a word, about as many as the published tokenizer's on easy English.
    """
    import torch
    from transformers import WhisperForConditionalGeneration

    from speech_tl.models.random_initialisation import new_whisper

    torch.manual_seed(seed)
    model = new_whisper(
        texts,
        merges=1000,
        multilingual=True,
        d_model=d_model,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * d_model,
        decoder_ffn_dim=4 * d_model,
        max_source_positions=1500,
    )
    settings, config = model.network.generation_config, model.network.config
    config.vocab_size = 51865
    model.network = WhisperForConditionalGeneration(config)
    settings.language = "en"
    model.network.generation_config = settings
    model.save(folder)
    return folder


def base_shaped_wav2vec2(folder: Path, seed: int = 0, **changes: object) -> Path:
    """A folder with facebook/wav2vec2-base's shape, random weights and a head of English letters.

    `changes` are configuration fields; both sides train with the same.
    """
    import json

    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder.mkdir(parents=True, exist_ok=True)
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *"etaonihsrdlumwcfgypbvk'xjqz"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    torch.manual_seed(seed)
    fixed = {"ctc_loss_reduction": "mean", "ctc_zero_infinity": True, "layerdrop": 0.0, "pad_token_id": 0}
    Wav2Vec2ForCTC(Wav2Vec2Config(**BASE_WAV2VEC2 | fixed | changes)).save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)
    return folder


def trimmed_starter(folder: Path) -> Path:
    """starter-whisper as a model that is decoded on windows trimmed to the utterance, as adapting may leave one."""
    from speech_tl.models.audio_context import AudioContext
    from speech_tl.models.load import load_model

    model = load_model("starter-whisper", language="en", device="cpu")
    model.decoding_context = AudioContext.wanted("auto")
    model.save(folder)
    return folder
