"""Welsh: sentences read by volunteers of Common Voice.

Data: Common Voice, Welsh (CC0 1.0; Ardila et al., LREC 2020), from the Mozilla Data Collective (free account; who
downloads promises not to find out who the speakers are). The official splits share no speaker; `--validated` adds what
is in no split. FLEURS has 12 hours more (CC BY 4.0, `--part cy_gb`).

    python -m data_scripts.common_voice --source cv-corpus-24.0-2025-12-05-cy.tar.gz --out common_voice_cy

For openai/whisper-small, whose token for Welsh is used. CTC models get the letters of the train texts that they lack:

    speech-tl adapt language/welsh data.root=common_voice_cy
    speech-tl adapt language/welsh data.root=common_voice_cy model=facebook/mms-1b-all
    speech-tl adapt language/welsh data.root=common_voice_cy model=facebook/wav2vec2-xls-r-300m
    speech-tl adapt language/welsh data.root=common_voice_cy model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false

Hours: published figures for orientation: whisper-small, about 10 hours of Hindi, 48 to 32 % WER (a model card's own);
MMS with adapters, Common Voice Turkish, below 27 % after 4 epochs (Hugging Face's speech-recognition examples).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="welsh",
    description="Welsh sentences read by volunteers.",
    model=ModelOptions(source="openai/whisper-small"),
    data=DataOptions(language="cy"),
    training=TrainingOptions(epochs=10, patience=3),
    report=ReportOptions(licence="apache-2.0", data_licence="Common Voice, CC0 1.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
