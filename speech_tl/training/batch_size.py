"""How many seconds a batch may have: on a GPU, two short trials say what fits."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from speech_tl.data.batching import Collator, SpeechDataset, batch_cost
from speech_tl.models.base import AcousticModel
from speech_tl.text import read_noted, write_atomically
from speech_tl.training.batches import epoch_seconds
from speech_tl.training.options import USUAL_BATCH_S, TrainingOptions
from speech_tl.training.trial_step import TrialStep

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest, Utterance
    from speech_tl.retention.mixture import Mixture

MOST_S = 320.0
"""Larger batches keep no GPU busier, and learning gets fewer steps."""

STEPS_AN_EPOCH = 100
"""A batch is never so large that an epoch has fewer steps, unless it would be smaller than the usual one then."""

MEMORY_SHARE = 0.8
"""Of the free memory; the rest is for what the trials did not meet. Where it does not suffice, batches are halved."""

TRIALS = (1, 3)
"""Utterances of the two trials."""

ADAMW_BYTES = 8
"""For each trained parameter: two moments in float32, which the trials do not have yet."""


def batch_seconds(
    model: AcousticModel, utterances: Manifest | Mixture, options: TrainingOptions, folder: Path | None, ranks: int = 1
) -> float:
    """What `options.batch_seconds` comes to; a run that is resumed has what it began with.

    Args:
        model: prepared by a strategy, on its device.
        utterances: to train on.
        options: of the training.
        folder: of the training, where the figure is noted; None looks and notes nothing.
        ranks: processes that learn together.
    """
    if options.batch_seconds != "auto":
        return options.batch_seconds
    if model.device.type != "cuda":
        return USUAL_BATCH_S
    note = folder and folder / "batch_seconds.json"
    if note and note.is_file():
        return float(read_noted(note))
    most = most_seconds(epoch_seconds(utterances), ranks * options.gradient_accumulation_steps)
    found = min(most, _fitting(model, utterances, options))
    if ranks > 1:
        smallest = torch.tensor(found, device=model.device)
        torch.distributed.all_reduce(smallest, torch.distributed.ReduceOp.MIN)
        found = float(smallest)
    if note:
        write_atomically(note, json.dumps(found))
    return found


def most_seconds(audio_s: float, batches_a_step: int) -> float:
    """As many as still leave an epoch of `audio_s` its steps; whole tens."""
    wanted = audio_s / STEPS_AN_EPOCH / batches_a_step
    return max(USUAL_BATCH_S, min(MOST_S, wanted) // 10 * 10)


def _fitting(model: AcousticModel, utterances: Manifest | Mixture, options: TrainingOptions) -> float:
    """What the GPU's free memory holds, by trials on the longest utterances."""
    durations_s = utterances.durations_s()
    longest = sorted(range(len(utterances)), key=lambda index: -durations_s[index])[: max(TRIALS)]
    trial = Trial(model, utterances.select(longest), options)
    free, _ = torch.cuda.mem_get_info(model.device)
    trained, _ = model.parameter_counts()
    free += torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    return fitted(trial, durations_s[longest].tolist(), MEMORY_SHARE * free - ADAMW_BYTES * trained)


def fitted(trial: Callable[[int], int], durations_s: Sequence[float], budget: float) -> float:
    """Seconds of a batch that `budget` bytes hold, since memory grows in proportion to `batch_cost`.

    Args:
        trial: takes a step on the first so many utterances; gives the bytes that it took at most, or raises
            torch.OutOfMemoryError.
        durations_s: of these utterances, longest first.
        budget: bytes.

    Returns:
        At least the longest utterance's.
    """
    counts = sorted({min(count, len(durations_s)) for count in TRIALS})
    costs = [batch_cost(count, durations_s[0]) for count in counts]
    taken = []
    for count in counts:
        try:
            taken.append(trial(count))
        except torch.OutOfMemoryError:
            break
    if len(taken) < 2:
        return costs[0] if not taken or budget < 2 * taken[0] else costs[0] * budget / taken[0]
    slope = max((taken[1] - taken[0]) / (costs[1] - costs[0]), 1.0)
    return max(costs[0], (budget - taken[0]) / slope + costs[0])


class Trial:
    """One forward and backward pass of the first so many utterances; nothing is learnt."""

    def __init__(self, model: AcousticModel, utterances: Sequence[Utterance], options: TrainingOptions) -> None:
        """`utterances` are the longest first."""
        self.examples = SpeechDataset(utterances, model, with_labels=True)
        self.model, self.step = model, TrialStep(model, options)

    def __call__(self, count: int) -> int:
        """Bytes of the GPU that the pass took beyond what was there."""
        device = self.model.device
        batch = Collator(self.model)([self.examples[index] for index in range(count)])
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        try:
            if not self.step.gradients(batch):
                return 0
        finally:
            self.model.network.zero_grad(set_to_none=True)
        return torch.cuda.max_memory_allocated(device) - before
