"""Children's English: higher voices; here children whose first language is Mandarin.

Data: the children of speechocean762 (CC BY 4.0; Zhang et al., Interspeech 2021): about half of its 250 speakers, 6 to
15 years old, read sentences. They are second-language speakers: for children who grow up with English the MyST corpus
(LDC2021S05, by its own licence; some 470 hours by 1 371 pupils, not half of them transcribed) is the usual one; make a
manifest of it with `python -m data_scripts.folder` and leave the filter out (data.where={}).

    python -m data_scripts.speechocean762 --download --out speechocean762

For facebook/wav2vec2-base-960h; Whisper does as well, and without a network a starter shows that it runs:

    speech-tl adapt accent/child_english data.root=speechocean762
    speech-tl adapt accent/child_english data.root=speechocean762 model=openai/whisper-small.en
    speech-tl adapt accent/child_english data.root=speechocean762 model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false
    speech-tl adapt accent/child_english data.root=speechocean762 data.where.age=16.. --out runs/adults

The last one is the other half, for comparison. Speed changes give the model voices of other heights to learn from.

Hours: 0.9 of children to learn from; 2.4 of all were enough for a clear gain in accent/mandarin_english.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, Speed
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="child_english",
    description="Children read English sentences.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en", where={"age": "..15"}),
    training=TrainingOptions(epochs=10, patience=3),
    augment=AugmentOptions(speed=Speed(factors=[0.9, 1.0, 1.1])),
    scoring=ScoringOptions(by=["age", "gender"]),
    report=ReportOptions(licence="cc-by-4.0", data_licence="speechocean762, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
