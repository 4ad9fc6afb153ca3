"""One small corpus and two tiny models for all training tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech_tl.data.manifest import Manifest
from tests.tiny import tiny_ctc, tiny_whisper
from tests.training.learning import clips


@pytest.fixture(autouse=True)
def two_clips_choose(request: pytest.FixtureRequest) -> None:
    """The corpus' two dev clips select, but for the tests of how many it takes."""
    if "enough" not in request.fixturenames:
        request.getfixturevalue("dev_chooses")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Eight clips to train on, two to select on."""
    return clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family."""
    folder = tmp_path_factory.mktemp("models")
    return {"ctc": tiny_ctc(folder / "ctc", norm="group"), "whisper": tiny_whisper(folder / "whisper", tokens=32)}
