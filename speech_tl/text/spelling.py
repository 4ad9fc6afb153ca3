"""Names spelt nearly right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The choice spelt most like `word`, for "did you mean"; None when none is as close as `cutoff` (1 is equal)."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=cutoff)
    return found[0] if found else None
