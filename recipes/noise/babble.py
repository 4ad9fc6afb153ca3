"""Speech among other people talking: three to eight voices at once, at -5 to 20 dB.

Noise: none is needed. The voices behind an utterance are other utterances of the same part of the data, by other
speakers: train's while learning, test's in the report, so no voice is heard in both. Recordings of real cafes can be
added; their licence is that of their corpus (MUSAN's speech is CC BY 4.0, DEMAND CC BY-SA 3.0):

    python -m data_scripts.demand --download --part PCAFETER PRESTO OMEETING --out demand

Speech: any manifest; here five hours of LibriSpeech (CC BY 4.0; Panayotov et al., ICASSP 2015). wav2vec2-base-960h was
trained on its train parts, so the test comes from test-clean:

    python -m data_scripts.librispeech --download --part train-clean-5 dev-clean-2 test-clean --out librispeech

For facebook/wav2vec2-base-960h; listen first, and without a network let a starter show that it runs:

    speech-tl hear librispeech --augment noise/babble
    speech-tl adapt noise/babble data.root=librispeech
    speech-tl adapt noise/babble data.root=librispeech augment.noise.folders=demand model=openai/whisper-small.en
    speech-tl adapt noise/babble data.root=librispeech model=starter-wav2vec2

The report's ladder has the WER at clean, 20, 15, 10, 5, 0 and -5 dB before and after. With one voice only
(speaker/my_voice) babble is made of that voice, reversed: better than nothing.

Hours: as many as the speech needs; babble costs none.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, LadderOptions, Noise
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions

recipe = Recipe(
    name="babble",
    description="Speech with several other voices behind it.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=10, patience=3),
    augment=AugmentOptions(
        noise=Noise(generated=["babble"], babble_voices=(3, 8), snr_db=(-5.0, 20.0), share=0.8),
        on_dev=True,
    ),
    ladder=LadderOptions(utterances=300),
)

if __name__ == "__main__":
    run_recipe(__file__)
