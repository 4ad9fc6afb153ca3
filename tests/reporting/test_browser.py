"""The browser of utterances: its data, and the whole page in a real browser (headless Chromium by playwright)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from speech_tl.reporting import browser
from speech_tl.reporting.browser import browser_of, by_change, edits_of, error_count
from speech_tl.reporting.page import build_report, write_report
from speech_tl.reporting.ranking import build_ranking, write_ranking
from speech_tl.scoring.alignment import chunks_of
from speech_tl.scoring.wer import Evaluation
from tests.browsing import PATIENCE_MS, chromium_started, expect
from tests.reporting.made import HOSTILE, two_models

PLAYED = re.compile(r"[1-9]")  # seconds, more than none


# ---- the data


@pytest.mark.parametrize(
    ("said", "heard", "edits"),
    [
        ("a b c", "a b c", []),
        ("a b c", "a x c", [[1, "x"]]),
        ("a b c", "a c", [[1, None]]),
        ("a b", "a b c d", [[2, ["c", "d"]]]),
        ("a b", "z a b", [[0, ["z"]]]),
        ("", "you", [[0, ["you"]]]),
        ("a b", "", [[0, None], [1, None]]),
    ],
)
def test_edits_say_what_was_heard_instead(said: str, heard: str, edits: list[Any]) -> None:
    found = edits_of(chunks_of(said, heard))
    assert found == edits
    assert error_count(found) == sum(len(part) if isinstance(part, list) else 1 for _, part in edits)


def test_most_changed_come_first_by_turns() -> None:
    assert by_change([0, -3, 2, -1, 5, 0]) == [4, 1, 2, 3, 0, 5]


def test_what_finds_no_room_is_what_changed_least(models, monkeypatch: pytest.MonkeyPatch) -> None:
    sides = dict(zip(("before", "after"), models, strict=True))
    whole = browser_of(sides, columns=["gender", "speaker"])
    assert whole.left_out == 0 and whole.columns == ["gender"] and len(whole.rows) == 60
    monkeypatch.setattr(browser, "MOST_BYTES", 1500)
    part = browser_of(sides)
    change = {row[0]: abs(error_count(row[6][1]) - error_count(row[6][0])) for row in whole.rows}
    kept = {row[0] for row in part.rows}
    assert 0 < len(part.rows) == 60 - part.left_out
    assert max(change[name] for name in kept) == max(change.values())
    assert min(change[name] for name in kept) >= 1


# ---- the page


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Evaluation]:
    return two_models(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, models) -> dict[str, Path]:
    """A run's page with embedded clips and one with links."""
    before, after = models
    report = build_report(HOSTILE, before, after, guards={"guard": (after, after)}, by=["gender"], notes=[HOSTILE])
    log = [{"step": step, "loss": 3 / step, "dev_wer": 0.5 - step / 1000} for step in range(1, 200, 10)]
    found = {}
    for mode in ("embed", "link"):
        folder = tmp_path_factory.mktemp(mode)
        found[mode] = write_report(report, folder, before, after, log, mode) / "report.html"
    return found


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory, models) -> Path:
    """The page of three recognisers with long and hostile names."""
    before, after = models
    sides = {"runs/small/before": before, f"runs/{HOSTILE}/after": after, "runs/small/third": before}
    folder = tmp_path_factory.mktemp("ranking")
    return write_ranking(build_ranking(sides, by=["gender"]), folder, sides, "embed") / "report.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium; the tests are skipped where there is none."""
    with chromium_started() as started:
        yield started


@pytest.fixture
def opened(chromium) -> Iterator[Callable[..., Any]]:
    """Open a page; afterwards, nothing may have gone wrong in it and nothing may have been asked of anyone else."""
    contexts, troubles, requests, files = [], [], [], []

    def open_page(path: Path, **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        files.append(path.as_uri())
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
    outside = [url for url in requests if url not in files and not url.startswith("data:")]
    assert [url for url in outside if not url.startswith("file:") or not url.split("#")[0].endswith(".wav")] == []


def ids(page: Any) -> list[str]:
    """The ids of the utterances that are shown."""
    return [text.split(" · ")[0] for text in page.locator("#utterance-list article footer").all_text_contents()]


def changes(page: Any) -> list[int]:
    """By how many errors each utterance that is shown changed."""
    pairs = [text.split(" → ") for text in page.locator("#utterance-list article header b").all_text_contents()]
    return [int(after) - int(before) for before, after in pairs]


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_page_fits_its_window(opened, pages: dict[str, Path], width: int) -> None:
    page = opened(pages["embed"], viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figure, verdict = page.locator(".rates .figure").last, page.locator(".verdict")
    price = page.locator(".card").first  # what it cost elsewhere is seen before anything is scrolled, on a phone too
    assert "worsened" in price.inner_text() or "guard" in price.inner_text()
    for part in (figure, verdict, price):
        box = part.bounding_box()
        assert box["y"] + box["height"] < 900 and box["x"] + box["width"] <= width


def test_sorting(opened, pages: dict[str, Path]) -> None:
    page = opened(pages["embed"])
    found = changes(page)
    assert len(found) == 20 and found == sorted(found) and found[0] < 0
    page.select_option("#utterance-sort", "worsened")
    found = changes(page)
    assert found == sorted(found, reverse=True) and found[0] > 0
    page.select_option("#utterance-sort", "order")
    assert ids(page)[:3] == ["u0", "u1", "u2"]
    page.click("#utterance-more")
    assert len(ids(page)) == 40


def test_searching_and_showing(opened, pages: dict[str, Path], models) -> None:
    page = opened(pages["embed"])
    count = page.locator("#utterance-count")
    page.fill("#utterance-search", "LADDER")
    expect(count).to_have_text("15 of 60 utterances")
    assert all("ladder" in text for text in page.locator(".aligned").all_text_contents())
    page.fill("#utterance-search", "nothing like this")
    expect(count).to_have_text("No utterance fits.")
    page.fill("#utterance-search", "")
    page.select_option("#utterance-show", "worse")
    sides = [side.utterances for side in models]
    worse = sum(b.errors > a.errors for a, b in zip(*sides, strict=True))
    assert count.text_content() == f"{worse} of 60 utterances" and min(changes(page)) > 0
    page.locator("#errors button.find").first.click()
    wanted = page.locator("#utterance-search").input_value()
    said, heard = wanted.split(" → ")
    assert page.locator("#utterance-show").input_value() == "all" and ids(page)
    for article in page.locator("#utterance-list article").all():
        columns = article.locator(".column", has=page.locator("mark")).all()
        parts = [(column.locator("b").text_content(), column.locator("mark").all_text_contents()) for column in columns]
        assert any(said == word and heard in marked for word, marked in parts)
    page.fill("#utterance-search", '"sea"')
    whole = sum("sea" in f"{b.hypothesis} {a.hypothesis}".split() for b, a in zip(*sides, strict=True))
    expect(count).to_have_text(f"{whole} of 60 utterances")


def test_differences_are_marked_without_colour_too(opened, pages: dict[str, Path], models) -> None:
    page = opened(pages["embed"])
    first = next(u for u in models[0].utterances if u.substitutions and u.deletions and u.insertions)
    page.fill("#utterance-search", first.id)
    expect(page.locator("article footer").first).to_contain_text(f"{first.id} ·")
    article = page.locator("article", has=page.locator("footer", has_text=f"{first.id} ·")).first
    counts = [article.locator(f".column > {tag}:nth-child(2)").count() for tag in ("mark", "del", "ins")]
    assert counts == [first.substitutions, first.deletions, first.insertions]
    style = "(node, name) => getComputedStyle(node, name ?? null)"
    assert "wavy" in article.locator("mark").first.evaluate(f"node => ({style})(node).textDecorationStyle")
    assert "line-through" in article.locator("del").first.evaluate(f"node => ({style})(node).textDecorationLine")
    assert article.locator("ins").first.evaluate(f"node => ({style})(node, '::before').content") == '"+"'
    assert article.locator(".column > b").all_text_contents()[1:] != []


def test_hostile_text_stays_text(opened, pages: dict[str, Path]) -> None:
    page = opened(pages["embed"])
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.fill("#utterance-search", "onerror")
    expect(page.locator("#utterance-count")).to_have_text("1 of 60 utterances")
    assert "onerror" in page.locator("#utterance-list").inner_text()
    assert page.locator("img").count() == 0 and page.locator("script").count() == 2


@pytest.mark.parametrize("mode", ["embed", "link"])
def test_clips_play(opened, pages: dict[str, Path], mode: str) -> None:
    page = opened(pages[mode])
    page.select_option("#utterance-show", "sound")
    assert page.locator("#utterance-count").text_content() == f"{40 if mode == 'embed' else 60} of 60 utterances"
    button = page.locator("button.play").first
    button.click()
    expect(button).to_have_attribute("data-played", PLAYED)
    expect(button).to_have_text("▶ play")
    if mode == "link":  # the one whose file name is markup
        page.fill("#utterance-search", "onerror")
        expect(page.locator("button.play")).to_have_count(1)
        button.click()
        expect(button).to_have_attribute("data-played", PLAYED)


def test_dark_print_and_plots(opened, pages: dict[str, Path]) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = opened(pages["embed"], color_scheme="light")
    dark = opened(pages["embed"], color_scheme="dark")
    assert light.evaluate(colour) != dark.evaluate(colour)
    for drawing in light.locator("svg").all():
        assert len(drawing.get_attribute("aria-label")) > 30
    dark.emulate_media(media="print")
    assert not dark.locator("nav").is_visible() and not dark.locator(".controls").is_visible()
    assert dark.locator("article").first.is_visible()


def test_data_is_what_the_page_holds(opened, pages: dict[str, Path]) -> None:
    page = opened(pages["embed"])
    rows = json.loads(page.locator("#utterance-data").text_content())["rows"]
    assert len(rows) == 60 and sum(row[7] is not None for row in rows) == 40
    assert all(row[7] is None or row[7].startswith("data:audio/ogg;base64,T2dn") for row in rows)


# ---- the page of a ranking


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_a_ranking_fits_its_window(opened, ranking: Path, width: int) -> None:
    page = opened(ranking, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for article in page.locator("#utterance-list article").all()[:3]:
        names, flow = (article.locator(css).bounding_box() for css in (".names", ".flow"))
        assert names["width"] < 0.4 * width and flow["x"] + flow["width"] <= width


def test_a_ranking_sorts_searches_and_plays(opened, ranking: Path, models) -> None:
    page = opened(ranking)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))

    def counts() -> list[list[int]]:
        shown = page.locator("#utterance-list article header b").all_text_contents()
        return [[int(count) for count in text.split(" · ")] for text in shown]

    found = counts()
    apart = [max(row) - min(row) for row in found]
    assert all(len(row) == 3 for row in found) and apart == sorted(apart, reverse=True) and apart[0] > 0
    page.select_option("#utterance-sort", "hardest")
    least = [min(row) for row in counts()]
    assert least == sorted(least, reverse=True)
    page.select_option("#utterance-show", "everybody")
    right = sum(not any(u.errors for u in said) for said in zip(*(side.utterances for side in models), strict=True))
    assert page.locator("#utterance-count").text_content() == f"{right} of 60 utterances"
    page.select_option("#utterance-show", "all")
    page.fill("#utterance-search", "onerror")
    expect(page.locator("#utterance-count")).to_have_text("1 of 60 utterances")
    labels = page.locator("article .names span").all_text_contents()
    assert [label[:2] for label in labels] == ["1 ", "2 ", "3 "] and HOSTILE in labels[0]
    assert page.locator("img").count() == 0 and page.locator("script").count() == 2
    page.fill("#utterance-search", "")
    expect(page.locator("#utterance-count")).to_have_text("60 of 60 utterances")  # typing takes effect a little later
    page.select_option("#utterance-show", "sound")
    assert page.locator("#utterance-count").text_content() == "40 of 60 utterances"
    button = page.locator("button.play").first
    button.click()
    expect(button).to_have_attribute("data-played", PLAYED)
    for drawing in page.locator("svg").all():
        assert len(drawing.get_attribute("aria-label")) > 30
