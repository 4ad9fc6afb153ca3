"""Every way to transfer against every other: one CTC model, one accent, one budget of training.

Data: speechocean762 (CC BY 4.0), as for `accent/mandarin_english`. Guards are what the adapted model must not unlearn:
any manifests with rows of split dev (for the variant that chooses on them) and test. `keep.root` is speech like what
the model learnt from, whose rows of split train are replayed. For the starters both are what they were made of,
sentences that synthesisers speak (2 hours of them here):

    python -m data_scripts.synthesize --out synthetic --set all --hours 2
    speech-tl study strategies data.root=speechocean762 guards.synthetic=synthetic keep.root=synthetic --dry-run
    speech-tl study strategies data.root=speechocean762 guards.synthetic=synthetic keep.root=synthetic

`--dry-run` lists the runs and how long they take here.

The table has a row for each: WER and CER with intervals, the guards before and after, trained parameters, seconds, peak
memory, what has to be kept on disk, and when it reached on dev what `full` reached at last. All have the same steps of
batches of the same seconds; `full_replay` and `full_distill` give a fifth to the source. `full_interpolate` takes the
share of the new weights that is best on dev and loses on the guards' dev parts at most half of what `full` loses. Some
of them (only those that keep need guards or a source), or another model:

    speech-tl study strategies data.root=speechocean762 'only=[full,lora]' 'seeds=[0,1,2]'
    speech-tl study strategies data.root=speechocean762 model=facebook/wav2vec2-base-960h

The same command goes on with what is missing. For Whisper see `study/strategies_whisper`.
"""

from speech_tl.cli import run_study_script
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, ScoringOptions, TrainingOptions
from speech_tl.study import Study, Variant

study = Study(
    name="strategies",
    description="One model, one accent, one budget: what each way of training reaches and costs.",
    recipe=Recipe(
        name="strategies",
        model=ModelOptions(source="starter-wav2vec2"),
        data=DataOptions(language="en"),
        strategy=Full(freeze_feature_encoder=False),
        training=TrainingOptions(max_steps=300, eval_steps=50, dev_limit=100),
        scoring=ScoringOptions(by=["gender"]),
    ),
    variants={
        "full": Variant(),
        "full_frozen_front_end": Variant(overrides=["strategy.freeze_feature_encoder=true"]),
        "full_lowest_half_frozen": Variant(
            overrides=["strategy.freeze_feature_encoder=true", "strategy.freeze_layers=4"]
        ),
        "full_layer_decay": Variant(overrides=["strategy.layer_decay=0.8"]),
        "full_replay": Variant(overrides=["keep=replay"]),
        "full_interpolate": Variant(overrides=["keep=interpolate", "keep.interpolate.limit_share=0.5"]),
        "full_l2_sp": Variant(overrides=["keep=l2_sp"]),
        "full_ewc": Variant(overrides=["keep=ewc"]),
        "full_distill": Variant(overrides=["keep=distill"]),
        "gradual": Variant(overrides=["strategy=gradual", "strategy.freeze_feature_encoder=false"]),
        "encoder_only": Variant(overrides=["strategy=encoder_only", "strategy.freeze_feature_encoder=false"]),
        "lora": Variant(overrides=["strategy=lora"]),
        "dora": Variant(overrides=["strategy=lora", "strategy.dora=true"]),
        "ia3": Variant(overrides=["strategy=adapters"]),
        "lokr": Variant(overrides=["strategy=adapters", "strategy.method=lokr"]),
        "bitfit": Variant(overrides=["strategy=bitfit"]),
        "head_only": Variant(overrides=["strategy=head_only"]),
        "head_only_weighted_lstm": Variant(
            overrides=["strategy=head_only", "strategy.layers=weighted", "strategy.lstm=128"]
        ),
    },
    reference="full",
)

if __name__ == "__main__":
    run_study_script(__file__)
