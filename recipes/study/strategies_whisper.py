"""Every way to transfer that fits Whisper against every other: one model, one accent, one budget of training.

Data: speechocean762 (CC BY 4.0), as for `accent/mandarin_english`; guards and source speech (`keep.root`) as for
`study/strategies`.

    speech-tl study strategies_whisper data.root=speechocean762 guards.synthetic=synthetic keep.root=synthetic --dry-run
    speech-tl study strategies_whisper data.root=speechocean762 guards.synthetic=synthetic keep.root=synthetic
    speech-tl study strategies_whisper data.root=speechocean762 model=openai/whisper-small 'only=[full,lora]'
"""

from speech_tl.cli import run_study_script
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, ScoringOptions, TrainingOptions
from speech_tl.study import Study, Variant

study = Study(
    name="strategies_whisper",
    description="One Whisper, one accent, one budget: what each way of training reaches and costs.",
    recipe=Recipe(
        name="strategies_whisper",
        model=ModelOptions(source="starter-whisper", language="en"),
        data=DataOptions(language="en"),
        strategy=Full(freeze_feature_encoder=False),
        training=TrainingOptions(max_steps=300, eval_steps=50, dev_limit=100),
        scoring=ScoringOptions(by=["gender"]),
    ),
    variants={
        "full": Variant(),
        "full_layer_decay": Variant(overrides=["strategy.layer_decay=0.8"]),
        "full_replay": Variant(overrides=["keep=replay"]),
        "full_interpolate": Variant(overrides=["keep=interpolate", "keep.interpolate.limit_share=0.5"]),
        "full_l2_sp": Variant(overrides=["keep=l2_sp"]),
        "full_ewc": Variant(overrides=["keep=ewc"]),
        "full_distill": Variant(overrides=["keep=distill"]),
        "gradual": Variant(overrides=["strategy=gradual"]),
        "encoder_only": Variant(overrides=["strategy=encoder_only"]),
        "decoder_only": Variant(overrides=["strategy=decoder_only"]),
        "lora": Variant(overrides=["strategy=lora"]),
        "ia3": Variant(overrides=["strategy=adapters"]),
        "bitfit": Variant(overrides=["strategy=bitfit"]),
    },
    reference="full",
)

if __name__ == "__main__":
    run_study_script(__file__)
