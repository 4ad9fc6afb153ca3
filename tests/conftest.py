"""Fixtures shared by all tests: where real speech is, and small real audio made on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers share the cores; before torch is imported

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is converted for a test does not stay with the user."""
    os.environ["SPEECH_TL_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own; returns where its conversions will be."""
    monkeypatch.setenv("SPEECH_TL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ctranslate2"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora; tests that need it are skipped where it is not there."""
    folder = Path(os.environ.get("SPEECH_TL_CORPORA", Path(__file__).resolve().parents[2] / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no real corpora at {folder} (set SPEECH_TL_CORPORA to a folder that holds them)")
    return folder


@pytest.fixture
def dev_chooses() -> Iterator[None]:
    """See `tests.small.any_dev_chooses`."""
    from tests.small import any_dev_chooses

    with any_dev_chooses():
        yield


@pytest.fixture(scope="session")
def published_whisper() -> Callable[[str], Path]:
    """Where OpenAI's published Whisper weights are, as Hugging Face folders: "whisper-tiny.en" -> its folder."""
    place = Path(os.environ.get("SPEECH_TL_MODELS", Path.home() / ".cache" / "speech_tl_models"))

    def folder(name: str) -> Path:
        if not (place / name / "config.json").is_file():
            pytest.skip(f"no {name} in {place} (set SPEECH_TL_MODELS to a folder that holds it)")
        return place / name

    return folder
