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
from speech_tl.reporting.ladder import ladder_section
from speech_tl.reporting.plots import interval_plot
from speech_tl.reporting.style import as_written, style_line
from speech_tl.scoring.alignment import UNITS
from speech_tl.scoring.groups import SMALL_GROUP
from speech_tl.scoring.pairing import pair
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import Rate

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def html_page(
    report: Mapping[str, Any],
    before: Evaluation | None = None,
    after: Evaluation | None = None,
    log: Sequence[Mapping[str, Any]] = (),
    audio: AudioMode = "none",
    folder: Path | None = None,
) -> str:
    """The report as a page; nothing in it is loaded from elsewhere, all text from data is escaped.

    Args:
        report: from `build_report`; keys that older reports lack leave their parts out.
        before, after: for the speakers and the browser of utterances; without both, the page leaves them out.
        log: entries of training/log.jsonl with `step` and `loss`, `dev_wer` or `dev_cer`.
        audio: "embed" puts at most 40 clips into the page, "link" points at the files, "none" leaves sound out.
        folder: where the page will lie, for links.
    """
    if before is not None and after is not None:
        after = pair(before, after)
    target = report["target"]
    change, rate = words.leading(target), words.rate_of(target)
    browser = _browser(report, before, after, audio, folder)
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
        change_plot=interval_plot(change, rate) if change["ci95"] else None,
        test_line=sections.test_line(report, after),
        effort=sections.effort_lines(report),
        ladder=ladder_section(report, rate),
        guard_plots=sections.guard_plots(report),
        interpolation=interpolation_section(report),
        groups=sections.group_sections(report),
        speakers=sections.speaker_section(before, after, rate),
        errors=sections.error_section(report),
        curves=sections.curves(log, rate),
        facts=words.training_facts(report["training"]),
        rounds=words.pseudo_label_rows(report["training"]),
        leaks=words.leak_lines(report.get("leaks")),
    )


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


def _browser(
    report: Mapping[str, Any],
    before: Evaluation | None,
    after: Evaluation | None,
    audio: AudioMode,
    folder: Path | None,
) -> Browser | None:
    """The utterances with the columns that the report groups by; None without both evaluations."""
    if before is None or after is None:
        return None
    sides = {"before": before, "after": after}
    return browser_of(sides, list(report["groups"]), audio, folder, words.rate_of(report["target"]))


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
