"""Any language of Common Voice, whatever its script, by its manifest.

Data: Common Voice (CC0 1.0; Ardila et al., LREC 2020): some 290 languages, from the Mozilla Data Collective (free
account; who downloads promises not to find out who the speakers are). The manifest says the language.

    python -m data_scripts.common_voice --source cv-corpus-24.0-2025-12-05-ga-IE.tar.gz --out common_voice_ga

For facebook/wav2vec2-xls-r-300m, pre-trained on 128 languages (arXiv 2111.09296) and without a head yet: it gets the
letters of the train texts, so any script will do. MMS finds its adapter by the language; Whisper takes the language's
token, or that of a relative, and the report says which and why:

    speech-tl adapt language/common_voice_language data.root=common_voice_ga
    speech-tl adapt language/common_voice_language data.root=common_voice_ga model=facebook/mms-1b-all
    speech-tl adapt language/common_voice_language data.root=common_voice_ga model=openai/whisper-small
    speech-tl adapt language/common_voice_language data.root=common_voice_ga model=starter-wav2vec2 \
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
    name="common_voice_language",
    description="A language of Common Voice.",
    model=ModelOptions(source="facebook/wav2vec2-xls-r-300m"),
    training=TrainingOptions(epochs=20, patience=5),
    report=ReportOptions(licence="apache-2.0", data_licence="Common Voice, CC0 1.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
