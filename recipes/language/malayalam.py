"""Malayalam: a script of its own, read by dozens of people on their phones.

Data: the SMC Malayalam Speech Corpus (CC BY-SA 4.0; Swathanthra Malayalam Computing): proverbs and everyday sentences.
The script keeps speakers and sentences of test out of train. OpenSLR 63 has studio recordings under the same licence.

    python -m data_scripts.smc_malayalam --download --out smc_malayalam

For openai/whisper-small, whose token for Malayalam is used. CTC models get the letters of the train texts: MMS has
them already, XLS-R has no head yet, a starter knows only English letters:

    speech-tl adapt language/malayalam data.root=smc_malayalam
    speech-tl adapt language/malayalam data.root=smc_malayalam model=facebook/mms-1b-all
    speech-tl adapt language/malayalam data.root=smc_malayalam model=facebook/wav2vec2-xls-r-300m
    speech-tl adapt language/malayalam data.root=smc_malayalam model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false

Words are long and joined: read the CER beside the WER. The normaliser `basic` keeps vowel signs; figures under
Whisper's own normaliser, which drops them, are not comparable.

Hours: published figures for orientation: whisper-small, about 10 hours of Hindi, 48 to 32 % WER (a model card's own);
MMS with adapters, Common Voice Turkish, below 27 % after 4 epochs (Hugging Face's speech-recognition examples).
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Measured with the starter (32 minutes to learn from, 121 test sentences by 26 other people):

    speech-tl adapt language/malayalam data.root=smc_malayalam model=starter-wav2vec2 \
        strategy.freeze_feature_encoder=false training.epochs=8

WER 183.6 to 105.5 % (change -88.1 to -63.6 points), CER 103.5 to 55.0 %, 12 minutes of training on one busy CPU core:
half of the letters, hardly a word. It takes more speech, or a checkpoint that knows the script.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="malayalam",
    description="Malayalam sentences read on phones.",
    model=ModelOptions(source="openai/whisper-small"),
    data=DataOptions(language="ml"),
    training=TrainingOptions(epochs=20, patience=5),
    report=ReportOptions(licence="cc-by-sa-4.0", data_licence="SMC Malayalam Speech Corpus, CC BY-SA 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
