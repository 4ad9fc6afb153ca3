"""Turkish: about 12 hours of news and encyclopaedia read aloud.

Data: FLEURS (CC BY 4.0; Conneau et al., SLT 2022). Who speaks is not published, so the interval in the report counts
utterances, not speakers; the official splits share no sentence. Common Voice (CC0
1.0) has more hours and many voices: data.root=common_voice_tr.

    python -m data_scripts.fleurs --download --part tr_tr --out fleurs_tr_tr

For openai/whisper-small, whose token for Turkish is used. CTC models get the letters of the train texts that they lack:

    speech-tl adapt language/turkish data.root=fleurs_tr_tr
    speech-tl adapt language/turkish data.root=fleurs_tr_tr model=facebook/mms-1b-all
    speech-tl adapt language/turkish data.root=fleurs_tr_tr model=facebook/wav2vec2-xls-r-300m
    speech-tl adapt language/turkish data.root=fleurs_tr_tr model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false

Hours: published figures for orientation: whisper-small, about 10 hours of Hindi, 48 to 32 % WER (a model card's own);
MMS with adapters, Common Voice Turkish, below 27 % after 4 epochs (Hugging Face's speech-recognition examples).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="turkish",
    description="Turkish sentences read aloud.",
    model=ModelOptions(source="openai/whisper-small"),
    data=DataOptions(language="tr"),
    training=TrainingOptions(epochs=10, patience=3),
    report=ReportOptions(licence="cc-by-4.0", data_licence="FLEURS, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
