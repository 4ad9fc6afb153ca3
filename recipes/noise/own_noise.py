"""Your own noise: a folder of recordings of the very place where the model is to work.

Noise: yours; it stays on your machine and under whatever licence you give it. Ten minutes on a phone, nobody talking,
are a good start: wav, flac, m4a and most others will do. Five recordings or more are dealt out whole (a fifth is kept
for the test); fewer are each cut in time, the last fifth for the test. Where several files are pieces of one
recording, say who may hear what in a table beside them, manifest.csv:

    audio,split
    monday.m4a,train
    tuesday.m4a,test

Speech: any manifest; here five hours of LibriSpeech (CC BY 4.0; Panayotov et al., ICASSP 2015). wav2vec2-base-960h was
trained on its train parts, so the test comes from test-clean:

    python -m data_scripts.librispeech --download --part train-clean-5 dev-clean-2 test-clean --out librispeech

For facebook/wav2vec2-base-960h; listen first, and without a network let a starter show that it runs:

    speech-tl hear librispeech --augment noise/own_noise --augment noise.folders=my_noise
    speech-tl adapt noise/own_noise data.root=librispeech augment.noise.folders=my_noise
    speech-tl adapt noise/own_noise data.root=my.csv augment.noise.folders=my_noise model=openai/whisper-small
    speech-tl adapt noise/own_noise data.root=librispeech augment.noise.folders=my_noise model=starter-wav2vec2

The report's ladder has the WER at clean, 20, 15, 10, 5, 0 and -5 dB before and after, with noise that training never
heard. Best of all is speech recorded in the place itself, as `data.root`.

Hours: as many as the speech needs; of noise ten minutes or more.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, LadderOptions, Noise
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions

recipe = Recipe(
    name="own_noise",
    description="Speech with the noise of one's own place behind it.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=10, patience=3),
    augment=AugmentOptions(noise=Noise(folders=["my_noise"], snr_db=(-5.0, 20.0), share=0.8), on_dev=True),
    ladder=LadderOptions(utterances=300),
)

if __name__ == "__main__":
    run_recipe(__file__)
