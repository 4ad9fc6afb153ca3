"""Sound in, messages out: utterances end at pauses, nothing is said of silence, and memory does not grow."""

from __future__ import annotations

import io
import itertools
import json
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.live.policies import LocalAgreement
from speech_tl.live.recognising import LiveRecogniser, new_session
from speech_tl.live.running import run_live
from speech_tl.live.session import LONGEST_S, LiveSession, Message
from speech_tl.live.sources import open_source
from speech_tl.transcribing.recogniser import Recogniser, load_recogniser, spread
from speech_tl.transcribing.transcribe import transcribe
from tests.sounds import SAMPLE_RATE, talking
from tests.tiny import tiny_ctc

BLOCK = SAMPLE_RATE // 10
QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart"


def noise(seconds: float, level: float = 5e-4) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def counted(session: LiveSession, waveform: np.ndarray) -> Iterator[Message]:
    """Messages of a decoder that writes a word for every half second of its sound."""
    for start in range(0, len(waveform), BLOCK):
        session.add(waveform[start : start + BLOCK])
        while (request := session.next_request()) is not None:
            seconds = len(request.waveform) / SAMPLE_RATE
            count = int(seconds * 2)
            yield from session.take(request, spread(" ".join(f"w{n}" for n in range(count)), 0, seconds))
    session.end()
    while (request := session.next_request()) is not None:
        seconds = len(request.waveform) / SAMPLE_RATE
        yield from session.take(request, spread(" ".join(f"w{n}" for n in range(int(seconds * 2))), 0, seconds))
    assert session.is_done


def speech(*lengths_s: float, pause_s: float = 1.0) -> np.ndarray:
    """Voices with pauses between, all over a little noise."""
    parts = [noise(pause_s)]
    for number, length_s in enumerate(lengths_s):
        spoken = talking(length_s, number)
        parts += [spoken + noise(len(spoken) / SAMPLE_RATE), noise(pause_s)]
    return np.concatenate(parts).astype(np.float32)


def test_utterances_are_what_lies_between_pauses():
    sound = speech(2.0, 3.0, 1.5)
    messages = list(counted(LiveSession(SAMPLE_RATE, LocalAgreement), sound))
    wholes = [message for message in messages if message.kind == "utterance"]
    assert [message.utterance for message in wholes] == [0, 1, 2]
    for message, begin_s, end_s in zip(wholes, (1.0, 4.0, 8.0), (3.0, 7.0, 9.5), strict=True):
        assert begin_s - 0.5 <= message.start_s <= begin_s + 0.2
        assert end_s - 0.2 <= message.end_s <= end_s + 0.5
    for whole in wholes:
        own = [m for m in messages if m.utterance == whole.utterance]
        assert [w for m in own if m.kind == "final" for w in m.words] == list(whole.words)
        assert own[-1] is whole and [m.kind for m in own[:2]] == ["partial", "final"]


def test_silence_and_clicks_are_never_decoded():
    click = noise(6.0)
    click[3 * SAMPLE_RATE : 3 * SAMPLE_RATE + 300] = 0.5
    for sound in (np.zeros(5 * SAMPLE_RATE, np.float32), noise(5.0), noise(5.0, 5e-3), click):
        assert list(counted(LiveSession(SAMPLE_RATE, LocalAgreement), sound)) == []


def test_speech_without_a_pause_is_cut_and_nothing_is_lost():
    session = LiveSession(SAMPLE_RATE, LocalAgreement)
    sound = np.concatenate([noise(1.0), np.tile(talking(2.0), 30), noise(1.0)]).astype(np.float32)
    wholes = [message for message in counted(session, sound) if message.kind == "utterance"]
    assert len(wholes) >= 60 / LONGEST_S
    assert all(whole.end_s - whole.start_s <= LONGEST_S + 0.1 for whole in wholes)
    assert all(a.end_s == pytest.approx(b.start_s, abs=0.5) for a, b in itertools.pairwise(wholes))


def test_memory_does_not_grow():
    session = LiveSession(SAMPLE_RATE, LocalAgreement)
    held = []
    for _ in range(20):
        for message in counted_without_end(session, speech(3.0, 2.0)):
            assert message
        held.append(sum(len(u.waveform) for u in session._utterances) + len(session._margin) + len(session._unmarked))
    assert max(held) < 5 * SAMPLE_RATE
    assert session.heard_s == pytest.approx(20 * 8, abs=0.1)


def counted_without_end(session: LiveSession, waveform: np.ndarray) -> Iterator[Message]:
    for start in range(0, len(waveform), BLOCK):
        session.add(waveform[start : start + BLOCK])
        while (request := session.next_request()) is not None:
            yield from session.take(request, spread("a word", 0, request.end_s))


@pytest.fixture(scope="module")
def starter() -> Recogniser:
    return load_recogniser("starter-whisper", language="en")


@pytest.fixture(scope="module")
def clip() -> Path:
    return sorted(QUICKSTART.rglob("*.ogg"), key=lambda path: path.stat().st_size)[8]


def test_a_sentence_becomes_final_word_by_word(starter: Recogniser, clip: Path, tmp_path: Path):
    spoken = load_audio(clip)
    sound = np.concatenate([noise(1.0), spoken, noise(1.5)]).astype(np.float32)
    file = save_audio(tmp_path / "sound.wav", sound, SAMPLE_RATE)
    out = io.StringIO()
    with open_source(str(file)) as source:
        run_live(starter, source, out)
    line = out.getvalue().strip()
    alone = transcribe(starter.model, clip).text
    assert len(line.split()) >= 3
    assert SequenceMatcher(None, line, alone).ratio() > 0.5, (line, alone)


def test_frames_are_heard_with_their_context(tmp_path: Path):
    recogniser = load_recogniser(str(tiny_ctc(tmp_path / "ctc")))
    session, live = new_session(recogniser), LiveRecogniser(recogniser)
    sound, finals, longest = speech(14.0, 2.0), [], 0
    for start in range(0, len(sound), BLOCK):
        session.add(sound[start : start + BLOCK])
        while (request := session.next_request()) is not None:
            longest = max(longest, len(request.waveform))
            for message in session.take(request, live.words(request)):
                finals += message.words if message.kind == "final" else ()
    assert len(finals) > 5
    times = [word.start_s for word in finals]
    assert times == sorted(times)
    assert longest < 13 * SAMPLE_RATE, "what is final long since is not decoded again"


def test_words_by_frames_are_what_transcribing_writes():
    starter = load_recogniser("starter-wav2vec2")
    clip = sorted(QUICKSTART.rglob("*.ogg"), key=lambda path: path.stat().st_size)[8]
    words = starter.words_by_frames(load_audio(clip))
    assert " ".join(word.text for word in words) == transcribe(starter.model, clip).text
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times) and 0 < times[-1] < 10


def test_pipes_and_json(starter: Recogniser, monkeypatch: pytest.MonkeyPatch, clip: Path):
    sound = np.concatenate([noise(1.0), load_audio(clip, 8000).repeat(2), noise(1.0)])
    pcm = (sound[::2] * 32767).astype("<i2").tobytes() + b"\x01"

    class Pipe:
        buffer = io.BytesIO(pcm)

    monkeypatch.setattr(sys, "stdin", Pipe)
    out = io.StringIO()
    with open_source(stdin=True, stdin_rate=8000) as source:
        run_live(starter, source, out, as_json=True)
    messages = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {message["type"] for message in messages} >= {"final", "utterance"}
    assert messages[-1]["end"] <= len(sound) / SAMPLE_RATE + 0.1


def test_a_terminal_shows_grey_what_is_not_certain(starter: Recogniser, clip: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "30")
    out = io.StringIO()
    out.isatty = lambda: True
    with open_source(str(clip)) as source:
        run_live(starter, source, out)
    written = out.getvalue()
    shown = [line for line in written.replace("\x1b[K", "\n").splitlines() if line and not line.startswith("\x1b[90m")]
    assert shown and written.endswith("\n") and all(len(line) <= 31 for line in shown)


def test_a_file_that_breaks_off_is_said_after_its_words(starter: Recogniser, clip: Path, tmp_path: Path):
    file = tmp_path / "cut.flac"
    save_audio(file, np.concatenate([load_audio(clip), noise(3.0)]), SAMPLE_RATE)
    file.write_bytes(file.read_bytes()[:-9000])
    out = io.StringIO()
    with pytest.raises(BadInput, match="cut short"), open_source(str(file)) as source:
        run_live(starter, source, out)
    assert out.getvalue().strip()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--input", "no-such.wav"], "no-such.wav"),
        (["--input", "a.wav", "--stdin"], "leave one out"),
        (["--stdin", "--real-time"], "--real-time is for --input"),
        (["--stdin", "--device", "1"], "--device is a microphone"),
        (["--stdin", "--sample-rate", "16"], "--sample-rate 16: expected"),
        (["--step", "0"], "--step 0: expected"),
        (["--stdin", "--model", "/nowhere"], "does not exist"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(
    given: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("speech_tl.transcribing.recogniser.load_recogniser", lambda *_, **__: pytest.fail("loaded"))
    assert _run(["live", "--model", "starter-whisper", *given]) == 2
    assert told in capsys.readouterr().err.strip().splitlines()[-1]


def test_no_microphone_is_one_line(capsys: pytest.CaptureFixture[str]):
    if _run(["live", "--model", "starter-whisper", "--device", "no such device"]) != 2:
        pytest.skip("a microphone of that name")
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "microphone" in line and ("--stdin" in line or "PortAudio" in line)
