"""speech_tl: adapt a pre-trained speech recogniser to an accent, a language, a noisy place or one voice, and see
whether it helped.

>>> import speech_tl as st
>>> model = st.load_model("starter-wav2vec2")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speech_tl.adaptation import adapt
    from speech_tl.comparison import compare
    from speech_tl.evaluation import evaluate
    from speech_tl.exporting.export import export
    from speech_tl.models.load import load_model
    from speech_tl.recipe import Recipe
    from speech_tl.transcribing.transcribe import transcribe

__version__ = "0.1.0"
__all__ = ["Recipe", "adapt", "compare", "evaluate", "export", "load_model", "transcribe"]

_HOMES = {
    "Recipe": "speech_tl.recipe",
    "adapt": "speech_tl.adaptation",
    "compare": "speech_tl.comparison",
    "evaluate": "speech_tl.evaluation",
    "export": "speech_tl.exporting.export",
    "load_model": "speech_tl.models.load",
    "transcribe": "speech_tl.transcribing.transcribe",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch and transformers take seconds."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'speech_tl' has no attribute {name!r}")
