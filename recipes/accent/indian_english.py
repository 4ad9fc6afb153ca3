"""English of India and South Asia, in the words of Common Voice's volunteers.

Data: Common Voice, English (CC0 1.0; Ardila et al., LREC 2020), from the Mozilla Data Collective (free account; who
downloads promises not to find out who the speakers are). Speakers say themselves how they speak, and may give several
labels; this is the one that the site offered for the region.

    python -m data_scripts.common_voice --source cv-corpus-24.0-2025-12-05-en.tar.gz --out common_voice_en \
        --accent "India and South Asia (India, Pakistan, Sri Lanka)"

For facebook/wav2vec2-base-960h; Whisper does as well, and without a network a starter shows that it runs:

    speech-tl adapt accent/indian_english data.root=common_voice_en
    speech-tl adapt accent/indian_english data.root=common_voice_en model=openai/whisper-small.en
    speech-tl adapt accent/indian_english data.root=common_voice_en model=starter-wav2vec2

Others: accent/l2_arctic has Hindi speakers in the quiet of a studio, VCTK three Indian ones.

Hours: 2.4 hours by 110 speakers were enough for a clear gain in accent/mandarin_english; there are many more here, so
look at `training.max_steps` and `data.train_limit` before a first run.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="indian_english",
    description="English of India and South Asia.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en", where={"accent": "India and South Asia (India, Pakistan, Sri Lanka)"}),
    training=TrainingOptions(epochs=3, patience=3),
    scoring=ScoringOptions(by=["gender"]),
    report=ReportOptions(licence="apache-2.0", data_licence="Common Voice, CC0 1.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
