"""Mandarin-accented English: real speech by 250 people, half of them children.

Data: speechocean762 (OpenSLR SLR101, CC BY 4.0; Zhang et al., "speechocean762: An Open-Source Non-native English
Speech Corpus For Pronunciation Assessment", Interspeech 2021): native speakers of Mandarin read English sentences. No
speaker is in two splits: 2.4 hours by 110 speakers to learn from, 1 260 test clips by 63 others. The reference is the
sentence that was to be read; readers stumble, so even a person's transcript would not reach 0 % WER: look at the
change. From a checkout, this fetches the corpus and makes the manifest:

    python -m data_scripts.speechocean762 --download --out speechocean762

Then, with a checkpoint from the Hub or a folder, or with a starter:

    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=openai/whisper-tiny.en
    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=openai/whisper-base
    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=facebook/wav2vec2-base-960h
    speech-tl adapt accent/mandarin_english data.root=speechocean762

children or adults alone:

    speech-tl adapt accent/mandarin_english data.root=speechocean762 data.where.age=..15 --out runs/children
    speech-tl adapt accent/mandarin_english data.root=speechocean762 data.where.age=16.. --out runs/adults

to see what the pre-training is worth, the same network from random weights with the same steps:

    speech-tl adapt accent/mandarin_english data.root=speechocean762 model.from_scratch=true

and to see what was forgotten, guards: any other manifests, here other people's English:

    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=openai/whisper-tiny.en \
        guards.librispeech=librispeech.csv guards.ljspeech=ljspeech.csv

Of what was learnt the model keeps a share, and of the checkpoint the rest (`keep`), for what it knew of other speech;
`keep=null` takes the new weights whole. A checkpoint that hardly understands dev has nothing to keep.

whisper-tiny.en by the last command, all 1 260 test clips, windows of 30 s (63 minutes on one core, 27 November 2026;
the interval is over speakers; the second line has loops cut, as decoding does since):

                               WER before    after   change in points
    test                           43.0 %   22.5 %   -29.2 to -13.8
      loops cut                    37.7 %   20.7 %
    guard ljspeech, 100 clips      12.0 %   15.5 %   +1.4 to +5.4
    guard librispeech, 20 clips    15.3 %   23.3 %   too few to tell

Where a Whisper's decoder stays as it is (strategy=encoder_only training.join_seconds=12 training.epochs=3) the same is
learnt, and nothing is forgotten of LJSpeech; of LibriSpeech as much is (docs/results.md).

The convolutional front end is trained too, because the starters have heard machines only, and so that the comparison
with random weights is fair; a checkpoint that has heard people can keep its own: strategy.freeze_feature_encoder=true.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import (
    DataOptions,
    Full,
    Interpolate,
    ModelOptions,
    Recipe,
    ReportOptions,
    ScoringOptions,
    TrainingOptions,
)

recipe = Recipe(
    name="mandarin_english",
    description="Mandarin-accented English: children and adults read sentences aloud.",
    model=ModelOptions(source="starter-wav2vec2"),
    data=DataOptions(language="en"),
    strategy=Full(freeze_feature_encoder=False),
    keep=[Interpolate(fixed_share=0.6)],
    training=TrainingOptions(epochs=2, dev_limit=60),
    scoring=ScoringOptions(by=["gender", "age"]),
    report=ReportOptions(licence="cc-by-4.0", data_licence="speechocean762, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
