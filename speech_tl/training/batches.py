"""The training batches that the options ask for, and the dataset that goes with them."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.data.batching import SimilarLengthBatches, SpeechDataset
from speech_tl.data.packing import JoinedUtterances, PackedDataset, PackedWindows
from speech_tl.retention.mixture import MixedBatches, Mixture
from speech_tl.training.options import TrainingOptions

if TYPE_CHECKING:
    from speech_tl.data.batching import Augmentation
    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel

Batches = SimilarLengthBatches | PackedWindows


def epoch_seconds(utterances: Manifest | Mixture) -> float:
    """Seconds of audio in one epoch: all of a manifest, or of a mixture what an epoch hears."""
    return utterances.epoch_s if isinstance(utterances, Mixture) else float(utterances.durations_s().sum())


def training_dataset(
    utterances: Manifest | Mixture,
    model: AcousticModel,
    options: TrainingOptions,
    augment: Augmentation | None,
    seed: int,
) -> SpeechDataset:
    """Utterances one by one, or as windows that several share."""
    kind = PackedDataset if options.several_in_a_window else SpeechDataset
    return kind(utterances, model, with_labels=True, augment=augment, seed=seed)


def training_batches(
    dataset: SpeechDataset, model: AcousticModel, options: TrainingOptions, seed: int, ranks: int = 1, rank: int = 0
) -> Batches:
    """What one of `ranks` devices trains on, as keys of `dataset`."""
    utterances, seconds = dataset.utterances, options.expected_batch_seconds
    mixture = utterances if isinstance(utterances, Mixture) else None
    durations_s = utterances.durations_s().tolist()
    if not options.several_in_a_window:
        if mixture:
            return MixedBatches(mixture, seconds, seed, ranks, rank, stretch=dataset.stretch)
        return SimilarLengthBatches(durations_s, seconds, seed, ranks, rank, stretch=dataset.stretch)

    def drawn(epoch: int) -> np.ndarray:
        assert mixture is not None, "else every row is drawn"
        return np.concatenate([np.arange(mixture.targets), mixture.drawn(epoch, seed)])

    chosen = drawn if mixture else None
    tokens = [model.packing_tokens(text or "") for text in utterances.column("text")]
    if options.join_seconds is not None:
        room, join_s = model.packing_room, options.join_seconds
        return JoinedUtterances(
            durations_s, tokens, join_s, room, seconds, seed, ranks, rank, stretch=dataset.stretch, drawn=chosen
        )
    return PackedWindows(
        durations_s,
        tokens,
        model.window_limit_s,
        model.packing_room,
        max(1, int(seconds / model.window_limit_s)),
        model.full_share,
        seed,
        ranks,
        rank,
        stretch=dataset.stretch,
        drawn=chosen,
    )


def first_rows(
    dataset: SpeechDataset, model: AcousticModel, options: TrainingOptions, seed: int, ranks: int = 1
) -> list[int]:
    """The utterances that `options.max_steps` steps learn from on all ranks, as the Trainer counts; not for windows."""
    samplers = [training_batches(dataset, model, options, seed, ranks, rank) for rank in range(ranks)]
    left, accumulated, epoch, heard = options.max_steps, options.gradient_accumulation_steps, 0, set()
    while left > 0 and len(heard) < len(dataset):
        for sampler in samplers:
            sampler.set_epoch(epoch)
            heard.update(index for batch in islice(sampler, left * accumulated) for index, _ in batch)
        left -= max(1, math.ceil(len(samplers[0]) / accumulated))
        epoch += 1
    return sorted(heard)
