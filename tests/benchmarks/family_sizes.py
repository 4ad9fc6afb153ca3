"""Parameters of the published CTC shapes, without any weights: `python -m tests.benchmarks.family_sizes`.

Each shape is what the checkpoint's config.json says beside its architecture's defaults. Weights take four bytes a
parameter in float32; training everything with AdamW takes four times that (weights, gradients, two moments) before
activations, which `speech-tl adapt ... --dry-run` measures on your clips.
"""

from __future__ import annotations

import sys
from typing import Any

LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
}
BILLION = LARGE | {"hidden_size": 1280, "num_hidden_layers": 48, "intermediate_size": 5120}
CONFORMER = {name: value for name, value in LARGE.items() if name != "do_stable_layer_norm"}

SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2-base-960h": ("wav2vec2", {}),
    "wav2vec2-large-960h-lv60-self, XLSR-53, XLS-R 300M": ("wav2vec2", LARGE),
    "hubert-large-ls960-ft": ("hubert", LARGE),
    "wavlm-base-plus": ("wavlm", {}),
    "data2vec-audio-base-960h": ("data2vec-audio", {}),
    "wav2vec2-xls-r-1b": ("wav2vec2", BILLION),
    "mms-1b-all, with one language's adapter": ("wav2vec2", BILLION | {"adapter_attn_dim": 16}),
    "wav2vec2-conformer-rope-large-960h-ft": ("wav2vec2-conformer", CONFORMER | {"position_embeddings_type": "rotary"}),
}


def main() -> int:
    """Print a table."""
    import torch
    from transformers import AutoConfig, AutoModelForCTC

    print("| shape | million parameters | weights, float32 | AdamW on all of them |\n|:--|--:|--:|--:|")
    for name, (model_type, shape) in SHAPES.items():
        with torch.device("meta"):
            network = AutoModelForCTC.from_config(AutoConfig.for_model(model_type, vocab_size=32, **shape))
        count = sum(weight.numel() for weight in network.parameters())
        print(f"| {name} | {count / 1e6:.0f} | {4 * count / 1e9:.1f} GB | {16 * count / 1e9:.1f} GB |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
