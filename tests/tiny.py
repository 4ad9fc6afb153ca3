"""Tiny models of random weights in Hub format: the real architectures and tokenizers, small enough for any test."""

from __future__ import annotations

import json
from pathlib import Path

ENGLISH = "abcdefghijklmnopqrstuvwxyz'"


def tiny_ctc(
    folder: Path, *, norm: str = "layer", characters: str = ENGLISH, model_type: str = "wav2vec2", seed: int = 0
) -> Path:
    """A CTC model with 40 ms frames; `norm` is "layer" or "group", the two styles of published checkpoints."""
    import torch
    from transformers import AutoConfig, AutoModelForCTC, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {t: i for i, t in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *characters])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    config = AutoConfig.for_model(
        model_type,
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(32, 32, 32),
        conv_kernel=(40, 8, 4),
        conv_stride=(20, 8, 4),
        num_conv_pos_embeddings=15,
        num_conv_pos_embedding_groups=4,
        conv_pos_kernel_size=5,
        num_feat_extract_layers=3,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        mask_time_prob=0.0,
        pad_token_id=0,
    )
    torch.manual_seed(seed)
    network = AutoModelForCTC.from_config(config)
    # Random heads say blank everywhere; spread the scores so that transcripts are not empty.
    with torch.no_grad():
        network.lm_head.weight.mul_(40)
    network.save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=norm == "layer").save_pretrained(folder)
    return folder


def tiny_whisper(
    folder: Path, *, mels: int = 80, multilingual: bool = True, seed: int = 0, tokens: int = 24, layers: int = 1
) -> Path:
    """A Whisper with byte-level tokens, Whisper's special tokens and room for `tokens` target tokens."""
    import torch

    from speech_tl.models.random_initialisation import new_whisper

    torch.manual_seed(seed)
    model = new_whisper(
        [],
        merges=0,
        multilingual=multilingual,
        num_mel_bins=mels,
        d_model=32,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_target_positions=tokens,
    )
    model.save(folder)
    return folder
