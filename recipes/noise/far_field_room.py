"""A microphone across the room: reverberation, with a little noise.

Rooms: simulated by image sources (Allen & Berkley 1979) with pyroomacoustics, `pip install 'speech_tl[rooms]'`, or
measured ones, under the licence of their corpus: RIRS_NOISES is Apache-2.0 (Ko et al., ICASSP 2017). Train, dev and
test have rooms of their own.

    python -m data_scripts.rirs_noises --download --out rirs_noises

Speech: any manifest; here five hours of LibriSpeech (CC BY 4.0; Panayotov et al., ICASSP 2015). wav2vec2-base-960h was
trained on its train parts, so the test comes from test-clean:

    python -m data_scripts.librispeech --download --part train-clean-5 dev-clean-2 test-clean --out librispeech

For facebook/wav2vec2-base-960h; listen first, and without a network let a starter show that it runs:

    speech-tl hear librispeech --augment noise/far_field_room
    speech-tl adapt noise/far_field_room data.root=librispeech
    speech-tl adapt noise/far_field_room data.root=librispeech \
        augment.room.folders=rirs_noises ladder.room.folders=rirs_noises
    speech-tl adapt noise/far_field_room data.root=librispeech model=openai/whisper-small.en
    speech-tl adapt noise/far_field_room data.root=librispeech model=starter-wav2vec2 \
        augment.room.method=decay ladder.room.method=decay

The report's ladder has the WER as recorded (clean), in a room without noise, and in a room with noise at 20 to -5 dB.

Hours: as many as the speech needs; rooms cost none.
Time and memory depend on the machine: `--dry-run` measures three steps and says what this will take.
Not measured yet.
"""

from speech_tl.cli import run_recipe
from speech_tl.data.augment import AugmentOptions, LadderOptions, Noise, Room
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions

recipe = Recipe(
    name="far_field_room",
    description="Speech from across a room.",
    model=ModelOptions(source="facebook/wav2vec2-base-960h"),
    data=DataOptions(language="en"),
    training=TrainingOptions(epochs=10, patience=3),
    augment=AugmentOptions(
        room=Room(rt60_s=(0.2, 0.9), distance_m=(1.0, 5.0), share=0.8),
        noise=Noise(generated=["white", "pink"], snr_db=(5.0, 30.0), share=0.5),
        on_dev=True,
    ),
    ladder=LadderOptions(room=Room(rt60_s=(0.2, 0.9), distance_m=(1.0, 5.0)), utterances=300),
)

if __name__ == "__main__":
    run_recipe(__file__)
