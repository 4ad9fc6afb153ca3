"""Data sets of the Hub: only where they are said to be one, and no mistyped path is told to it."""

from __future__ import annotations

from typing import Any

import datasets
import pytest

from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the Hub is asked for; it has one data set."""
    found: list[tuple[Any, ...]] = []

    def load(*given: Any, **options: Any) -> datasets.DatasetDict:
        found.append((*given, *options.items()))
        return datasets.DatasetDict(test=datasets.Dataset.from_dict({"audio": ["a.wav"], "text": ["one"]}))

    monkeypatch.setattr(datasets, "load_dataset", load)
    return found


@pytest.mark.parametrize("name", ["typo/name", "data/comonvoice", "corpus/m.cvs", "name", "a/b/c", "typo/name:en"])
def test_a_path_that_is_not_there_does_not_go_to_the_hub(asked, capsys, name):
    assert _run(["evaluate", "--model", "starter-wav2vec2", "--data", name]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{name}: no such manifest" in line and "hf:owner/name" in line
    assert not asked


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("hf:owner/name", ("owner/name", None)),
        ("hf:owner/name:en", ("owner/name", "en")),
        ("hf:some.one/a-b_c.d:x.y-z", ("some.one/a-b_c.d", "x.y-z")),
        ("hf:name", ("name", None)),
    ],
)
def test_a_hub_id_is_asked_for(asked, name, given):
    manifest = Manifest.read(name)
    assert manifest.texts("text") == ["one"] and manifest.texts("split") == ["test"]
    assert asked == [given]


@pytest.mark.parametrize("name", ["hf:", "hf:../secret", "hf:/etc", "hf:a/b/c", "hf:a//b", "hf:./here", "hf:a/b:c/d"])
def test_what_is_no_hub_id_is_not_asked_for(asked, name):
    with pytest.raises(BadInput, match="no id of a data set; expected hf:owner/name"):
        Manifest.read(name)
    assert not asked
