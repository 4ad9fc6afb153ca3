"""From a checkpoint's files to a CTC model: its characters and those of the train texts, a head that fits them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.models.checkpoints import Checkpoint
from speech_tl.models.mms import adapter_code
from speech_tl.text import language_code

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, Wav2Vec2CTCTokenizer

    from speech_tl.models.ctc import CTCModel

TOKEN_NAMES = ("pad_token", "unk_token", "bos_token", "eos_token", "word_delimiter_token", "do_lower_case")
SPECIAL_TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|"]
DELIMITERS = ("|", " ", "\u2581", "_", "<space>", "[SPACE]", "<|space|>")
"""What stands between words in vocabularies that do not say it, the likeliest first."""

TRAINED_FROM = "the checkpoint it was trained from"


def load_ctc(
    checkpoint: Checkpoint,
    config: PretrainedConfig,
    *,
    language: str | None,
    texts: Iterable[str] | None,
    from_scratch: bool,
) -> CTCModel:
    """The CTC model at `checkpoint`, see `load_model`.

    Raises:
        BadInput: files are missing, damaged, or of another model; a head that cannot write yet.
    """
    from transformers import AutoFeatureExtractor

    from speech_tl.models.ctc import CTCModel, vocabulary_for
    from speech_tl.models.heads import extend_head
    from speech_tl.models.plausible import require_rows

    checkpoint.require_preprocessor(TRAINED_FROM)
    extractor = checkpoint.load_extractor(AutoFeatureExtractor, trust_remote_code=False)
    tokenizer, adapter = _tokenizer(checkpoint), None
    if tokenizer is not None:
        require_rows(checkpoint.name, tokenizer.get_vocab())
        _require_writing(checkpoint.name, tokenizer)
    if tokenizer is None and any(name.endswith("ForCTC") for name in config.architectures or []):
        raise checkpoint.lacks("vocabulary", ("vocab.json", "tokenizer_config.json"), TRAINED_FROM)
    if getattr(config, "adapter_attn_dim", None) and language and tokenizer is not None:
        adapter = adapter_code(checkpoint.name, checkpoint.place, tokenizer.vocab, language)
        tokenizer = _tokenizer(checkpoint, adapter)
    network, fresh_head = _network(checkpoint, config, adapter, from_scratch, tokenizer)
    added: list[str] = []
    if texts is not None:
        known = dict(tokenizer.get_vocab()) if tokenizer else {}
        added = vocabulary_for(texts, known, language)
        tokenizer = grown_tokenizer(tokenizer, added)
        extend_head(network, len(tokenizer))
    elif tokenizer is None or fresh_head:
        raise BadInput(f"model {checkpoint.name} has no CTC head with characters yet: adapt it first (speech-tl adapt)")
    network.config.pad_token_id = tokenizer.pad_token_id
    normalise = bool(getattr(extractor, "do_normalize", True))
    spoken = language_code(language) or None
    model = CTCModel(network, tokenizer, checkpoint.name, spoken, extractor.sampling_rate, normalise)
    model.head_is_new, model.added_characters = fresh_head, added
    _require_characters(model)
    return model


def _require_writing(name: str, tokenizer: Wav2Vec2CTCTokenizer) -> None:
    """Refuse a tokenizer whose settings break while it writes, e.g. a list where a character should be."""
    rows = tokenizer.get_vocab().values()
    if rows and not isinstance(tokenizer.pad_token_id, int):
        raise BadInput(
            f"model {name}: its pad token, which is CTC's blank, is not in its vocabulary; copy its tokenizer again"
        )
    try:
        tokenizer.decode(sorted(rows))
    except Exception as error:  # a library's on a stranger's settings: it can be any
        why = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise BadInput(f"model {name}: tokenizer_config.json: its tokenizer cannot write ({why})") from error


def _require_characters(model: CTCModel) -> None:
    """Refuse a vocabulary that writes nothing, or that is of another head."""
    from speech_tl.models.ctc import label_text
    from speech_tl.models.heads import linear_of

    letters = {token: row for token, row in model.vocabulary.items() if len(token) == 1 and token != model.delimiter}
    if not any(label_text(letter, model.vocabulary) for letter in letters):
        raise BadInput(f"model {model.source} has a vocabulary without characters: give train text, or another model")
    rows, last = linear_of(model.network).out_features, max(letters.values())
    if last >= rows:
        raise BadInput(
            f"model {model.source} has the vocabulary of another model ({last + 1} tokens, its head writes {rows}): "
            f"copy vocab.json from {TRAINED_FROM}"
        )


def _network(
    checkpoint: Checkpoint,
    config: PretrainedConfig,
    adapter: str | None,
    from_scratch: bool,
    tokenizer: Wav2Vec2CTCTokenizer | None,
) -> tuple[PreTrainedModel, bool]:
    """The network, and whether its head is fresh."""
    from transformers import AutoModelForCTC

    from speech_tl.models.filterbank import start_as_log_mel
    from speech_tl.models.heads import extend_head, load_own
    from speech_tl.models.plausible import require_room

    if tokenizer is None:
        config.vocab_size = len(SPECIAL_TOKENS)
    require_room(checkpoint, lambda: AutoModelForCTC.from_config(config), config)
    if getattr(config, "speech_tl", None):
        return load_own(config, None if from_scratch else _own_weights(checkpoint)), False
    if from_scratch:
        network = AutoModelForCTC.from_config(config, dtype="float32", trust_remote_code=False)
        if getattr(config, "log_mel_filters", 0):
            start_as_log_mel(network)  # signal processing, as Whisper's mel frames are: nothing that was learnt
        return network, False
    checkpoint.require_weights()
    options: dict[str, Any] = {"target_lang": adapter} if adapter else {}
    network, info = checkpoint.load(
        AutoModelForCTC,
        config=config,
        dtype="float32",
        trust_remote_code=False,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **options,
    )
    fresh = tokenizer is None or any("lm_head" in key for key in info["missing_keys"])
    if checkpoint.adapter is not None:
        rows = checkpoint.adapter.head_rows()
        if rows is not None:
            extend_head(network, rows)
        network = checkpoint.adapter.merge(network)
        fresh = fresh and rows is None
    return network, fresh


def _own_weights(checkpoint: Checkpoint) -> Path:
    """The weights of a model with a head of our own, fetched where it lies on the Hub."""
    from transformers.utils import cached_file

    from speech_tl.models.heads import WEIGHTS

    try:
        return Path(cached_file(checkpoint.place, WEIGHTS, revision=checkpoint.revision))
    except OSError as error:
        raise checkpoint.unloadable(error) from error


def _tokenizer(checkpoint: Checkpoint, adapter: str | None = None) -> Wav2Vec2CTCTokenizer | None:
    """The checkpoint's characters, those of one language's adapter; None when it was never given any."""
    from transformers import Wav2Vec2CTCTokenizer
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    place = checkpoint.processor or checkpoint.place
    options: dict[str, Any] = {"revision": None if checkpoint.processor else checkpoint.revision}
    options |= {"target_lang": adapter} if adapter else {}
    try:
        tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(place, **options)
        saved = get_tokenizer_config(place, revision=options["revision"]).get("word_delimiter_token")
        delimiter = word_delimiter(tokenizer.encoder, saved)
        if delimiter != SPECIAL_TOKENS[-1]:  # else it would add its usual one behind the vocabulary
            tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(place, word_delimiter_token=delimiter, **options)
    except Exception:  # whatever the library says: without characters, as of a checkpoint that was never given any
        return None
    return _delimited(tokenizer, delimiter)


def word_delimiter(vocabulary: Mapping[str, Any], saved: str | Mapping[str, Any] | None) -> str:
    """What stands between words: as saved with the vocabulary, as far as it is in there, else what looks like it.

    >>> word_delimiter({"a": 0, " ": 1}, "|"), word_delimiter({"a": 0, "_": 1, "|": 2}, {"content": "_"})
    (' ', '_')
    """
    saved = saved.get("content") if isinstance(saved, Mapping) else saved
    usual = saved or SPECIAL_TOKENS[-1]
    if any(isinstance(alphabet, Mapping) for alphabet in vocabulary.values()):  # one for each language, as MMS has
        return usual
    return next((token for token in (usual, *DELIMITERS) if token in vocabulary), usual)


def _delimited(tokenizer: Wav2Vec2CTCTokenizer, delimiter: str) -> Wav2Vec2CTCTokenizer:
    """Set what its class of transformers 5 forgets while it is made.

    There the public name sets a table of special tokens, while the tokenizer itself reads the private one.
    """
    tokenizer.word_delimiter_token = tokenizer._word_delimiter_token = delimiter
    return tokenizer


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
        tokenizer = Wav2Vec2CTCTokenizer(str(path), **settings)
    return _delimited(tokenizer, settings.get("word_delimiter_token", SPECIAL_TOKENS[-1]))
