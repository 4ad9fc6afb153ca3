"""So many minutes of train: drawn with a seed, each amount a part of the next, dev and test untouched."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from speech_tl.data.manifest import DataOptions, Manifest, open_data
from speech_tl.errors import BadInput
from tests.small import made_corpus, rows_of, written

AMOUNTS = (2, 5, 8, 11)
SECONDS = [1.2 + number % 3 / 4 for number in range(14)]


@pytest.fixture(scope="module", params=["column", "header"])
def manifest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of train, 11.4 s; durations in the table, or only in the files."""
    made = made_corpus(tmp_path_factory.mktemp("corpus"), shortest_s=1.2)
    if request.param == "header":
        return made
    rows = [row | {"duration": s} for row, s in zip(rows_of(made), SECONDS, strict=True)]
    return written(made.parent / "timed.csv", rows)


def taken(manifest: Path, **options: float) -> tuple[set[str], Manifest]:
    opened = open_data(DataOptions(root=str(manifest), **options)).manifest
    return {u.audio for u in opened.split("train")}, opened


def test_each_amount_holds_the_smaller_ones(manifest: Path) -> None:
    amounts = [taken(manifest, train_minutes=seconds / 60)[0] for seconds in AMOUNTS]
    assert all(less < more for less, more in pairwise(amounts))
    everyone = [u.audio for u in Manifest.read(manifest)]
    for seconds, amount in zip(AMOUNTS, amounts, strict=True):
        held = sum(SECONDS[everyone.index(audio)] for audio in amount)
        assert seconds <= held < seconds + max(SECONDS)


def test_the_seed_draws_and_dev_and_test_stay(manifest: Path) -> None:
    first, opened = taken(manifest, train_minutes=5 / 60, train_seed=1)
    assert first == taken(manifest, train_minutes=5 / 60, train_seed=1)[0]
    assert any(taken(manifest, train_minutes=5 / 60, train_seed=seed)[0] != first for seed in (2, 3, 4))
    assert (len(opened.split("dev")), len(opened.split("test"))) == (2, 4)


def test_more_than_there_is_says_how_much_there_is(manifest: Path) -> None:
    with pytest.raises(BadInput, match=r"data.train_minutes=5: train of .* has 0.2 usable minutes"):
        taken(manifest, train_minutes=5)


def test_clips_that_a_run_sets_aside_do_not_count(manifest: Path) -> None:
    short, _ = taken(manifest, train_minutes=4 / 60, max_duration_s=1.5)
    everyone = [u.audio for u in Manifest.read(manifest)]
    assert all(SECONDS[everyone.index(audio)] < 1.5 for audio in short)
