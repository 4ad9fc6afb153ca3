"""Guards of a run: scored before and after alike, each decoded exactly twice, never again by a resume."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import speech_tl.evaluation
from speech_tl.adaptation import AdaptationResult, adapt, before_and_after, plan
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.models.load import best_device
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.scoring.wer import Evaluation, score
from speech_tl.text import get_normaliser
from tests.scoring.made import Said
from tests.small import made_corpus, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

STAGES = ("before", "after")


@dataclass
class Made:
    """A recipe with two guards, and what its runs decoded, call by call."""

    recipe: Recipe
    decoded: list[list[str]]


def with_guards(folder: Path, model: Path, **guards: dict[str, Any]) -> Recipe:
    """A run of two steps on clips made on the spot; by default a guard with splits and one without."""
    data = made_corpus(folder / "data")
    rows = rows_of(data)
    source = [{k: v for k, v in row.items() if k != "split"} | {"id": f"g{n}"} for n, row in enumerate(rows[:5])]
    other = [row | {"id": f"o{n}"} for n, row in enumerate(rows)]
    guards = guards or {
        "source": {"data": str(written(folder / "source.csv", source)), "limit": 0.1},
        "other": {"data": str(written(folder / "other.csv", other)), "where": {"gender": "f"}, "normaliser": "basic"},
    }
    return Recipe.model_validate(
        {
            "name": "guarded",
            "model": {"source": str(model)},
            "data": {"root": str(data)},
            "training": {"max_steps": 2, "eval_steps": 2, "batch_seconds": 6.0, "precision": "float32", "workers": 0},
            "decoding": {"workers": 0, "batch_seconds": 7.0},
            "guards": guards,
        }
    )


def noted(decoded: list[list[str]], patch: pytest.MonkeyPatch) -> None:
    """Have every decoding of a test set leave its ids in `decoded`."""
    measure = before_and_after.measure

    def measure_and_note(model: Any, test_set: Any, *rest: Any, **options: Any) -> Any:
        decoded.append([u.id for u in test_set.utterances])
        return measure(model, test_set, *rest, **options)

    patch.setattr(before_and_after, "measure", measure_and_note)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Nothing has run yet."""
    found = Made(with_guards(tmp_path, tiny_ctc(tmp_path / "m")), [])
    noted(found.decoded, monkeypatch)
    return found


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, AdaptationResult]:
    """A finished run; one row of the guard `source` has no audio."""
    folder = tmp_path_factory.mktemp("ended")
    found = Made(with_guards(folder, tiny_ctc(folder / "m")), [])
    path = Path(found.recipe.guards["source"].data)
    rows = rows_of(path)
    written(path, [*rows, rows[0] | {"audio": str(folder / "gone.wav"), "id": "gone"}])
    with pytest.MonkeyPatch.context() as patch:
        noted(found.decoded, patch)
        return found, adapt(found.recipe, folder / "run")


def summaries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / stage / "summary.json").read_text()) for stage in STAGES]


def test_every_test_set_is_decoded_twice_and_scored_alike(ended: tuple[Made, AdaptationResult]) -> None:
    made, result = ended
    counted = Counter(tuple(call) for call in made.decoded)
    assert sorted(counted.values()) == [2, 2, 2]
    assert ("g0", "g1", "g2", "g3", "g4") in counted and ("o12", "o13") in counted
    report = json.loads((result.folder / "report.json").read_text())
    assert report["guards"].keys() == {"source", "other"}
    assert {name: guard["limit"] for name, guard in report["guards"].items()} == {"source": 0.1, "other": 0.02}
    for name, guard in report["guards"].items():
        before, after = summaries(result.folder / "guards" / name)
        for same in ("decoding", "data", "normaliser", "normaliser_hash", "versions"):
            assert before[same] == after[same], same
        assert before["normaliser"] == {"source": "english", "other": "basic"}[name]
        assert (guard["before"]["wer"], guard["after"]["wer"]) == (before["score"]["wer"], after["score"]["wer"])
        read = [Evaluation.read(result.folder / "guards" / name / stage) for stage in STAGES]
        assert [e.score for e in read] == [e.score for e in result.guards[name]]
    assert report["conditions"] == []


def test_before_is_what_the_published_checkpoint_writes(ended: tuple[Made, AdaptationResult]) -> None:
    made, result = ended
    alone = speech_tl.evaluation.evaluate(
        made.recipe.model.source, made.recipe.guards["source"].data, decoding=made.recipe.decoding
    )
    told = [u.hypothesis_raw for u in result.guards["source"][0].utterances]
    assert told == [u.hypothesis_raw for u in alone.utterances] and any(told)


def test_both_summaries_record_their_conditions(ended: tuple[Made, AdaptationResult]) -> None:
    made, result = ended
    for folder in (result.folder, result.folder / "guards" / "source"):
        before, after = summaries(folder)
        for summary in (before, after):
            decoding = {"batch_seconds": 7.0, "max_batch": 32, "beam": 1, "precision": "float32"}
            assert summary["decoding"].items() >= (decoding | {"device": best_device()}).items()
            assert summary["model"]["language"] == "en" and "revision" in summary["model"]
            assert summary["model"]["task"] == "transcribe"
            assert summary["normaliser_hash"] == get_normaliser(summary["normaliser"]).rules_hash
            assert {"torch", "transformers", "jiwer"} <= summary["versions"].keys()
        assert before["model"]["source"] == made.recipe.model.source
        assert after["model"]["source"] == str(result.folder / "model")
        assert after["model"]["adapted_from"] == {"source": made.recipe.model.source, "revision": None}


class Killed(BaseException):
    """A power cut."""


@pytest.mark.parametrize("call", [2, 6])
def test_a_resumed_run_decodes_only_what_is_missing(
    call: int, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six decodings: test, two guards; training; test, two guards."""
    measure = before_and_after.measure

    def until(*arguments: Any, **options: Any) -> Any:
        if len(made.decoded) == call - 1:
            raise Killed
        return measure(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(before_and_after, "measure", until)
        with pytest.raises(Killed):
            adapt(made.recipe, tmp_path / "run")
    assert len(made.decoded) == call - 1
    resumed = adapt(made.recipe, tmp_path / "run", resume=True)
    assert sorted(Counter(tuple(c) for c in made.decoded).values()) == [2, 2, 2]
    again = adapt(made.recipe, tmp_path / "run", resume=True)
    assert len(made.decoded) == 6
    assert again.report.as_dict()["guards"] == resumed.report.as_dict()["guards"]


def test_a_multilingual_model_hears_a_guard_in_the_guard_s_language(tmp_path: Path) -> None:
    rows = rows_of(made_corpus(tmp_path / "data"))
    german = [row | {"language": "de"} for row in rows if row["split"] == "test"]
    guard = {"data": str(written(tmp_path / "german.csv", german))}
    recipe = with_guards(tmp_path, tiny_whisper(tmp_path / "m", tokens=64), german=guard)
    recipe.model.task = "translate"
    result = adapt(recipe, tmp_path / "run")
    sides = [result.before, result.after, *result.guards["german"]]
    assert [side.model["task"] for side in sides] == ["translate"] * 4
    assert adapt(recipe, tmp_path / "run", resume=True).model.task == "translate"
    assert not [line for line in result.report.conditions if "task" in line]
    assert [side.model["language"] for side in result.guards["german"]] == ["de", "de"]
    assert [side.model["language"] for side in (result.before, result.after)] == ["en", "en"]
    assert result.guards["german"][0].normaliser == "basic" and result.before.normaliser == "english"
    assert result.model.language == "en"


def test_rows_that_cannot_be_used_are_listed_with_their_guard(ended: tuple[Made, AdaptationResult]) -> None:
    result = ended[1]
    excluded = [json.loads(line) for line in (result.folder / "excluded.jsonl").read_text().splitlines()]
    listed = [(row["id"], row["split"], row["problem"]) for row in excluded if row["split"] != "train"]
    assert listed == [("gone", "guard source", "missing")]
    assert "guard source: 1 rows set aside (1 missing)" in result.report.notes
    assert "missing" not in result.report.as_dict()["data"]["excluded"]


def test_a_dry_run_names_the_guards(made: Made) -> None:
    assert "guard     source: " in plan(made.recipe)


# ---- bad input


def spoilt(made: Made, tmp_path: Path, what: str) -> tuple[Recipe, str]:
    """A recipe with one mistake in its guard `source`, and what is told about it."""
    rows = rows_of(Path(made.recipe.guards["source"].data))
    path = tmp_path / "spoilt.csv"
    if what == "column":
        written(path, [{k: v for k, v in row.items() if k != "text"} for row in rows])
        return made.recipe.with_overrides([f"guards.source={path}"]), f"guard source: {path}: no column 'text'"
    if what == "text":
        written(path, [row | {"text": ""} for row in rows])
        told = f"guard source: {path} has no text in any of its 5 rows (g0, g1, g2 ...)"
        return made.recipe.with_overrides([f"guards.source={path}"]), told
    if what == "words":
        written(path, [row | {"text": "?!"} for row in rows])
        return made.recipe.with_overrides([f"guards.source={path}"]), "holds no words after normalising with english"
    if what == "split":
        return made.recipe.with_overrides(["guards.other.split=spare"]), "guard other: "
    if what == "audio":
        written(path, [row | {"audio": "gone.wav"} for row in rows])
        return made.recipe.with_overrides([f"guards.source={path}"]), "guard source: "
    return made.recipe.with_overrides([f"guards.source={tmp_path}/no.csv"]), "guard source: "


@pytest.mark.parametrize("what", ["column", "text", "words", "split", "audio", "path"])
def test_a_guard_that_cannot_be_scored_stops_before_anything_is_written(what: str, made: Made, tmp_path: Path) -> None:
    recipe, told = spoilt(made, tmp_path, what)
    with pytest.raises(BadInput) as caught:
        adapt(recipe, tmp_path / "run")
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists() and made.decoded == []


# ---- strict guards


def with_errors(evaluation: Evaluation, perfect: bool) -> Evaluation:
    """The same utterances, all right or all wrong."""
    said = [Said(u.id, u.reference_raw, u.audio, columns=u.columns) for u in evaluation.utterances]
    heard = [u.reference_raw if perfect else "wrong" for u in evaluation.utterances]
    return score(said, heard, evaluation.normaliser, data=evaluation.data)


@pytest.mark.parametrize(("strict", "code"), [("true", 1), ("false", 0)])
def test_a_guard_that_worsens_is_a_warning_and_under_strict_guards_exit_code_1(
    strict: str, code: int, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    saved, run = tmp_path / "recipe.yaml", tmp_path / "run"
    saved.write_text(made.recipe.with_overrides([f"report.strict_guards={strict}"]).to_yaml(), encoding="utf-8")
    first = adapt(recipe_from_yaml(saved), run)
    for name, (before, after) in first.guards.items():
        with_errors(before, perfect=True).write(run / "guards" / name / "before")
        with_errors(after, perfect=name == "other").write(run / "guards" / name / "after")
    assert _run(["adapt", str(saved), "--resume", "--out", str(run)]) == code
    told = " ".join(capsys.readouterr().err.split())
    assert "guard source became worse: WER 0.0 % to 100.0 %" in told and "guard other" not in told.split("Next:")[1]
    assert "guard source became worse" in (run / "report.md").read_text()
    with_errors(first.guards["source"][1], perfect=True).write(run / "guards" / "source" / "after")
    assert _run(["adapt", str(saved), "--resume", "--out", str(run)]) == 0
