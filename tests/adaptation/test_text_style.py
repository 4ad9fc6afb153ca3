"""Training texts without capitals and marks: noticed, told, and given the checkpoint's own."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech_tl.adaptation import adapt, restored_texts
from speech_tl.adaptation.preparation import prepare
from speech_tl.adaptation.restored_texts import TEXTS, seconds_to_restore, with_restored_texts
from speech_tl.adaptation.text_style import StyleGap, TextStyle, check_style, style_gap
from speech_tl.data.batching import SpeechDataset
from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from speech_tl.screen import Screen
from speech_tl.text import get_normaliser
from speech_tl.text.style import Style, has_final_mark
from tests.small import made_corpus, real_corpus
from tests.tiny import tiny_ctc

WRITES = Style(20, 0.98, 0.95)
BARE = Style(100, 0.0, 0.0)
ENGLISH, AS_IS = get_normaliser("english"), get_normaliser("none")


def test_what_is_lost() -> None:
    assert StyleGap(BARE, WRITES, True).lost == ["capitals", "final marks"]
    assert StyleGap(Style(100, 0.9, 0.1), WRITES, True).lost == ["final marks"]
    assert StyleGap(BARE, Style(20, 0.1, 0.05), True).lost == []  # a model that writes neither loses neither
    assert StyleGap(Style(100, None, 0.0), Style(20, None, 0.9), True).lost == ["final marks"]
    told = StyleGap(BARE, WRITES, True).told()
    assert "no capitals or final marks (0 % / 0 %), the checkpoint writes them (98 % / 95 % of 20 clips)" in told
    assert "few final marks (10 %)" in StyleGap(Style(100, 0.9, 0.1), WRITES, True).told()


@pytest.mark.parametrize(
    ("option", "learnable", "normaliser", "anew", "restores", "said"),
    [
        ("auto", True, ENGLISH, False, True, "data.text_style=as_is leaves the texts alone"),
        ("as_is", True, ENGLISH, False, False, "stops writing them; data.text_style=restore keeps them"),
        ("restore", True, ENGLISH, False, True, "are given them"),
        ("auto", True, AS_IS, False, False, "data.text_style=restore keeps them"),
        ("auto", False, ENGLISH, False, False, "CTC model's labels have neither"),
        ("restore", False, ENGLISH, False, False, "data.text_style=restore has no effect"),
        ("restore", True, ENGLISH, True, False, "no checkpoint that could write them"),
    ],
)
def test_what_follows(option: Any, learnable: bool, normaliser: Any, anew: bool, restores: bool, said: str) -> None:
    found = TextStyle.of(option, StyleGap(BARE, WRITES, learnable), normaliser, anew=anew)
    assert found.restores is restores and said in found.note


def test_cased_texts_cost_nothing_and_say_nothing() -> None:
    for option in ("auto", "as_is"):
        found = TextStyle.of(option, StyleGap(WRITES, None, True), ENGLISH, anew=False)
        assert not found.restores and found.note is None


def test_only_characters_in_both_cases_or_marks_are_listened_for(tmp_path: Path) -> None:
    for number, (characters, writes) in enumerate([("abc'", False), ("ABC'", False), ("abcABC", True), ("abc.", True)]):
        model = load_model(str(tiny_ctc(tmp_path / str(number), characters=characters)))
        assert model.writes_style() is writes and not model.labels_keep_style
    gap = style_gap(load_model("starter-wav2vec2"), Manifest.read(made_corpus(tmp_path / "data")), DecodingOptions(), 0)
    assert gap.written is None and gap.lost == []


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, corpora: Path, published_whisper: Callable[[str], Path]) -> Recipe:
    """Real clips, small letters and no marks, and the published tiny.en."""
    folder = tmp_path_factory.mktemp("bare")
    data = real_corpus(folder / "data", corpora)
    return Recipe(
        name="bare",
        model=ModelOptions(source=str(published_whisper("whisper-tiny.en"))),
        data=DataOptions(root=str(data), language="en", train_limit=5, dev_limit=1, test_limit=1, text_style="auto"),
        training=TrainingOptions(max_steps=1, batch_seconds=14, dev_limit=1),
    )


@pytest.fixture(scope="module")
def run(bare: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """A run of one step: its folder, its report and the texts that were learnt from."""
    learnt: list[str] = []
    heard = SpeechDataset.heard

    def noted(self: SpeechDataset, index: int, epoch: int) -> Any:
        waveform, text = heard(self, index, epoch)
        if self.with_labels:
            learnt.append(text)
        return waveform, text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpeechDataset, "heard", noted)
        result = adapt(bare, tmp_path_factory.mktemp("run") / "run")
    return result.folder, result.report.as_dict(), learnt


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / TEXTS).read_text(encoding="utf-8").splitlines()]


def test_what_is_learnt_has_the_checkpoints_capitals_and_marks(run: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, report, learnt = run
    noted = lines(folder / "training")
    taken = learnt[: len(noted)]  # the loader is a batch ahead of the one step
    assert 0 < len(taken) < 5 and sorted(line["learnt"] for line in noted) == sorted(taken)
    for line in noted:
        assert [w.strip(".,?!;:").lower() for w in line["learnt"].split()] == line["text"].split()
    style = Style.of(taken)
    assert style.capitals > 0.5 and style.final_marks > 0.5
    assert report["data"]["text_style"]["restored"] == len(noted)
    assert report["data"]["text_style"]["lost"] == ["capitals", "final marks"]
    assert any("data.text_style=as_is leaves the texts alone" in note for note in report["notes"])


def test_a_rate_without_normalisation_is_not_shown_where_styles_differ(
    run: tuple[Path, dict[str, Any], list[str]],
) -> None:
    folder, report, _ = run
    assert report["target"]["style"]["comparable"] is False and report["target"]["before"]["raw"]["wer"] > 0
    for name in ("report.md", "report.html"):
        page = (folder / name).read_text(encoding="utf-8")
        assert "as written" not in page and "Without normalisation the WER says nothing here" in page


def test_a_resumed_run_learns_from_the_same_texts(bare: Recipe, tmp_path: Path) -> None:
    """Nothing is decoded again: what stands in the file is taken, unless it is of other texts."""
    model, data = prepare(bare, Screen())
    assert seconds_to_restore(model, data, bare) > 0
    first = with_restored_texts(model, data, bare, tmp_path, Screen()).train.column("text")
    noted = lines(tmp_path)
    assert len(noted) == sum(a != b for a, b in zip(first, data.train.column("text"), strict=True))
    changed = [line | {"learnt": f"{line['learnt']} Really?"} for line in noted]
    (tmp_path / TEXTS).write_text("".join(json.dumps(line) + "\n" for line in changed), encoding="utf-8")
    again = with_restored_texts(model, data, bare, tmp_path, Screen()).train.column("text")
    assert sum(text.endswith("Really?") for text in again) == len(noted)
    other = [line | {"text": "other words"} for line in changed]
    (tmp_path / TEXTS).write_text("".join(json.dumps(line) + "\n" for line in other), encoding="utf-8")
    assert with_restored_texts(model, data, bare, tmp_path, Screen()).train.column("text") == first


def test_auto_asks_for_a_sample_and_writes_the_rest_as_is_usual(
    bare: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restored_texts, "SAMPLED", 2)
    auto = bare.with_overrides(["training.max_steps=null", "training.epochs=1"])  # all five train clips are learnt from
    model, data = prepare(auto, Screen())
    texts = with_restored_texts(model, data, auto, tmp_path / "auto", Screen()).train.texts("text")
    noted = lines(tmp_path / "auto")
    assert sum(bool(line["transcript"]) for line in noted) == 2 < len(noted)
    assert all(text[0].isupper() and has_final_mark(text) for text in texts)
    every = auto.with_overrides(["data.text_style=restore"])
    with_restored_texts(model, data, every, tmp_path / "restore", Screen())
    assert all(line["transcript"] for line in lines(tmp_path / "restore"))


def test_check_warns(bare: Recipe) -> None:
    model, manifest = load_model(bare.model.source), Manifest.read(bare.data.root).select(range(3))
    assert "data.text_style=restore keeps them" in check_style(model, manifest)
    with open(bare.data.root, encoding="utf-8") as stream:
        texts = [f"{row['text'].capitalize()}." for row in csv.DictReader(stream)][:3]
    assert check_style(model, manifest.with_column("text", texts)) is None
