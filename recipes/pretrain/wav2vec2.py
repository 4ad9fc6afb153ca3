"""Pre-train starter-wav2vec2: a small CTC recogniser of US English from synthetic speech only.

Data: what `python -m data_scripts.synthesize` speaks (espeak-ng, GPL-3.0-or-later, and flite, a BSD-like licence; the
sentences are LJ Speech's transcripts, public domain, and made-up everyday ones). No corpus that a recipe adapts to.

    python -m data_scripts.synthesize --out synthetic --set all --text sentences.txt --hours 36
    speech-tl adapt pretrain/wav2vec2 data.root=synthetic --out runs/pretrain-wav2vec2

The rate falls to zero; a run is prolonged by another one that starts from its model:

    speech-tl adapt pretrain/wav2vec2 data.root=synthetic model=runs/pretrain-wav2vec2/model model.shape={} \
        training.max_steps=10000 --out runs/pretrain-wav2vec2-more

The starter that ships heard train sentences of `--seed 1` (40 000 clips); dev and test are those of the default seed.
The front end differs from the published ones to be cheap on a CPU: its first two convolutions are a fixed log-mel
filterbank (`speech_tl.models.filterbank`), and it makes one frame each 40 ms. What it reached stands in the model card,
`speech_tl/starters/wav2vec2/README.md`.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, SpecAugment
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

SHAPE = {
    "log_mel_filters": 80,
    "conv_dim": [163, 323, 256, 256],
    "conv_kernel": [240, 10, 3, 4],
    "conv_stride": [40, 4, 2, 2],
    "conv_bias": True,
    "num_feat_extract_layers": 4,
    "feat_extract_activation": "relu6",
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "hidden_size": 256,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "num_conv_pos_embeddings": 31,
    "num_conv_pos_embedding_groups": 16,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
}

recipe = Recipe(
    name="pretrain-wav2vec2",
    model=ModelOptions(source="new:wav2vec2", language="en", shape=SHAPE),
    data=DataOptions(max_duration_s=12.0),
    strategy=Full(freeze_feature_encoder=False),
    training=TrainingOptions(
        max_steps=4800,
        learning_rate=1e-3,
        schedule="linear",
        warmup_share=0.015,
        batch_seconds=40,
        optimizer="muon",
        eval_steps=800,
        auxiliary_ctc=0.3,
        weight_decay=0.01,
    ),
    augment=AugmentOptions(spec_augment=SpecAugment(time_share=0.0)),
    scoring=ScoringOptions(by=["sentence_kind", "engine"]),
    report=ReportOptions(
        licence="apache-2.0", data_licence="synthetic speech of our own and public-domain sentences, no corpus"
    ),
)

if __name__ == "__main__":
    run_recipe(__file__)
