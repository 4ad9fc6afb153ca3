"""Groups: every utterance in one of them, unknown values named, wrong columns refused."""

from __future__ import annotations

import pytest

from speech_tl.errors import BadInput
from speech_tl.scoring.groups import Group, Spread, compare_groups, gap, group, members
from speech_tl.scoring.significance import Difference
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said


def spoken(ages: list[object]) -> list[Said]:
    return [Said(f"u{row}", "a b", columns={"age": age, "gender": "f"}) for row, age in enumerate(ages)]


def test_groups_divide_the_whole() -> None:
    found = score(spoken([10, 7, "", None, 7, " "]), ["a b", "a x", "a b", "x x", "a b", "a b"], "none")
    groups = group(found, "age")
    assert list(groups) == ["7", "10", "unknown"]
    assert [groups[age].wer for age in groups] == [0.25, 0.0, 2 / 6]
    assert sum(score.words for score in groups.values()) == found.score.words


def test_unknown_column_suggests_the_nearest() -> None:
    found = score(spoken([1]), ["a b"], "none")
    with pytest.raises(BadInput, match=r"by 'gendre': the test set has age, gender; did you mean 'gender'"):
        group(found, "gendre")


def by_gender(wers: dict[str, tuple[float, float]], words: int = 300) -> tuple[Evaluation, Evaluation]:
    """Before and after with these WERs by gender, each of ten speakers with `words` / 10 one-word utterances."""
    said, heard = [], ([], [])
    for gender, rates in wers.items():
        for number in range(words):
            columns = {"gender": gender, "speaker": f"{gender}{number % 10}"}
            said.append(Said(f"{gender}{number}", "a", columns=columns))
            for side, rate in zip(heard, rates, strict=True):
                side.append("x" if number < rate * words else "a")
    return score(said, heard[0], "none"), score(said, heard[1], "none")


def compared(wers: dict[str, tuple[float, float]], words: int = 300) -> dict[str, Group]:
    before, after = by_gender(wers, words)
    return compare_groups(before.utterances, after.utterances, "gender")


def test_each_group_has_its_change_with_interval() -> None:
    groups = compared({"f": (0.5, 0.2), "m": (0.4, 0.4)})
    assert groups["f"].change.absolute == pytest.approx(-0.3)
    low, high = groups["f"].change.ci95
    assert low <= -0.3 <= high < 0
    assert groups["m"].change == Difference(absolute=0.0, ci95=(0.0, 0.0))
    assert (groups["f"].words, groups["f"].small) == (300, False)
    assert groups["f"].before.wer == 0.5 and groups["f"].after.wer == 0.2


def test_gap_between_best_and_worst_group() -> None:
    found = gap(compared({"f": (0.5, 0.2), "m": (0.4, 0.3), "d": (0.45, 0.25)}))
    assert found.before.as_dict() == {"best": "m", "worst": "f", "gap": pytest.approx(0.1)}
    assert found.after.as_dict() == {"best": "f", "worst": "m", "gap": pytest.approx(0.1)}


def test_groups_and_gaps_of_characters() -> None:
    said = [Said(f"u{n}", "你好吗啊", columns={"gender": "fm"[n % 2], "speaker": f"s{n}"}) for n in range(220)]
    texts = [["你好吗啊", "你号吗啊"][n % 2] for n in range(220)]
    before, after = score(said, ["你号码啊"] * 220, "none"), score(said, texts, "none")
    groups = compare_groups(before.utterances, after.utterances, "gender", rate="cer")
    assert [groups[name].change.absolute for name in "fm"] == [-0.5, -0.25]
    assert [groups[name].small for name in "fm"] == [False, False]  # 440 characters, though only 110 words
    assert gap(groups, "cer").after == Spread(best="f", worst="m", gap=0.25)
    few = compare_groups(before.utterances[:198], after.utterances[:198], "gender", rate="cer")
    assert few["f"].small and gap(few, "cer") is None


def test_small_and_unknown_groups_make_no_gap() -> None:
    groups = compared({"f": (0.5, 0.2), "m": (0.4, 0.3), "": (0.9, 0.9)})
    assert set(groups) == {"f", "m", "unknown"} and gap(groups).before.worst == "f"
    assert gap({name: groups[name] for name in ("f", "unknown")}) is None
    few = compared({"f": (0.5, 0.2), "m": (0.4, 0.3)}, words=199)
    assert few["f"].small and gap(few) is None


def test_who_belongs_to_a_group_is_said_by_before() -> None:
    before, after = by_gender({"f": (0.5, 0.2), "m": (0.4, 0.3)})
    for utterance in after.utterances:
        utterance.columns["gender"] = "someone else's words"
    assert set(compare_groups(before.utterances, after.utterances, "gender")) == {"f", "m"}


def grouped(column: str, values: list[object]) -> dict[str, list[int]]:
    said = [Said(f"u{row}", "a", columns={column: value}) for row, value in enumerate(values)]
    return members(score(said, ["a"] * len(said), "none").utterances, column)


def test_many_ages_become_bands_and_few_stay_as_they_are() -> None:
    ages = [str(age) for age in range(6, 44)]
    found = grouped("age", [*ages, "", None, float("nan")])
    assert list(found) == ["under 10", "10 to 19", "20 to 29", "30 to 39", "40 and over", "unknown"]
    assert found["under 10"] == [0, 1, 2, 3] and len(found["unknown"]) == 3
    assert sorted(index for indices in found.values() for index in indices) == list(range(41))
    assert list(grouped("snr_db", [20, 5, -5.0, 10])) == ["-5.0", "5", "10", "20"]


@pytest.mark.parametrize("column", ["speaker", "client_id"])
def test_people_are_never_banded(column: str) -> None:
    assert len(grouped(column, list(range(100, 140)))) == 40


def test_codes_are_never_banded() -> None:
    assert len(grouped("session", [f"{number:04d}" for number in range(40)])) == 40
    assert len(grouped("street", [f"{number}a" for number in range(40)])) == 40


def test_lengths_are_banded_without_a_column() -> None:
    said = [Said(f"u{row}", "a", duration_s=length) for row, length in enumerate([0.5, 1.5, 2.5, 6.0, None])]
    found = members(score(said, ["a"] * 5, "none").utterances, "duration_band")
    assert list(found) == ["under 1 s", "1 to under 2 s", "2 to under 3 s", "5 s and over", "unknown"]
