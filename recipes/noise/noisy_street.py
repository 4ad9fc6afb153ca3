"""Speech in the street: traffic, wind, rain, machines behind it, at -5 to 20 dB.

Noise: recordings, best of the place that you mean. Their licence is that of their corpus: DEMAND is CC BY-SA 3.0,
ESC-10 CC BY 3.0 (`speech-tl corpora` has more). Both scripts give train, dev and test recordings of their own:

    python -m data_scripts.demand --download --part STRAFFIC SPSQUARE SCAFE TBUS TCAR TMETRO --out demand
    python -m data_scripts.esc50 --download --esc10 --out esc10

Speech: any manifest; here five hours of LibriSpeech (CC BY 4.0; Panayotov et al., ICASSP 2015). wav2vec2-base-960h was
trained on its train parts, so the test comes from test-clean:

    python -m data_scripts.librispeech --download --part train-clean-5 dev-clean-2 test-clean --out librispeech

For facebook/wav2vec2-base-960h; listen first, and without a network let a starter show that it runs:

    speech-tl hear librispeech --augment noise/noisy_street --augment noise.folders=demand
    speech-tl adapt noise/noisy_street data.root=librispeech augment.noise.folders=[demand,esc10]
    speech-tl adapt noise/noisy_street data.root=librispeech model=openai/whisper-small.en
    speech-tl adapt noise/noisy_street data.root=librispeech model=starter-wav2vec2

Without folders only generated noise is heard. The report's ladder has the WER at clean, 20, 15, 10, 5, 0 and -5 dB
before and after, with noise that training never heard. The checkpoint is chosen by dev utterances in noise of their
own.

Hours: as many as the speech needs; noise costs none.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Tried with recorded noise and rooms from starter-wav2vec2, adapted to the same speakers' accent: it did not help, for a
model that gets nine of ten words wrong in quiet has little to keep in noise. The command, whose figures were of earlier
rules for numbers:

    speech-tl adapt noise/noisy_street data.root=speechocean762 model=runs/mandarin_english/model \
        strategy.freeze_feature_encoder=false augment.noise.folders=NOISE augment.noise.generated=[] \
        augment.room.folders=RIR training.epochs=1 ladder.utterances=200
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, LadderOptions, Noise
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions

recipe = Recipe(
    name="noisy_street",
    description="Speech with the noise of a street behind it.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=10, patience=3),
    augment=AugmentOptions(
        noise=Noise(generated=["pink", "brown"], snr_db=(-5.0, 20.0), share=0.8),
        on_dev=True,
    ),
    ladder=LadderOptions(utterances=300),
)

if __name__ == "__main__":
    run_recipe(__file__)
