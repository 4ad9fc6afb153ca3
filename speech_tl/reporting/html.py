"""report.html: one self-contained page, readable on a phone and on paper, in light and in dark."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.reporting import sections, words
from speech_tl.reporting.browser import Browser, browser_of
from speech_tl.reporting.clips import AudioMode
from speech_tl.reporting.interpolation import interpolation_section
from speech_tl.reporting.ladder import heard_lines, ladder_plot_of
from speech_tl.reporting.plots import Dot, interval_plot
from speech_tl.reporting.report import Report
from speech_tl.reporting.style import as_written, style_line
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.groups import SMALL_GROUP
from speech_tl.scoring.pairing import pair
from speech_tl.scoring.significance import Change
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def html_page(
    report: Report,
    before: Evaluation | None = None,
    after: Evaluation | None = None,
    log: Sequence[Mapping[str, Any]] = (),
    audio: AudioMode = "none",
    folder: Path | None = None,
) -> str:
    """The report as a page; nothing in it is loaded from elsewhere, all text from data is escaped.

    Args:
        report: from `build_report`; what older reports lack leaves its part out.
        before, after: for the speakers and the browser of utterances; without both, the page leaves them out.
        log: entries of training/log.jsonl with `step` and `loss`, `dev_wer` or `dev_cer`.
        audio: "embed" puts at most 40 clips into the page, "link" points at the files, "none" leaves sound out.
        folder: where the page will lie, for links.
    """
    if before is not None and after is not None:
        after = pair(before, after)
    target, rate = report.target, report.rate
    change = target.change
    browser = None
    if before is not None and after is not None:
        sides = {"before": before, "after": after}
        browser = browser_of(sides, list(report.groups), audio, folder, rate)
    return rendered(
        "report.html",
        audio,
        browser,
        rate,
        report=report,
        target=target,
        called=words.sides_called(report),
        written=as_written(target),
        style_line=style_line(target),
        change=change,
        change_plot=_interval_plot(change, rate),
        test_line=sections.test_line(target.after, rate, after.utterances if after else ()),
        effort=sections.effort_lines(report),
        ladder_plot=ladder_plot_of(report.ladder, rate) if report.ladder else None,
        ladder_heard=heard_lines(report.ladder) if report.ladder else [],
        guard_plots=sections.guard_plots(report),
        interpolation=interpolation_section(report.training),
        groups=sections.group_sections(report),
        speakers=sections.speaker_section(before, after, rate),
        errors=sections.error_section(report),
        curves=sections.curves(log, rate),
        facts=words.training_facts(report.training),
        rounds=words.pseudo_label_rows(report.training),
        leaks=words.leak_lines(report.leaks),
    )


def _interval_plot(change: Change, rate: Rate) -> Markup | None:
    """The change with its interval; None where it has none."""
    if change.absolute is None or not change.ci95:
        return None
    return interval_plot(Dot(change.absolute, change.ci95), rate)


def rendered(template: str, audio: AudioMode, browser: Browser | None, rate: Rate, **values: Any) -> str:
    """A page in our style: self-contained, with a policy that lets nothing run or load but what is in it.

    Args:
        template: its file's name.
        audio: how it plays utterances.
        browser: its utterances, as far as it has any.
        rate: which one leads.
        values: what else the template shows; all text among them is escaped.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_own(name) for name in ("page.css", "page.js"))
    return environment.get_template(template).render(
        words=words,
        rate=rate,
        lead=rate.upper(),
        units=UNITS[rate],
        small=SMALL_GROUP[rate],
        browser=browser,
        browser_data=_as_json(browser) if browser else None,
        style=style,
        script=script,
        allowed=_policy(style, script, audio),
        **values,
    )


def _own(name: str) -> Markup:
    """A file of ours, to stand in the page as it is."""
    from markupsafe import Markup

    return Markup("\n" + (TEMPLATES / name).read_text(encoding="utf-8"))


def _policy(style: str, script: str, audio: AudioMode) -> str:
    """What the page may do: our own style and script, known by their hashes, and sound; whatever else is refused."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in (style, script)]
    sound = {"embed": "data:", "link": "'self' file:", "none": "'none'"}[audio]
    pictures = "data: 'self' file:" if audio == "link" else "data:"
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        f"img-src {pictures}; media-src {sound}; base-uri 'none'; form-action 'none'"
    )


def _as_json(browser: Browser) -> Markup:
    """The browser's data as JSON that cannot end the element it stands in."""
    from markupsafe import Markup

    data = {name: getattr(browser, name) for name in ("rows", "sides", "columns", "unit")}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
