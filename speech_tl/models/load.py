"""From a name to a model: a Hub id, a folder or a shipped starter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.models.adapter import load_adapter
from speech_tl.models.kinds import (
    EXTRACTOR_FILES,
    TOKENIZER_FILES,
    adapter_base,
    file_kind,
    folder_problem,
    missing_files,
)
from speech_tl.models.mms import adapter_code
from speech_tl.models.quiet import quiet_transformers
from speech_tl.text import nearest

if TYPE_CHECKING:
    from transformers import (
        PretrainedConfig,
        PreTrainedModel,
        Wav2Vec2CTCTokenizer,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel
    from speech_tl.models.whisper import WhisperModel

STARTERS = {"starter-wav2vec2": "wav2vec2", "starter-whisper": "whisper"}
WHISPER_TASKS = ("transcribe", "translate")
ENGLISH_ONLY_VOCABULARY = 51864
"""Rows of the published English-only Whispers; the multilingual ones have one or two more."""
TOKEN_NAMES = ("pad_token", "unk_token", "bos_token", "eos_token", "word_delimiter_token", "do_lower_case")
SPECIAL_TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|"]


def load_model(
    source: str | Path,
    *,
    language: str | None = None,
    task: str = "transcribe",
    texts: Iterable[str] | None = None,
    from_scratch: bool = False,
    revision: str | None = None,
    device: str | None = None,
) -> AcousticModel:
    """Load a recogniser.

    Args:
        source: a Hub id ("openai/whisper-small"), a Hugging Face folder, a peft adapter's folder (loaded on its base
            and merged), "starter-wav2vec2" or "starter-whisper".
        language: code or name; picks Whisper's language token or an MMS adapter.
        task: Whisper's task, "transcribe" or "translate".
        texts: train texts; a CTC checkpoint gets rows for the characters in them that it lacks. Not for scoring.
        from_scratch: the same network with random weights (seed torch first), for comparisons.
        revision: branch, tag or commit of a Hub id.
        device: where to put the weights; None picks a GPU when there is one.

    Raises:
        BadInput: nothing there, no network, not a speech recogniser, or a head that cannot write yet.

    >>> model = load_model("starter-wav2vec2")
    >>> model.family, model.sample_rate
    ('ctc', 16000)
    """
    name = str(source)
    place = locate(name)
    base = adapter_base(Path(place)) if Path(place).is_dir() else None
    if base is not None:
        options = {"language": language, "task": task, "texts": texts, "device": device}
        return load_adapter(name, Path(place), base, lambda found: load_model(found, **options))
    with quiet_transformers():
        config = _config(name, place, revision)
        if task not in WHISPER_TASKS:
            raise BadInput(f"task {task}: expected {' or '.join(WHISPER_TASKS)}")
        if task == "translate" and (config.model_type != "whisper" or config.vocab_size == ENGLISH_ONLY_VOCABULARY):
            raise BadInput(f"model {name} cannot translate: only a multilingual Whisper can (leave the task out)")
        if config.model_type == "whisper":
            model = _load_whisper(name, place, config, language, task, from_scratch, revision)
        else:
            model = _load_ctc(name, place, config, language, texts, from_scratch, revision)
    model.network.eval()
    return model.to(device or best_device())


def best_device() -> str:
    """The fastest device that works here: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def locate(name: str) -> str:
    """Folder of a starter or a local model; a Hub id comes back unchanged.

    Raises:
        BadInput: looks like a path and is not there, or is a folder without config.json.
    """
    if not name.strip():
        raise BadInput(f"the model's name is empty: give a folder, a Hub id or {' or '.join(STARTERS)}")
    if name in STARTERS:
        return str(Path(__file__).parents[1] / "starters" / STARTERS[name])
    path = Path(name).expanduser()
    if path.is_dir():
        problem = None if adapter_base(path) is not None else folder_problem(path)
        if problem:
            raise BadInput(f"model folder {name} {problem}")
        return str(path)
    if path.exists():
        kind = file_kind(path) or f"is a file: expected a folder, a Hub id or {' or '.join(STARTERS)}"
        raise BadInput(f"model {name} {kind}")
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise BadInput(f"model folder {name} does not exist: give a folder, a Hub id or {' or '.join(STARTERS)}")
    hint = nearest(name, STARTERS)
    if "/" not in name and hint:
        raise BadInput(f"unknown model {name}; did you mean {hint}?")
    return name


def _config(name: str, place: str, revision: str | None) -> PretrainedConfig:
    """The checkpoint's configuration, refused in one line when it is no speech recogniser."""
    from transformers import MODEL_FOR_CTC_MAPPING, AutoConfig, PretrainedConfig

    from speech_tl.models.heads import own_config

    try:
        values, _ = PretrainedConfig.get_config_dict(place, revision=revision)
        config = own_config(values) or AutoConfig.from_pretrained(place, revision=revision)
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        raise BadInput(f"model {name} cannot be loaded: {_why(error, place)}") from error
    hears_waveforms = type(config) in MODEL_FOR_CTC_MAPPING and hasattr(config, "conv_kernel")
    if config.model_type != "whisper" and not hears_waveforms:
        raise BadInput(f"model {name} is a {config.model_type} model: expected a wav2vec2-family (CTC) or Whisper one")
    return config


def _why(error: Exception, place: str) -> str:
    """One line for the many ways a download or a broken folder fails."""
    if Path(place).is_dir():
        return f"its folder is damaged ({str(error).splitlines()[0][:120]})"
    return "no such folder, and the Hub does not have it or cannot be reached (`speech-tl doctor` checks the network)"


def _pretrained(loader: Any, name: str, place: str, **options: Any) -> Any:
    """`loader.from_pretrained` with our one-line error."""
    from safetensors import SafetensorError

    try:
        return loader.from_pretrained(place, **options)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        raise BadInput(f"model {name} cannot be loaded: {_why(error, place)}") from error


def _load_whisper(
    name: str,
    place: str,
    config: PretrainedConfig,
    language: str | None,
    task: str,
    from_scratch: bool,
    revision: str | None,
) -> WhisperModel:
    from transformers import (
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    from speech_tl.models.whisper import WhisperModel

    _require_files(name, place, [TOKENIZER_FILES, EXTRACTOR_FILES])
    network = _pretrained(WhisperForConditionalGeneration, name, place, revision=revision, dtype="float32")
    if from_scratch:
        settings = network.generation_config
        network = WhisperForConditionalGeneration(config)
        network.generation_config = settings
    tokenizer = _pretrained(WhisperTokenizer, name, place, revision=revision)
    _require_tokenizer_of(network, tokenizer, name)
    extractor = _pretrained(WhisperFeatureExtractor, name, place, revision=revision)
    _complete_settings(network, tokenizer)
    return WhisperModel(network, tokenizer, extractor, name, language, task)


def _require_files(name: str, place: str, wanted: Sequence[Sequence[str]]) -> None:
    """Refuse a folder without a file of each group: transformers would make up a tokenizer that writes nothing."""
    missing = missing_files(Path(place), wanted) if Path(place).is_dir() else []
    if missing:
        raise BadInput(
            f"model folder {name} has no {', and no '.join(missing)}, as a Trainer's checkpoint has none: copy the "
            "tokenizer's and the processor's files (tokenizer.json, tokenizer_config.json, preprocessor_config.json) "
            "into it from the checkpoint that was fine-tuned, such as openai/whisper-small"
        )


def _require_tokenizer_of(network: WhisperForConditionalGeneration, tokenizer: WhisperTokenizer, name: str) -> None:
    """Refuse a tokenizer of another model: its numbers would mean other words."""
    start, end = network.config.decoder_start_token_id, network.config.eos_token_id
    known = tokenizer.get_vocab()
    if (known.get("<|startoftranscript|>"), tokenizer.eos_token_id) != (start, end) or max(
        known.values(), default=0
    ) >= network.config.vocab_size:
        raise BadInput(
            f"model {name} has the tokenizer of another model ({len(known):,} tokens, the model writes "
            f"{network.config.vocab_size:,}): copy tokenizer.json and tokenizer_config.json from the checkpoint that "
            "was fine-tuned; English-only and multilingual Whispers differ"
        )


def _complete_settings(network: WhisperForConditionalGeneration, tokenizer: WhisperTokenizer) -> None:
    """Give a checkpoint what transformers asks of it today: older ones have no generation_config.json."""
    from speech_tl.models.fresh import language_tokens

    settings, known = network.generation_config, tokenizer.get_vocab()
    if tokenizer.pad_token is None:  # the ASR pipeline makes no batches without one
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(settings, "is_multilingual", None) is None:
        settings.is_multilingual = network.config.vocab_size != ENGLISH_ONLY_VOCABULARY
        settings.max_length = network.config.max_target_positions
        settings._from_model_config = False
    if getattr(settings, "no_timestamps_token_id", None) is None:
        settings.no_timestamps_token_id = known["<|notimestamps|>"]
    if settings.is_multilingual and not getattr(settings, "lang_to_id", None):
        settings.lang_to_id = {token: known[token] for token in language_tokens() if token in known}
        settings.task_to_id = {task: known[f"<|{task}|>"] for task in WHISPER_TASKS}


def _load_ctc(
    name: str,
    place: str,
    config: PretrainedConfig,
    language: str | None,
    texts: Iterable[str] | None,
    from_scratch: bool,
    revision: str | None,
) -> CTCModel:
    from transformers import AutoFeatureExtractor

    from speech_tl.models.ctc import CTCModel, label_text, vocabulary_for
    from speech_tl.models.heads import extend_head

    _require_files(name, place, [EXTRACTOR_FILES])
    extractor = _pretrained(AutoFeatureExtractor, name, place, revision=revision)
    tokenizer, adapter = _ctc_tokenizer(place, revision), None
    if getattr(config, "adapter_attn_dim", None) and language and tokenizer is not None:
        adapter = adapter_code(name, place, tokenizer.vocab, language)
        tokenizer = _ctc_tokenizer(place, revision, adapter)
    network, fresh_head = _ctc_network(name, place, config, adapter, from_scratch, revision, tokenizer)
    added: list[str] = []
    if texts is not None:
        known = dict(tokenizer.get_vocab()) if tokenizer else {}
        added = vocabulary_for(texts, known, language)
        tokenizer = grown_tokenizer(tokenizer, added)
        extend_head(network, len(tokenizer))
    elif tokenizer is None or fresh_head:
        raise BadInput(f"model {name} has no CTC head with characters yet: adapt it first (speech-tl adapt)")
    network.config.pad_token_id = tokenizer.pad_token_id
    normalise = bool(getattr(extractor, "do_normalize", True))
    model = CTCModel(network, tokenizer, name, language, extractor.sampling_rate, normalise)
    model.head_is_new, model.added_characters = fresh_head, added
    if not any(len(c) == 1 and label_text(c, model.vocabulary) for c in model.vocabulary if c != model.delimiter):
        raise BadInput(f"model {name} has a vocabulary without characters: give train text, or another model")
    return model


def _ctc_network(
    name: str,
    place: str,
    config: PretrainedConfig,
    adapter: str | None,
    from_scratch: bool,
    revision: str | None,
    tokenizer: Wav2Vec2CTCTokenizer | None,
) -> tuple[PreTrainedModel, bool]:
    """The network, and whether its head is fresh."""
    from transformers import AutoModelForCTC

    from speech_tl.models.filterbank import start_as_log_mel
    from speech_tl.models.heads import load_own

    if tokenizer is None:
        config.vocab_size = len(SPECIAL_TOKENS)
    if getattr(config, "speech_tl", None):
        return load_own(config, None if from_scratch else _own_weights(name, place, revision)), False
    if from_scratch:
        network = AutoModelForCTC.from_config(config, dtype="float32")
        if getattr(config, "log_mel_filters", 0):
            start_as_log_mel(network)  # signal processing, as Whisper's mel frames are: nothing that was learnt
        return network, False
    options: dict[str, Any] = {"target_lang": adapter} if adapter else {}
    network, info = _pretrained(
        AutoModelForCTC,
        name,
        place,
        revision=revision,
        config=config,
        dtype="float32",
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **options,
    )
    fresh = tokenizer is None or any("lm_head" in key for key in info["missing_keys"])
    return network, fresh


def _own_weights(name: str, place: str, revision: str | None) -> Path:
    """The weights of a model with a head of our own, fetched where it lies on the Hub."""
    from transformers.utils import cached_file

    from speech_tl.models.heads import WEIGHTS

    try:
        return Path(cached_file(place, WEIGHTS, revision=revision))
    except OSError as error:
        raise BadInput(f"model {name} cannot be loaded: {_why(error, place)}") from error


def _ctc_tokenizer(place: str, revision: str | None, adapter: str | None = None) -> Wav2Vec2CTCTokenizer | None:
    """The checkpoint's characters, those of one language's adapter; None when it was never given any."""
    from transformers import Wav2Vec2CTCTokenizer

    options = {"target_lang": adapter} if adapter else {}
    try:
        return Wav2Vec2CTCTokenizer.from_pretrained(place, revision=revision, **options)
    except (OSError, TypeError, ValueError):
        return None


def grown_tokenizer(old: Wav2Vec2CTCTokenizer | None, added: list[str]) -> Wav2Vec2CTCTokenizer:
    """A tokenizer with the old characters at their old rows and the new ones behind them."""
    from transformers import Wav2Vec2CTCTokenizer

    if old is not None and not added:
        return old
    vocabulary = dict(old.get_vocab()) if old else {token: i for i, token in enumerate(SPECIAL_TOKENS)}
    for character in added:
        vocabulary[character] = max(vocabulary.values()) + 1
    settings = {name: getattr(old, name) for name in TOKEN_NAMES} if old else {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.json"
        path.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        return Wav2Vec2CTCTokenizer(str(path), **settings)
