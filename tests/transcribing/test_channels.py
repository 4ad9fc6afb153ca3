"""One channel of a recording, each by itself, or all mixed: in Python and at the prompt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_tl.audio import save_audio
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.errors import AudioError, BadInput
from speech_tl.models.load import load_model
from speech_tl.transcribing.transcribe import transcribe
from tests.sounds import talking
from tests.tiny import tiny_ctc

RATE = 16000


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


@pytest.fixture(scope="module")
def model(model_folder: Path):
    return load_model(model_folder, device="cpu")


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """Two voices, a channel each; beside it each voice alone."""
    voices = [talking(2.0, number) for number in (1, 2)]
    folder = tmp_path / "calls"
    folder.mkdir()
    for number, alone in enumerate(voices, 1):
        soundfile.write(tmp_path / f"voice{number}.wav", alone, RATE)
    soundfile.write(folder / "call.wav", np.stack(voices, axis=1), RATE)
    return folder / "call.wav"


def test_a_channel_is_transcribed_as_if_it_were_alone(model, call: Path, tmp_path: Path) -> None:
    alone = [transcribe(model, tmp_path / f"voice{number}.wav").text for number in (1, 2)]
    assert alone[0] != alone[1]
    assert [transcribe(model, call, channel=number).text for number in (1, "2")] == alone
    assert [transcribe(model, call, channel=name).text for name in ("left", "right")] == alone
    assert transcribe(model, call, channel="mix").text == transcribe(model, call).text


def test_each_channel_has_a_transcript_of_its_own(model, call: Path, tmp_path: Path) -> None:
    save_audio(call.parent / "mono.wav", talking(2.0, 3), RATE)
    out = tmp_path / "out"
    result = transcribe(model, call.parent, channel="each", out=out, formats=("txt", "json", "tsv"))
    assert [(Path(found.audio).name, found.channel) for found in result.transcripts] == [
        ("call.wav", 1),
        ("call.wav", 2),
        ("mono.wav", 1),
    ]
    names = ["call.ch1", "call.ch2", "mono.ch1"]
    expected = [f"{n}.{s}" for n in names for s in ("txt", "json", "tsv")]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*expected, "call.conversation.txt", "call.conversation.json"]
    )
    second = json.loads((out / "call.ch2.json").read_text(encoding="utf-8"))
    assert second["channel"] == 2 and second["segments"][0]["channel"] == 2
    assert second["text"] == transcribe(model, call, channel=2).text
    rows = Manifest.read(out / "call.ch2.tsv")
    assert rows[0].channel == 2 and rows[0].audio == str(call)
    (out / "call.ch2.txt").unlink()
    again = transcribe(model, call.parent, channel="each", out=out, formats=("txt", "json", "tsv"), overwrite=False)
    assert [found.label for found in again.transcripts] == [f"{call} (channel 1)", f"{call} (channel 2)"]
    assert [Path(path).name for path in again.skipped] == ["mono.wav"], "only what is missing is done again"


def test_channels_are_one_conversation_by_time(model, tmp_path: Path) -> None:
    one, other, still = talking(2.0, 1), talking(3.0, 2), np.zeros(5 * RATE, dtype=np.float32)
    first = np.concatenate([one, still, one, still])
    second = np.concatenate([still[: 3 * RATE], other, still])
    longest = max(len(first), len(second))
    sides = [np.pad(side, (0, longest - len(side))) for side in (first, second)]
    soundfile.write(tmp_path / "call.wav", np.stack(sides, axis=1), RATE)
    out = tmp_path / "out"
    transcribe(model, tmp_path / "call.wav", channel="each", out=out, formats=("json", "txt"))
    merged = json.loads((out / "call.conversation.json").read_text(encoding="utf-8"))
    assert [segment["speaker"] for segment in merged["segments"]] == ["channel 1", "channel 2", "channel 1"]
    assert [segment["start"] for segment in merged["segments"]] == sorted(s["start"] for s in merged["segments"])
    lines = (out / "call.conversation.txt").read_text(encoding="utf-8").splitlines()
    alone = (out / "call.ch2.txt").read_text(encoding="utf-8").strip()
    assert lines[1] == f"channel 2: {alone}" != "channel 2: "


def test_a_channel_that_is_not_there_fails_its_recording_only(model, call: Path) -> None:
    save_audio(call.parent / "mono.wav", talking(2.0, 3), RATE)
    result = transcribe(model, call.parent, channel=2)
    assert [Path(found.audio).name for found in result.transcripts] == ["call.wav"]
    assert [failure.kind for failure in result.failures] == ["channel"]
    with pytest.raises(AudioError, match="no channel 2, it has 1 channel; give 1"):
        transcribe(model, call.parent / "mono.wav", channel=2)


@pytest.mark.parametrize("said", ["0", "three", "1.5", "-2"])
def test_what_is_no_channel_is_refused(model, call: Path, said: str) -> None:
    with pytest.raises(BadInput, match=r"expected a number \(1, 2, \.\.\.\), left, right, mix or each"):
        transcribe(model, call, channel=said)


def test_channels_that_cancel_out_are_noted(model, tmp_path: Path) -> None:
    left = talking(2.0, 1)
    soundfile.write(tmp_path / "turned.wav", np.stack([left, -left], axis=1), RATE)
    result = transcribe(model, tmp_path / "turned.wav", out=tmp_path / "out", formats="json")
    written = json.loads((tmp_path / "out" / "turned.json").read_text(encoding="utf-8"))
    assert "cancel each other out" in written["notes"][0] and result.transcripts[0].notes == written["notes"]
    soundfile.write(tmp_path / "left.wav", left, RATE)
    assert result.text == transcribe(model, tmp_path / "left.wav").text != ""


def test_the_prompt_tells_channels_apart(model_folder: Path, call: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["transcribe", str(call), "--model", str(model_folder)]
    assert _run([*common, "--channel", "each"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [f"{call} (channel 1)", f"{call} (channel 2)"]
    assert _run([*common, "--channel", "2"]) == 0
    assert capsys.readouterr().out.strip() == lines[1].split("\t")[1]
    for wrong in ("7", "both"):
        assert _run([*common, "--channel", wrong]) == 2
        assert len([line for line in capsys.readouterr().err.splitlines() if wrong in line]) == 1
