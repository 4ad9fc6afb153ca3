"""Any of the 102 languages of FLEURS, about 12 hours each, by its manifest.

Data: FLEURS (CC BY 4.0; Conneau et al., SLT 2022): the same sentences in every language. Who speaks is not published,
so the interval in the report counts utterances, not speakers; the official splits share no sentence. The manifest
says the language; an unknown code is answered with those there are.

    python -m data_scripts.fleurs --download --part ga_ie --out fleurs_ga

For facebook/wav2vec2-xls-r-300m, pre-trained on 128 languages (arXiv 2111.09296) and without a head yet: it gets the
letters of the train texts, so any script will do. MMS finds its adapter by the language; Whisper takes the language's
token, or that of a relative, and the report says which and why:

    speech-tl adapt language/fleurs_language data.root=fleurs_ga
    speech-tl adapt language/fleurs_language data.root=fleurs_ga model=facebook/mms-1b-all
    speech-tl adapt language/fleurs_language data.root=fleurs_ga model=openai/whisper-small
    speech-tl adapt language/fleurs_language data.root=fleurs_ga model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false

A checkpoint without a head can write nothing before: its "before" is an untrained head, and the report says so.

Hours: published figures for orientation: whisper-small, about 10 hours of Hindi, 48 to 32 % WER (a model card's own);
MMS with adapters, Common Voice Turkish, below 27 % after 4 epochs (Hugging Face's speech-recognition examples).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import ModelOptions, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="fleurs_language",
    description="A language of FLEURS.",
    model=ModelOptions(source="facebook/wav2vec2-xls-r-300m"),
    training=TrainingOptions(epochs=20, patience=5),
    report=ReportOptions(licence="cc-by-4.0", data_licence="FLEURS, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
