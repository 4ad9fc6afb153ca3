"""Which pseudo-labels are kept, and why the others are not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from speech_tl.data.augment import Noise
from speech_tl.strategies.pseudo_label import (
    REASONS,
    Label,
    PseudoLabel,
    compared,
    counted,
    first_judgement,
    most_confident,
)


def label(hypothesis: str | None, confidence: float = 0.9, duration: float = 3.0, name: str = "a") -> Label:
    return Label(name, hypothesis, confidence, None, duration, kept=True, reason="")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (label("good morning"), ""),
        (label(None), "unreadable"),
        (label("  "), "empty"),
        (label("no no no no no"), "loop"),
        (label("many words " * 9 + "quickly said by nobody at all", duration=1.0), "loop"),
        (label("what nobody can say in so short a time as that", duration=0.5), "too long"),
        (label("x y"), "no label"),
        (label("good morning", confidence=0.69), "confidence"),
    ],
)
def test_a_label_by_itself(given: Label, reason: str) -> None:
    options = PseudoLabel(min_confidence=0.7)
    found = first_judgement(given, str.lower, lambda text, seconds: "no" if text == "x y" else None, options)
    assert (found.kept, found.reason) == (not reason, reason)
    assert not reason or reason in REASONS


def test_agreement_is_one_less_the_character_error_rate() -> None:
    options = PseudoLabel(min_agreement=0.75)
    same = compared(label("Good bear"), "good bear", str.lower, options)
    assert (same.kept, same.agreement) == (True, 1.0)
    close = compared(label("good bear"), "good beer x", str.lower, options)
    assert (close.kept, close.agreement) == (False, pytest.approx(1 - 3 / 9, abs=1e-4)) and close.reason == "agreement"
    assert compared(label("ab"), None, str.lower, options).agreement == 0.0
    assert compared(label("ab"), "quite another text", str.lower, options).agreement == 0.0


def test_the_most_confident_share_of_all_stays_and_of_equals_the_first() -> None:
    made = [label("a", c) for c in (0.2, 0.9, 0.5, 0.5, 0.8)] + [label("b", 0.99).refused("loop")]
    found = most_confident(made, PseudoLabel(keep_share=0.5))
    assert [one.kept for one in found] == [False, True, True, False, True, False]
    assert [one.reason for one in found] == ["share", "", "", "share", "", "loop"]
    assert all(one.kept for one in most_confident(made[:5], PseudoLabel(keep_share=1)))


def test_what_a_report_says() -> None:
    made = [label("a", 0.9, 1800.0), label("b", 0.7, 900.0), label("c", 0.1, 900.0).refused("confidence")]
    assert counted(made) == {
        "utterances": 3,
        "kept": 2,
        "hours": 1.0,
        "kept_hours": 0.75,
        "left": {"confidence": 1},
        "least_confidence": 0.7,
    }
    assert counted([made[2]])["kept"] == 0


def test_noise_is_always_heard_the_second_time() -> None:
    options = PseudoLabel(noise=Noise(generated=["white"], share=0.1))
    assert options.heard_through.effects()["noise"].share == 1.0


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"keep_share": 0}, {"min_confidence": 2}, {"datas": "x"}])
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        PseudoLabel(**wrong)
