"""Where what can be made again is kept from run to run: a folder of the user's. Floor 0."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "SPEECH_TL_CACHE"
"""Environment variable: the folder that is used in place of the usual one."""


def cache_folder() -> Path:
    """The folder that `CACHE_VARIABLE` names, or ~/.cache/speech_tl; it need not be there yet."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "speech_tl")
