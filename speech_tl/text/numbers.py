"""How figures are written for people: percentages, points, counts, durations, p-values. Floor 0."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "–"

UNBROKEN = "\u00a0"  # no line ends between the digits of one number


def percent(fraction: float | None) -> str:
    """0.2534 -> "25.3 %"."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f} %"


def points(fraction: float | None) -> str:
    """-0.0534 -> "−5.3" (percentage points), with its sign."""
    return NOTHING if fraction is None else signed(100 * fraction, ".1f")


def relative(fraction: float | None) -> str:
    """-0.31 -> "−31 %", with its sign."""
    return NOTHING if fraction is None else f"{signed(100 * fraction, '.0f')} %"


def interval(ci95: Sequence[float] | None) -> str:
    """[0.2, 0.3] -> "20.0 to 30.0 %"."""
    return NOTHING if not ci95 else f"{100 * ci95[0]:.1f} to {100 * ci95[1]:.1f} %"


def ends(ci95: Sequence[float] | None) -> str:
    """[-0.04, 0.01] -> "−4.0 to +1.0": the ends of a change's interval, in points."""
    return NOTHING if not ci95 else f"{points(ci95[0])} to {points(ci95[1])}"


def signed(value: float, form: str) -> str:
    """A number with a real minus sign, a plus sign, or neither for zero."""
    text = format(abs(value), form)
    if float(text.replace(",", "")) == 0:
        return text
    return ("−" if value < 0 else "+") + text


def count(number: float | None) -> str:
    """1234567 -> "1 234 567", its spaces unbroken."""
    return NOTHING if number is None else f"{number:,.0f}".replace(",", UNBROKEN)


def hours(seconds: float | None) -> str:
    """4000 -> "1 h 07 min"; 70 -> "1 min 10 s"."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{seconds:.0f} s"


def p_value(value: float) -> str:
    """0.0321 -> "p = 0.032"; smaller than anyone should lean on: "p < 0.001"."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def exact_p(value: float | None) -> str:
    """0.03214 -> "0.0321", for a table of tests."""
    return NOTHING if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def won_share(fraction: float) -> str:
    """0.9987 -> "99.9 %"; never rounded up to all nor down to none."""
    if 0 < fraction < 0.001:
        return "under 0.1 %"
    return "over 99.9 %" if 0.999 < fraction < 1 else f"{100 * fraction:.3g} %"
