"""The page in a real browser whose microphone plays a clip: two models, their differences, live words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.models.options import DecodingOptions
from speech_tl.transcribing.transcribe import transcribe
from tests.browsing import PATIENCE_MS, chromium_started, expect
from tests.serving.running import Running, running
from tests.serving.test_audio_routes import clips
from tests.sounds import SAMPLE_RATE

CLIP = 8
REFUSED = "the server responded with a status of 400"
"""What the browser itself notes of the upload that is no sound."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Callable[..., Any]]]:
    """The server, and what opens its page."""
    folder = tmp_path_factory.mktemp("said")
    spoken = np.concatenate([load_audio(clips()[CLIP], SAMPLE_RATE), np.zeros(SAMPLE_RATE, np.float32)])
    said = save_audio(folder / "said.wav", spoken, SAMPLE_RATE)
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    troubles: list[str] = []
    asked: list[str] = []
    models = {"before": "starter-wav2vec2", "after": "starter-whisper"}
    with (
        running(models, compared=("before", "after")) as server,
        chromium_started(*fake, f"--use-file-for-fake-audio-capture={said}") as chromium,
    ):

        def opened(**options: Any) -> Any:
            page = chromium.new_page(**{"viewport": {"width": 1000, "height": 800}} | options)
            page.set_default_timeout(PATIENCE_MS)
            page.on("console", lambda message: troubles.append(message.text))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(server.address)
            return page

        yield server, opened
    assert [trouble for trouble in troubles if REFUSED not in trouble] == []
    here = (server.address, server.address.replace("http", "ws"), "blob:", "data:")
    assert [url for url in asked if not url.startswith(here)] == []


def shown(page: Any, card: str) -> str:
    return " ".join(page.locator(f".card.{card} .word").all_text_contents())


def test_a_file_is_shown_side_by_side(demo: tuple[Running, Callable[..., Any]]):
    server, opened = demo
    page = opened()
    page.locator("#file").set_input_files(clips()[CLIP])
    expect(page.locator(".card.before .facts")).to_contain_text("real time")
    expect(page.locator("#legend")).to_be_visible()
    torch = DecodingOptions(engine="torch")
    for name in ("before", "after"):
        assert (
            shown(page, name) == transcribe(server.service.recognisers[name].model, clips()[CLIP], options=torch).text
        )
        assert page.locator(f".card.{name} small").text_content().startswith("starter-")
    words = {name: page.locator(f".card.{name} .word") for name in ("before", "after")}
    same = {name: set(words[name].and_(page.locator(":not(.differs)")).all_text_contents()) for name in words}
    assert same["before"] == same["after"]
    assert page.locator(".word.differs").count()
    words["after"].nth(2).click()
    page.wait_for_function("document.querySelector('#player').currentTime > 0.1")
    words["after"].nth(0).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == words["after"].nth(1).text_content()
    page.close()


def test_the_microphone_by_keyboard_on_a_narrow_dark_screen(demo: tuple[Running, Callable[..., Any]]):
    _, opened = demo
    page = opened(viewport={"width": 400, "height": 800}, color_scheme="dark")
    page.keyboard.press("Space")
    expect(page.locator("#record")).to_have_text("Stop")
    page.wait_for_timeout(2500)
    page.keyboard.press("Space")
    expect(page.locator(".card.after .facts")).to_contain_text("real time")
    expect(page.locator("#record")).to_have_text("Record")
    assert page.locator(".card.after .word").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in back.strip("rgb()").split(",")) < 60
    page.close()


def test_live_words_come_from_both_models(demo: tuple[Running, Callable[..., Any]]):
    server, opened = demo
    page = opened()
    page.locator("#live").click()
    expect(page.locator("#live")).to_have_text("Stop")
    for name in ("before", "after"):
        expect(page.locator(f".card.{name} .text span:not(.gray)").first).to_be_visible()
    page.locator("#live").click()
    expect(page.locator("#live")).to_have_text("Live")
    server.wait_until(lambda: server.service.live_sessions == 0)
    assert page.locator(".gray").count() == 0
    page.close()


def test_what_cannot_be_read_is_said(demo: tuple[Running, Callable[..., Any]], tmp_path: Path):
    _, opened = demo
    (tmp_path / "talk.mp3").write_text("no sound\n" * 100)
    page = opened()
    page.locator("#file").set_input_files(tmp_path / "talk.mp3")
    expect(page.locator("#said.bad")).to_contain_text("talk.mp3: not audio")
    expect(page.locator("#record")).to_be_enabled()
    page.close()
