"""Regional English of the United States: by state or city where speakers grew up.

Data: VCTK 0.92 (CC BY 4.0; Yamagishi, Veaux, MacDonald, University of Edinburgh 2019): 110 people in Edinburgh read
newspaper sentences; those whose accent is american name a state or city as `region`. They are few to a region: this
shows whom a model serves worse, more than it serves them. TIMIT, CORAAL (under terms of their own) or recordings of
yours do as well: a manifest with the columns `accent` and `region` is all it takes.

    python -m data_scripts.vctk --download --out vctk

For facebook/wav2vec2-base-960h; Whisper does as well, and without a network a starter shows that it runs:

    speech-tl adapt accent/us_regional data.root=vctk
    speech-tl adapt accent/us_regional data.root=vctk "data.where.region=New Jersey"
    speech-tl adapt accent/us_regional data.root=vctk model=openai/whisper-small.en
    speech-tl adapt accent/us_regional data.root=vctk model=starter-wav2vec2

Other accents of the same corpus by data.where.accent: english, scottish, irish, canadian, indian, southafrican. The
first 24 sentences are the same for all speakers: the report counts them as a leak between train and test.

Hours: VCTK has about 0.4 a speaker; 2.4 hours by 110 speakers were enough for a clear gain in accent/mandarin_english.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="us_regional",
    description="American English by region.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en", where={"accent": "american"}),
    training=TrainingOptions(epochs=3, patience=3),
    scoring=ScoringOptions(by=["region", "gender"]),
    report=ReportOptions(licence="cc-by-4.0", data_licence="VCTK 0.92, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
