"""The one place that turns utterances into hypotheses, in batches: dev WER, before and after, evaluate, transcribe."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.utils import parametrize
from torch.utils.data import DataLoader

from speech_tl.audio import probe
from speech_tl.data.batching import (
    Augmentation,
    BatchFacts,
    Collator,
    Example,
    SpeechDataset,
    batch_by_length,
)
from speech_tl.decoding.fused import require_fused
from speech_tl.decoding.lanes import in_lanes, lane_count
from speech_tl.decoding.loops import Written, write
from speech_tl.decoding.memory import FreedMemory, give_memory_back, reuse_freed_memory
from speech_tl.decoding.suta import adapted, require_frames, settled
from speech_tl.errors import BadInput
from speech_tl.models.audio_context import FULL
from speech_tl.models.base import AcousticModel, Batch, DecodingOptions

if TYPE_CHECKING:
    from speech_tl.data.manifest import Utterance

Progress = Callable[[float, float], None]
"""Called with (seconds of audio done, seconds in all)."""

BATCH_SECONDS = {"cpu": 30.0, "gpu": 240.0}
"""Padded seconds of audio in a batch where nobody said: what stays in a processor's cache, or fills a GPU."""

MOST_WINDOW_S = 240.0
"""Seconds of Whisper's windows in one batch on a CPU, however short the utterances: eight full ones take 0.4 GB with
tiny.en, and thirty, of a second each, are no more than a tenth faster."""

FEW_BATCHES = 4
"""After more batches than this, what they have freed goes back to the system."""

FEW = 64
"""Up to so many utterances are loaded in this process: starting workers would take longer."""


@dataclass
class Hypothesis:
    """What the model wrote for utterance `index`; `text` is None where `problem` says why there is none.

    `confidence` is the model's own, see `AcousticModel.transcribe_scored`; None where nobody asked for it. `looped`:
    the decoder had fallen into a loop, and `text` is what stands in its place (see `decoding/loops.py`).
    """

    index: int
    text: str | None
    problem: str | None = None
    confidence: float | None = None
    looped: bool = False


def loader_workers(wanted: int | None, examples: int) -> int:
    """Worker processes for a loader: as wanted, else none for few examples and up to four by machine."""
    if wanted is not None:
        return wanted
    return 0 if examples <= FEW else max(1, min(4, (os.cpu_count() or 2) - 1))


def decode(
    model: AcousticModel,
    utterances: Sequence[Utterance],
    options: DecodingOptions | None = None,
    progress: Progress | None = None,
    *,
    augment: Augmentation | None = None,
    seed: int = 0,
    confidence: bool = False,
) -> list[Hypothesis]:
    """Transcribe utterances in batches of similar length.

    Args:
        model: the recogniser; its network is left in evaluation mode.
        utterances: what to transcribe; text is not looked at.
        options: batch sizes, beam, precision.
        progress: told seconds of audio done and in all.
        augment: what they are heard through, e.g. noise; it may not change their lengths.
        seed: of that.
        confidence: also say how sure the model is of each text.

    Returns:
        One hypothesis an utterance, in input order. A file that cannot be read has a problem, not an exception.
    """
    options = options or DecodingOptions()
    durations_s, unreadable = _durations(utterances)
    usable = [i for i in range(len(utterances)) if i not in unreadable]
    batches = decoding_batches(model, [durations_s[i] for i in usable], options)
    batches = [[usable[i] for i in batch] for batch in batches]
    results = {i: Hypothesis(i, None, problem) for i, problem in unreadable.items()}
    total_s, done_s = sum(durations_s), 0.0
    dataset = SpeechDataset(utterances, model, with_labels=False, augment=augment, seed=seed)
    freed = FreedMemory(model.device.type)
    with ready(model, options):
        for facts, found in _decoded(model, dataset, batches, options, confidence):
            results.update({i: Hypothesis(i, None, problem) for i, problem in facts.problems})
            for index, written in zip(facts.indices, found, strict=True):
                sure = written.confidence if confidence else None
                results[index] = Hypothesis(index, written.text, None, sure, written.looped)
            done_s += facts.seconds
            freed.bound()
            if progress is not None:
                progress(done_s, total_s)
    if len(batches) > FEW_BATCHES and model.device.type == "cpu":
        give_memory_back()
    return [results[i] for i in range(len(utterances))]


def decode_waveforms(
    model: AcousticModel, waveforms: Sequence[np.ndarray], options: DecodingOptions | None = None
) -> list[str]:
    """Transcribe waveforms `(samples,)` at the model's rate that are already in memory; in input order."""
    options = options or DecodingOptions()
    collator = Collator(model)
    texts = [""] * len(waveforms)
    seconds = [len(w) / model.sample_rate for w in waveforms]
    batches = decoding_batches(model, seconds, options)

    def work(twin: AcousticModel, indices: list[int]) -> tuple[BatchFacts, list[Written]]:
        examples = [Example(i, seconds[i], model.features(waveforms[i])) for i in indices]
        return _written(twin, collator(examples), options)

    with ready(model, options):
        for facts, found in in_lanes(model, lane_count(model, options, len(batches)), work, batches):
            for index, written in zip(facts.indices, found, strict=True):
                texts[index] = written.text
    return texts


def require_able(model: AcousticModel, options: DecodingOptions) -> None:
    """Refuse what a model cannot do: test-time adaptation, a language model, a prompt.

    Raises:
        BadInput: says for which models it is.
    """
    model.set_prompt(options.prompt)
    require_frames(model, options)
    require_fused(model, options)
    model.set_hotwords(options.hotwords, options.hotword_weight)


@contextlib.contextmanager
def ready(model: AcousticModel, options: DecodingOptions) -> Iterator[None]:
    """Within, the network is as decoding wants it: in evaluation mode, with weights that are computed from others
    (weight norm) computed once. Options without shortcuts take them from the model, too.
    """
    model.set_engine(options)
    require_able(model, options)
    was_training, shortcuts = model.network.training, model.shortcuts
    model.network.eval()
    model.shortcuts = shortcuts and options.shortcuts
    if model.shortcuts and model.device.type == "cpu":
        reuse_freed_memory()
    computed_once = parametrize.cached() if model.shortcuts else contextlib.nullcontext()
    try:
        with computed_once:
            yield
    finally:
        model.shortcuts = shortcuts
        model.network.train(was_training)


def _decoded(
    model: AcousticModel,
    dataset: SpeechDataset,
    batches: list[list[int]],
    options: DecodingOptions,
    confidence: bool,
) -> Iterator[tuple[BatchFacts, list[Written]]]:
    """What each batch was, and what the model writes for its `indices`."""
    lanes = lane_count(model, options, len(batches)) if dataset.augment is None else 1
    if lanes == 1:
        yield from (_written(model, batch, options, confidence) for batch in _load(dataset, batches, options))
        return
    collator = Collator(dataset.model)

    def work(twin: AcousticModel, indices: list[int]) -> tuple[BatchFacts, list[Written]]:
        return _written(twin, collator([dataset[i] for i in indices]), options, confidence)

    yield from in_lanes(model, lanes, work, batches)


def decoding_batches(model: AcousticModel, durations_s: list[float], options: DecodingOptions) -> list[list[int]]:
    """Longest first, so that too large a batch shows at once; who is adapted to an utterance gets it alone."""
    seconds, most = _batch_seconds(model, options), 1 if options.test_time else options.max_batch
    on_cpu = model.device.type == "cpu"
    return batch_by_length(
        durations_s,
        seconds,
        most,
        equal_only=not model.exact_in_batches,
        windows_s=windows_s(model, durations_s, options) if on_cpu else None,
        most_window_s=max(MOST_WINDOW_S, seconds),
    )


def windows_s(model: AcousticModel, durations_s: Sequence[float], options: DecodingOptions) -> list[float]:
    """Seconds that the network computes on for each utterance: Whisper's window, or the utterance itself."""
    context = FULL if options.audio_context == "full" else model.decoding_context
    return [model.window_s(duration_s, context) for duration_s in durations_s]


def _batch_seconds(model: AcousticModel, options: DecodingOptions) -> float:
    """Padded seconds of audio in one batch, where nobody said by device."""
    return options.batch_seconds or BATCH_SECONDS["cpu" if model.device.type == "cpu" else "gpu"]


def conditions(model: AcousticModel, options: DecodingOptions) -> dict[str, Any]:
    """All that decodings of one model may differ in, as it happens here: for the record beside every WER."""
    here = {"batch_seconds": _batch_seconds(model, options), "device": device_name(model.device)}
    if options.test_time is not None:
        here["test_time"] = str(settled(options.test_time, model))
    return options.conditions() | model.decoding_conditions(options) | here


def _durations(utterances: Sequence[Utterance]) -> tuple[list[float], dict[int, str]]:
    """Seconds of each utterance, from the table or the file's header, and what stands in the way."""
    durations_s, problems = [], {}
    for index, utterance in enumerate(utterances):
        seconds = utterance.duration_s
        if seconds is None:
            try:
                seconds = _probed_seconds(utterance)
            except BadInput as error:
                seconds, problems[index] = 0.0, str(error)
        durations_s.append(seconds)
    return durations_s, problems


def _probed_seconds(utterance: Utterance) -> float:
    """Duration by the file's header, of the part between start and end."""
    source = utterance.audio_bytes or utterance.audio
    end_s = utterance.end_s if utterance.end_s is not None else probe(source).duration_s
    return max(end_s - utterance.start_s, 0.0)


def _load(dataset: SpeechDataset, batches: list[list[int]], options: DecodingOptions) -> Iterator[Batch]:
    """Collated batches in order, prepared by worker processes where that pays."""
    workers = loader_workers(options.workers, len(dataset))
    yield from DataLoader(dataset, batch_sampler=batches, collate_fn=Collator(dataset.model), num_workers=workers)


def _written(
    model: AcousticModel, batch: dict[str, Any], options: DecodingOptions, confidence: bool = False
) -> tuple[BatchFacts, list[Written]]:
    """One collated batch through the network on its device, in the wanted precision; loops are stopped."""
    facts: BatchFacts = batch.pop("facts")
    if not facts.indices:
        return facts, []
    moved = {key: value.to(model.device) for key, value in batch.items()}
    with precision_context(options.precision, model.device), adapted(model, moved, options.test_time) as heard:
        return facts, write(model, heard, options, confidence)


def device_name(device: torch.device) -> str:
    """What decodes, for the record: "cpu", or a GPU by its name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def precision_context(precision: str, device: torch.device) -> contextlib.AbstractContextManager:
    """Autocast for "bf16" or "fp16" on a GPU.

    Raises:
        BadInput: a half precision on a device that has none.
    """
    if precision in ("float32", "int8"):  # 8 bits are the engine's own
        return contextlib.nullcontext()
    if device.type == "cpu":
        raise BadInput(f"precision {precision} needs a GPU; use float32")
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)
