"""Your own voice: half an hour of your recordings, one speaker.

Data: yours; it stays on your machine and under whatever licence you give it. A table of two columns is enough, a row a
recording of a sentence or two (at most 30 s), paths seen from the table's folder:

    audio,text
    clips/0001.m4a,please turn the light on in the kitchen
    clips/0002.m4a,what time does the last train leave

A folder with `0001.wav` and `0001.txt` side by side does as well, and `speech-tl record --out my` shows sentences and
records them. A model's own words are a good start for the texts of recordings that are there already (`speech-tl
transcribe --model M --format tsv --out drafts clips`), if you correct them: errors left in are learnt.

    speech-tl check my.csv
    speech-tl adapt speaker/my_voice data.root=my.csv
    speech-tl adapt speaker/my_voice data.root=my.csv model=openai/whisper-small      # for real use
    speech-tl transcribe --model runs/my_voice/model new.m4a

One speaker's recordings are split by sentence (80 % to learn from, 10 % to choose by, 10 % to test on) where the table
has no column `split`, so the report speaks of this voice only. Results are yours alone, hence no table here; a tenth of
half an hour is a small test set, and the interval in the report says how small. Half a minute of speech gains nothing,
and at the usual rate it harms (figures and commands: docs/understanding/how-much-speech.md): record more first.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, TrainingOptions

recipe = Recipe(
    name="my_voice",
    description="One person's own recordings.",
    model=ModelOptions(source="starter-wav2vec2"),
    data=DataOptions(allow_speaker_overlap=True),
    strategy=Full(freeze_feature_encoder=True),
    training=TrainingOptions(epochs=20, batch_seconds=20, patience=3),
)

if __name__ == "__main__":
    run_recipe(__file__)
