"""The doctor: what it says is what is so, and what is missing comes with what to do about it."""

from __future__ import annotations

import importlib
import io
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from speech_tl import doctor
from speech_tl.audio.codecs import CODECS, Codec, codec_problem
from speech_tl.doctor import Finding, examine, print_findings


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "_unreachable", lambda address: "no network in tests")
        return examine()


def named(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def test_it_tells_versions_and_that_torch_and_torchaudio_belong_together(findings):
    import torch
    import torchaudio

    assert named(findings, "torch").detail.split("+")[0] == torch.__version__.split("+")[0]
    together = torch.__version__.split(".")[:2] == torchaudio.__version__.split(".")[:2]
    assert named(findings, "torch + torchaudio").status == ("ok" if together else "bad")


def test_another_torchaudio_is_bad_and_says_which_to_install(monkeypatch):
    import torchaudio

    monkeypatch.setattr(torchaudio, "__version__", "2.7.0")
    (finding,) = doctor._torch_pair()
    assert (
        finding.status == "bad" and "torchaudio 2.7" in finding.detail and "pip install 'torchaudio==" in finding.advice
    )


def test_a_torchaudio_that_does_not_load_is_bad_and_says_the_pair_that_does(monkeypatch):
    def load(name: str) -> object:
        if name == "torchaudio":
            raise OSError("Could not load this library: libtorchaudio.so\nmore")
        return importlib.import_module(name)

    monkeypatch.setattr(doctor, "importlib", SimpleNamespace(import_module=load))
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["torch<2.12,>=2.11", "torchaudio==2.11.0"])
    (finding,) = doctor._torch_pair()
    assert (finding.status, finding.detail) == ("bad", "Could not load this library: libtorchaudio.so")
    assert finding.advice.endswith("pip install --force-reinstall 'torchaudio==2.11.0' 'torch<2.12,>=2.11'")


def test_a_version_outside_what_is_declared_is_bad(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["jiwer>=99", 'pytest>=1; extra == "test"'])
    finding = named(list(doctor._versions()), "jiwer")
    assert finding.status == "bad" and ">=99" in finding.detail and finding.advice == "pip install 'jiwer>=99'"


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_every_codec_of_the_list_decodes_a_tone(codec):
    assert codec_problem(codec) is None


def test_a_codec_that_cannot_be_tried_is_said_to_be_so():
    assert "no encoder here" in codec_problem(Codec("nonsense", "soundfile", "WAV", "NONSENSE"))


def test_every_finding_that_is_not_ok_says_what_to_do(findings):
    assert {finding.part for finding in findings} == {"Versions", "Devices", "Audio", "Disk", "Hub", "Starters"}
    assert [finding.name for finding in findings if finding.status != "ok" and not finding.advice] == []


def test_missing_starters_are_bad(monkeypatch, tmp_path):
    from speech_tl.models import load

    monkeypatch.setattr(load, "locate", lambda name: str(tmp_path / name))
    assert {finding.status for finding in doctor._starters()} == {"bad"}


def test_a_full_disk_is_a_warning(monkeypatch):
    usage = doctor.shutil.disk_usage(".")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage._replace(free=10**6))
    assert {finding.status for finding in doctor._disks()} == {"warn"}


def test_the_hub_is_not_asked_when_the_user_is_offline(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(doctor, "_unreachable", lambda address: pytest.fail("asked all the same"))
    (finding,) = doctor._hub()
    assert "HF_HUB_OFFLINE" in finding.detail


def test_a_server_that_answers_is_reachable_and_a_mute_one_is_given_up(monkeypatch):
    monkeypatch.setattr(doctor, "HUB_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        assert doctor._unreachable(address)
        assert time.monotonic() - started < 3

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert doctor._unreachable(f"http://127.0.0.1:{server.getsockname()[1]}") is None
        thread.join(5)
    assert "refused" in doctor._unreachable("http://127.0.0.1:9")


def test_findings_are_printed_with_their_advice_whatever_their_text_holds():
    page = io.StringIO()
    print_findings(
        [Finding("Disk", "runs", "ok", "/a[b]"), Finding("Audio", "mp3", "bad", "broken", "mend [it]")],
        Console(file=page, width=60),
    )
    assert "ok   runs: /a[b]" in page.getvalue() and "-> mend [it]" in page.getvalue()
    assert page.getvalue().splitlines()[-1] == "To mend: mp3"
