"""Any accent that Common Voice's speakers name, of any of its languages, by one parameter.

Data: Common Voice (CC0 1.0; Ardila et al., LREC 2020), from the Mozilla Data Collective (free account; who downloads
promises not to find out who the speakers are). `accent` is what speakers ticked or wrote, several between bars; one of
them is enough for `data.where.accent`, and an accent that is not there is answered with those that are.

    python -m data_scripts.common_voice --source cv-corpus-24.0-2025-12-05-en.tar.gz --out common_voice_en

For facebook/wav2vec2-base-960h where the language is English, openai/whisper-small for others:

    speech-tl adapt accent/common_voice_accent data.root=common_voice_en "data.where.accent=Scottish English"
    speech-tl adapt accent/common_voice_accent data.root=common_voice_de model=openai/whisper-small \
        "data.where.accent=Österreichisches Deutsch"
    speech-tl adapt accent/common_voice_accent data.root=common_voice_en "data.where.accent=Filipino" \
        model=starter-wav2vec2

Without a filter the whole language is learnt, and the report shows each accent.

Hours: 2.4 hours by 110 speakers were enough for a clear gain in accent/mandarin_english; the script prints how much
there is of the accent it was asked for (`--accent`).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="common_voice_accent",
    description="An accent as Common Voice's speakers name it.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    training=TrainingOptions(epochs=5, patience=3),
    scoring=ScoringOptions(by=["accent", "gender"]),
    report=ReportOptions(licence="apache-2.0", data_licence="Common Voice, CC0 1.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
