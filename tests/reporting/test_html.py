"""report.html as text: self-contained, hostile text stays text, figures come from the utterances, old reports open."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jiwer
import pytest

from speech_tl.reporting.html import html_page
from speech_tl.reporting.page import build_report, write_report
from speech_tl.reporting.report import Report
from speech_tl.scoring.wer import Evaluation, score
from tests.reporting.made import HOSTILE, two_models
from tests.scoring.made import Said, evaluation


class Page(HTMLParser):
    """What a browser would find: tags, loaded things, handlers, text, and the content of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.inner: dict[str, list[str]] = {"script": [], "style": []}
        self.policy, self.inside = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside = tag if tag in self.inner else ""
        named = dict(attrs)
        self.loaded += [str(named[name]) for name in ("src", "href", "data", "srcset", "action") if name in named]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(named["content"])

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        (self.inner[self.inside] if self.inside else self.words).append(data)

    @property
    def text(self) -> str:
        """All that is to be read, with single spaces."""
        return " ".join(" ".join(self.words).split())

    @property
    def rows(self) -> list[list[Any]]:
        """The utterances that the page's script is given."""
        return json.loads(next(inner for inner in self.inner["script"] if inner.startswith("{")))["rows"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Page]:
    folder = tmp_path_factory.mktemp("run")
    before, after = two_models(folder)
    report = build_report(
        HOSTILE, before, after, guards={HOSTILE: (after, before)}, by=["gender"], notes=[HOSTILE],
        training={"steps": 400, "seconds": 4000.0}, data={"hours": {"train": 2.5}},
    )  # fmt: skip
    log = [{"step": s, "loss": 3 / s} for s in range(1, 400, 9)] + [{"step": 200, "dev_wer": 0.3, "loss": float("nan")}]
    write_report(report, folder, before, after, log, "embed")
    before.write(folder / "before")
    after.write(folder / "after")
    return folder, report, Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_is_self_contained(run) -> None:
    page = run[2]
    assert all(address.startswith(("#", "data:,")) for address in page.loaded), page.loaded
    assert not re.search(r"url\(|@import|https?://", "".join(page.inner["style"]))
    assert not re.search(r"https?://|fetch\(|innerHTML", "".join(page.inner["script"]))
    # change, guard, gender, kinds, curves; each speaker said too little for a plot of theirs
    assert page.tags.count("svg") == page.tags.count("figcaption") == 6
    assert (run[0] / "report.html").stat().st_size < 60_000 + 40 * 9_000  # two dozen kB of figures, and the clips
    assert "nan" not in page.text.lower()


def test_policy_lets_only_our_own_script_and_style_run(run) -> None:
    page = run[2]
    assert page.policy.startswith("default-src 'none'") and "unsafe" not in page.policy
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.inner[kind][-1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy
    assert page.handlers == []  # attributes that the policy would refuse


def test_markup_in_texts_names_and_files_is_text(run) -> None:
    page = run[2]
    assert "img" not in page.tags and page.tags.count("script") == 2  # the data and our own
    assert page.text.count(HOSTILE) >= 5  # title, guard, note, group, speaker
    assert [row for row in page.rows if HOSTILE in row[4]], "the transcript reaches the browser as it is"


def test_figures_come_from_utterances_jsonl_alone(run) -> None:
    folder, report, page = run
    sides = [
        [json.loads(line) for line in (folder / side / "utterances.jsonl").read_text().split("\n") if line]
        for side in ("before", "after")
    ]
    measured = [jiwer.process_words([r["reference"] for r in s], [r["hypothesis"] for r in s]) for s in sides]
    for figures in measured:
        assert f"{100 * figures.wer:.1f} %" in page.text
        for number in (figures.substitutions, figures.deletions, figures.insertions):
            assert f" {number} " in page.text
    errors = [[r["substitutions"] + r["deletions"] + r["insertions"] for r in side] for side in sides]
    shown = [
        [sum(len(h) if isinstance(h, list) else 1 for _, h in row[6][side]) for row in page.rows] for side in (0, 1)
    ]
    assert shown == errors and [row[5] for row in page.rows] == [row["words"] for row in sides[0]]
    by_speaker: dict[str, int] = {}
    for row, first, last in zip(sides[0], *errors, strict=True):
        by_speaker[row["speaker"]] = by_speaker.get(row["speaker"], 0) + last - first
    better, worse = sum(v < 0 for v in by_speaker.values()), sum(v > 0 for v in by_speaker.values())
    assert f"{better} of {len(by_speaker)} speakers better, {worse} worse" in page.text
    women = [(r["words"], e) for r, e in zip(sides[1], errors[1], strict=True) if r["gender"] == "f"]
    assert f"{100 * sum(e for _, e in women) / sum(w for w, _ in women):.1f} %" in page.text
    assert report["target"]["after"]["wer"] == pytest.approx(measured[1].wer)


def test_first_screen_says_all_that_matters(run) -> None:
    folder, report, page = run
    first = page.text.split("Result Price")[0]
    for part in ("Significantly better (95 % interval excludes zero).", "95 % interval of the change", "resamples",
                 "2 h 30 min of speech",
                 "1 h 06 min of training", "worsened beyond its limit"):  # fmt: skip
        assert part in first, part
    html = (folder / "report.html").read_text()
    assert 'class="card warning"' in html and report["guards"][HOSTILE]["exceeded"]


def test_conditions_that_differ_are_told_on_the_first_screen(run) -> None:
    report = run[1].model_copy(update={"conditions": ["decoding.beam: 1 before, 5 after"]})
    first = Page(html_page(report)).text.split("Result Price")[0]
    assert "Not the same for both decoding.beam: 1 before, 5 after" in first
    assert "Not the same for both" not in run[2].text


def test_older_reports_and_reports_without_utterances_open(run) -> None:
    report = json.loads((run[0] / "report.json").read_text())
    for name in ("gaps", "errors", "leaks", "notes"):
        report.pop(name, None)
    for measured in (report["target"], *report["guards"].values()):
        measured.pop("limit", None), measured.pop("exceeded", None)
        measured["before"].pop("raw"), measured["after"].pop("raw")
        measured["wer_change"].pop("won"), measured["wer_change"].pop("mapsswe")
    for found in report["groups"]["gender"].values():
        found.pop("change"), found.pop("small")
    page = Page(html_page(Report.model_validate({**report, "training": {}})))
    assert page.tags.count("script") == 1 and "Utterances" not in page.text
    assert "no limit was set" in page.text and "Training" not in page.text


def test_silence_has_no_rates_and_still_a_page() -> None:
    silence = evaluation([("", "you"), ("", "")])
    page = Page(html_page(build_report("silence", silence, silence), silence, silence))
    assert "There is no WER" in page.text or "there is no WER" in page.text
    assert page.rows[0][5:7] == [0, [[[0, ["you"]]], [[0, ["you"]]]]]


def test_languages_without_spaces_lead_with_cer_and_align_characters() -> None:
    said = [Said(f"u{row}", "สวัสดี", columns={"speaker": f"s{row}"}) for row in range(4)]
    before, after = (_thai(said, heard) for heard in ("สวสดี", "สวัสดี"))
    page = Page(html_page(build_report("thai", before, after, data={"language": "th"}), before, after))
    assert "CER before" in page.text and "WER before" not in page.text
    assert page.rows[0][5:7] == [6, [[[2, None]], []]]


def _thai(said: list[Said], heard: str) -> Evaluation:
    """Everybody is heard alike."""
    return score(said, [heard] * len(said), "none")
