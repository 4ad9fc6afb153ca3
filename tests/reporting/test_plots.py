"""Plots: well-formed drawings with title, units and a text alternative, whatever the figures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from speech_tl.reporting.plots import curve_plot, interval_plot


@pytest.mark.parametrize("ends", [(-0.2, -0.1), (-0.01, 0.02), (0.0, 0.0), (0.3, 0.9)])
def test_interval_holds_its_dot_and_zero(ends: tuple[float, float]) -> None:
    drawing = ElementTree.fromstring(str(interval_plot({"ci95": list(ends), "absolute": sum(ends) / 2})))
    line = next(mark for mark in drawing.iter("line") if mark.get("class") == "interval")
    dot = next(drawing.iter("circle"))
    assert float(line.get("x1")) - 0.1 <= float(dot.get("cx")) <= float(line.get("x2")) + 0.1
    zero = next(mark for mark in drawing.iter("line") if mark.get("class") == "zero")
    assert 0 < float(zero.get("x1")) < 420
    assert "95 % interval" in drawing.get("aria-label")
    assert any("percentage points" in (text.text or "") for text in drawing.iter("text"))


@pytest.mark.parametrize("points", [[(1, 2.0)], [(0, 0.0), (10, 0.0)], [(1, 5.0), (50, 0.001), (100, 1e6)]])
def test_curve_stays_inside(points: list[tuple[float, float]]) -> None:
    drawing = ElementTree.fromstring(str(curve_plot("Loss <&>", "loss", points)))
    places = next(drawing.iter("polyline")).get("points").split()
    assert len(places) == len(points)
    for place in places:
        x, y = map(float, place.split(","))
        assert 0 <= x <= 420 and 0 <= y <= 220
    assert len([mark for mark in drawing.iter("text") if mark.get("class") == "tick"]) >= 4
