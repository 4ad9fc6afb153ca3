"""Every figure of a report follows from the two utterances.jsonl alone: recomputed here with jiwer and plain Python."""

from __future__ import annotations

import json
import random
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import pytest

from speech_tl.reporting.page import build_report, write_report
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said

Row = dict[str, Any]

# one word four times in a row, two to eight words three times
LOOP = re.compile(r"(?:^| )(?:(\S+)(?: \1){3}|(\S+(?: \S+){1,7})(?: \2){2})(?: |$)")

SENTENCES = [
    "The cat sat on the mat, didn't it?",
    "She sells sea shells by the sea shore.",
    "How much wood would a woodchuck chuck?",
    "No, no, no!",
    "",
]


def decoded(error_rate: float, seed: int, hallucinates: str) -> Evaluation:
    """A made-up model that mishears, loses and adds words, and writes `hallucinates` where nobody speaks."""
    chance = random.Random(seed)
    said = [
        Said(
            f"u{row}",
            SENTENCES[row % len(SENTENCES)],
            columns={"speaker": f"s{row % 13}", "gender": "fm"[row % 13 % 2], "age": str(8 + row % 13 * 3)},
            duration_s=1.0 + row % 8,
        )
        for row in range(260)
    ]
    return score(said, [misheard(one.text, error_rate, hallucinates, chance) for one in said], "basic")


def misheard(text: str, error_rate: float, hallucinates: str, chance: random.Random) -> str:
    if not text:
        return hallucinates
    heard = [
        chance.choice(["uh", "sea", "", f"{word} um"]) if chance.random() < error_rate else word
        for word in text.split()
    ]
    return " ".join(heard) + (" and so on" * 5 if chance.random() < 0.05 else "")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sides = decoded(0.4, 1, "you"), decoded(0.2, 2, "")
    report = build_report("made", *sides, by=["gender", "age", "duration_band"], seed=5)
    for name, side in zip(("before", "after"), sides, strict=True):
        side.write(folder / name)
    return write_report(report, folder, *sides)


@pytest.fixture(scope="module")
def report(run: Path) -> dict[str, Any]:
    return json.loads((run / "report.json").read_text())


@pytest.fixture(scope="module")
def rows(run: Path) -> dict[str, list[Row]]:
    return {
        side: [json.loads(line) for line in (run / side / "utterances.jsonl").read_text().split("\n") if line]
        for side in ("before", "after")
    }


def errors(row: Row) -> int:
    return row["substitutions"] + row["deletions"] + row["insertions"]


def wer(rows: list[Row]) -> float:
    return jiwer.wer([row["reference"] for row in rows], [row["hypothesis"] for row in rows])


def squeezed(text: str) -> str:
    return " ".join(text.split())


def letters_wrong(row: Row) -> int:
    """Wrong characters of one row, by jiwer."""
    if not row["reference"]:
        return len(row["hypothesis"])
    found = jiwer.process_characters(row["reference"], row["hypothesis"])
    return found.substitutions + found.deletions + found.insertions


def redrawn(
    before: list[Row], after: list[Row], wrong: Callable[[Row], int], units: Callable[[Row], int]
) -> list[float]:
    """Changes of an error rate in 2 000 test sets of speakers drawn with replacement."""
    spoken: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for first, last in zip(before, after, strict=True):
        spoken[first["speaker"]].append((wrong(last) - wrong(first), units(first)))
    blocks = [tuple(map(sum, zip(*pairs, strict=True))) for pairs in spoken.values()]
    chance, changes = random.Random(0), []
    for _ in range(2000):
        worse, words = map(sum, zip(*chance.choices(blocks, k=len(blocks)), strict=True))
        changes.append(worse / words)
    return sorted(changes)


def test_scores(report: dict[str, Any], rows: dict[str, list[Row]]) -> None:
    for side in ("before", "after"):
        found, these = report["target"][side], rows[side]
        counted = jiwer.process_words([row["reference"] for row in these], [row["hypothesis"] for row in these])
        for name in ("substitutions", "deletions", "insertions"):
            assert found[name] == getattr(counted, name) == sum(row[name] for row in these)
        assert found["wer"] == counted.wer and found["words"] == sum(row["words"] for row in these)
        texts = [[row[name] for row in these] for name in ("reference", "hypothesis")]
        assert found["cer"] == jiwer.cer(*texts) and found["utterances"] == len(these)
        raw = [[squeezed(row[name]) for row in these] for name in ("reference_raw", "hypothesis_raw")]
        spelt = jiwer.process_characters(*texts)
        assert found["by_character"] == {
            "characters": sum(len(row["reference"]) for row in these),
            **{name: getattr(spelt, name) for name in ("substitutions", "deletions", "insertions")},
        }
        assert found["raw"] == {"wer": jiwer.wer(*raw), "cer": jiwer.cer(*raw)}


@pytest.mark.parametrize("rate", ["wer", "cer"])
def test_change_and_its_chance(report: dict[str, Any], rows: dict[str, list[Row]], rate: str) -> None:
    change = report["target"][f"{rate}_change"]
    wrong, units = (
        (errors, lambda row: row["words"]) if rate == "wer" else (letters_wrong, lambda r: len(r["reference"]))
    )
    before, after = (sum(map(wrong, rows[side])) / sum(map(units, rows[side])) for side in ("before", "after"))
    assert change["absolute"] == pytest.approx(after - before)
    assert change["relative"] == pytest.approx((after - before) / before)
    changes = redrawn(rows["before"], rows["after"], wrong, units)
    middle, spread = statistics.mean(change["ci95"]), change["ci95"][1] - change["ci95"][0]
    assert middle == pytest.approx(statistics.mean(changes), abs=0.15 * spread)
    plain = changes[1949] - changes[49]
    assert 1.0 < spread / plain < 1.3  # t with 12 degrees of freedom: 1.157 times as wide
    assert change["won"] == pytest.approx(sum(value < 0 for value in changes) / len(changes), abs=0.02)


def test_groups_and_gaps(report: dict[str, Any], rows: dict[str, list[Row]]) -> None:
    columns: dict[str, Callable[[Row], str]] = {
        "gender": lambda row: row["gender"],
        "age": lambda row: age_band(int(row["age"])),
        "duration_band": lambda row: duration_band(row["duration"]),
    }
    for column, value_of in columns.items():
        wers = {}
        for value, found in report["groups"][column].items():
            these = {side: [row for row in rows[side] if value_of(row) == value] for side in rows}
            wers[value] = {side: wer(these[side]) for side in these}
            assert {side: found[side]["wer"] for side in these} == wers[value]
            assert found["words"] == sum(row["words"] for row in these["before"])
            assert found["small"] == (found["words"] < 200)
            assert found["change"]["absolute"] == pytest.approx(wers[value]["after"] - wers[value]["before"])
        assert sum(found["words"] for found in report["groups"][column].values()) == report["target"]["before"]["words"]
        large = [value for value, found in report["groups"][column].items() if not found["small"]]
        for side in ("before", "after"):
            gap, ordered = report["gaps"][column][side], sorted(large, key=lambda value: wers[value][side])
            assert (gap["best"], gap["worst"]) == (ordered[0], ordered[-1])
            assert gap["gap"] == pytest.approx(wers[ordered[-1]][side] - wers[ordered[0]][side])


def age_band(age: int) -> str:
    return "under 10" if age < 10 else "40 and over" if age >= 40 else f"{age // 10 * 10} to {age // 10 * 10 + 9}"


def duration_band(duration: float) -> str:
    lower = int(duration) // 2 * 2
    return "under 2 s" if duration < 2 else "8 s and over" if duration >= 8 else f"{lower} to under {lower + 2} s"


def test_confusions_and_words(report: dict[str, Any], rows: dict[str, list[Row]]) -> None:
    right = {side: [] for side in rows}
    for side, these in rows.items():
        confused: Counter[tuple[str, str]] = Counter()
        aligned = jiwer.process_words([row["reference"] for row in these], [row["hypothesis"] for row in these])
        for said, heard, chunks in zip(aligned.references, aligned.hypotheses, aligned.alignments, strict=True):
            kinds = {}
            for chunk in chunks:
                for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
                    kinds[chunk.ref_start_idx + offset] = chunk.type
                    if chunk.type == "substitute":
                        confused[said[chunk.ref_start_idx + offset], heard[chunk.hyp_start_idx + offset]] += 1
            right[side].append([(word, kinds[position] == "equal") for position, word in enumerate(said)])
        listed = report["errors"]["confusions"][side]
        assert [count for *_, count in listed] == [count for _, count in confused.most_common(20)]
        assert all(confused[said, heard] == count for said, heard, count in listed)
    pairs = [both for sides in zip(right["before"], right["after"], strict=True) for both in zip(*sides, strict=True)]
    for name, was_right in (("fixed", False), ("broken", True)):
        changed = Counter(word for (word, first), (_, last) in pairs if first == was_right and last != was_right)
        assert dict(report["errors"][name]) == dict(changed.most_common(20))


def test_utterances_and_text_nobody_said(report: dict[str, Any], rows: dict[str, list[Row]]) -> None:
    both = list(zip(rows["before"], rows["after"], strict=True))
    for name, sign in (("improved", -1), ("worsened", 1)):
        changes = sorted((sign * (errors(last) - errors(first)) for first, last in both), reverse=True)
        listed = report["errors"][name]
        assert [sign * (last - first) for _, first, last in listed] == [size for size in changes[:20] if size > 0]
        known = {first["id"]: (errors(first), errors(last)) for first, last in both}
        assert all(known[name] == (first, last) for name, first, last in listed)
    for side, these in rows.items():
        found = report["errors"]
        assert found["on_silence"][side] == sum(bool(row["hypothesis"]) and not row["reference"] for row in these)
        assert found["overlong"][side] == sum(len(row["hypothesis"]) > 30 * row["duration"] + 10 for row in these)
        assert found["loops"][side] == sum(bool(LOOP.search(row["hypothesis"])) for row in these)
    assert report["errors"]["on_silence"] == {"before": 52, "after": 0} and report["errors"]["loops"]["before"] > 0
