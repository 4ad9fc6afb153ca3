"""German: one voice to begin with, many voices by another manifest.

Data: Rhasspy's voice kerstin (CC0 1.0): one woman reads sentences, so what is measured holds for her voice only, and
the report says so. Multilingual LibriSpeech (CC BY 4.0, `--part german`) and Common Voice (CC0 1.0) have many
voices; their manifests are taken the same way:

    python -m data_scripts.rhasspy --download --part kerstin --out german_kerstin
    python -m data_scripts.mls --download --part german --out mls_german

For openai/whisper-small, whose token for German is used. CTC models get the letters of the train texts that they lack:

    speech-tl adapt language/german data.root=german_kerstin
    speech-tl adapt language/german data.root=mls_german data.train_limit=20000
    speech-tl adapt language/german data.root=mls_german model=facebook/wav2vec2-xls-r-300m
    speech-tl adapt language/german data.root=german_kerstin model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false

MMS finds its adapter for the language by itself: model=facebook/mms-1b-all.

Hours: published figures for orientation: whisper-small, about 10 hours of Hindi, 48 to 32 % WER (a model card's own);
MMS with adapters, Common Voice Turkish, below 27 % after 4 epochs (Hugging Face's speech-recognition examples).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Measured with openai/whisper-base, one voice (82 minutes to learn from, 150 test sentences; the figures are for this
voice): only the encoder is trained, on clips that follow each other, and a share of what was learnt is kept:

    speech-tl adapt language/german data.root=german_kerstin data.allow_speaker_overlap=true model=openai/whisper-base \
        strategy=encoder_only training.join_seconds=12 training.epochs=3 \
        'keep=[{name: interpolate, fixed_share: 0.6}]' guards.librispeech=librispeech.csv guards.ljspeech=ljspeech.csv

WER 21.1 to 19.2 % (change -3.5 to -0.4 points), CER 5.8 to 5.3 %; English: librispeech 10.7 to 11.5 %, ljspeech 11.5 to
10.6 %; 57 minutes on one core of a busy two-core machine, of which training 41 (28 November 2026).

Measured with the starter, one voice (1.4 hours to learn from, 150 test sentences; the figures are for this voice):

    speech-tl adapt language/german data.root=german_kerstin model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false data.allow_speaker_overlap=true training.epochs=6

WER 121.5 to 92.0 % (change -33.2 to -26.0 points), CER 72.4 to 31.2 %, 25 minutes of training on one busy CPU core.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="german",
    description="German sentences read aloud.",
    model=ModelOptions(source="openai/whisper-small"),
    data=DataOptions(language="de"),
    training=TrainingOptions(epochs=10, patience=3),
    report=ReportOptions(licence="apache-2.0", data_licence="Rhasspy kerstin, CC0 1.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
