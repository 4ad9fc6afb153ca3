"""Whether an adapted model may be decoded on short windows: decided on dev, told everywhere, kept with the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from speech_tl.adaptation import adapt
from speech_tl.adaptation.context import DEV_UTTERANCES, settle_context
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.data.test_set import TestSet
from speech_tl.decoding import measuring
from speech_tl.decoding.decode import Hypothesis
from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate
from speech_tl.models.audio_context import FULL, AudioContext
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper import WhisperModel
from speech_tl.recipe import Recipe
from speech_tl.scoring.wer import Evaluation
from speech_tl.screen import Screen
from speech_tl.text import get_normaliser
from speech_tl.training.progress import read_log
from tests.small import made_corpus, recipe_yaml, written
from tests.tiny import tiny_ctc, tiny_whisper


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of random weights."""
    return tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny", tokens=64)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Six hundred utterances of forty speakers, ten words each; none of them is ever decoded."""
    rows = [
        {"audio": f"{n}.wav", "text": "a b c d e f g h i j", "speaker": f"s{n % 40}", "duration": 1 + n / 200}
        for n in range(600)
    ]
    return Manifest.read(written(tmp_path_factory.mktemp("dev") / "manifest.csv", rows))


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[AudioContext]]:
    """Decoding that gets so many of a hundred utterances' first word wrong, with 30 s and trimmed."""

    def scripted(full: int, trimmed: int) -> list[AudioContext]:
        seen: list[AudioContext] = []

        def decode(model: WhisperModel, utterances: Sequence, *_: Any, **__: Any) -> list[Hypothesis]:
            seen.append(model.decoding_context)
            wrong = trimmed if model.decoding_context.trims else full
            texts = ["x" + u.text[1:] if int(u.id[:-4]) % 100 < wrong else u.text for u in utterances]
            return [Hypothesis(i, text) for i, text in enumerate(texts)]

        monkeypatch.setattr(measuring, "decode", decode)
        return seen

    return scripted


def trained(tiny: Path, option: str | float = "auto") -> WhisperModel:
    """A model as it comes out of training."""
    model = load_model(tiny, language="en")
    model.set_audio_context(option, 0.1)
    return model


def settle(model: WhisperModel, dev: Manifest, option: str | float = "auto", **decoding: str) -> dict[str, Any] | None:
    """The check with the defaults."""
    options = DecodingOptions(workers=0, **decoding)
    test_set = TestSet("dev", dev, get_normaliser("basic"), model.language)
    return settle_context(model, test_set, option, options, 1, Screen())


# ---- the decision


def test_trimmed_windows_are_kept_where_they_cost_nothing(tiny: Path, dev: Manifest, errors: Callable) -> None:
    seen, model = errors(20, 21), trained(tiny)
    found = settle(model, dev)
    assert [c.trims for c in seen] == [False, True]
    assert found["harmless"] and model.decoding_context.trims
    assert found["full"]["wer"] == pytest.approx(0.02, abs=0.004)
    assert found["wer_change"]["absolute"] == pytest.approx(found["trimmed"]["wer"] - found["full"]["wer"])
    low, high = found["wer_change"]["ci95"]
    assert low <= found["wer_change"]["absolute"] <= high < 0.01
    assert found["dev_utterances"] == DEV_UTTERANCES == 500
    assert found["saved_share"] > 0.7
    assert "decoded trimmed" in found["finding"] and "500 dev utterances" in found["finding"]


def test_a_loss_that_could_be_a_point_means_30_s(tiny: Path, dev: Manifest, errors: Callable) -> None:
    errors(20, 29)  # 0.9 points lost, the interval ends beyond one
    model = trained(tiny)
    found = settle(model, dev)
    assert found["wer_change"]["absolute"] < 0.01 < found["wer_change"]["ci95"][1]
    assert not found["harmless"] and model.decoding_context == FULL
    assert "decoded with 30 s" in found["finding"]


def test_the_cer_decides_where_no_spaces_are_written(tiny: Path, dev: Manifest, errors: Callable) -> None:
    errors(20, 29)  # one character of 19 in nine of a hundred utterances: half a point
    model = trained(tiny)
    model.language = "zh"
    found = settle(model, dev)
    assert found["rate"] == "cer" and found["harmless"] and "wer_change" not in found
    assert found["cer_change"]["absolute"] == pytest.approx(found["trimmed"]["cer"] - found["full"]["cer"])
    assert "CER on 500 dev utterances" in found["finding"]


def test_seconds_are_obeyed_and_their_cost_is_told(tiny: Path, dev: Manifest, errors: Callable) -> None:
    errors(0, 50)
    model = trained(tiny, 8.0)
    found = settle(model, dev, 8.0)
    assert model.decoding_context == AudioContext(at_most_s=8.0, at_least_s=8.0)
    assert not found["harmless"]
    assert "+5." in found["finding"] and "all the same, as asked" in found["finding"]


def test_nothing_is_decided_where_nothing_was_trimmed(tiny: Path, dev: Manifest, errors: Callable) -> None:
    seen = errors(0, 0)
    assert settle(trained(tiny, "full"), dev, "full") is None
    model = trained(tiny)
    assert settle(model, dev, audio_context="full") is None
    assert seen == [] and model.decoding_context == FULL


def test_a_window_longer_than_any_on_dev_stays_30_s(tiny: Path, dev: Manifest, errors: Callable) -> None:
    errors(0, 0)
    model = trained(tiny)
    settle(model, dev)
    longest_s = 1 + 599 / 200
    assert model.window_s(longest_s - 0.1, model.decoding_context) < 6
    assert model.window_s(longest_s + 1, model.decoding_context) == 30


def test_the_same_utterances_decide_each_time(tiny: Path, dev: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def decode(model: WhisperModel, utterances: Sequence, *_: Any, **__: Any) -> list[Hypothesis]:
        seen.append([u.id for u in utterances])
        return [Hypothesis(i, u.text) for i, u in enumerate(utterances)]

    monkeypatch.setattr(measuring, "decode", decode)
    settle(trained(tiny), dev)
    settle(trained(tiny), dev)
    assert seen[0] == seen[1] == seen[2] == seen[3]


# ---- a whole run


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen clips."""
    return made_corpus(tmp_path_factory.mktemp("corpus"))


def run(folder: Path, model: Path, manifest: Path, *overrides: str) -> tuple[Path, dict[str, Any]]:
    """Adapt for a few steps; the run's folder and report.json."""
    recipe = Recipe.model_validate(_values(recipe_yaml(folder / "recipe.yaml", model, manifest)))
    adapt(recipe.with_overrides(list(overrides)), folder / "run")
    return folder / "run", json.loads((folder / "run" / "report.json").read_text())


def _values(path: Path) -> dict[str, Any]:
    import yaml

    return yaml.safe_load(path.read_text())


def conditions(folder: Path) -> dict[str, dict[str, Any]]:
    """The decoding conditions of every summary of a run, by its folder's name in the run."""
    found = sorted(folder.rglob("summary.json"))
    return {str(path.parent.relative_to(folder)): json.loads(path.read_text())["decoding"] for path in found}


def test_both_sides_are_decoded_alike_and_shorter_windows_are_a_second_line(
    tmp_path: Path, tiny: Path, manifest: Path, dev_chooses: None
) -> None:
    ladder = ["ladder.noise.generated=[white]", "ladder.snr_db=[5]", f"guards.same={manifest}"]
    folder, report = run(tmp_path, tiny, manifest, "model.full_context_share=0.3", *ladder)
    found = report["training"]["audio_context"]
    # Two texts of random weights are equally wrong: nothing lost, so the short windows are kept.
    assert found["harmless"] and found["decoding"].startswith("trimmed") and found["full_context_share"] == 0.3
    assert found["finding"] in report["notes"]
    assert "audio context: WER on 2 dev utterances" in (folder / "report.md").read_text()
    assert "audio context: WER on 2 dev utterances" in (folder / "report.html").read_text()
    logged = [
        entry["audio_context"] for entry in read_log(folder / "training" / "log.jsonl") if "audio_context" in entry
    ]
    assert logged == [found]
    sides = conditions(folder)
    short = sides.pop("after_shortened")
    assert len(sides) == 6, "test set, guard and noise, before and after"
    assert all(side == sides["before"] for side in sides.values()) and sides["before"]["audio_context"] == "full"
    assert report["decoding"] == sides["before"] and report["conditions"] == []
    assert short == sides["after"] | {"audio_context": found["decoding"]}
    line = report["shortened"]
    assert line["audio_context"] == found["decoding"] and line["times_faster"] > 0
    assert line["score"]["wer"] == Evaluation.read(folder / "after_shortened").score.wer
    told = f"After, windows shortened to the clip: WER {100 * line['score']['wer']:.1f} %"
    assert told in (folder / "report.md").read_text() and told in (folder / "report.html").read_text()
    again = evaluate(folder / "model", manifest, decoding=DecodingOptions(workers=0))
    assert again.decoding["audio_context"] == found["decoding"], "what plain users get"
    assert again.score.wer == line["score"]["wer"]
    command = ["evaluate", "--model", str(folder / "model"), "--data", str(manifest), "--out", str(tmp_path / "whole")]
    assert _run([*command, "--audio-context", "full"]) == 0
    assert Evaluation.read(tmp_path / "whole").decoding["audio_context"] == "full"
    assert Evaluation.read(tmp_path / "whole").score.wer == report["target"]["after"]["wer"]
    assert _run([*command, "--audio-context", "short"]) == 2


def test_a_dev_split_too_small_to_tell_means_30_s(tmp_path: Path, tiny: Path, manifest: Path) -> None:
    folder, report = run(tmp_path, tiny, manifest, "training.max_steps=1")
    found = report["training"]["audio_context"]
    assert found["decoding"] == "full" and not found["harmless"] and report["shortened"] is None
    small = "dev has 2 utterances and 14 words, and a choice takes 30 and 200"
    assert found["finding"] == f"audio context: {small}: the adapted model is decoded with 30 s"
    assert {f"{small}: the last weights are kept", found["finding"]} < set(report["notes"])
    assert not (folder / "after_shortened").exists() and load_model(folder / "model").decoding_context == FULL


def test_seconds_are_obeyed_on_a_small_dev_split_but_the_result_has_30_s(
    tmp_path: Path, tiny: Path, manifest: Path
) -> None:
    folder, report = run(tmp_path, tiny, manifest, "training.max_steps=1", "model.audio_context=6")
    assert load_model(folder / "model").decoding_context.at_least_s == 6
    sides = conditions(folder)
    assert sides["before"] == sides["after"] and sides["after"]["audio_context"] == "full"
    assert sides["after_shortened"]["audio_context"] == report["training"]["audio_context"]["decoding"]


def test_a_checkpoint_that_was_decoded_trimmed_is_scored_with_30_s_before(
    tmp_path: Path, tiny: Path, manifest: Path
) -> None:
    adapted = load_model(tiny, language="en")
    adapted.decoding_context = AudioContext(at_most_s=30.0)
    adapted.save(tmp_path / "adapted")
    folder, _ = run(tmp_path, tmp_path / "adapted", manifest, "model.audio_context=full", "training.max_steps=1")
    sides = [json.loads((folder / side / "summary.json").read_text())["decoding"] for side in ("before", "after")]
    assert [side["audio_context"] for side in sides] == ["full", "full"]
    assert load_model(folder / "model").decoding_context == FULL


def test_a_run_that_is_resumed_after_training_decodes_as_it_had_decided(
    tmp_path: Path, tiny: Path, manifest: Path, dev_chooses: None
) -> None:
    folder, report = run(tmp_path, tiny, manifest)
    for name in ("report.json", "after/summary.json", "after_shortened/summary.json"):
        (folder / name).unlink()
    recipe = Recipe.model_validate(_values(folder / "recipe.yaml"))
    again = adapt(recipe, folder, resume=True)
    assert str(again.model.decoding_context) == report["training"]["audio_context"]["decoding"]
    again = again.report.as_dict()
    assert again["decoding"] == report["decoding"] == conditions(folder)["before"]
    assert again["shortened"]["audio_context"] == report["training"]["audio_context"]["decoding"]
    clock = {"run_seconds", "phases"}
    first, second = (made["training"] for made in (report, again))
    assert {k: v for k, v in second.items() if k not in clock} == {k: v for k, v in first.items() if k not in clock}
    assert second["run_seconds"] > first["run_seconds"], "both sessions"
    for name in ("preparation", "after"):
        assert second["phases"][name] > first["phases"][name]
    for name in ("training", "validation", "before", "choices"):
        assert second["phases"][name] == pytest.approx(first["phases"][name], abs=0.2)


def test_a_ctc_model_has_no_window_to_speak_of(tmp_path: Path, manifest: Path) -> None:
    model = tiny_ctc(tmp_path / "ctc")
    with pytest.raises(BadInput, match="only Whisper has a window"):
        run(tmp_path / "a", model, manifest, "model.audio_context=10")
    _, report = run(tmp_path / "b", model, manifest, "training.max_steps=1")
    assert "audio_context" not in report["training"]
