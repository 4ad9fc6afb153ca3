"""A thousand damaged recordings: sound or an `AudioError` of one line, no crash, nothing that takes for ever."""

from __future__ import annotations

import pytest

from tests.fuzz.audio import MOST_S, Outcome, _tallied, run
from tests.fuzz.audio_mutations import mutated, recordings

CASES = 1000


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return recordings()


def test_there_are_enough_kinds_and_each_is_decoded_before_it_is_damaged(made):
    from speech_tl.audio import load_audio

    assert len(made) >= 27
    for name, data in made.items():
        assert len(load_audio(data, name=name)) > 3000, name


def test_cases_follow_from_their_numbers(made):
    assert [mutated(made, case) for case in range(20)] == [mutated(made, case) for case in range(20)]
    assert len({mutated(made, case)[1] for case in range(200)}) > 190


def test_no_damage_does_more_than_an_audio_error(made):
    outcome = run(range(CASES), made=made)
    assert outcome.cases == CASES
    assert not outcome.findings, "\n".join(outcome.findings)
    assert 0.2 * CASES < outcome.decoded < 0.8 * CASES, outcome


def test_what_counts_as_a_finding():
    said = {"kind": "decoded", "said": "", "seconds": 0.1}
    assert _tallied("x", said, Outcome()) is None
    assert _tallied("x", None, Outcome()) == "the process died or hung"
    assert "took" in _tallied("x", said | {"seconds": MOST_S + 1}, Outcome())
    assert _tallied("x", said | {"kind": "finding", "said": "KeyError: 1"}, Outcome()) == "KeyError: 1"
