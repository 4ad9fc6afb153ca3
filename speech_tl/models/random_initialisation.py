"""Networks from nothing: the same architectures and processors as published checkpoints, with random weights.

For pre-training small models of one's own (`recipes/pretrain`) and for tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.models.foreign import names_kernel
from speech_tl.text import nearest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel
    from speech_tl.models.whisper import WhisperModel

TIMESTAMPS = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
"""Whisper's tokens for times within a window, in steps of 20 ms."""


def new_model(source: str, texts: Iterable[str], shape: dict[str, Any], language: str | None = None) -> AcousticModel:
    """A model with random weights from a recipe's `model.source` "new:wav2vec2" or "new:whisper".

    Args:
        source: "new:" and the architecture.
        texts: train texts, from which characters or merges are learnt.
        shape: fields of the transformers configuration, and `merges`, `multilingual`, `hop_length` for Whisper.
        language: of the texts, for the case of a wav2vec2's characters.

    Raises:
        BadInput: another architecture, or a field that its configuration does not have.
    """
    makers = {"new:wav2vec2": partial(new_wav2vec2, language=language), "new:whisper": new_whisper}
    if source not in makers:
        raise BadInput(f"model.source={source}: a new model is one of {', '.join(makers)}")
    try:
        _refuse_unknown(source, shape)
        model = makers[source](texts, **shape)
    except (TypeError, ValueError) as error:
        raise BadInput(f"model.shape does not fit {source}: {error}") from error
    model.source = source
    return model


def _refuse_unknown(source: str, shape: dict[str, Any]) -> None:
    """A configuration takes any field and ignores what it does not know: a typing mistake would go unnoticed."""
    from transformers import Wav2Vec2Config, WhisperConfig

    known = {
        "new:wav2vec2": {*Wav2Vec2Config().to_dict(), "attn_implementation", "log_mel_filters"},
        "new:whisper": {*WhisperConfig().to_dict(), "attn_implementation", "merges", "multilingual", "hop_length"},
    }[source]
    for name in shape:
        if name not in known:
            hint = nearest(name, known)
            raise ValueError(f"no field {name}" + (f"; did you mean {hint}?" if hint else ""))
        if names_kernel(name, shape[name]):
            raise ValueError(f"{name} {shape[name]!r} would be code of the Hub; expected eager or sdpa")


def new_wav2vec2(
    texts: Iterable[str], *, language: str | None = None, log_mel_filters: int = 0, **shape: Any
) -> CTCModel:
    """A `Wav2Vec2ForCTC` whose characters are those of `texts`; `shape` are fields of `Wav2Vec2Config`.

    `log_mel_filters` > 0 makes the first two convolutions a fixed filterbank (see `speech_tl.models.filterbank`).
    """
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    from speech_tl.models.ctc import CTCModel, vocabulary_for
    from speech_tl.models.ctc_loading import grown_tokenizer
    from speech_tl.models.filterbank import start_as_log_mel

    tokenizer = grown_tokenizer(None, vocabulary_for(texts, {}, language))
    config = Wav2Vec2Config(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, bos_token_id=1, eos_token_id=2, **shape
    )
    config.ctc_zero_infinity, config.ctc_loss_reduction = True, "mean"
    network = Wav2Vec2ForCTC(config)
    if log_mel_filters:
        network.config.log_mel_filters = log_mel_filters
        start_as_log_mel(network)
    return CTCModel(network, tokenizer, "new:wav2vec2", language, 16000, normalise_waveform=True)


def new_whisper(
    texts: Iterable[str], *, merges: int = 200, multilingual: bool = True, hop_length: int = 160, **shape: Any
) -> WhisperModel:
    """A `WhisperForConditionalGeneration` with a byte-level vocabulary of 256 bytes, `merges` merges of `texts`,
    and Whisper's special tokens; `shape` are fields of `WhisperConfig`.

    `hop_length` are the samples from one mel frame to the next: twice the published 160 halve the encoder's frames.
    """
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    from speech_tl.models.whisper import WhisperModel

    specials = special_tokens()
    trained = _byte_level_bpe(texts, merges)
    with TemporaryDirectory() as folder:
        trained.model.save(folder)
        tokenizer = WhisperTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"extra_special_tokens": specials[1:]})
    tokenizer.add_tokens(TIMESTAMPS)
    tokenizer.pad_token = tokenizer.eos_token
    token = tokenizer.convert_tokens_to_ids
    end, start = token("<|endoftext|>"), token("<|startoftranscript|>")
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    extractor = WhisperFeatureExtractor(feature_size=shape.get("num_mel_bins", 80), hop_length=hop_length)
    shape = {"max_source_positions": extractor.nb_max_frames // 2, **shape}
    config = WhisperConfig(vocab_size=len(tokenizer), begin_suppress_tokens=[token("Ġ"), end], **ids, **shape)
    network = WhisperForConditionalGeneration(config)
    settings = GenerationConfig(
        **ids,
        max_length=config.max_target_positions,
        is_multilingual=multilingual,
        no_timestamps_token_id=token("<|notimestamps|>"),
        begin_suppress_tokens=config.begin_suppress_tokens,
        suppress_tokens=[],
    )
    if multilingual:
        settings.lang_to_id = {name: token(name) for name in language_tokens()}
        settings.task_to_id = {name: token(f"<|{name}|>") for name in ("translate", "transcribe")}
    network.generation_config = settings
    return WhisperModel(network, tokenizer, extractor, "new:whisper", "en" if multilingual else None)


def language_tokens() -> list[str]:
    """Whisper's language tokens in its own order."""
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    return [f"<|{code}|>" for code in LANGUAGES]


def special_tokens() -> list[str]:
    """Whisper's special tokens in the order of its multilingual vocabulary."""
    tail = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    return ["<|endoftext|>", "<|startoftranscript|>", *language_tokens(), *(f"<|{name}|>" for name in tail)]


def _byte_level_bpe(texts: Iterable[str], merges: int) -> Tokenizer:
    """GPT-2's byte-level BPE: all 256 bytes, then `merges` merges learnt from `texts`, then the end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=alphabet, special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator((f" {text.strip()}" for text in texts), trainer)
    vocabulary = tokenizer.get_vocab()
    merged = [tuple(pair) for pair in _merges_of(tokenizer)]
    return Tokenizer(models.BPE(vocab={**vocabulary, "<|endoftext|>": len(vocabulary)}, merges=merged))


def _merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """The learnt merges in order, read back from the tokenizer's own files."""
    with TemporaryDirectory() as folder:
        tokenizer.model.save(folder)
        lines = (Path(folder) / "merges.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
