"""Two processes train and one is killed: python -m tests.training.killed_pair MODEL CLIPS OUT [resume]."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from tests.training.learning import learn
from tests.training.one_of_two import leave_together

RUN = {"max_steps": 6, "eval_steps": 2, "batch_seconds": 3.3, "masks": 0.3, "dev": False}


def die(done: int, steps: int, latest: dict[str, float]) -> None:
    """The second process is killed at step 5."""
    if done == 5 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)


def main(model: Path, clips: Path, out: Path, resume: bool) -> None:
    """Train unbroken, and again until one is killed; or go on."""
    corpus = Manifest.read(clips)
    if not resume:
        learn(load_model(model, language="en"), corpus, out / "straight", **RUN)
    learn(
        load_model(model, language="en"),
        corpus,
        out / "killed",
        progress=None if resume else die,
        resume=resume,
        tell=print,
        **RUN,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), resume="resume" in sys.argv)
    leave_together()
