"""African accents of English, general and clinical, by 2 463 people from 13 countries.

Data: AfriSpeech-200 (CC BY-NC-SA 4.0: not for commercial use, and that goes for what is trained on it too; Olatunji et
al., TACL 2023): 197 hours, 120 accents. The official splits share no speaker. Fetch the accents that you want:

    hf download intronhealth/afrispeech-200 --repo-type dataset \
        --include 'transcripts/*' 'audio/yoruba/*' --local-dir afrispeech-200
    python -m data_scripts.afrispeech --source afrispeech-200 --accent yoruba --out afrispeech

For facebook/wav2vec2-base-960h; Whisper does as well, and without a network a starter shows that it runs:

    speech-tl adapt accent/african_english data.root=afrispeech
    speech-tl adapt accent/african_english data.root=afrispeech data.where.accent=yoruba
    speech-tl adapt accent/african_english data.root=afrispeech data.where.domain=clinical model=openai/whisper-small.en
    speech-tl adapt accent/african_english data.root=afrispeech model=starter-wav2vec2

Clinical sentences are full of names and drugs: the report shows both domains apart.

Hours: 197 in all; 2.4 hours by 110 speakers were enough for a clear gain in accent/mandarin_english.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="african_english",
    description="African-accented English, general and clinical.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=3, patience=3),
    scoring=ScoringOptions(by=["accent", "domain"]),
    report=ReportOptions(
        licence="cc-by-nc-sa-4.0", data_licence="AfriSpeech-200, CC BY-NC-SA 4.0 (not for commercial use)"
    ),
)

if __name__ == "__main__":
    run_recipe(__file__)
