"""From a checkpoint's files to a Whisper: a tokenizer that is whole and its own, settings that are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.models.adapter_folder import TOKENIZER
from speech_tl.models.checkpoints import Checkpoint
from speech_tl.models.whisper_languages import TASKS

if TYPE_CHECKING:
    from transformers import (
        GenerationConfig,
        PretrainedConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    from speech_tl.models.whisper import WhisperModel

ENGLISH_ONLY_VOCABULARY = 51864
"""Rows of the published English-only Whispers; the multilingual ones have one or two more."""

TIMESTAMPS = 1501
"""The last rows of a published Whisper are times within 30 s, in steps of 20 ms; "no timestamps" is before them."""

PUBLISHED = {384: "tiny", 512: "base", 768: "small", 1024: "medium", 1280: "large-v2"}
"""Width -> name of the published Whispers."""


def load_whisper(
    checkpoint: Checkpoint,
    config: PretrainedConfig,
    *,
    language: str | None,
    task: str | None,
    from_scratch: bool,
) -> WhisperModel:
    """The Whisper at `checkpoint`, see `load_model`.

    Raises:
        BadInput: files are missing, damaged, or of another model; a language or task that it does not have.
    """
    from transformers import WhisperForConditionalGeneration

    from speech_tl.models.plausible import require_generation, require_room
    from speech_tl.models.whisper import WhisperModel

    tokenizer, extractor = _tokenizer(checkpoint, config), _extractor(checkpoint, config)
    checkpoint.require_weights()
    require_room(checkpoint, lambda: WhisperForConditionalGeneration(config), config)
    network = checkpoint.load(WhisperForConditionalGeneration, dtype="float32", trust_remote_code=False)
    if from_scratch:
        settings = network.generation_config
        network = WhisperForConditionalGeneration(config)
        network.generation_config = settings
    if checkpoint.adapter is not None:
        network = checkpoint.adapter.merge(network)
        network.generation_config = checkpoint.adapter.generation_settings() or network.generation_config
    _complete_settings(network, tokenizer)
    require_generation(checkpoint.name, network.generation_config, network.config)
    _require_fitting(checkpoint, network, tokenizer)
    return WhisperModel(network, tokenizer, extractor, checkpoint.name, language, task)


def _tokenizer(checkpoint: Checkpoint, config: PretrainedConfig) -> WhisperTokenizer:
    """The checkpoint's tokenizer; transformers 5 makes an empty one where the files are missing."""
    from transformers import WhisperTokenizer

    lacks = checkpoint.lacks("tokenizer", (TOKENIZER[0], "tokenizer_config.json"), _trained_from(config))
    if checkpoint.folder_lacks(*TOKENIZER):
        raise lacks
    tokenizer = checkpoint.load_processor(WhisperTokenizer)
    if tokenizer.get_vocab().get("<|startoftranscript|>") is None:
        raise lacks
    return tokenizer


def _extractor(checkpoint: Checkpoint, config: PretrainedConfig) -> WhisperFeatureExtractor:
    from transformers import WhisperFeatureExtractor

    checkpoint.require_preprocessor(_trained_from(config))
    extractor = checkpoint.load_extractor(WhisperFeatureExtractor)
    if extractor.feature_size != config.num_mel_bins:
        raise BadInput(
            f"model {checkpoint.name} hears {config.num_mel_bins} mel bins and its preprocessor_config.json makes "
            f"{extractor.feature_size}: copy the one of {_trained_from(config)}"
        )
    return extractor


def _trained_from(config: PretrainedConfig) -> str:
    """What a Whisper of this shape was most likely trained from, in words."""
    size = PUBLISHED.get(config.d_model)
    if config.vocab_size > ENGLISH_ONLY_VOCABULARY + 1:
        size = {"large-v2": "large-v3" if config.decoder_layers > 4 else "large-v3-turbo"}.get(size)
    english = ".en" if config.vocab_size == ENGLISH_ONLY_VOCABULARY else ""
    published = size and config.vocab_size >= ENGLISH_ONLY_VOCABULARY
    return "the checkpoint it was trained from" + (f" (openai/whisper-{size}{english})" if published else "")


def _require_fitting(
    checkpoint: Checkpoint, network: WhisperForConditionalGeneration, tokenizer: WhisperTokenizer
) -> None:
    """Refuse a tokenizer of another Whisper: its special tokens stand at other rows."""
    config, settings, known = network.config, network.generation_config, tokenizer.get_vocab()
    rows = {
        "<|endoftext|>": config.eos_token_id,
        "<|startoftranscript|>": config.decoder_start_token_id,
        "<|notimestamps|>": settings.no_timestamps_token_id,
    }
    if config.vocab_size in range(ENGLISH_ONLY_VOCABULARY, ENGLISH_ONLY_VOCABULARY + 3):
        rows["<|notimestamps|>"] = config.vocab_size - TIMESTAMPS - 1
    wrong = [token for token, row in rows.items() if known.get(token) != row]
    if wrong or len(tokenizer) > config.vocab_size:
        which = f"{wrong[0]} is token {known.get(wrong[0])}, not {rows[wrong[0]]}" if wrong else "it has more tokens"
        raise BadInput(
            f"model {checkpoint.name} has the tokenizer of another Whisper ({len(tokenizer)} tokens for "
            f"{config.vocab_size} rows; {which}): copy tokenizer.json and tokenizer_config.json from "
            f"{_trained_from(config)}"
        )


def _complete_settings(network: WhisperForConditionalGeneration, tokenizer: WhisperTokenizer) -> None:
    """Give a checkpoint what transformers asks of it today: older ones have no generation_config.json."""
    from speech_tl.models.random_initialisation import language_tokens

    settings, known = network.generation_config, tokenizer.get_vocab()
    if tokenizer.pad_token is None:  # the ASR pipeline makes no batches without one
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(settings, "is_multilingual", None) is None:
        settings.is_multilingual = is_multilingual(network.config, settings)
        settings.max_length = network.config.max_target_positions
        settings._from_model_config = False
    if getattr(settings, "no_timestamps_token_id", None) is None:
        settings.no_timestamps_token_id = known["<|notimestamps|>"]
    if settings.is_multilingual and not getattr(settings, "lang_to_id", None):
        settings.lang_to_id = {token: known[token] for token in language_tokens() if token in known}
    if settings.is_multilingual and not getattr(settings, "task_to_id", None):
        settings.task_to_id = {task: known[f"<|{task}|>"] for task in TASKS}


def is_multilingual(config: PretrainedConfig, settings: GenerationConfig | None) -> bool:
    """Whether a Whisper writes several languages; older checkpoints tell by the size of their vocabulary."""
    said = getattr(settings, "is_multilingual", None)
    return config.vocab_size != ENGLISH_ONLY_VOCABULARY if said is None else bool(said)
