"""English as a second language, by first language: Arabic, Mandarin, Hindi, Korean and two more.

Data: L2-ARCTIC (CC BY-NC 4.0: not for commercial use; Zhao et al., Interspeech 2018): 24 people, four of each first
language (arabic, mandarin, hindi, korean, spanish, vietnamese), each about an hour. Everybody reads the same
sentences, so the script keeps sentences as well as speakers apart: one speaker of each language is test, one dev.

    python -m data_scripts.l2_arctic --source l2arctic_release_v5.0.zip --out l2_arctic

For facebook/wav2vec2-base-960h; Whisper does as well, and without a network a starter shows that it runs:

    speech-tl adapt accent/l2_arctic data.root=l2_arctic
    speech-tl adapt accent/l2_arctic data.root=l2_arctic data.where.accent=vietnamese
    speech-tl adapt accent/l2_arctic data.root=l2_arctic model=openai/whisper-small.en
    speech-tl adapt accent/l2_arctic data.root=l2_arctic model=starter-wav2vec2

With one first language there is one test speaker: the figures describe that voice. With all six there are six.

Hours: 27 in all, of which half the speakers and four fifths of their sentences are for training.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="l2_arctic",
    description="English read by speakers of six other first languages.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=5, patience=3),
    scoring=ScoringOptions(by=["accent", "gender"]),
    report=ReportOptions(licence="cc-by-nc-4.0", data_licence="L2-ARCTIC, CC BY-NC 4.0 (not for commercial use)"),
)

if __name__ == "__main__":
    run_recipe(__file__)
