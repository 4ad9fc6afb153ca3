"""The training batches that the options ask for, and the dataset that goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speech_tl.data.batching import SimilarLengthBatches, SpeechDataset
from speech_tl.data.packing import PackedDataset, PackedWindows
from speech_tl.training.options import TrainingOptions

if TYPE_CHECKING:
    from speech_tl.data.batching import Augmentation
    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel

Batches = SimilarLengthBatches | PackedWindows


def training_dataset(
    utterances: Manifest, model: AcousticModel, options: TrainingOptions, augment: Augmentation, seed: int
) -> SpeechDataset:
    """Utterances one by one, or as windows that several share."""
    kind = PackedDataset if options.packing else SpeechDataset
    return kind(utterances, model, with_labels=True, augment=augment, seed=seed)


def training_batches(
    dataset: SpeechDataset, model: AcousticModel, options: TrainingOptions, seed: int, ranks: int = 1, rank: int = 0
) -> Batches:
    """What one of `ranks` devices trains on, as keys of `dataset`."""
    durations_s = dataset.utterances.durations_s().tolist()
    if not options.packing:
        seconds = options.expected_batch_seconds
        return SimilarLengthBatches(durations_s, seconds, seed, ranks, rank, stretch=dataset.stretch)
    return PackedWindows(
        durations_s,
        [model.packing_tokens(text or "") for text in dataset.utterances.column("text")],
        model.window_limit_s,
        model.packing_room,
        max(1, int(options.expected_batch_seconds / model.window_limit_s)),
        model.full_share,
        seed,
        ranks,
        rank,
        stretch=dataset.stretch,
    )
