"""Names spelt nearly right."""

from __future__ import annotations

from speech_tl.text import nearest


def test_nearest() -> None:
    assert nearest("lerning_rate", ["learning_rate", "seed"]) == "learning_rate"
    assert nearest("zzz", ["learning_rate", "seed"]) is None
