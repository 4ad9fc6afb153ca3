"""A run by torchrun whose second process dies once, as soon as there is a checkpoint.

python -m tests.scaling.dying_rank RECIPE OUT
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import speech_tl as st
from speech_tl.recipe import recipe_from_yaml


def die_at_a_checkpoint(out: Path) -> None:
    while not any((out / "training").glob("checkpoint-*")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    recipe, out = recipe_from_yaml(Path(sys.argv[1])), Path(sys.argv[2])
    if (os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", "0"):
        threading.Thread(target=die_at_a_checkpoint, args=(out,), daemon=True).start()
    st.adapt(recipe, out)
