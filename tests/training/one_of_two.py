"""Train on this process's half of some batches; `torchrun` starts one for each half, a test starts one for all.

python -m tests.training.one_of_two MODEL CLIPS OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from speech_tl.training.trainer import AdaptationTrainer
from tests.training.learning import GivenBatches, learn

BATCHES = [[0], [1, 2, 3], [4, 5], [6, 7]]


def half(trainer: AdaptationTrainer, dataset: object = None) -> GivenBatches:
    """Every second batch, or all of them where there is one process."""
    return GivenBatches(BATCHES[trainer.args.process_index :: trainer.args.world_size])


def main(model: Path, clips: Path, out: Path, pieces: int) -> None:
    """Two steps, each over all batches; rank 0 leaves the weights."""
    AdaptationTrainer._get_train_sampler = half
    loaded = load_model(model, language="en")
    loaded.set_audio_context("auto", full_share=0.4)  # rows of 30 s among short ones: two forward passes in one loss
    learn(loaded, Manifest.read(clips), out, max_steps=2, gradient_accumulation_steps=pieces, dev=False)


def leave_together() -> None:
    """Wait for the other process before the connections go: whoever is left talking would be aborted."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), pieces=2)
    leave_together()
