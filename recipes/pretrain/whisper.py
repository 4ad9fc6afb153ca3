"""Pre-train starter-whisper: a small Whisper of US English from synthetic speech only.

Data: what `python -m data_scripts.synthesize` speaks (espeak-ng, GPL-3.0-or-later, and flite, a BSD-like licence; the
sentences are LJ Speech's transcripts, public domain, and made-up everyday ones). No corpus that a recipe adapts to.

    python -m data_scripts.synthesize --out synthetic --set all --text sentences.txt --hours 36
    speech-tl adapt pretrain/whisper data.root=synthetic training.max_minutes=20 --out runs/pretrain-whisper

It trains on the frames that a batch needs and some batches of full 30 s windows, with an auxiliary CTC loss on the
encoder that teaches the attention to align and is gone from the saved model. The learning rate stays high to the end,
so that a run can be prolonged; this second command brings it down:

    speech-tl adapt pretrain/whisper data.root=synthetic model=runs/pretrain-whisper/model model.shape={} \
        training.schedule=linear training.warmup_share=0.01 training.max_steps=4800 --out runs/pretrain-whisper-end

The starter that ships is these two, the second stopped at step 4 000; it heard train sentences of `--seed 1` (40 000
clips, the first command the first 25 000 of them).
What it reached stands in the model card, `speech_tl/starters/whisper/README.md`.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, SpecAugment
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

SHAPE = {
    "merges": 100,
    "hop_length": 320,
    "d_model": 256,
    "encoder_layers": 6,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 1024,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 768,
    "dropout": 0.0,
}

recipe = Recipe(
    name="pretrain-whisper",
    model=ModelOptions(source="new:whisper", language="en", shape=SHAPE),
    data=DataOptions(max_duration_s=12.0),
    strategy=Full(freeze_feature_encoder=False),
    training=TrainingOptions(
        max_steps=40000,
        learning_rate=1e-3,
        schedule="constant_with_warmup",
        warmup_share=0.005,
        batch_seconds=40,
        optimizer="muon",
        eval_steps=800,
        dev_limit=60,
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
