"""Dutch: one voice to begin with, many voices by another manifest.

Data: Rhasspy's voice nathalie (CC0 1.0): one woman reads sentences, so what is measured holds for her voice only, and
the report says so. Multilingual LibriSpeech (CC BY 4.0, `--part dutch`) and Common Voice (CC0 1.0) have many
voices; their manifests are taken the same way:

    python -m data_scripts.rhasspy --download --part nathalie --out dutch_nathalie
    python -m data_scripts.mls --download --part dutch --out mls_dutch

For openai/whisper-small, whose token for Dutch is used. CTC models get the letters of the train texts that they lack:

    speech-tl adapt language/dutch data.root=dutch_nathalie
    speech-tl adapt language/dutch data.root=mls_dutch data.train_limit=20000
    speech-tl adapt language/dutch data.root=mls_dutch model=facebook/wav2vec2-xls-r-300m
    speech-tl adapt language/dutch data.root=dutch_nathalie model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false

MMS finds its adapter for the language by itself: model=facebook/mms-1b-all.

Hours: published figures for orientation: whisper-small, about 10 hours of Hindi, 48 to 32 % WER (a model card's own);
MMS with adapters, Common Voice Turkish, below 27 % after 4 epochs (Hugging Face's speech-recognition examples).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Measured with openai/whisper-base, one voice (32 minutes to learn from, 150 test sentences; the figures are for this
voice): only the encoder is trained, on clips that follow each other, and a share of what was learnt is kept:

    speech-tl adapt language/dutch data.root=dutch_nathalie data.allow_speaker_overlap=true model=openai/whisper-base \
        strategy=encoder_only training.join_seconds=12 training.epochs=3 \
        'keep=[{name: interpolate, fixed_share: 0.6}]' guards.librispeech=librispeech.csv guards.ljspeech=ljspeech.csv

WER 19.6 to 13.2 % (change -8.7 to -4.1 points), CER 6.9 to 4.4 %; English: librispeech 10.7 to 11.2 %, ljspeech 11.5 to
12.2 %; 31 minutes on one core of a busy two-core machine, of which training 17 (28 November 2026).

Measured with the starter, one voice (32 minutes to learn from, 150 test sentences; the figures are for this voice):

    speech-tl adapt language/dutch data.root=dutch_nathalie model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false data.allow_speaker_overlap=true training.epochs=6

WER 106.2 to 83.2 % (change -26.3 to -20.0 points), CER 68.7 to 28.7 %, 6 minutes of training on one busy CPU core.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="dutch",
    description="Dutch sentences read aloud.",
    model=ModelOptions(source="openai/whisper-small"),
    data=DataOptions(language="nl"),
    training=TrainingOptions(epochs=10, patience=3),
    report=ReportOptions(licence="apache-2.0", data_licence="Rhasspy nathalie, CC0 1.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
