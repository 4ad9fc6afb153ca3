"""Tiny models of both families, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_ctc, tiny_whisper


@pytest.fixture(scope="session")
def ctc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layer norm, lower-case English."""
    return tiny_ctc(tmp_path_factory.mktemp("ctc") / "layer")


@pytest.fixture(scope="session")
def group_norm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Group norm, lower-case English."""
    return tiny_ctc(tmp_path_factory.mktemp("ctc") / "group", norm="group")


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Multilingual, 80 mel bins, the published length of labels."""
    return tiny_whisper(tmp_path_factory.mktemp("whisper") / "multilingual", tokens=448)


@pytest.fixture(scope="session")
def english_whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """English only, 128 mel bins."""
    return tiny_whisper(tmp_path_factory.mktemp("whisper") / "english", mels=128, multilingual=False)
