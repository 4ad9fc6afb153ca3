"""What transfer is worth: from scratch against three ways to transfer, on 5 to 120 minutes of target speech.

Data: speechocean762 (CC BY 4.0), as for `accent/mandarin_english`.

    speech-tl study learning_curve data.root=speechocean762 --dry-run    # the runs, and how long they take here
    speech-tl study learning_curve data.root=speechocean762
    speech-tl study learning_curve data.root=speechocean762 'minutes=[5,30]' 'seeds=[0]'

For each amount and seed: the same network from random weights, which may take ten times the steps of the others and
stops when dev has not become better for half of them; only the head; all weights; LoRA. The table says what each
reaches on the test set and how far that is from scratch, the page draws it over the minutes, and both say after how
many seconds of training each reached on dev what scratch reached at last, or never. The same command goes on with what
is missing.
"""

from speech_tl.cli import run_study_script
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, TrainingOptions
from speech_tl.study import Study, Variant

study = Study(
    name="learning_curve",
    description="From scratch against transfer, on 5 to 120 minutes of target speech.",
    recipe=Recipe(
        name="learning_curve",
        model=ModelOptions(source="starter-wav2vec2"),
        data=DataOptions(language="en"),
        strategy=Full(freeze_feature_encoder=False),
        training=TrainingOptions(max_steps=100, eval_steps=25, dev_limit=60),
    ),
    variants={
        "scratch": Variant(overrides=["model.from_scratch=true", "training.patience=20"], times=10),
        "head_only": Variant(overrides=["strategy=head_only"]),
        "full": Variant(),
        "lora": Variant(overrides=["strategy=lora"]),
    },
    minutes=[5, 15, 30, 60, 120],
    seeds=[0, 1],
    reference="scratch",
)

if __name__ == "__main__":
    run_study_script(__file__)
