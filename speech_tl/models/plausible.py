"""A model's settings as its files have them, looked at before anything is built of them.

A stride of zero divides by zero while sound is framed, a width of 10**9 asks for all memory there is: both are damage,
or a stranger's joke, and told in one line before a weight is allocated.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel

    from speech_tl.models.checkpoints import Checkpoint

Range = tuple[float, float]

WIDEST = 1 << 16
"""Channels of any layer: thirty times the widest published recogniser's."""

WHOLE: Mapping[str, Range] = {
    **dict.fromkeys(("hidden_size", "d_model", "output_hidden_size"), (1, WIDEST)),
    **dict.fromkeys(("intermediate_size", "encoder_ffn_dim", "decoder_ffn_dim"), (1, 4 * WIDEST)),
    **dict.fromkeys(("num_hidden_layers", "encoder_layers", "decoder_layers"), (1, 1000)),
    **dict.fromkeys(("num_attention_heads", "encoder_attention_heads", "decoder_attention_heads"), (1, 1024)),
    **dict.fromkeys(("num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "conv_pos_kernel_size"), (1, 4096)),
    **dict.fromkeys(("adapter_kernel_size", "adapter_stride", "squeeze_factor"), (1, 1000)),
    **dict.fromkeys(("mask_time_length", "mask_feature_length"), (1, WIDEST)),
    **dict.fromkeys(("mask_time_min_masks", "mask_feature_min_masks"), (0, WIDEST)),
    **dict.fromkeys(("max_source_positions", "max_target_positions", "max_position_embeddings"), (1, 10**6)),
    "num_mel_bins": (1, 1024),
    "num_adapter_layers": (0, 1000),
    "vocab_size": (1, 1 << 22),
    "depthwise_conv_kernel_size": (1, 4096),
    "conv_depthwise_kernel_size": (1, 4096),
}
"""Fields of config.json that are whole numbers, and what they can be."""

WHOLE_LISTS: Mapping[str, Range] = {"conv_dim": (1, WIDEST), "conv_kernel": (1, 4096), "conv_stride": (1, 4096)}
"""Its lists, one number a layer of the convolutional front end."""

SHARES = re.compile(r"\w*(dropout|layerdrop|mask_time_prob|mask_feature_prob)")
"""Its shares, from 0 to 1."""

MOST_SAMPLES = 1 << 20
"""Between two frames of a front end: a published one has 320."""

PREPROCESSOR: Mapping[str, Range] = {
    "sampling_rate": (1000, 384_000),
    "feature_size": (1, 1024),
    "hop_length": (1, WIDEST),
    "n_fft": (16, WIDEST),
    "chunk_length": (1, 300),
    "n_samples": (1, 300 * 384_000),
    "nb_max_frames": (1, 10**6),
}
"""Whole numbers of preprocessor_config.json."""

LONGEST_HEADER = 100_000_000
"""Bytes of a safetensors file's header, as its own library allows."""

ROWS: Range = (0, 1 << 22)
"""Ids of tokens: rows of a head."""


def require_config(name: str, values: Mapping[str, Any]) -> None:
    """Refuse a config.json whose numbers can be no network's.

    Args:
        name: the model's, as the user wrote it.
        values: the file's content.

    Raises:
        BadInput: names the field, its value and what is expected.
    """
    where = f"model {name}: config.json"
    _require_whole(where, values, WHOLE)
    lists = {field: values[field] for field in WHOLE_LISTS if field in values}
    for field, numbers in lists.items():
        if not isinstance(numbers, (list, tuple)) or not numbers or len(numbers) > 64:
            raise _unexpected(where, field, numbers, "a list of one whole number a layer")
        for number in numbers:
            _require(where, field, number, WHOLE_LISTS[field])
    if len({len(numbers) for numbers in lists.values()}) > 1:
        sizes = ", ".join(f"{field} has {len(numbers)}" for field, numbers in lists.items())
        raise BadInput(f"{where}: {sizes}; expected as many numbers in each, one a layer")
    if math.prod(lists.get("conv_stride", ())) > MOST_SAMPLES:
        raise _unexpected(where, "conv_stride", lists["conv_stride"], f"a product of up to {MOST_SAMPLES} samples")
    for field, value in values.items():
        if value is not None and SHARES.fullmatch(str(field)) and not (_is_number(value) and 0 <= value <= 1):
            raise _unexpected(where, field, value, "a share from 0 to 1")
        if str(field).endswith("layer_norm_eps") and not (_is_number(value) and 0 < value < 1):
            raise _unexpected(where, field, value, "a small number above 0")


def require_preprocessor(name: str, values: Any) -> None:
    """Refuse settings of features that no sound can have.

    Raises:
        BadInput: names the field, its value and what is expected.
    """
    where = f"model {name}: preprocessor_config.json"
    if not isinstance(values, Mapping):
        raise BadInput(f"{where} holds no settings: expected an object")
    _require_whole(where, values, PREPROCESSOR)
    for field in ("padding_value", "dither"):
        if not _is_number(values.get(field, 0.0)) or abs(values.get(field, 0.0)) > 1:
            raise _unexpected(where, field, values[field], "a number from -1 to 1")


def require_rows(name: str, vocabulary: Mapping[str, Any]) -> None:
    """Refuse token ids that are no rows of any head.

    Raises:
        BadInput: names the token, its id and what is expected.
    """
    for token, row in vocabulary.items():
        if not _fits(row, ROWS):
            raise _unexpected(f"model {name}: vocabulary", ascii(str(token)[:40]), row, "the row that writes it")


def require_generation(name: str, settings: GenerationConfig, config: PretrainedConfig) -> None:
    """Refuse what a Whisper's generation settings, or those of old in config.json, cannot mean.

    Args:
        name: the model's, as the user wrote it.
        settings: complete.
        config: says how many tokens there are; has `forced_decoder_ids` in older checkpoints.

    Raises:
        BadInput: names the field, its value and what is expected.
    """
    where, rows = f"model {name}: generation_config.json", (0, config.vocab_size - 1)
    _require(where, "decoder_start_token_id", settings.decoder_start_token_id, rows)
    for field in ("suppress_tokens", "begin_suppress_tokens"):
        tokens = getattr(settings, field, None) or []
        # OpenAI's "-1" means its usual list; a folder that was converted with it is still a whole model
        if not isinstance(tokens, (list, tuple)) or not all(_fits(token, (-1, rows[1])) for token in tokens):
            raise _unexpected(where, field, tokens, f"a list of tokens from 0 to {rows[1]}")
    for field in ("lang_to_id", "task_to_id"):
        tokens = getattr(settings, field, None) or {}
        if not isinstance(tokens, Mapping) or not all(_fits(token, rows) for token in tokens.values()):
            raise _unexpected(where, field, tokens, f"names and their tokens from 0 to {rows[1]}")
    for file, values in (("generation_config.json", settings), ("config.json", config)):
        forced = getattr(values, "forced_decoder_ids", None) or []
        if not isinstance(forced, (list, tuple)) or not all(_is_forced(pair, rows) for pair in forced):
            raise _unexpected(f"model {name}: {file}", "forced_decoder_ids", forced, "pairs of a place and a token")


def _is_forced(pair: Any, rows: Range) -> bool:
    """A place in the prompt and what stands there; no token is for the language to be heard."""
    return isinstance(pair, (list, tuple)) and len(pair) == 2 and (pair[1] is None or all(_fits(x, rows) for x in pair))


def require_room(checkpoint: Checkpoint, build: Callable[[], PreTrainedModel], config: PretrainedConfig) -> None:
    """Refuse a network that is larger than its weights or this machine's memory; it is built without any weights.

    Args:
        checkpoint: whose folder says how many weights there are; of the Hub's nothing is known before.
        build: makes the network.
        config: what it is made of, for how large the output layer is, which may be a new one.

    Raises:
        BadInput: settings that make no network, or one that is too large; says both sizes.
    """
    import psutil
    import torch

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):  # chance goes on as if nothing had been built
            network = build()
        count = sum(parameter.numel() for parameter in network.parameters())
    except Exception as error:  # whatever torch says about settings that do not go together, the user needs one line
        why = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise BadInput(f"model {checkpoint.name}: config.json makes no network ({why}); copy it again") from error
    stored = _stored(Path(checkpoint.place))
    head = config.vocab_size * max(getattr(config, "hidden_size", 0) or 0, 1)
    if stored is not None and count - head > 2 * stored:
        raise BadInput(
            f"model {checkpoint.name}: config.json is of a network of {count:,} weights, its files hold {stored:,}: "
            "copy config.json from where they are from"
        )
    memory = psutil.virtual_memory().total
    if 4 * count > memory:
        raise BadInput(
            f"model {checkpoint.name} has {count:,} weights, which take {4 * count / 1e9:.1f} GB, and this machine has "
            f"{memory / 1e9:.1f} GB of memory: give a smaller model"
        )


def _stored(folder: Path) -> int | None:
    """How many weights a folder's safetensors hold, as their headers say; None where that cannot be told."""
    files = sorted(file for file in folder.glob("*.safetensors") if file.is_file())
    try:
        return sum(map(_weights_in, files)) or None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # damaged: whoever loads it says so


def _weights_in(file: Path) -> int:
    """The format: eight bytes say how long the header is, which is JSON (https://github.com/huggingface/safetensors)."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(min(length, LONGEST_HEADER)))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _require_whole(where: str, values: Mapping[str, Any], limits: Mapping[str, Range]) -> None:
    for field, limit in limits.items():
        if field in values and values[field] is not None:
            _require(where, field, values[field], limit)


def _require(where: str, field: str, value: Any, limit: Range) -> None:
    if not _fits(value, limit):
        raise _unexpected(where, field, value, f"a whole number from {limit[0]} to {limit[1]}")


def _fits(value: Any, limit: Range) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and limit[0] <= value <= limit[1]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _unexpected(where: str, field: str, value: Any, expected: str) -> BadInput:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:60]} ..."
    return BadInput(f"{where}: {field} is {shown}, expected {expected}")
