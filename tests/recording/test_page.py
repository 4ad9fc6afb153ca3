"""The page in a real browser whose microphone plays a file: what was said lies in the folder afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.recording.opening import open_session
from speech_tl.recording.server import RecordingServer
from tests.browsing import PATIENCE_MS, chromium_started, expect
from tests.recording.made import clip
from tests.small import rows_of
from tests.sounds import SAMPLE_RATE

SPOKEN_S = 1.6  # each time round; the fake microphone plays its file again and again
PRESSES = """() => { window.presses = [];
    document.querySelector("#record").addEventListener("click", () => window.presses.push(performance.now())); }"""
BUSY_THEN_PRESSED = """() => { for (const begun = performance.now(); performance.now() - begun < 600;);
    document.querySelector("#record").click(); }"""
PRESSED_AT_ONCE = """() => { const button = document.querySelector("#record");
    const seen = () => { if (button.textContent === "Record") { watch.disconnect(); button.click(); } };
    const watch = new MutationObserver(seen); watch.observe(button, { childList: true }); }"""
LOST = "s of the recording were not heard."
HOSTILE = "<b onclick=alert(1)>Ann</b> & co"


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Any]:
    """A session, its server, and a page whose microphone hears a voice and pauses."""
    spoken = np.pad(clip(SPOKEN_S), round(0.4 * SAMPLE_RATE), mode="wrap")
    save_audio(tmp_path / "said.wav", spoken, SAMPLE_RATE)
    (tmp_path / "s.txt").write_text(f"this is {HOSTILE} here\nanother one to be read\nand one more of them\n")
    (tmp_path / "w.txt").write_text("Ann\n")
    session, _ = open_session(
        tmp_path / "mine", sentences=tmp_path / "s.txt", words=tmp_path / "w.txt", times=1, minutes=0.05
    )
    server = RecordingServer(session)
    thread = threading.Thread(target=server.run)
    thread.start()
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    fake.append(f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}")
    troubles: list[str] = []
    asked: list[str] = []
    try:
        with chromium_started(*fake) as chromium:

            def opened(width: int = 1000) -> Any:
                page = chromium.new_page(viewport={"width": width, "height": 800})
                page.set_default_timeout(PATIENCE_MS)
                page.on("console", lambda message: troubles.append(message.text))
                page.on("pageerror", lambda error: troubles.append(str(error)))
                page.on("dialog", lambda dialog: troubles.append(dialog.message))
                page.on("request", lambda request: asked.append(request.url))
                page.goto(server.address)
                return page

            yield session, opened, troubles
    finally:
        server.stop()
        thread.join(10)
    assert [url for url in asked if not url.startswith((server.address, "blob:", "data:"))] == []


def turn_on(page: Any) -> None:
    """The microphone; from here on the page notes when its button is pressed."""
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_text("Record")
    page.evaluate(PRESSES)


def begin(page: Any) -> None:
    """Press, and see that it records."""
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_text("Stop")


def keep(page: Any, said: str) -> None:
    """The recording after which the page said that, although a press may have fallen into a word."""
    if "Not kept" in said:
        page.get_by_role("button", name="Keep it all the same").click()
        expect(page.locator("#said")).to_contain_text("Kept.")


def pressed_s(page: Any) -> float:
    """From the last press but one to the last, in seconds."""
    return page.evaluate("() => (window.presses.at(-1) - window.presses.at(-2)) / 1000")


def record(page: Any, seconds: float, pressed: bool = False, stop: Callable[[], None] | None = None) -> str:
    """Begin (unless that is done), wait, press; again where the page asks for it as the machine was too busy to hear.

    Returns:
        What the page says.
    """
    button, said = page.locator("#record"), page.locator("#said")
    for _ in range(20):  # on some machines the clock of a browser's made-up sound card stands still now and then
        if not pressed:
            begin(page)
        page.wait_for_timeout(seconds * 1000)
        (stop or button.click)()
        expect(button).to_have_text("Record")
        expect(said).to_be_visible()
        pressed = False
        if LOST not in said.inner_text():
            break
    return said.inner_text()


def likeness(recorded: np.ndarray, said: np.ndarray) -> float:
    """The best correlation of what was recorded with `said`, (samples,), at any shift."""
    spectrum = np.fft.rfft(recorded, 2 * len(recorded)) * np.conj(np.fft.rfft(said, 2 * len(recorded)))
    found = np.fft.irfft(spectrum)[: len(recorded) - len(said)]
    sums = np.cumsum(np.concatenate([[0.0], recorded.astype(np.float64) ** 2]))
    energy = (sums[len(said) :] - sums[: -len(said)])[: len(found)]
    return float(np.max(found / np.sqrt(energy * np.sum(said**2))))


def test_what_is_said_is_what_is_kept(recorder):
    session, opened, troubles = recorder
    page = opened()
    expect(page.locator("#sentence")).to_contain_text("<b onclick=alert(1)>Ann</b> & co")
    assert page.locator("#sentence mark").inner_text() == "Ann" and page.locator("#sentence b").count() == 0
    turn_on(page)
    first = session.sentence
    said = record(page, 2 * SPOKEN_S + 1.5)
    keep(page, said)
    expect(page.locator("#said")).to_have_text("Kept. That is as much as was wanted: finish, or go on.")
    (row,) = rows_of(session.out / "manifest.csv")
    assert row["text"] == first and pressed_s(page) > 2 * SPOKEN_S + 1.5
    assert 0.45 < float(row["duration"]) - pressed_s(page) < 1.5, "a moment before and after is kept too"
    heard = load_audio(row["audio"], SAMPLE_RATE)
    voice = clip(SPOKEN_S)[round(0.4 * SAMPLE_RATE) : -round(0.4 * SAMPLE_RATE)]
    assert likeness(heard, voice) > 0.9 and np.abs(heard).max() > 0.3 * np.abs(voice).max()
    assert likeness(heard, clip(SPOKEN_S, seed=7)[: len(voice)]) < 0.5, "the measure tells voices apart"
    expect(page.locator("#clips li")).to_have_count(1)
    expect(page.locator("#progress")).to_contain_text("of 0:03 min · 1 recording")
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Record again").click()
    expect(page.locator("#sentence")).to_contain_text("Ann")
    assert session.rows == []
    page.locator("#skip").click()
    expect(page.locator("#sentence")).not_to_contain_text("Ann")
    page.locator("#finish").click()
    expect(page.locator("#finish")).to_have_text("Finish: sure?")
    page.locator("#finish").click()
    expect(page.locator("h1")).to_have_text("Finished")
    assert troubles == []


def test_a_hasty_press_and_a_page_that_falls_behind_cut_no_word_off(recorder):
    session, opened, troubles = recorder
    page = opened()
    page.evaluate(PRESSES)
    page.evaluate(PRESSED_AT_ONCE)
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_text("Stop")
    apart_s = page.evaluate("() => clocksApart()")
    said = record(page, 2.0, pressed=True, stop=lambda: page.evaluate(BUSY_THEN_PRESSED))
    keep(page, said)
    (row,) = rows_of(session.out / "manifest.csv")
    # what a busy machine's sound card did not deliver cannot be kept; a little of it is not even said
    lost_s = max(0.0, page.evaluate("() => clocksApart()") - apart_s)
    assert 0.45 < float(row["duration"]) + lost_s - pressed_s(page) < 1.5
    assert troubles == []


def test_sound_that_a_busy_computer_lost_is_said(recorder):
    session, opened, troubles = recorder
    page = opened()
    turn_on(page)
    begin(page)
    page.evaluate("() => context.suspend()")
    page.wait_for_timeout(700)
    page.evaluate("() => context.resume()")
    page.wait_for_timeout(300)
    page.locator("#record").click()
    expect(page.locator("#said")).to_contain_text(LOST)
    expect(page.locator("#said")).to_contain_text("Not kept yet: please read it once more.")
    assert session.rows == [] and page.locator("#record").inner_text() == "Record"
    page.get_by_role("button", name="Keep it all the same").click()
    expect(page.locator("#said")).not_to_contain_text(LOST)
    expect(page.locator("#said")).to_be_visible()
    assert troubles == []


def test_a_microphone_that_goes_can_come_again(recorder):
    session, opened, troubles = recorder
    page = opened()
    turn_on(page)
    begin(page)
    page.evaluate(
        "() => { const [track] = stream.getTracks(); track.stop(); track.dispatchEvent(new Event('ended')); }"
    )
    expect(page.locator("#said")).to_contain_text("The microphone is gone.")
    turn_on(page)
    expect(page.locator("#said")).to_be_hidden()
    keep(page, record(page, 2 * SPOKEN_S + 1.5))
    assert len(session.rows) == 1 and troubles == []


def test_a_page_that_cannot_listen_says_so_and_tries_again(recorder):
    _, opened, troubles = recorder
    page = opened()
    fails_once = """() => { const whole = AudioWorklet.prototype.addModule;
        AudioWorklet.prototype.addModule = async () => {
            AudioWorklet.prototype.addModule = whole; throw new Error("no way to listen"); }; }"""
    page.evaluate(fails_once)
    page.locator("#record").click()
    expect(page.locator("#said")).to_contain_text("no way to listen")
    expect(page.locator("#record")).to_have_text("Turn on the microphone")
    turn_on(page)
    assert troubles == []


def test_a_microphone_without_sound_is_said(recorder):
    _, opened, troubles = recorder
    page = opened()
    page.evaluate(
        "() => { AudioContext.prototype.createMediaStreamSource = () => ({ connect() {}, disconnect() {} }); }"
    )
    page.locator("#record").click()
    expect(page.locator("#said")).to_contain_text("No sound comes from this microphone.")
    expect(page.locator("#record")).to_have_text("Turn on the microphone")
    assert troubles == []


def test_a_fault_is_said_and_the_sentence_offered_again(recorder):
    session, opened, troubles = recorder
    page = opened(400)
    page.keyboard.press("Space")
    expect(page.locator("#record")).to_have_text("Record")
    sentence = session.sentence
    page.keyboard.press("Space")
    expect(page.locator("#record")).to_have_text("Stop")
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_contain_text("Not kept yet: please read it once more.")
    assert session.rows == [] and page.locator("#sentence").inner_text() == sentence
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    said = record(page, 2 * SPOKEN_S + 1.5)
    assert "Kept" in said or "cut off" in said
    assert troubles == []


def test_a_server_that_is_gone_is_said(recorder):
    _, opened, _ = recorder
    page = opened()
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_text("Record")
    page.context.set_offline(True)
    page.locator("#skip").click()
    expect(page.locator("#said")).to_contain_text("Is speech-tl record still running?")
    page.context.set_offline(False)
    page.locator("#skip").click()
    expect(page.locator("#said")).to_be_hidden()


def test_without_a_microphone_it_says_so(recorder):
    _, opened, _ = recorder
    page = opened()
    no = "async () => { throw new DOMException('', 'NotAllowedError'); }"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {no}; }}")
    page.locator("#record").click()
    expect(page.locator("#said")).to_contain_text("The browser was not allowed to use the microphone.")
    expect(page.locator("#record")).to_have_text("Turn on the microphone")
