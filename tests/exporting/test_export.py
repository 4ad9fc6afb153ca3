"""`speech-tl export`: compared on the run's own dev clips, refused where words are lost, whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.exporting import export as module
from speech_tl.exporting.export import export
from speech_tl.exporting.target import Package
from speech_tl.exporting.targets import hf
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.reporting.model_card import write_model_card
from tests.reporting.test_model_card import a_report
from tests.small import made_corpus, recipe_yaml

QUICKSTART = Path(__file__).parents[2] / "speech_tl" / "starters" / "quickstart" / "manifest.csv"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few sentences that the starter knows."""
    few = Manifest.read(QUICKSTART, split="dev").sample(4, seed=1)
    return few.write(tmp_path_factory.mktemp("clips") / "manifest.csv")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The model of a run that learnt from clips made on the spot."""
    run = tmp_path / "runs" / "accent"
    load_model("starter-wav2vec2", device="cpu").save(run / "model")
    recipe_yaml(run / "recipe.yaml", run / "model", made_corpus(tmp_path / "corpus"))
    write_model_card(a_report(), run / "model")
    return run / "model"


def test_a_runs_model_is_compared_on_the_runs_dev_clips(model: Path, tmp_path: Path) -> None:
    facts = export(model, "hf", tmp_path / "out", quantize="float16")
    assert facts == json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))
    dev = Manifest.read(tmp_path / "corpus" / "manifest.csv", split="dev")
    found = facts["comparison"]
    assert found["utterances"] == len(dev) and found["words"] == sum(len(row.text.split()) for row in dev)
    assert found["wer"]["change"] == found["wer"]["export"] - found["wer"]["source"] == 0
    assert (facts["target"], facts["quantize"], facts["source"]["source"]) == ("hf", "float16", "accent/model")
    assert facts["program"]["name"] == "transformers" and facts["program"]["version"][0].isdigit()
    assert facts["files"]["model.safetensors"] < 0.6 * (model / "model.safetensors").stat().st_size
    assert str(tmp_path) not in json.dumps(facts), "exports travel, and paths of this machine do not"
    assert load_model(tmp_path / "out", device="cpu").network.dtype == torch.float32


def test_the_card_travels_along_and_says_whose_figures_it_has(model: Path, tmp_path: Path) -> None:
    facts = export(model, "hf", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---\n")[1])
    metrics = front["model-index"][0]["results"][0]["metrics"]
    assert all("before its export" in metric["args"]["measured_with"] for metric in metrics)
    assert f"its WER is {facts['comparison']['wer']['export']:.1%}" in card
    assert card.index("## Export") < card.index("## Results")


def test_an_export_that_loses_words_is_refused_unless_allowed(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(target: hf.Export, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        spoilt = model.untouched()
        spoilt.network.lm_head.weight[model.vocabulary["e"]] = 0
        spoilt.save(folder)

    monkeypatch.setattr(hf.Export, "write", deaf)
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=r"loses more than 0.3 points: WER .*--allow-loss"):
        export("starter-wav2vec2", "hf", out, clips=clips)
    assert list(tmp_path.iterdir()) == []
    facts = export("starter-wav2vec2", "hf", out, clips=clips, allow_loss=True)
    assert facts["comparison"]["wer"]["change"] > module.LOSS_ALLOWED and (out / "export.json").is_file()


def test_without_comparing_neither_clips_nor_the_program_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf.Export, "program", Package("no-such-program", "no_such_program"))
    assert _run(["export", "starter-wav2vec2", "--to", "hf", "--out", str(tmp_path / "out"), "--no-compare"]) == 0
    facts = json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))
    assert facts["comparison"] is None and facts["program"]["version"] is None


CASES = [
    (["--to", "ctranslate"], "did you mean ctranslate2?"),
    (["--to", "hf", "--quantize", "int8"], "hf has float16"),
    (["--to", "onnx", "--quantize", "int4"], "onnx has int8 or float16"),
    (["--to", "ctranslate2"], "faster-whisper takes Whisper only: --to onnx or hf"),
    (["--to", "hf"], "give --clips MANIFEST"),
    (["--to", "hf", "--clips", "nowhere.csv"], "nowhere.csv"),
    (["--to", "hf", "--no-compare", "--allow-loss"], "goes with neither"),
    (["--to", "hf", "--out", "used"], "in use"),
]


@pytest.mark.parametrize(("arguments", "said"), CASES, ids=[said for _, said in CASES])
def test_mistakes_are_one_line_before_anything_is_loaded(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_model", loaded)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    out = [] if "--out" in arguments else ["--out", "out"]
    assert _run(["export", "starter-wav2vec2", *arguments, *out]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" ...")]
    assert len(lines) == 1 and said in lines[0], lines
    assert not (tmp_path / "out").exists() and (tmp_path / "used" / "mine.txt").is_file()


def test_models_that_are_no_recognisers_and_missing_packages_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadInput, match="is a bert model: expected a wav2vec2-family"):
        export(tmp_path / "bert", "hf", tmp_path / "out")
    missing = Package("pywhispercpp", "no_such_module")
    monkeypatch.setattr(hf.Export, "program", missing)
    with pytest.raises(BadInput, match=r"comparing it needs pywhispercpp: pip install .* or --no-compare"):
        export("starter-wav2vec2", "hf", tmp_path / "out")
    monkeypatch.setattr(hf.Export, "writers", (missing,))
    with pytest.raises(BadInput, match=r"writing it needs pywhispercpp: pip install"):
        export("starter-wav2vec2", "hf", tmp_path / "out", compared=False)


def test_a_run_whose_data_is_gone_asks_for_clips(model: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus" / "manifest.csv").unlink()
    with pytest.raises(BadInput, match=r"dev clips of .* are not there any more .* give --clips MANIFEST"):
        export(model, "hf", tmp_path / "out")
