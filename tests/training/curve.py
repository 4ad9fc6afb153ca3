"""Train on our own batches, in one process or in this one of two: python -m tests.training.curve MODEL CLIPS OUT."""

from __future__ import annotations

import sys
from pathlib import Path

from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from tests.training.learning import learn
from tests.training.one_of_two import leave_together

STEPS = 12


def main(model: Path, clips: Path, out: Path, batches_a_step: int) -> None:
    """So many steps of about 2 x 3 s of speech, each logged; an epoch has an even number of batches."""
    loaded = load_model(model, language="en")
    more = {"gradient_accumulation_steps": batches_a_step, "max_steps": STEPS, "batch_seconds": 3.3}
    learn(loaded, Manifest.read(clips), out, dev=False, **more)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), batches_a_step=1)
    leave_together()
