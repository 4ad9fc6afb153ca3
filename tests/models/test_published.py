"""Published Whisper weights: written as transformers writes, adapted in thirty steps, and at home in other programs.

Where they are not there (`SPEECH_TL_MODELS`), all of this is skipped. The language of a recording is heard in
`tests/transcribing/test_language_detection.py`, loops are stopped in `tests/decoding/test_loops.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from speech_tl.audio import save_audio
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.decoding.decode import decode
from speech_tl.models.audio_context import AudioContext
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.scoring.significance import change_interval
from speech_tl.scoring.wer import Evaluation, score
from speech_tl.transcribing.transcribe import transcribe
from tests.training.learning import learn

SECONDS = 10.0
"""Of the windows before and after adapting: 30 s ones would take three times as long and show no more."""


def dev_clips(corpora: Path, corpus: str, count: int) -> Manifest:
    """Clips of the dev split."""
    return Manifest.read(corpora / corpus / "manifest.csv", split="dev").sample(count, seed=5)


def texts(model: WhisperModel, clips: Sequence[Utterance], **options: int) -> list[str | None]:
    """What we write."""
    return [found.text for found in decode(model, clips, DecodingOptions(workers=0, **options))]


def by_transformers(folder: Path, waveforms: Sequence[np.ndarray]) -> list[str]:
    """What plain transformers writes with the files of a folder, as its documentation says."""
    processor = WhisperProcessor.from_pretrained(folder)
    network = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    features = processor(list(waveforms), sampling_rate=16000, return_tensors="pt").input_features
    with torch.inference_mode():
        ids = network.generate(features, num_beams=1, do_sample=False)
    return [text.strip() for text in processor.batch_decode(ids, skip_special_tokens=True)]


def test_ten_clips_are_written_as_transformers_writes_them_alone_and_in_a_batch(
    published_whisper: Callable[[str], Path], corpora: Path
) -> None:
    folder = published_whisper("whisper-tiny.en")
    clips = [*dev_clips(corpora, "speechocean762", 5), *dev_clips(corpora, "librispeech_mini", 5)]
    model = load_model(folder, device="cpu")
    together = texts(model, clips, batch_seconds=1000)
    assert together == by_transformers(folder, [clip.load(16000) for clip in clips])
    assert texts(model, clips, max_batch=1) == together and all(together)


@pytest.fixture(scope="module")
def adapted(
    published_whisper: Callable[[str], Path], corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Evaluation, Evaluation]:
    """tiny.en after thirty steps of Mandarin-accented English: its folder, and 60 clips before and after.

    The clips are by 60 speakers of the train split, which is left to the other 50: dev has 15 only.
    """
    folder = tmp_path_factory.mktemp("adapted")
    model = load_model(published_whisper("whisper-tiny.en"), device="cpu")
    train = Manifest.read(corpora / "speechocean762" / "manifest.csv", split="train")
    speakers, places = train.texts("speaker"), random.Random(5).sample(range(len(train)), len(train))
    heard = set(random.Random(5).sample(sorted(set(speakers)), 50))
    one_each = {speakers[place]: place for place in places if speakers[place] not in heard}
    test = train.select(sorted(one_each.values()))
    assert len(test) == 60

    def measured() -> Evaluation:
        model.decoding_context = AudioContext.wanted(SECONDS)
        return score(test, texts(model, test), "english")

    before = measured()
    spoken = train.select([place for place in range(len(train)) if speakers[place] in heard]).sample(400, seed=5)
    model.set_audio_context("auto", 0.05)
    quick = {"max_steps": 30, "learning_rate": 6e-5, "batch_seconds": 40.0}
    learn(model, spoken, folder / "run", dev=False, seed=0, **quick)
    after = measured()
    model.decoding_context = AudioContext()
    model.save(folder / "model")
    return folder / "model", before, after


def test_thirty_steps_understand_an_accent_significantly_better(adapted: tuple[Path, Evaluation, Evaluation]) -> None:
    _, before, after = adapted
    change = change_interval(before, after)
    assert change.significant and change.relative < -0.1, change


@pytest.fixture(scope="module")
def spoken(corpora: Path) -> list[np.ndarray]:
    """Three clips."""
    return [clip.load(16000) for clip in dev_clips(corpora, "speechocean762", 3)]


@pytest.fixture(scope="module")
def written(adapted: tuple[Path, Evaluation, Evaluation], corpora: Path) -> list[str | None]:
    """What the adapted model, read from its folder, writes for them."""
    return texts(load_model(adapted[0], device="cpu"), dev_clips(corpora, "speechocean762", 3))


def test_plain_transformers_reads_the_adapted_model(
    adapted: tuple[Path, Evaluation, Evaluation], spoken: list[np.ndarray], written: list[str]
) -> None:
    assert by_transformers(adapted[0], spoken) == written


def test_ctranslate2_reads_the_adapted_model(
    adapted: tuple[Path, Evaluation, Evaluation], spoken: list[np.ndarray], written: list[str], tmp_path: Path
) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed")
    folder = ctranslate2.converters.TransformersConverter(str(adapted[0])).convert(str(tmp_path / "converted"))
    processor = WhisperProcessor.from_pretrained(adapted[0])
    features = processor(spoken, sampling_rate=16000, return_tensors="np").input_features
    prompt = processor.tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", "<|notimestamps|>"])
    recogniser = ctranslate2.models.Whisper(folder, device="cpu", compute_type="float32", intra_threads=1)
    found = recogniser.generate(ctranslate2.StorageView.from_array(features), [prompt] * len(spoken), beam_size=1)
    assert [processor.decode(row.sequences_ids[0], skip_special_tokens=True).strip() for row in found] == written


OPENAI_NAMES = (
    ("layers", "blocks"), ("fc1", "mlp.0"), ("fc2", "mlp.2"), ("final_layer_norm", "mlp_ln"),
    (".self_attn_layer_norm", ".attn_ln"), (".encoder_attn_layer_norm", ".cross_attn_ln"),
    (".self_attn.q_proj", ".attn.query"), (".self_attn.k_proj", ".attn.key"), (".self_attn.v_proj", ".attn.value"),
    (".self_attn.out_proj", ".attn.out"), (".encoder_attn.q_proj", ".cross_attn.query"),
    (".encoder_attn.k_proj", ".cross_attn.key"), (".encoder_attn.v_proj", ".cross_attn.value"),
    (".encoder_attn.out_proj", ".cross_attn.out"), ("decoder.layer_norm.", "decoder.ln."),
    ("encoder.layer_norm.", "encoder.ln_post."), ("embed_tokens", "token_embedding"),
    ("encoder.embed_positions.weight", "encoder.positional_embedding"),
    ("decoder.embed_positions.weight", "decoder.positional_embedding"),
)  # fmt: skip
"""What transformers' conversion of OpenAI's checkpoints renames, the other way round."""


def openai_name(name: str) -> str:
    """The name of a weight in OpenAI's own checkpoints."""
    for ours, theirs in OPENAI_NAMES:
        name = name.replace(ours, theirs)
    return name.removeprefix("model.")


def test_openai_whisper_reads_the_adapted_weights(
    adapted: tuple[Path, Evaluation, Evaluation], spoken: list[np.ndarray], written: list[str]
) -> None:
    whisper = pytest.importorskip("whisper", reason="openai-whisper is not installed")
    network = WhisperForConditionalGeneration.from_pretrained(adapted[0])
    sizes = network.config
    dimensions = whisper.model.ModelDimensions(
        n_mels=sizes.num_mel_bins, n_audio_ctx=sizes.max_source_positions, n_audio_state=sizes.d_model,
        n_audio_head=sizes.encoder_attention_heads, n_audio_layer=sizes.encoder_layers, n_vocab=sizes.vocab_size,
        n_text_ctx=sizes.max_target_positions, n_text_state=sizes.d_model,
        n_text_head=sizes.decoder_attention_heads, n_text_layer=sizes.decoder_layers,
    )  # fmt: skip
    theirs = whisper.model.Whisper(dimensions).eval()
    weights = {openai_name(name): weight for name, weight in network.state_dict().items() if name != "proj_out.weight"}
    theirs.load_state_dict(weights)
    options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False)
    sounds = [whisper.log_mel_spectrogram(whisper.pad_or_trim(waveform)) for waveform in spoken]
    assert [found.text.strip() for found in theirs.decode(torch.stack(sounds), options)] == written


def test_a_recording_of_several_windows_is_understood(
    published_whisper: Callable[[str], Path], corpora: Path, tmp_path: Path
) -> None:
    clips = dev_clips(corpora, "ljspeech_part", 6)
    pause = np.zeros(16000, np.float32)
    sound = np.concatenate([part for clip in clips for part in (clip.load(16000), pause)])
    assert len(sound) > 35 * 16000, "more than one window"
    model = load_model(published_whisper("whisper-tiny.en"), device="cpu")
    transcript = transcribe(model, save_audio(tmp_path / "reading.flac", sound, 16000)).transcripts[0].text
    whole = Utterance("whole", "reading.flac", text=" ".join(clip.text or "" for clip in clips))
    assert score([whole], [transcript], "english").score.wer < 0.2
