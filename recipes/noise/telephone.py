"""Speech over a telephone or as a voice message: narrow band, mu-law, Opus, MP3, some noise.

Nothing but speech is needed: the line is worked out (300 to 3 400 Hz, 8 kHz, the mu-law of ITU-T G.711), and so are
Opus and MP3 at 8 to 24 kbit/s. Telephone recordings of your own go into `data.root` as they are, at any rate.

Speech: any manifest; here five hours of LibriSpeech (CC BY 4.0; Panayotov et al., ICASSP 2015). wav2vec2-base-960h was
trained on its train parts, so the test comes from test-clean:

    python -m data_scripts.librispeech --download --part train-clean-5 dev-clean-2 test-clean --out librispeech

For facebook/wav2vec2-base-960h; listen first, and without a network let a starter show that it runs:

    speech-tl hear librispeech --augment noise/telephone
    speech-tl adapt noise/telephone data.root=librispeech
    speech-tl adapt noise/telephone data.root=librispeech model=openai/whisper-small.en
    speech-tl adapt noise/telephone data.root=librispeech model=starter-wav2vec2

The report's ladder has the WER as recorded (clean), over the line without noise, and over the line with noise at 20 to
-5 dB in front of it.

Hours: as many as the speech needs; the line costs none.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, Codec, Gain, LadderOptions, Noise, Telephone
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions

recipe = Recipe(
    name="telephone",
    description="Speech over a telephone line or as a voice message.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=10, patience=3),
    augment=AugmentOptions(
        noise=Noise(generated=["pink", "babble"], snr_db=(5.0, 30.0), share=0.5),
        gain=Gain(gain_db=(-15.0, 6.0)),
        telephone=Telephone(share=0.8),
        codec=Codec(bit_rate_kbps=(8.0, 24.0), share=0.3),
        on_dev=True,
    ),
    ladder=LadderOptions(telephone=Telephone(), utterances=300),
)

if __name__ == "__main__":
    run_recipe(__file__)
