"""A converted Whisper transcribes without torch, and only where it is the model's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from speech_tl.data.manifest import Manifest
from speech_tl.decoding import no_speech
from speech_tl.decoding.decode import require_able
from speech_tl.decoding.words import decode_words
from speech_tl.errors import BadInput
from speech_tl.models.audio_context import FULL, SHORTENED, AudioContext
from speech_tl.models.converted_decoder import ConvertedDecoder
from speech_tl.models.load import load_model
from speech_tl.models.log_mel import LogMel
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.transcribing import usual_engine
from speech_tl.transcribing.converted_whisper import USUAL_BEAM, ConvertedWhisper
from speech_tl.transcribing.transcribe import ModelName, transcribe
from tests.sounds import voice

STARTERS = Path(__file__).parents[2] / "speech_tl" / "starters"

WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Refuse())
from speech_tl.transcribing.transcribe import transcribe

result = transcribe(sys.argv[1], sys.argv[2], words=True)
print(result.text)
"""


pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture(scope="module")
def clips() -> Manifest:
    return Manifest.read(STARTERS / "quickstart" / "manifest.csv", split="test").sample(5, seed=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the starter, which may be changed."""
    return shutil.copytree(STARTERS / "whisper", tmp_path / "model")


def of(model: WhisperModel, clip: np.ndarray) -> ConvertedWhisper:
    found, note = usual_engine.usual_engine(model, DecodingOptions(), [clip])
    assert note is None and isinstance(found, ConvertedWhisper)
    return found


@pytest.mark.parametrize("seconds", [0.3, 2.0, 29.99, 31.0])
def test_frames_are_those_of_the_published_extractor(seconds: float) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    extractor = model.extractor
    front = LogMel(
        extractor.mel_filters.astype(np.float32), 16000, extractor.n_fft, extractor.hop_length, model.full_frames
    )
    sound = voice(seconds)
    mel, silence = front.mel_and_silence(sound)
    published = model.features(sound)
    assert np.allclose(mel, published["mel"], atol=1e-3) and silence == pytest.approx(published["silence"], abs=1e-3)
    for context in (FULL, AudioContext.wanted("auto")):
        own = front.window_frames(front.own_frames(len(sound)), context)
        assert own / front.frames_a_second == model.window_s(seconds, context)


def test_words_are_the_models_own_up_to_the_rounding_of_eight_bits(clips: Manifest) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    waveforms = [clip.load(16000) for clip in clips]
    greedy = DecodingOptions(beam=1, workers=0)
    own = decode_words(model, waveforms, greedy)
    written = of(model, waveforms[0]).decoding(greedy).written(waveforms)
    same = [
        (word, other)
        for (text, words), (said, others) in zip(own, written, strict=True)
        if text == said
        for word, other in zip(words, others, strict=True)
    ]
    assert len({text for text, _ in own} & {text for text, _ in written}) >= 3 and len(same) > 10
    assert np.median([abs(word.first - other.first) for word, other in same]) <= 2
    assert all(word.text == other.text for word, other in same)


def test_texts_do_not_depend_on_threads_or_company(clips: Manifest) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    model.decoding_context = AudioContext.wanted("auto")
    waveforms = [clip.load(16000) for clip in clips]
    found = of(model, waveforms[0])
    together = [text for text, _ in found.written(waveforms)]
    found.threads = 3
    assert [text for text, _ in found.written(waveforms[::-1])][::-1] == together
    assert [found.written([waveform])[0][0] for waveform in waveforms] == together


@pytest.mark.parametrize(
    ("own", "asked", "seconds", "window_s"),
    [
        (FULL, "auto", 2.0, 15.36),  # never shown less than 30 s: no less than half of that
        (FULL, "auto", 20.0, 24.32),  # and silence after it
        (FULL, "auto", 29.0, 30.0),
        (FULL, "full", 2.0, 30.0),
        (AudioContext.wanted("auto"), "auto", 2.0, 5.12),  # trained on short ones
        (AudioContext.wanted("auto"), "full", 2.0, 30.0),
    ],
)
def test_the_encoder_gets_the_sound_and_some_silence(
    own: AudioContext,
    asked: str,
    seconds: float,
    window_s: float,
    clips: Manifest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, sound = load_model("starter-whisper", language="en", device="cpu"), voice(seconds)
    model.decoding_context = own
    found = of(model, next(iter(clips)).load(16000)).decoding(DecodingOptions(audio_context=asked))
    frames: list[int] = []
    write = ConvertedDecoder.tokens_with_times

    def seen(self: ConvertedDecoder, features: np.ndarray, *rest: object) -> object:
        frames.append(features.shape[2])
        return write(self, features, *rest)

    monkeypatch.setattr(ConvertedDecoder, "tokens_with_times", seen)
    found.written([sound])
    assert [count / found._front.frames_a_second for count in frames] == [window_s]


def test_a_model_in_memory_is_converted_once_until_it_changes(clips: Manifest) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    clip = clips[0].load(16000)
    first = of(model, clip)
    assert of(model, clip) is first
    with torch.no_grad():
        model.network.model.decoder.layers[0].fc2.bias += 0
    assert of(model, clip) is not first


@pytest.mark.parametrize(
    ("options", "beam"),
    [
        (DecodingOptions(), USUAL_BEAM),
        (DecodingOptions(beam=1), 1),
        (DecodingOptions(beam=3), 3),
        (DecodingOptions(temperature=0.5), 1),
    ],
)
def test_a_second_hypothesis_unless_somebody_says_how_many(
    options: DecodingOptions, beam: int, clips: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = clips[0].load(16000)
    found = of(load_model("starter-whisper", language="en", device="cpu"), sound).decoding(options)
    beams: list[int] = []
    write = ConvertedDecoder._written

    def seen(self: ConvertedDecoder, sound: object, prompt: object, allowed: object, beam: int, at: float) -> object:
        beams.append(beam)
        return write(self, sound, prompt, allowed, beam, at)

    monkeypatch.setattr(ConvertedDecoder, "_written", seen)
    assert found.written([sound])[0][0]
    assert beams == [beam]


def test_beams_prompts_and_windows_are_the_models_own(clips: Manifest) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    waveforms = [clip.load(16000) for clip in clips]
    beam, prompt = {"beam": 3}, {"beam": 1, "prompt": "zero three five one"}
    for options in (DecodingOptions(workers=0, **chosen) for chosen in (beam, prompt)):
        own = [text for text, _ in decode_words(model, waveforms, options)]
        require_able(model, options)
        found, note = usual_engine.usual_engine(model, options, waveforms)
        assert note is None and isinstance(found, ConvertedWhisper)
        written = [text for text, _ in found.written(waveforms)]
        assert sum(text == other for text, other in zip(own, written, strict=True)) >= 3
    model.decoding_context = AudioContext.wanted("auto")
    assert of(model, waveforms[0]).decoding_context.trims
    assert not of(model, waveforms[0]).decoding(DecodingOptions(audio_context="full")).decoding_context.trims


def test_a_prompt_has_the_models_own_tokens_and_an_end_that_fits(clips: Manifest) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    found = of(model, clips[0].load(16000))
    for prompt in ("Ada Lovelace, Čapek; 一二三", "<|nospeech|> is text <|endoftext|>", " ", None):
        model.set_prompt(prompt)
        assert found.decoding(DecodingOptions(prompt=prompt)).context == model.context
    long = " ".join(f"word{number}" for number in range(2000))
    end = found.fitting_prompt(long)
    most = model.longest_label // 2 - 1
    assert end == model.fitting_prompt(long) and long.endswith(f" {end}")
    model.set_prompt(end)
    assert 0.9 * most < len(model.context) - 1 <= most
    assert found.decoding(DecodingOptions(prompt=end)).written([clips[0].load(16000)])[0][0], "room for text is left"
    assert found.fitting_prompt("a" * 100_000) == "", "no word of it fits"
    with pytest.raises(BadInput, match=f"takes at most {most}; shorten --prompt"):
        found.decoding(DecodingOptions(prompt=long))


def test_who_writes_other_words_in_short_windows_gets_whole_ones(
    clips: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, sound = load_model("starter-whisper", language="en", device="cpu"), clips[0].load(16000)
    assert of(model, sound).facts.given == asdict(SHORTENED)
    monkeypatch.setattr(usual_engine, "SHORTENED", AudioContext(30.0, 0.0, 0))  # no silence at all
    other = load_model("starter-whisper", language="en", device="cpu")
    with torch.no_grad():
        other.network.model.decoder.layers[0].fc2.bias += 1e-6
    assert of(other, sound).facts.given == asdict(FULL)
    other.decoding_context = AudioContext.wanted("auto")  # its folder says more than a check of others
    assert of(other, sound).facts.given == asdict(other.decoding_context)


def test_draws_are_not_held_against_each_other(clips: Manifest, tmp_path: Path) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    found, note = usual_engine.usual_engine(model, DecodingOptions(temperature=1.0), [clips[0].load(16000)])
    assert note is None and isinstance(found, ConvertedWhisper)
    texts = {found.written([clips[0].load(16000)])[0][0] for _ in range(3)}
    assert len(texts) > 1 and [*(tmp_path / "cache" / "ctranslate2").glob("*/checked")]


def test_noise_gets_no_text(published_whisper: Callable[[str], Path], corpora: Path) -> None:
    model = load_model(published_whisper("whisper-tiny.en"), device="cpu")
    noise = Manifest.read(corpora / "noise" / "manifest.csv")
    cries = [row.load(16000) for row in noise if "baby_cry_3-151080" in str(row.audio)]
    spoken = Manifest.read(corpora / "librispeech_mini" / "manifest.csv", split="dev").sample(1, seed=5)[0].load(16000)
    found = of(model, spoken)
    (cry, said) = found.written([*cries, spoken])
    assert cry == ("", []) and said[0]
    front = [found._front.mel_and_silence(sound) for sound in (*cries, spoken)]
    theirs = found._decoder.no_speech(found._front.windows(front, found.facts.full_frames), found._prompt())
    batch = model.collate([model.features(sound) for sound in (*cries, spoken)], None)
    assert theirs == pytest.approx(model.no_speech(batch, [0, 1]), abs=0.1) and theirs[0] > 0.3 > theirs[1]


def test_the_second_time_torch_is_not_loaded(folder: Path, clips: Manifest) -> None:
    clip = clips[0].audio
    first = transcribe(folder, clip, words=True)
    run = [sys.executable, "-c", WITHOUT_TORCH, str(folder), str(clip)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(first.text).strip()


def test_a_folder_that_changed_is_another_model(folder: Path, clips: Manifest) -> None:
    transcribe(folder, clips[0].audio)
    assert ModelName(folder).known(None) is not None
    assert ModelName(folder, task="translate").known(None) is None
    assert ModelName(folder).known(DecodingOptions(prompt="zero one")) is not None
    assert ModelName(folder).known(DecodingOptions(engine="torch")) is None
    assert ModelName(folder).known(DecodingOptions(batch_seconds=20)) is not None
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes())
    assert ModelName(folder).known(None) is None


def test_weights_that_moved_in_memory_are_nobodys_folder(folder: Path, clips: Manifest) -> None:
    model = load_model(folder, device="cpu")
    transcribe(model, clips[0].audio)
    assert ModelName(folder).known(None) is None


def test_a_damaged_conversion_is_made_again(folder: Path, clips: Manifest, tmp_path: Path) -> None:
    first = transcribe(folder, clips[0].audio).text
    (place,) = (tmp_path / "cache" / "ctranslate2").iterdir()
    (place / "model.bin").write_bytes(b"damaged")
    assert ModelName(folder).known(None) is None
    assert transcribe(folder, clips[0].audio).text == first
    assert ModelName(folder).known(None) is not None


def test_silence_proves_nothing(clips: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, kept = load_model("starter-whisper", language="en", device="cpu"), tmp_path / "cache" / "ctranslate2"
    with monkeypatch.context() as nobody_speaks:
        nobody_speaks.setattr(no_speech, "MOST_NO_SPEECH", -1.0)
        nobody_speaks.setattr(no_speech, "LEAST_LOG_PROBABILITY", 1.0)
        of(model, clips[0].load(16000))
    assert not [*kept.glob("*/checked")]
    of(model, clips[0].load(16000))
    assert [*kept.glob("*/checked")]


def test_the_language_of_a_multilingual_one_is_heard(published_whisper: Callable[[str], Path], corpora: Path) -> None:
    folder = published_whisper("whisper-base")
    german = Manifest.read(corpora / "german_kerstin" / "manifest.csv", split="dev")[0]
    first = transcribe(folder, german.audio).transcripts[0]
    known = ModelName(folder).known(None)
    assert known is not None and known.chooses_language
    second = transcribe(known, german.audio).transcripts[0]
    assert first.language == second.language == "de" and first.text == second.text
    assert second.language_probability == pytest.approx(first.language_probability, abs=0.1)
    english = transcribe(ModelName(folder, "de"), german.audio).transcripts[0]
    assert english.text == first.text
