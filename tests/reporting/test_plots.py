"""Plots: well-formed drawings with title, units and a text alternative, whatever the figures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from speech_tl.reporting.plots import (
    Dot,
    Measure,
    PairedRow,
    curve_plot,
    grouped_plot,
    interval_plot,
    kinds_plot,
    ladder_plot,
    paired_plot,
    pairs_plot,
    ranked_plot,
    spread_plot,
)
from speech_tl.reporting.plots.lines import lines_plot
from speech_tl.reporting.svg import WIDTH, cut, cut_within, round_step, ticks
from speech_tl.scoring.alignment import Edits

HOSTILE = '<script>"&'


def parsed(plot: Any) -> tuple[str, ElementTree.Element]:
    """A plot's title and its drawing; both must be there."""
    figure = ElementTree.fromstring(str(plot))
    title, drawing = figure.find("figcaption").text, figure.find("svg")
    assert title and len(drawing.get("aria-label")) > 20 and drawing.get("role") == "img"
    return title, drawing


def texts(drawing: ElementTree.Element, css: str) -> list[str]:
    """The texts of one class."""
    return [text.text or "" for text in drawing.iter("text") if text.get("class") == css]


def inside(drawing: ElementTree.Element) -> None:
    """Every dot, bar and line lies in the drawing."""
    height = float(drawing.get("viewBox").split()[3])
    for mark in drawing.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert -0.1 <= float(mark.get(name, 0)) <= WIDTH + 0.1, (mark.tag, mark.attrib)
        for name in ("y", "y1", "y2", "cy"):
            assert -0.1 <= float(mark.get(name, 0)) <= height + 0.1, (mark.tag, mark.attrib)


@pytest.mark.parametrize("ends", [(-0.2, -0.1), (-0.01, 0.02), (0.0, 0.0), (0.3, 0.9)])
def test_interval_holds_its_dot_and_zero(ends: tuple[float, float]) -> None:
    title, drawing = parsed(interval_plot(Dot(sum(ends) / 2, ends)))
    line = next(mark for mark in drawing.iter("line") if mark.get("class") == "interval")
    dot = next(drawing.iter("circle"))
    assert float(line.get("x1")) - 0.1 <= float(dot.get("cx")) <= float(line.get("x2")) + 0.1
    zero = next(mark for mark in drawing.iter("line") if mark.get("class") == "zero")
    assert 0 < float(zero.get("x1")) < WIDTH
    assert "95 % interval" in title and "95 % interval" in drawing.get("aria-label")
    assert texts(drawing, "name") == ["change of the WER (percentage points)"]
    inside(drawing)


@pytest.mark.parametrize("points", [[(1, 2.0)], [(0, 0.0), (10, 0.0)], [(1, 5.0), (50, 0.001), (100, 1e6)]])
def test_curve_stays_inside(points: list[tuple[float, float]]) -> None:
    title, drawing = parsed(curve_plot("Loss <&>", "loss", points))
    places = next(drawing.iter("polyline")).get("points").split()
    assert len(places) == len(points) and title == "Loss <&>"
    for place in places:
        x, y = map(float, place.split(","))
        assert 0 <= x <= WIDTH and 0 <= y <= 210
    assert len(texts(drawing, "tick")) >= 4 and texts(drawing, "name") == ["loss", "step"]


def test_long_curves_are_thinned_and_marked_at_their_lowest() -> None:
    points = [(step, abs(step - 3000) / 100 + 20) for step in range(5000)]
    _, drawing = parsed(curve_plot("WER", "WER (%)", points, lowest=True))
    assert 100 <= len(next(drawing.iter("polyline")).get("points").split()) <= 240
    dot = next(drawing.iter("circle"))
    assert 0.5 < float(dot.get("cx")) / WIDTH < 0.75 and texts(drawing, "value") == ["20.1"]
    assert "lowest 20" in drawing.get("aria-label")


def test_paired_plot_has_a_row_for_each_group_with_its_intervals() -> None:
    rows = [
        PairedRow("female", Dot(0.3, (0.25, 0.35)), Dot(0.2, (0.15, 0.25))),
        PairedRow(HOSTILE, Dot(1.2), Dot(0.0), faint=True),
        PairedRow("a name that is far too long for its place", Dot(0.3), Dot(0.3)),
    ]
    _, drawing = parsed(paired_plot(f"WER by {HOSTILE}", rows))
    groups = list(drawing.iter("g"))
    assert [group.get("class") for group in groups] == ["row", "row faint", "row"]
    lines = [mark.get("class") for mark in groups[0].iter("line")]
    assert lines == ["way", "before ci", "after ci"]
    before, after = groups[0].findall("circle")
    assert float(before.get("cx")) > float(after.get("cx"))
    assert [len(name) <= 18 for name in texts(drawing, "label")] == [True] * 3
    assert groups[2].find("title").text.startswith("a name that is far too long for its place: before 30.0 %")
    assert "female: 30.0 before, 20.0 after" in drawing.get("aria-label")
    inside(drawing)


@pytest.mark.parametrize("speakers", [2, 41, 3000])
def test_every_speaker_is_in_the_spread(speakers: int) -> None:
    changes = [(f"s{n}", (n * 37 % 101) / 5 - 15) for n in range(speakers)]
    _, drawing = parsed(spread_plot("Speakers", changes))
    dots, bars = list(drawing.iter("circle")), list(drawing.iter("rect"))
    if bars:
        assert sum(int(bar.find("title").text.split()[0]) for bar in bars) == speakers
    else:
        assert len(dots) == speakers
        zero = float(next(m for m in drawing.iter("line") if m.get("class") == "zero").get("x1"))
        assert all((float(dot.get("cx")) < zero) == (dot.get("class") == "better") for dot in dots)
    assert bool(bars) == (speakers == 3000)
    inside(drawing)


def test_bars_of_kinds_add_up_to_the_wer() -> None:
    _, drawing = parsed(kinds_plot(Edits(200, 60, 20, 120), Edits(200, 0, 0, 0)))
    bars = [mark for mark in drawing.iter("rect") if mark.find("title") is not None]
    widths = [float(bar.get("width")) for bar in bars]
    assert widths[0] == pytest.approx(3 * widths[1], abs=0.2) and widths[2] == pytest.approx(2 * widths[0], abs=0.2)
    assert widths[3:] == [0, 0, 0]
    inside(drawing)


def test_ticks_are_round_and_names_are_cut() -> None:
    assert ticks(0, 10) == [0, 2, 4, 6, 8, 10] and ticks(-0.012, 0.031) == [-0.01, 0, 0.01, 0.02, 0.03]
    assert (round_step(0.3), round_step(2), round_step(21)) == (0.5, 2, 25)
    assert cut("abcdef", 4) == "abc…" and cut("abcd", 4) == "abcd"


@pytest.mark.parametrize("wers", [[(0.1, 0.05), (0.3, 0.2), (1.4, 0.9)], [(0.0, 0.0)], [(0.2, 3.0)] * 9])
def test_a_ladder_has_a_dot_for_each_side_of_each_rung(wers: list[tuple[float, float]]) -> None:
    def dot(wer: float) -> Dot:
        return Dot(wer, (0.9 * wer, 1.1 * wer))

    names = [f"{10 - 5 * number} dB" for number in range(len(wers))]
    points = [PairedRow(name, *map(dot, pair)) for name, pair in zip(names, wers, strict=True)]
    _, drawing = parsed(ladder_plot(points))
    inside(drawing)
    dots = {css: [d for d in drawing.iter("circle") if d.get("class") == css] for css in ("before", "after")}
    assert [len(found) for found in dots.values()] == [len(wers), len(wers)]
    heights = [(float(dots["before"][n].get("cy")), float(dots["after"][n].get("cy"))) for n in range(len(wers))]
    for (before, after), (first, last) in zip(wers, heights, strict=True):
        assert (before < after) == (first > last), "higher is worse"
    assert "WER (%)" in texts(drawing, "name") and "signal-to-noise" in " ".join(texts(drawing, "name"))
    assert f"{names[-1]}: {100 * wers[-1][0]:.1f} before, {100 * wers[-1][1]:.1f} after" in drawing.get("aria-label")
    assert 'class="before ci"' in str(ladder_plot(points))
    assert 'class="before ci"' not in str(ladder_plot([PairedRow("0 dB", Dot(0.2), Dot(0.1))]))


MEASURES = [
    Measure("1 a name that is far too long for its place", 0.2, (0.18, 0.25)),
    Measure(f"2 {HOSTILE}", 0.21, None, sure=False),
    Measure("3", 1.4, (0.9, 2.2)),
]


def test_every_recogniser_has_its_dot_and_interval() -> None:
    title, drawing = parsed(ranked_plot(MEASURES, "cer"))
    inside(drawing)
    dots = [float(dot.get("cx")) for dot in drawing.iter("circle")]
    lines = [line for line in drawing.iter("line") if line.get("class") == "after ci"]
    assert dots == sorted(dots) and (len(dots), len(lines)) == (3, 2)
    assert title.startswith("CER of each") and texts(drawing, "name") == ["CER (%)"]
    assert "1 a name that is far too long for its place: 20.0 (18.0 to 25.0)" in drawing.get("aria-label")
    assert texts(drawing, "label")[0] == cut_within(MEASURES[0].name, 24) == "1 a name tha…r its place"


def test_differences_show_zero_and_what_may_be_chance() -> None:
    rows = [Measure("1 and 2", 0.01, (-0.02, 0.03), sure=False), Measure("1 and 3", 0.2, None)]
    _, drawing = parsed(pairs_plot(rows))
    inside(drawing)
    zero = float(next(m for m in drawing.iter("line") if m.get("class") == "zero").get("x1"))
    found = [(dot.get("class"), float(dot.get("cx")) > zero) for dot in drawing.iter("circle")]
    assert found == [("before", True), ("after", True)]
    assert "1 and 2: +1.0 (−2.0 to +3.0)" in drawing.get("aria-label")


@pytest.mark.parametrize("groups", [1, 12])
def test_groups_hold_every_recogniser(groups: int) -> None:
    rows = [measure._replace(name=str(number)) for number, measure in enumerate(MEASURES)]
    _, drawing = parsed(grouped_plot("WER by accent", {f"{HOSTILE} {number}": rows for number in range(groups)}))
    inside(drawing)
    assert len(list(drawing.iter("circle"))) == 3 * groups
    heights = [float(dot.get("cy")) for dot in drawing.iter("circle")]
    assert heights == sorted(heights) and len(set(heights)) == len(heights)
    assert len(texts(drawing, "label")) == groups


def test_intervals_of_a_line_lie_within_the_drawing_and_an_axis_may_begin_at_zero() -> None:
    line = {"full": [(5.0, 96.0), (30.0, 95.0)]}
    _, close = parsed(lines_plot("WER", "minutes", line, doubling=True))
    _, whole = parsed(lines_plot("WER", "minutes", line, within={"full": [(5.0, 90.0, 99.0)]}, from_zero=True))
    ticks_of = [{m.text for m in drawing.iter("text") if m.get("class") == "tick"} for drawing in (close, whole)]
    assert "0" not in ticks_of[0] and "0" in ticks_of[1]
    intervals = [m for m in whole.iter("line") if m.get("class") == "curve ci k0"]
    assert len(intervals) == 1
    inside(whole)
