"""Mandarin-accented English: real speech by 250 people, half of them children.

Data: speechocean762 (OpenSLR SLR101, CC BY 4.0; Zhang et al., "speechocean762: An Open-Source Non-native English
Speech Corpus For Pronunciation Assessment", Interspeech 2021): native speakers of Mandarin read English sentences. No
speaker is in two splits. The reference is the sentence that was to be read; readers stumble, so even a person's
transcript would not reach 0 % WER: look at the change. From a checkout, this fetches the corpus and makes the manifest:

    python -m data_scripts.speechocean762 --download --out speechocean762

Then, with a starter or, for serious work, with a checkpoint from the Hub (a GPU helps):

    speech-tl adapt accent/mandarin_english data.root=speechocean762
    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=starter-whisper
    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=facebook/wav2vec2-base-960h
    speech-tl adapt accent/mandarin_english data.root=speechocean762 model=openai/whisper-small

children or adults alone:

    speech-tl adapt accent/mandarin_english data.root=speechocean762 data.where.age=..15 --out runs/children
    speech-tl adapt accent/mandarin_english data.root=speechocean762 data.where.age=16.. --out runs/adults

to see what the pre-training is worth, the same network from random weights with the same steps:

    speech-tl adapt accent/mandarin_english data.root=speechocean762 model.from_scratch=true

and to see what was forgotten, guards: any other manifests (here what the starter learnt, and other people's speech):

    speech-tl adapt accent/mandarin_english data.root=speechocean762 \
        guards.synthetic=synthetic/heldout guards.librispeech=librispeech.csv guards.librispeech.split=null

Measured by these commands (2.4 hours by 110 speakers to learn from, 1 260 test clips by 63 others), three epochs each;
the change is its 95 % interval over speakers:

                            WER before    after   change in points     CER before    after
    starter-wav2vec2           106.5 %   88.5 %   -20.4 to -15.6         73.1 %   48.2 %
      from random weights      255.2 %   99.6 %   -173.5 to -139.3      147.1 %   95.3 %
    starter-whisper            101.6 %   76.2 %   -27.8 to -23.1         81.9 %   55.6 %
      from random weights      100.0 %   96.1 %   -4.4 to -3.4          100.0 %   91.7 %

Training took 6 minutes (wav2vec2) and 8 (Whisper) on one busy CPU core with bf16. Transfer wins by 11 points of WER and
47 of CER over the same wav2vec2 from random weights, and by 20 and 36 over the same Whisper: neither twin has begun to
spell. Steps: 783, and 831 for Whisper's twin, as batches had become a little smaller. What it cost: the 300 synthetic
sentences that the starters are measured on went from 46.5 to 86.5 % WER (starter-wav2vec2).

Adults alone (1.5 hours, 31 test speakers) went from 103.7 to 88.4 % WER (-19.5 to -11.5 points) and 70.0 to 49.3 % CER,
children alone (0.9 hours, 32 test speakers) from 109.9 to 94.0 % (-18.5 to -13.5) and 77.1 to 51.0 %, both with
starter-wav2vec2.

The convolutional front end is trained too, because the starters have heard machines only, and so that the comparison
with random weights is fair; a checkpoint that has heard people can keep its own: strategy.freeze_feature_encoder=true.
"""

from speech_tl.cli import run_recipe
from speech_tl.recipe import DataOptions, Full, ModelOptions, Recipe, ReportOptions, ScoringOptions, TrainingOptions

recipe = Recipe(
    name="mandarin_english",
    description="Mandarin-accented English: children and adults read sentences aloud.",
    model=ModelOptions(source="starter-wav2vec2"),
    data=DataOptions(language="en"),
    strategy=Full(freeze_feature_encoder=False),
    training=TrainingOptions(epochs=3),
    scoring=ScoringOptions(by=["gender", "age"]),
    report=ReportOptions(licence="cc-by-4.0", data_licence="speechocean762, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
