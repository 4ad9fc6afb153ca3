"""OpenAI's own names and numbers for a Whisper's parts, which openai-whisper and whisper.cpp share.

Names and sizes as in https://github.com/openai/whisper (`whisper/model.py`, MIT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.exporting.target import require_published_window

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, WhisperForConditionalGeneration

VOCABULARIES = (51864, 51865, 51866)
"""Rows of the published ones: English only, multilingual, large-v3."""

MELS = (80, 128)
"""Mel bins that both programs have filters for."""

NAMES = (
    ("layers.", "blocks."),
    ("encoder_attn_layer_norm.", "cross_attn_ln."),
    ("encoder_attn.", "cross_attn."),
    ("self_attn_layer_norm.", "attn_ln."),
    ("self_attn.", "attn."),
    ("q_proj.", "query."),
    ("k_proj.", "key."),
    ("v_proj.", "value."),
    ("out_proj.", "out."),
    ("final_layer_norm.", "mlp_ln."),
    ("fc1.", "mlp.0."),
    ("fc2.", "mlp.2."),
    ("embed_tokens.", "token_embedding."),
    ("embed_positions.weight", "positional_embedding"),
    ("encoder.layer_norm.", "encoder.ln_post."),
    ("decoder.layer_norm.", "decoder.ln."),
)
"""Parts of transformers' names and OpenAI's, in the order in which they are replaced."""


def require_published_shape(name: str, config: PretrainedConfig, title: str) -> None:
    """Refuse a Whisper whose special tokens or mel bins the program does not know: both are written into its code.

    Raises:
        BadInput: names what differs.
    """
    require_published_window(name, config, title)
    if config.vocab_size not in VOCABULARIES:
        raise BadInput(
            f"model {name} has a vocabulary of its own ({config.vocab_size} tokens), and {title} knows the published "
            f"ones only ({', '.join(map(str, VOCABULARIES))}): --to ctranslate2, onnx or hf"
        )
    if config.num_mel_bins not in MELS:
        raise BadInput(f"model {name} hears {config.num_mel_bins} mel bins, and {title} makes {MELS[0]} or {MELS[1]}")


def dimensions(config: PretrainedConfig) -> dict[str, int]:
    """OpenAI's `ModelDimensions`, in its order."""
    return {
        "n_mels": config.num_mel_bins,
        "n_audio_ctx": config.max_source_positions,
        "n_audio_state": config.d_model,
        "n_audio_head": config.encoder_attention_heads,
        "n_audio_layer": config.encoder_layers,
        "n_vocab": config.vocab_size,
        "n_text_ctx": config.max_target_positions,
        "n_text_state": config.d_model,
        "n_text_head": config.decoder_attention_heads,
        "n_text_layer": config.decoder_layers,
    }


def named_weights(network: WhisperForConditionalGeneration) -> dict[str, torch.Tensor]:
    """The weights by OpenAI's names, on the CPU; the output layer is the embedding and not there twice."""
    return {openai_name(name): weight.detach().cpu() for name, weight in network.model.state_dict().items()}


def openai_name(name: str) -> str:
    """OpenAI's name of one of transformers' weights.

    >>> openai_name("decoder.layers.0.encoder_attn.k_proj.weight")
    'decoder.blocks.0.cross_attn.key.weight'
    """
    for theirs, openais in NAMES:
        name = name.replace(theirs, openais)
    return name
