"""A share of the cases that `python -m tests.fuzz.tables 50000` runs by hand: each is read, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.tables import LIMIT_S, Fuzzer

CASES = 60
"""Of every kind; all together about a thousand."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_whatever_is_in_a_file_no_command_ends_in_a_traceback(kind: Kind, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = Fuzzer(kind, tmp_path).run(0, CASES)
    assert outcome.faults == []
    assert outcome.read + outcome.refused == CASES
    assert outcome.read and outcome.refused, "what is spoilt must now and then still be right, and now and then not"
    assert outcome.slowest_s < LIMIT_S
