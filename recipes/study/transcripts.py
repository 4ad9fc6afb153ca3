"""What transcripts are worth: 30 minutes of them, alone and with the rest of the speech unlabelled, against all.

Data: speechocean762 (CC BY 4.0), as for `accent/mandarin_english`. The 30 minutes are drawn from train's utterances
with the seed of the run (`data.train_seed`), so that each seed has its own; with one seed all variants have the same.

    speech-tl study transcripts data.root=speechocean762 --dry-run       # the runs, and how long they take here
    speech-tl study transcripts data.root=speechocean762 'seeds=[0,1,2]'

`few` learns from 30 minutes, `few_and_rest` also from the model's own labels of the rest, in two rounds, `none` from
labels of the checkpoint alone, `all` from every transcript. Each training has the same number of steps. The table says
what each reaches on the test set, with intervals; `speech-tl compare` of two runs' `after/` tests their difference:

    speech-tl compare runs/transcripts/runs/few-seed0/after runs/transcripts/runs/few_and_rest-seed0/after

The same command goes on with what is missing.
"""

from speech_tl.cli import run_study_script
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, TrainingOptions
from speech_tl.study import Study, Variant

study = Study(
    name="transcripts",
    description="30 transcribed minutes, alone and with untranscribed speech, against all transcripts.",
    recipe=Recipe(
        name="transcripts",
        model=ModelOptions(source="starter-wav2vec2"),
        data=DataOptions(language="en"),
        strategy=Full(freeze_feature_encoder=False),
        training=TrainingOptions(max_steps=300, eval_steps=50, dev_limit=100),
    ),
    variants={
        "few": Variant(overrides=["data.train_minutes=30"]),
        "few_and_rest": Variant(overrides=["data.train_minutes=30", "unlabelled={}"]),
        "none": Variant(overrides=["unlabelled.ignore_text=true"]),
        "all": Variant(),
    },
    reference="all",
)

if __name__ == "__main__":
    run_study_script(__file__)
