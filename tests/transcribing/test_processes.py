"""Recordings shared among processes: the same results as in one, in order; a process that dies takes one with it."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from speech_tl.audio import save_audio
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.transcribing.formats import Transcript
from speech_tl.transcribing.processes import Processes, _portions
from speech_tl.transcribing.recordings import Recording
from speech_tl.transcribing.results import Desk
from speech_tl.transcribing.transcribe import transcribe
from tests.sounds import talking
from tests.tiny import tiny_ctc

RATE = 16000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine recordings, of which one is none and one is longer."""
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(8):
        save_audio(folder / f"{number}.wav", talking(14.0 if number == 2 else 1.0 + number / 5, number), RATE)
    (folder / "5b.wav").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


def test_two_processes_write_what_one_writes(model_folder, folder, tmp_path, capsys):
    command = [
        "transcribe",
        str(folder),
        "--model",
        str(model_folder),
        "--words",
        "--format",
        "json",
        "--format",
        "txt",
    ]
    assert _run([*command, "--out", str(tmp_path / "one")]) == 1
    one = capsys.readouterr().err
    assert _run([*command, "--out", str(tmp_path / "two"), "--jobs", "2"]) == 1
    two = capsys.readouterr().err
    failures = [[line for line in said.splitlines() if "5b.wav" in line] for said in (one, two)]
    assert failures[0] == failures[1] != []
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir()) and len(names) == 16
    for name in names:
        texts = [(tmp_path / side / name).read_text(encoding="utf-8") for side in ("one", "two")]
        if name.endswith("txt"):
            assert texts[0] == texts[1] != ""
        else:
            a, b = map(json.loads, texts)
            assert a["text"] == b["text"]
            assert [s["words"] and s["words"][0]["start"] for s in a["segments"]] == [
                s["words"] and s["words"][0]["start"] for s in b["segments"]
            ]
    (tmp_path / "two" / "3.txt").unlink()
    assert _run([*command, "--out", str(tmp_path / "two"), "--keep"]) == 1
    assert "Wrote 1 transcript (json, txt)" in " ".join(capsys.readouterr().err.split())


def test_a_model_in_memory_cannot_be_shared(model_folder, folder):
    from speech_tl.models.load import load_model  # here, as the processes of other tests import this file

    with pytest.raises(BadInput, match="jobs=2: give the model's name or folder"):
        transcribe(load_model(model_folder, device="cpu"), folder, jobs=2)
    with pytest.raises(BadInput, match="jobs=0"):
        transcribe(model_folder, folder, jobs=0)


# ---- with work that tells what happened, or dies


def _work(deadly: str) -> object:
    """Writes names; dies of one recording."""

    def work(recordings, desk, progress) -> None:
        for recording in recordings:
            if recording.name == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            progress(1.0, 1.0)
            desk.hand_in([(recording, Transcript(str(recording.path), 1.0, None, "m"))])

    return work


def _misled() -> object:
    raise BadInput("no such model")


def test_what_stops_all_work_is_raised_here():
    processes = Processes(1, _misled, Desk(None, ("txt",), None))
    with pytest.raises(BadInput, match="no such model"):
        processes.transcribe([Recording(Path("/a.wav"), "a")], [1.0])


def run(count: int, deadly: str, jobs: int = 2) -> tuple[Desk, list[tuple[float, float]]]:
    told: list[tuple[float, float]] = []
    desk = Desk(None, ("txt",), None)
    recordings = [Recording(Path(f"/{number}.wav"), str(number)) for number in range(count)]
    processes = Processes(jobs, partial(_work, deadly), desk, lambda done_s, total_s: told.append((done_s, total_s)))
    processes.transcribe(recordings, [1.0] * count)
    assert not any(worker.process.is_alive() for worker in processes._workers)
    return desk, told


def test_a_process_that_dies_takes_one_recording_with_it():
    desk, told = run(40, deadly="17")
    names = [int(Path(transcript.audio).stem) for transcript in desk.result.transcripts]
    assert names == [number for number in range(40) if number != 17]
    (failure,) = desk.result.failures
    assert failure.audio == "/17.wav" and "died (exit code -9)" in failure.problem and failure.kind == "died"
    assert told[-1] == (40.0, 40.0)


def test_portions_are_small_enough_to_share():
    recordings = [Recording(Path(f"/{number}.wav"), str(number)) for number in range(100)]
    seconds = [3600.0 if number == 50 else 2.0 for number in range(100)]
    portions = _portions(recordings, seconds, 2)
    assert [recording for portion in portions for recording in portion.recordings] == recordings
    assert len(portions) >= 8
    (alone,) = [portion for portion in portions if recordings[50] in portion.recordings]
    assert len(alone.recordings) == 1
