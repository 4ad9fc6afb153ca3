"""No transcripts: a model meets speech of a new place, and learns from what it makes of it itself.

The classic case of domain adaptation: a driver trained in a simulator meets the road. `starter-wav2vec2` has heard
synthetic voices only; facebook/wav2vec2-base-960h people who read books aloud in quiet. Here they meet adults with a
Mandarin accent whose train texts are not looked at; noise is mixed in while learning, and the report's ladder has the
WER from clean to -5 dB. Only dev and test need transcripts, to choose and to tell whether it helped.

Data: speechocean762 (OpenSLR SLR101, CC BY 4.0), its adults: 1.5 hours to learn from, 0.7 to test on:

    python -m data_scripts.speechocean762 --download --out speechocean762

    speech-tl adapt noise/no_transcripts data.root=speechocean762
    speech-tl adapt noise/no_transcripts data.root=speechocean762 model=facebook/wav2vec2-base-960h

The model writes labels, and learns from those that are no loops, are heard alike in noise, and are the surest half;
then the model that has learnt from them writes the next. `rounds/N/labels.jsonl` says what was kept and why; as the
texts exist here, the report also says how wrong the kept labels were. Recordings and noise of your own, beside a small
transcribed dev and test (rows with the splits dev and test):

    speech-tl adapt noise/no_transcripts data.root=MANIFEST data.where={} \
        unlabelled.root=RECORDINGS augment.noise.folders=NOISE

With some transcripts: unlabelled.ignore_text=false learns from those that train has, and labels the rest. To see what
transcripts are worth there is a study: `speech-tl study transcripts data.root=speechocean762`.

Labels of a model that gets most characters wrong teach it its own mistakes: look at the first round's WER before you
hope. This recipe was not measured.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, LadderOptions, Noise
from speech_tl.recipe import DataOptions, ModelOptions, PseudoLabel, Recipe, ReportOptions, TrainingOptions

recipe = Recipe(
    name="no_transcripts",
    description="Adults with a Mandarin accent, in noise, learnt from without a transcript.",
    model=ModelOptions(source="starter-wav2vec2"),
    data=DataOptions(language="en", where={"age": "16.."}),
    unlabelled=PseudoLabel(ignore_text=True, rounds=2),
    training=TrainingOptions(epochs=3),
    augment=AugmentOptions(noise=Noise(generated=["pink", "brown"], snr_db=(5.0, 20.0), share=0.5)),
    ladder=LadderOptions(utterances=300),
    report=ReportOptions(licence="cc-by-4.0", data_licence="speechocean762, CC BY 4.0"),
)

if __name__ == "__main__":
    run_recipe(__file__)
