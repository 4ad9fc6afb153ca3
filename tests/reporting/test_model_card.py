"""The model card: hubs can read its results, it tells what is known and says what is not, and no path of a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from speech_tl.data.leaks import Leak, Leaks
from speech_tl.recipe import Recipe, ReportOptions
from speech_tl.reporting.model_card import is_hub_id, model_card, place_name, write_model_card
from speech_tl.reporting.page import build_report
from speech_tl.reporting.report import Report
from tests.scoring.made import evaluation

HOSTILE = "<script>alert(1)</script>|`x`\n---\nlicense: mine"


def heard(errors: int) -> Any:
    said = "a b c d e f g h i j"
    wrong = " ".join(["x"] * errors + said.split()[errors:])
    made = evaluation([(said, wrong)] * 24, speakers=[f"s{n % 12}" for n in range(24)])
    made.data = {"source": "/home/ann/private/speechocean762/manifest.csv", "split": "test", "language": "en"}
    return made


def a_report(recipe: Recipe | None = None, **changed: Any) -> Report:
    recipe = recipe or Recipe(name="mandarin", report=ReportOptions(licence="cc-by-4.0", data_licence="X, CC BY 4.0"))
    data = {
        "fingerprint": "abc",
        "utterances": {"train": 1200, "dev": 10, "test": 12},
        "hours": {"train": 1.5, "dev": 0.1, "test": 0.1},
        "speakers": {"train": 120, "dev": 0, "test": 12},
        "excluded": {"silent": 2},
    }
    leaks = Leaks(sentences=Leak(count=1, first=["a b"], test_utterances=3))
    given = {
        "guards": {"libri": (heard(1), heard(4))},
        "leaks": leaks,
        "training": {"steps": 400, "seconds": 60.0},
        "model": {"source": "openai/whisper-small", "revision": "0a1b", "language": "en"},
        "data": data,
        "notes": ["this voice only"],
    } | changed
    return build_report(recipe.model_dump(mode="json"), heard(5), heard(2), **given)


def test_hubs_read_the_results_after_adaptation(tmp_path: Path) -> None:
    path = write_model_card(a_report(), tmp_path)
    assert path == tmp_path / "README.md"
    card = ModelCard.load(path).data
    assert (card.license, card.language, card.base_model) == ("cc-by-4.0", ["en"], "openai/whisper-small")
    assert card.library_name == "transformers" and card.pipeline_tag == "automatic-speech-recognition"
    found = {(r.dataset_name, r.dataset_split, r.metric_type): r.metric_value for r in card.eval_results}
    assert found == {
        ("speechocean762", "test", "wer"): 20.0,
        ("speechocean762", "test", "cer"): found["speechocean762", "test", "cer"],
        ("libri", None, "wer"): 40.0,
        ("libri", None, "cer"): found["libri", None, "cer"],
    }
    assert all(result.metric_args["normaliser"] == "none" for result in card.eval_results)
    assert "&id" not in path.read_text(), "no YAML references: people read this too"


def test_the_card_is_complete() -> None:
    card = model_card(a_report())
    for told in (
        "WER 50.0 % → 20.0 %",
        "significantly better (95 % interval excludes zero)",
        "95 % interval −30.0 to −30.0",
        "`openai/whisper-small` (revision `0a1b`)",
        "guard libri became worse",
        "licence: X, CC BY 4.0",
        "train: 1\u00a0200 utterances, 1.50 h, 120 speakers",
        "dev: 10 utterances, 0.10 h, speakers unknown",
        "2 rows set aside (2 silent)",
        "Shared speakers: not known.",
        "Shared sentences: 1",
        "licence of this model: cc-by-4.0",
        "this voice only",
        "(12 speakers)",
    ):
        assert told in card, told
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert headings == ["## Results", "## Elsewhere", "## Data", "## Training", "## Use", "## Limits"]


def test_what_nobody_stated_is_said_to_be_unknown() -> None:
    card = model_card(a_report(Recipe(name="mine"), guards=None, leaks=None, model={"source": "starter-whisper"}))
    front = yaml.safe_load(card.split("---")[1])
    assert "license" not in front and "base_model" not in front
    assert card.count("not stated: find out before you share this model") == 2
    assert "what was unlearnt elsewhere is unknown" in card
    assert ModelCard(card).data.eval_results, "still readable"


def test_no_folder_of_this_machine_is_told() -> None:
    card = model_card(a_report(model={"source": "/home/ann/private/models/mine", "language": "english"}))
    assert "private" not in card and "`mine`" in card
    assert yaml.safe_load(card.split("---")[1])["language"] == ["en"]


def test_markup_in_names_stays_text() -> None:
    recipe = Recipe(name="x", description=HOSTILE, report=ReportOptions(data_licence=HOSTILE))
    card = model_card(a_report(recipe, notes=[HOSTILE], guards={HOSTILE: (heard(1), heard(1))}))
    assert "<script>" not in card.split("---\n", 2)[2].replace("\\<script", "")
    data = ModelCard(card).data
    assert data.license is None and HOSTILE in {r.dataset_name for r in data.eval_results}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("openai/whisper-small", "openai/whisper-small"),
        ("google/fleurs:ml_in", "google/fleurs:ml_in"),
        ("/data/ljspeech_part/manifest.csv", "ljspeech_part"),
        ("../speechocean762/", "speechocean762"),
        ("clips.csv", "clips.csv"),
        (None, "unknown"),
    ],
)
def test_sources_are_named_without_their_place(source: str | None, name: str) -> None:
    assert place_name(source) == name


def test_a_folder_that_is_here_is_no_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("runs/model")
    (tmp_path / "runs" / "model").mkdir(parents=True)
    assert not is_hub_id("runs/model") and place_name("runs/model") == "model"
