"""The page's sections: what is drawn, what is left out and said to be, which confusions are new."""

from __future__ import annotations

import pytest

from speech_tl.reporting import sections
from speech_tl.reporting.page import build_report
from speech_tl.scoring.kinds import MOST, Confusions
from tests.scoring.made import evaluation


def test_confusions_are_sorted_into_rarer_and_new() -> None:
    fixed, new = sections.confusion_changes(
        Confusions(
            before=[("the", "a", 9), ("in", "an", 4), ("same", "seem", 2)],
            after=[("two", "to", 3), ("the", "a", 1), ("same", "seem", 2)],
        )
    )
    assert [(row.said, row.before, row.after) for row in fixed] == [("the", "9", "1"), ("in", "4", "0")]
    assert [(row.said, row.heard, row.before, row.after) for row in new] == [("two", "to", "0", "3")]


def test_what_a_cut_list_cannot_know_is_said() -> None:
    full = [(f"word{n}", "x", 30 - n) for n in range(MOST)]
    fixed, new = sections.confusion_changes(Confusions(before=full, after=[("two", "to", 40), ("few", "few", 2)]))
    assert len(fixed) == MOST and fixed[0].after == "0"
    assert [(row.said, row.before, row.after) for row in new] == [("two", "≤ 11", "40")]


def test_words_fixed_and_broken_say_what_they_were_heard_as() -> None:
    before, after = evaluation([("it is", "eat is")] * 3), evaluation([("it is", "it ease")] * 3)
    found = dict(sections.error_section(build_report("x", before, after)).words)
    assert found == {"Words fixed": [("it", 3, " as eat")], "Words broken": [("is", 3, " as ease")]}


def test_speakers_who_got_better_and_worse() -> None:
    said = ["a b", "a b", "a b", "a b"]
    before = evaluation(list(zip(said, ["a", "a b", "x", "a b"], strict=True)), speakers=["s1", "s2", "s1", ""])
    after = evaluation(list(zip(said, ["a b", "a", "a b", "x"], strict=True)), speakers=["s1", "s2", "s1", ""])
    found = sections.speaker_section(before, after)
    assert (found.better, found.worse, found.same) == (1, 1, 0)
    assert found.lost == [("s2", 50.0)] and found.median == pytest.approx((-75 + 50) / 2)
    assert found.plot is None, "two words of a speaker are too few to draw"
    long = " ".join("abcdefghij" * 4)
    many = evaluation([(long, long), (long, long)], speakers=["s1", "s2"])
    assert sections.speaker_section(many, many).plot
    nobody = evaluation([("a", "a")])
    assert sections.speaker_section(nobody, nobody) is None and sections.speaker_section(None, None) is None


def test_many_groups_are_folded_and_the_smallest_left_out_of_the_plot() -> None:
    pairs = [("a b c" if row else "a", "a") for row in range(30)]
    before = evaluation(pairs, speakers=[f"s{row}" for row in range(30)])
    found = sections.group_sections(build_report("x", before, before, by=["speaker"]))[0]
    assert found.folded and found.not_drawn == 6 and len(found.groups) == 30
    assert all(group.too_small for group in found.groups.values()) and str(found.plot).count("row faint") == 24
    assert ">s0<" not in str(found.plot)


def test_effort_of_a_run_and_of_a_comparison() -> None:
    same = evaluation([("a", "a")])
    training = {"steps": 100, "seconds": 90.0, "trainable_parameters": 1, "total_parameters": 10}
    data = {"hours": {"train": 0.5}, "speakers": {"train": 3}}
    assert sections.effort_lines(build_report("x", same, same, training=training, data=data)) == [
        "30 min 00 s of speech by 3 speakers", "1 min 30 s of training", "100 steps, 10.0 % of the parameters",
    ]  # fmt: skip
    models = {"before": {"source": "a"}, "after": {"source": "b"}}
    assert sections.effort_lines(build_report("x", same, same, model=models)) == ["before: a", "after: b"]


def test_curves_leave_out_what_is_no_number() -> None:
    log = [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": 1.0}, {"step": 2, "dev_wer": 0.5}, {"loss": 3.0}]
    loss, dev = sections.curves(log)
    assert "from 1 at step 2 to 1 at step 2" in str(loss) and "from 50 at step 2" in str(dev)
    assert sections.curves([]) == []
