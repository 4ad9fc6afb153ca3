"""Ten utterances of one person: who is taken, and that nothing to test on is learnt from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.benchmarks.voices import divided, voices


def test_what_is_tested_on_is_not_learnt_from() -> None:
    rows = [{"audio": f"{place}.wav", "split": "test"} for place in range(20)]
    made = divided(rows, learn=10)
    assert Counter(row["split"] for row in made) == {"train": 8, "dev": 2, "test": 10}
    assert [row["audio"] for row in made] == [row["audio"] for row in rows], "each once, in order"
    assert Counter(row["split"] for row in divided(rows, learn=5)) == {"train": 4, "dev": 1, "test": 10}


def test_twenty_speakers_of_the_test_split(corpora: Path) -> None:
    found = voices(corpora, "test", speakers=20, learn=10)
    assert len(found) == 20
    for name, rows in found.items():
        assert {row["speaker"] for row in rows} == {name}
        assert len({row["audio"] for row in rows}) == len(rows) == 20
