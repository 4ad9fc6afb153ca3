"""Five minutes from install to an adapted model: a starter learns Scottish-accented English.

Data: a small synthetic set that ships in the package, about 36 minutes to learn from, 60 clips to choose by and 120 to
test on; no split shares a sentence, and the test voices are in no other split. The speakers are espeak-ng's Scottish
voices (GPL-3.0-or-later) and flite's awb (a BSD-like licence), which was built from recordings of one Scottish speaker
and is resampled to other vocal-tract lengths in the test; the sentences are our own.
`python -m data_scripts.synthesize --set quickstart` makes it again.

    python recipes/quickstart.py
    speech-tl adapt quickstart                             # the same, from an installed package
    speech-tl adapt quickstart model=starter-wav2vec2      # the other model family

Measured by the first of these commands on two CPU cores beside other work, in under 8 minutes:

            before   after   change
    WER     54.9 %   32.9 %  -22.0 points, 95 % interval -29.3 to -17.4 (8 voices: it describes these)
    CER     36.2 %   21.7 %  -14.5 points

This shows that everything works, not what adaptation is worth: the voices are machines. For people see
`accent/mandarin_english`, for yourself `speaker/my_voice`.
"""

from pathlib import Path

import speech_tl
from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, SpecAugment
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="quickstart",
    description="A shipped starter learns Scottish-accented English from synthetic voices.",
    model=ModelOptions(source="starter-whisper", full_context_share=0.0),
    data=DataOptions(root=str(Path(speech_tl.__file__).parent / "starters" / "quickstart"), language="en"),
    strategy=Full(freeze_feature_encoder=False),
    training=TrainingOptions(epochs=2, eval_steps=90, batch_seconds=20, learning_rate=3e-4),
    augment=AugmentOptions(spec_augment=SpecAugment(time_share=0.15, feature_share=0.15, feature_width=16)),
    scoring=ScoringOptions(by=["engine"]),
    report=ReportOptions(licence="apache-2.0", data_licence="synthetic clips that ship with speech_tl, Apache 2.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
