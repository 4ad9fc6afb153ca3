"""Recordings shared among the workers of a Ray cluster: what one process writes, however often workers are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from speech_tl.audio import save_audio
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.training.run_lock import locked
from speech_tl.transcribing.formats import Transcript
from speech_tl.transcribing.ray_workers import SINGLE_TRIES, RayWorkers
from speech_tl.transcribing.recordings import Recording
from speech_tl.transcribing.results import Desk
from tests.sounds import SAMPLE_RATE, voice
from tests.tiny import tiny_ctc

FILES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty recordings, of which one is none."""
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(FILES):
        save_audio(folder / f"{number:02d}.wav", voice(1.0 + number % 7 / 2, number), SAMPLE_RATE)
    (folder / "17.wav").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def kill_a_worker(killed: list[int]) -> None:
    """As soon as one works, or waits for work."""
    ends_by = time.monotonic() + 60
    while not killed and time.monotonic() < ends_by:
        for process in psutil.Process().children(recursive=True):  # of this cluster, not of another one's
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())
                if "ray::_Actor" in command and "__init__" not in command:
                    process.kill()
                    killed.append(process.pid)
                    return
        time.sleep(0.01)


def test_a_cluster_of_which_a_worker_is_killed_writes_what_one_process_writes(
    ray_cluster: ModuleType, folder: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    command = ["transcribe", str(folder), "--model", str(model_folder), "--format", "txt", "--format", "srt"]
    assert _run([*command, "--out", str(tmp_path / "one")]) == 1
    one = [line for line in capsys.readouterr().err.splitlines() if "17.wav" in line]
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(killed,))
    killer.start()
    assert _run([*command, "--out", str(tmp_path / "two"), "--on", "ray", "--jobs", "2"]) == 1
    killer.join()
    assert len(killed) == 1
    two = [line for line in capsys.readouterr().err.splitlines() if "17.wav" in line]
    assert one == two != []
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert len(written(tmp_path / "two")) == 2 * (FILES - 1)
    (tmp_path / "two" / "03.txt").unlink()
    assert _run([*command, "--out", str(tmp_path / "two"), "--keep"]) == 1, "as after any command that was stopped"
    assert "Wrote 1 transcript (txt, srt)" in " ".join(capsys.readouterr().err.split())
    assert written(tmp_path / "one") == written(tmp_path / "two")


# ---- with work that tells what happened, or dies


def _work(deadly: str, once: Path | None) -> object:
    """Writes names; dies of one recording, or `once` of it."""

    def work(recordings, desk, progress) -> None:
        for recording in recordings:
            if recording.name == deadly and (once is None or not once.exists()):
                if once is not None:
                    once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            desk.hand_in([(recording, Transcript(str(recording.path), 1.0, None, "m"))])

    return work


def _misled() -> object:
    raise BadInput("no such model")


def run(ray: ModuleType, count: int, deadly: str, out: Path, once: Path | None = None) -> tuple[Desk, list[float]]:
    told: list[float] = []
    desk = Desk(out, ("txt",), None)
    recordings = [Recording(Path(f"/{number}.wav"), str(number)) for number in range(count)]
    prepare = partial(_work, deadly, once)
    RayWorkers(2, prepare, desk, lambda done_s, total_s: told.append(done_s), ray=ray).transcribe(
        recordings, [1.0] * count
    )
    return desk, told


def test_a_recording_of_which_every_worker_dies_has_failed_alone(ray_cluster: ModuleType, tmp_path: Path) -> None:
    desk, told = run(ray_cluster, 20, "7", tmp_path)
    names = [int(Path(transcript.audio).stem) for transcript in desk.result.transcripts]
    assert names == [number for number in range(20) if number != 7], "each once, in order"
    (failure,) = desk.result.failures
    assert failure.audio == "/7.wav" and f"{SINGLE_TRIES} workers that read it died" in failure.problem
    assert told == sorted(told) and told[-1] == 20.0


def test_a_worker_that_dies_once_costs_no_recording(ray_cluster: ModuleType, tmp_path: Path) -> None:
    desk, _ = run(ray_cluster, 20, "7", tmp_path / "out", tmp_path / "died")
    assert (tmp_path / "died").exists() and not desk.result.failures
    assert len(desk.result.transcripts) == 20 == len(list((tmp_path / "out").iterdir()))


def test_what_stops_all_work_is_raised_here(ray_cluster: ModuleType) -> None:
    with pytest.raises(BadInput, match="no such model"):
        RayWorkers(1, _misled, Desk(None, ("txt",), None), ray=ray_cluster).transcribe(
            [Recording(Path("/a.wav"), "a")], [1.0]
        )


# ---- bad input


def refused(capsys: pytest.CaptureFixture, folder: Path, *options: str) -> str:
    """The one line about a command that wrote nothing."""
    code = _run(["transcribe", str(folder), "--model", "starter-wav2vec2", *options])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "loading torch" not in line]
    assert code == 2
    return line


@pytest.mark.parametrize("on", ["spark", "ray://", "ray://head:many", "http://head:1", "ray://me@head"])
def test_other_places_are_refused(folder: Path, capsys: pytest.CaptureFixture, on: str) -> None:
    assert f"--on {on}: expected ray" in refused(capsys, folder, "--on", on)


def test_a_head_that_nobody_runs(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert "nothing answers at ray://127.0.0.1:1 (" in refused(capsys, folder, "--on", "ray://127.0.0.1:1")


def test_without_ray(folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    assert "pip install 'speech_tl[ray]'" in refused(capsys, folder, "--on", "ray")


def test_a_cluster_of_other_versions_or_of_fewer_processors(
    ray_cluster: ModuleType, folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "4 processors, for 9 workers" in refused(capsys, folder, "--on", "ray", "--jobs", "9")
    monkeypatch.setattr("speech_tl.__version__", "9.9")
    line = refused(capsys, folder, "--on", "ray")
    assert "speech_tl 0.1.0 (here 9.9); install the same versions" in line


def test_a_folder_that_another_command_writes_into(
    ray_cluster: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with locked(tmp_path / "out"):
        assert str(tmp_path / "out") in refused(capsys, folder, "--on", "ray", "--out", str(tmp_path / "out"))
    assert not list((tmp_path / "out").glob("*.txt"))
