"""The endpoints as OpenAI's own client asks them, on a real server with a model that understands some English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from speech_tl.models.options import DecodingOptions
from speech_tl.transcribing.recogniser import load_recogniser
from speech_tl.transcribing.transcribe import transcribe
from tests.recording.made import as_wav
from tests.serving.running import Running, running
from tests.sounds import SAMPLE_RATE
from tests.tiny import tiny_ctc, tiny_whisper

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart"


def clips() -> list[Path]:
    """Synthetic English that ships, shortest first."""
    return sorted(QUICKSTART.rglob("*.ogg"), key=lambda path: path.stat().st_size)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    several = load_recogniser(str(tiny_whisper(tmp_path_factory.mktemp("tiny"))))
    letters = load_recogniser(str(tiny_ctc(tmp_path_factory.mktemp("letters"))), language="en", name="letters")
    several.model.language = several.model.network.generation_config.language = None
    with running({"english": "starter-whisper", "several": several, "letters": letters}) as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.address}/v1", api_key="none asked for", max_retries=0)


@pytest.fixture(scope="module")
def said(served: Running) -> str:
    """What `transcribe` writes for the clip."""
    return transcribe(served.service.recognisers["english"].model, clips()[8]).text


def test_text_is_what_transcribe_writes(client: openai.OpenAI, said: str):
    assert len(said.split()) > 2
    asked = {"model": "english", "file": clips()[8]}
    assert client.audio.transcriptions.create(**asked).text == said
    assert client.audio.transcriptions.create(**asked, response_format="text").strip() == said
    assert (
        client.audio.transcriptions.create(**asked | {"model": "whisper-1"}, language="en", temperature=0).text == said
    )


def test_a_prompt_is_shown_to_the_model(client: openai.OpenAI, served: Running, said: str):
    asked = {"model": "english", "file": clips()[8]}
    model = served.service.recognisers["english"].model
    prompts = "the end of the year", "seven nine two zero", "word " * 3000
    texts = [client.audio.transcriptions.create(**asked, prompt=prompt).text for prompt in prompts]
    fitting = [DecodingOptions(prompt=model.fitting_prompt(prompt)) for prompt in prompts]
    assert texts == [transcribe(model, clips()[8], options=options).text for options in fitting]
    assert len({*texts, said}) > 2, "prompts change what this model writes"
    assert client.audio.transcriptions.create(**asked).text == said, "the next request has none"


def test_words_are_drawn_at_a_temperature(client: openai.OpenAI, said: str):
    asked = {"model": "english", "file": clips()[8], "response_format": "verbose_json"}
    drawn = [client.audio.transcriptions.create(**asked, temperature=1) for _ in range(4)]
    assert len({answer.text for answer in drawn} | {said}) > 2
    assert drawn[0].segments[0].temperature == 1
    assert client.audio.transcriptions.create(**asked, temperature=0).text == said


def test_subtitles_have_times(client: openai.OpenAI, said: str):
    asked = {"model": "english", "file": clips()[8]}
    srt = client.audio.transcriptions.create(**asked, response_format="srt")
    assert re.match(r"1\n00:00:0\d,\d{3} --> 00:00:\d\d,\d{3}\n", srt) and said in srt
    vtt = client.audio.transcriptions.create(**asked, response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:0") and said in vtt


def test_verbose_json_has_segments_words_or_both(client: openai.OpenAI, said: str):
    asked = {"model": "english", "file": clips()[8], "response_format": "verbose_json"}
    plain = client.audio.transcriptions.create(**asked)
    assert (plain.language, plain.text, plain.words) == ("english", said, None)
    assert 1 < plain.duration < 30
    assert plain.segments[0].text == said and 0 <= plain.segments[0].start < plain.segments[0].end <= plain.duration
    both = client.audio.transcriptions.create(**asked, timestamp_granularities=["word", "segment"])
    assert [word.word for word in both.words] == said.split() and both.segments
    times = [time for word in both.words for time in (word.start, word.end)]
    assert times == sorted(times) and times[-1] <= both.duration
    words = client.audio.transcriptions.create(**asked, timestamp_granularities=["word"])
    assert words.segments is None and words.words == both.words


def test_events_come_segment_by_segment(client: openai.OpenAI, served: Running, tmp_path: Path):
    from speech_tl.audio import load_audio, save_audio

    pause = np.zeros(SAMPLE_RATE, np.float32)
    long = np.concatenate([part for clip in clips()[-3:] for part in (load_audio(clip), pause)])
    file = save_audio(tmp_path / "long.flac", long, SAMPLE_RATE)
    events = list(client.audio.transcriptions.create(model="english", file=file, stream=True))
    assert [event.type for event in events] == ["transcript.text.delta"] * (len(events) - 1) + ["transcript.text.done"]
    assert len(events) > 2
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    assert events[-1].text == transcribe(served.service.recognisers["english"].model, file).text


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation_needs_a_model_of_several_languages(client: openai.OpenAI):
    clip = clips()[0]
    assert isinstance(client.audio.translations.create(model="several", file=clip).text, str)
    told = client.audio.translations.create(model="several", file=clip, response_format="verbose_json")
    assert (told.language, told.duration > 0) == ("english", True)
    with pytest.raises(openai.BadRequestError, match="model letters cannot translate"):
        client.audio.translations.create(model="letters", file=clip)


def test_the_language_is_heard_where_nobody_says_it(client: openai.OpenAI, served: Running):
    clip = clips()[0]
    heard = client.audio.transcriptions.create(model="several", file=clip, response_format="verbose_json").language
    assert heard
    asked = {"model": "several", "file": clip, "response_format": "verbose_json"}
    assert client.audio.transcriptions.create(**asked, language="de").language == "german"
    assert served.service.recognisers["several"].model.language is None
    with pytest.raises(openai.BadRequestError, match="model letters writes English only"):
        client.audio.transcriptions.create(model="letters", file=clip, language="de")


def test_models_are_listed(client: openai.OpenAI):
    assert [model.id for model in client.models.list()] == ["english", "several", "letters"]
    assert client.models.retrieve("several").id == "several"
    for ask in (
        lambda: client.models.retrieve("elsewhere"),
        lambda: client.audio.transcriptions.create(model="/etc/passwd", file=clips()[0]),
    ):
        with pytest.raises(openai.NotFoundError, match="expected one of english, several, letters"):
            ask()


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"response_format": "docx"}, "response_format", "expected one of json, text"),
        ({"temperature": "hot"}, "temperature", "from 0 to 1"),
        ({"temperature": "nan"}, "temperature", "from 0 to 1"),
        ({"stream": "maybe"}, "stream", "true or false"),
        ({"stream": "true", "response_format": "srt"}, "stream", "json or text"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities", "verbose_json"),
        (
            {"timestamp_granularities[]": "line", "response_format": "verbose_json"},
            "timestamp_granularities",
            "word or",
        ),
        ({"language": "Klingonish", "model": "several"}, "language", "no token"),
        ({"prompt": "Ada Lovelace", "model": "letters"}, "prompt", "letters takes no prompt"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(served: Running, fields: dict, param: str, told: str):
    answer = served.post(clips()[0].read_bytes(), **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert told in error["message"] and "\n" not in error["message"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"this is a text\n" * 50, "not audio"),
        (as_wav(np.zeros(SAMPLE_RATE, np.float32))[:9000], "cut short"),
        (as_wav(np.zeros(61 * 8000, np.float32), 8000), "at most 60 s"),
    ],
    ids=["empty", "text", "truncated", "long"],
)
def test_a_file_that_cannot_be_used_is_one_line(served: Running, content: bytes, told: str):
    answer = served.post(content, name="../../secret/my clip.wav")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")
    message = answer.json()["error"]["message"]
    assert message.startswith("my clip.wav: ") and told in message and "\n" not in message


def test_no_file_is_said(served: Running):
    for form in ({"data": {"model": "english"}}, {"data": {"file": "/etc/passwd"}}, {"content": b"hello"}):
        answer = served.http.post("/v1/audio/transcriptions", **form)
        assert answer.status_code == 400 and "field 'file'" in answer.json()["error"]["message"]


def test_silence_has_no_text(served: Running):
    silence = as_wav(np.zeros(2 * SAMPLE_RATE, np.float32))
    assert served.post(silence).json()["text"] == ""
    assert served.post(silence, response_format="srt").text == ""
    lines = served.post(silence, stream="true").text.strip().splitlines()
    assert [json.loads(line.removeprefix("data: ")) for line in lines] == [{"type": "transcript.text.done", "text": ""}]
