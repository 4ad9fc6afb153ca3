"""`speech-tl push`: what arrives at the Hub is what lies in the folder, private unless asked, each refusal one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from speech_tl.cli import _run
from speech_tl.reporting.model_card import write_model_card
from tests.exporting.fake_hub import READER, TOKEN, FakeHub, fake_hub
from tests.reporting.test_model_card import a_report
from tests.tiny import tiny_ctc

ROOT = Path(__file__).parents[2]
REPO = "ann/mandarin"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """The Hub of this process, nobody logged in."""
    from huggingface_hub import constants

    with fake_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's model with its card, and what must stay at home."""
    folder = tiny_ctc(tmp_path_factory.mktemp("run") / "model")
    write_model_card(a_report(), folder)
    (folder / ".env").write_text("SECRET=1")
    (folder / "optimizer.pt").write_bytes(b"moments")
    (folder / "checkpoint-5").mkdir()
    (folder / "checkpoint-5" / "model.safetensors").write_bytes(b"older")
    return folder


def contents(model: Path) -> dict[str, bytes]:
    sent = [path for path in model.iterdir() if path.is_file() and path.name not in (".env", "optimizer.pt")]
    return {path.name: path.read_bytes() for path in sent}


def test_what_arrives_is_the_folder_in_one_private_commit(model: Path, tmp_path: Path) -> None:
    """By the command itself, which is told where the Hub is as every program of Hugging Face is."""
    with fake_hub() as hub:
        told = {"HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "speech_tl.cli", "push", str(model), REPO]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **told}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{hub.address}/{REPO}" in done.stderr
    assert hub.private == {REPO: True} and len(hub.commits) == 1
    assert {name: data for (_, name), data in hub.files.items()} == contents(model)
    assert list(hub.blobs.values()) == [(model / "model.safetensors").read_bytes()]
    card = hub.files[REPO, "README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["model-index"][0]["results"][0]["metrics"][0]["type"] == "wer"


def test_public_is_asked_for_and_what_is_public_gets_nothing_by_accident(
    hub: FakeHub, model: Path, capsys: pytest.CaptureFixture
) -> None:
    assert _run(["push", str(model), REPO, "--public", "--token", TOKEN]) == 0
    assert hub.private == {REPO: False} and len(hub.commits) == 1
    capsys.readouterr()
    assert _run(["push", str(model), REPO, "--token", TOKEN]) == 2
    assert "there already and public: give --public" in capsys.readouterr().err
    assert len(hub.commits) == 1
    assert _run(["push", str(model), REPO, "--public", "--token", TOKEN]) == 0
    assert len(hub.commits) == 2


def test_a_dry_run_lists_files_and_sizes_and_asks_nobody(
    hub: FakeHub, model: Path, capsys: pytest.CaptureFixture
) -> None:
    assert _run(["push", str(model), REPO, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for name, data in contents(model).items():
        assert f"{len(data) / 1e6:.3f} MB  {name}\n" in shown
    assert f"to {REPO} (private)" in shown and "optimizer" not in shown and ".env" not in shown
    assert hub.asked == []


def test_tokens_that_are_missing_unknown_or_may_not_write_are_one_line(
    hub: FakeHub, model: Path, capsys: pytest.CaptureFixture
) -> None:
    cases = {None: "needs a token", "hf_wrong": "does not know this token", READER: "may not write"}
    for token, said in cases.items():
        assert _run(["push", str(model), REPO, *(["--token", token] if token else [])]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and said in lines[0], lines
    assert hub.private == {} and hub.files == {}


def test_a_hub_that_cannot_be_reached_is_one_line(
    hub: FakeHub, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert _run(["push", str(model), REPO, "--token", TOKEN]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "cannot be reached" in lines[0], lines


def test_folders_and_names_that_cannot_be_pushed_are_one_line(
    hub: FakeHub, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    adapter = tmp_path / "run" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(model)}))
    cases = [
        (tmp_path / "nowhere", REPO, "no such folder"),
        (model.parent, REPO, f"did you mean {model}?"),
        (model, "mandarin", "expected OWNER/NAME"),
        (model, "ann/a b", "expected OWNER/NAME"),
        (adapter, REPO, "nobody could load it"),
    ]
    for folder, repo, said in cases:
        assert _run(["push", str(folder), repo, "--token", TOKEN]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and said in lines[0], lines
    assert hub.asked == []


def test_a_folder_without_a_card_is_said(hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tiny_ctc(tmp_path / "model")
    assert _run(["push", str(folder), REPO, "--dry-run"]) == 0
    assert "the model has no card" in capsys.readouterr().out
