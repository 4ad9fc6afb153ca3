"""Every format is read by the program that it is for, which then writes what the model itself writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.exporting.onnx_runner import open_recogniser
from speech_tl.exporting.targets import target_named, target_names
from speech_tl.exporting.targets.ggml import BLOCK, q8_0
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model, read_config
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.alignment import align
from tests.sounds import voice
from tests.tiny import tiny_ctc

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"
FULL = DecodingOptions(audio_context="full", workers=0)


def program(name: str) -> object:
    """The target, where its program is installed."""
    target = target_named(name)
    missing = [package.name for package in (target.program, *target.writers) if not package.installed]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install 'speech_tl[export]')")
    return target


@pytest.fixture(scope="module")
def sounds() -> list[np.ndarray]:
    """Two short sentences that the starters know."""
    clips = Manifest.read(QUICKSTART, split="test").sample(2, seed=1)
    return [clip.load(16000) for clip in clips]


def exported(name: str, model: AcousticModel, folder: Path, quantize: str | None, sounds: Sequence) -> list[str]:
    target = program(name)
    folder.mkdir()
    target.write(model, folder, quantize or target.usual)
    transcribe = target.load(folder, model)
    return [transcribe(sound) for sound in sounds]


def unlike(own: Sequence[str], found: Sequence[str]) -> float:
    """Share of the characters in which texts differ: int8 changes some."""
    edits = align(list(own), list(found), "cer")
    return sum(counted.errors for counted in edits) / sum(counted.units for counted in edits)


@pytest.mark.parametrize("name", ["hf", "onnx"])
def test_a_whisper_of_any_vocabulary_writes_the_same(name: str, sounds: list[np.ndarray], tmp_path: Path) -> None:
    model = load_model("starter-whisper", language="en", device="cpu")
    own = decode_waveforms(model, sounds, FULL)
    assert len(set(own)) == 2 and all(own)
    assert exported(name, model, tmp_path / "out", None, sounds) == own


@pytest.fixture(scope="module")
def published(published_whisper: Callable[[str], Path], corpora: Path) -> tuple[AcousticModel, np.ndarray, str]:
    """tiny.en, a sentence of a few seconds, and what it writes."""
    model = load_model(published_whisper("whisper-tiny.en"), device="cpu")
    clips = Manifest.read(corpora / "librispeech_mini" / "manifest.csv", split="dev")
    clip = clips.limit_duration(2.0, 5.0)[0].load(16000)
    own = decode_waveforms(model, [clip], FULL)[0]
    assert len(own.split()) > 3
    return model, clip, own


@pytest.mark.parametrize("to", ["ctranslate2", "openai:float16", "ggml", "ggml:int8"])
def test_published_weights_write_the_same_everywhere(
    to: str, published: tuple[AcousticModel, np.ndarray, str], tmp_path: Path
) -> None:
    name, _, quantize = to.partition(":")
    model, clip, own = published
    found = exported(name, model, tmp_path / "out", quantize or None, [clip])
    assert unlike([own], found) < 0.15 if quantize == "int8" else found == [own]


@pytest.mark.parametrize("to", ["onnx", "onnx:int8", "hf:float16"])
def test_a_ctc_model_writes_the_same(to: str, sounds: list[np.ndarray], tmp_path: Path) -> None:
    name, _, quantize = to.partition(":")
    model = load_model("starter-wav2vec2", device="cpu")
    own = decode_waveforms(model, sounds)
    found = exported(name, model, tmp_path / "out", quantize or None, sounds)
    assert len("".join(own)) > 20
    assert unlike(own, found) < 0.15 if quantize == "int8" else found == own


@pytest.mark.parametrize(
    ("kind", "norm", "weighted"),
    [
        ("wav2vec2", "group", False),
        ("wavlm", "layer", False),
        ("data2vec-audio", "layer", False),
        ("hubert", "layer", True),
    ],
)
def test_onnx_takes_clips_of_any_length_in_batches_of_any_size(
    kind: str, norm: str, weighted: bool, tmp_path: Path
) -> None:
    """Padding changes nothing, and a sum of all layers is part of the graph."""
    target = program("onnx")
    model = load_model(tiny_ctc(tmp_path / "model", model_type=kind, norm=norm), device="cpu")
    if weighted:
        model.new_head(weighted=True, units=0, fresh=False, seed=0)
    (tmp_path / "out").mkdir()
    target.write(model, tmp_path / "out", None)
    recogniser = open_recogniser(tmp_path / "out", threads=1)
    sounds = [voice(seconds, number) for number, seconds in enumerate((0.01, 0.7, 2.3, 1.1))]
    own = decode_waveforms(model, sounds, DecodingOptions(workers=0, max_batch=1))
    assert sum(len(text) for text in own) > 10
    assert recogniser.transcribe(sounds) == own
    assert [recogniser.transcribe([sound])[0] for sound in sounds] == own


def test_the_language_is_heard_where_none_is_set(sounds: list[np.ndarray], tmp_path: Path) -> None:
    model = load_model("starter-whisper", device="cpu")
    if not model.chooses_language:
        model.language = model.network.generation_config.language = None
    own = decode_waveforms(model, sounds, FULL)
    (tmp_path / "out").mkdir()
    program("onnx").write(model, tmp_path / "out", None)
    assert open_recogniser(tmp_path / "out", threads=1).transcribe(sounds) == own


def test_q8_0_is_within_half_a_step_of_each_value() -> None:
    values = np.random.default_rng(0).normal(size=(4, 2 * BLOCK)).astype(np.float32)
    values[1, :BLOCK] = 0
    blocks = np.frombuffer(q8_0(values), np.dtype([("scale", "<f2"), ("values", "i1", BLOCK)]))
    found = (blocks["scale"][:, None].astype(np.float32) * blocks["values"]).reshape(values.shape)
    step = np.abs(values.reshape(-1, BLOCK)).max(-1) / 127
    assert (np.abs(found - values).reshape(-1, BLOCK) <= 0.57 * step[:, None] + 1e-7).all()


def test_what_a_program_cannot_take_is_refused_by_the_configuration(tmp_path: Path) -> None:
    ctc, whisper = "starter-wav2vec2", "starter-whisper"
    for name in ("ctranslate2", "ggml", "openai"):
        with pytest.raises(BadInput, match="takes Whisper only"):
            target_named(name).refuse(ctc, read_config(ctc))
    config = read_config(whisper)
    for name in ("ctranslate2", "ggml", "openai"):
        with pytest.raises(BadInput, match=r"windows of 15 s, and .* has them of 30 s: --to onnx or hf"):
            target_named(name).refuse(whisper, config)
    config.max_source_positions = 1500
    for name in ("ggml", "openai"):
        with pytest.raises(BadInput, match="a vocabulary of its own .* --to ctranslate2, onnx or hf"):
            target_named(name).refuse(whisper, config)
    model = load_model(tiny_ctc(tmp_path / "model"), device="cpu")
    model.new_head(weighted=True, units=4, fresh=False, seed=0)
    model.save(tmp_path / "own")
    with pytest.raises(BadInput, match="BiLSTM"):
        target_named("onnx").refuse("own", read_config(tmp_path / "own"))
    with pytest.raises(BadInput, match="a head that transformers does not know"):
        target_named("hf").refuse("own", read_config(tmp_path / "own"))


def test_every_target_says_what_it_is() -> None:
    for name in target_names():
        target = target_named(name)
        assert target.title and target.program.name and target.library
        assert target.usual is None or target.usual in target.quantizations
    with pytest.raises(BadInput, match="did you mean ctranslate2"):
        target_named("ctranslate")


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no ONNX export"):
        open_recogniser(tmp_path)
