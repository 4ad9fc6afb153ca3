"""A whole run on real clips: before, train, after, report; every figure can be recomputed from its folder."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from speech_tl.adaptation import AdaptationResult, adapt, before_and_after
from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.screen import Screen
from speech_tl.training import train
from tests.small import made_corpus, rows_of, timeless, written
from tests.tiny import tiny_ctc, tiny_whisper

TAKEN = {"train": 26, "dev": 6, "test": 8}
QUICK = {"max_steps": 4, "eval_steps": 2, "batch_seconds": 20.0, "precision": "float32", "workers": 0}


@dataclass
class Run:
    """A finished run and what it decoded: (ids of a call) in order, for the test split and for dev."""

    recipe: Recipe
    result: AdaptationResult
    measured: list[list[str]]
    looked_at: list[list[str]]
    stages: list[str]

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.result.folder / "report.json").read_text())


def small_recipe(model: Path, data: Path, **training: Any) -> Recipe:
    """A few steps."""
    return Recipe.model_validate(
        {
            "name": "small",
            "model": {"source": str(model)},
            "data": {"root": str(data)},
            "training": QUICK | {"learning_rate": 1e-3} | training,
            "scoring": {"by": ["gender"]},
            "decoding": {"workers": 0},
        }
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, corpora: Path) -> Path:
    """Forty clips of real accented English, and two files that are no audio: one in train, one in test."""
    folder, rows, left = tmp_path_factory.mktemp("real"), [], dict(TAKEN)
    with (corpora / "speechocean762" / "manifest.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if float(row["duration"]) < 3.5 and left[row["split"]] > 0:
                left[row["split"]] -= 1
                rows.append(row | {"audio": str(corpora / "speechocean762" / row["audio"])})
    (folder / "no_audio.wav").write_text("this is a text " * 500)
    (folder / "nor_this.wav").write_text("this is a text " * 500)
    for split, name in (("train", "no_audio.wav"), ("test", "nor_this.wav")):
        model_row = next(row for row in rows if row["split"] == split)
        rows.append(model_row | {"audio": str(folder / name), "duration": "2.0"})
    return written(folder / "manifest.csv", rows)


@pytest.fixture(scope="module", params=["ctc", "whisper"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Iterator[Run]:
    """One run of each family, watched from where it measures."""
    folder = tmp_path_factory.mktemp(request.param)
    model = tiny_ctc(folder / "m", norm="group") if request.param == "ctc" else tiny_whisper(folder / "m", tokens=64)
    recipe = small_recipe(model, manifest, **({"max_steps": 6} if request.param == "ctc" else {}))
    calls: dict[Any, list[list[str]]] = {before_and_after: [], train: []}
    with pytest.MonkeyPatch.context() as patch:
        for module, seen in calls.items():
            patch.setattr(module, "measure", watched(module.measure, seen))
        screen = Stages()
        result = adapt(recipe, folder / "run", screen=screen)
    yield Run(recipe, result, *calls.values(), screen.titles)


class Stages(Screen):
    """Shows nothing and notes what a run does, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.titles: list[str] = []

    def progress(self, title: str) -> Any:
        self.titles.append(title)
        return super().progress(title)


def watched(measure: Any, seen: list[list[str]]) -> Any:
    """`measure` that leaves a note of what it was given."""

    def measure_and_note(model: Any, test_set: Any, *rest: Any, **named: Any) -> Any:
        seen.append([u.id for u in test_set.utterances])
        return measure(model, test_set, *rest, **named)

    return measure_and_note


def ids(run: Run, split: str) -> set[str]:
    """Manifest rows of a split, as ids."""
    return {row["audio"] for row in rows_of(Path(run.recipe.data.root)) if row["split"] == split}


# ---- the folder and the report


def test_nothing_that_takes_long_stands_before_training_but_before(run: Run) -> None:
    titles = [title.partition(":")[0] for title in run.stages]
    assert titles[:4] == ["checking the data", "capitals and marks of the train texts", "before", "training"]
    assert titles[-2:] == ["after", "comparing the audio of train and test"]


def test_the_folder_holds_what_the_contract_says(run: Run) -> None:
    folder = run.result.folder
    here = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "checkpoint-" not in str(p)}
    assert here >= {
        "recipe.yaml",
        "environment.json",
        "excluded.jsonl",
        "report.json",
        "report.md",
        "report.html",
        "before/summary.json",
        "before/utterances.jsonl",
        "after/summary.json",
        "after/utterances.jsonl",
        "training/log.jsonl",
        "model/config.json",
        "model/model.safetensors",
        "model/README.md",
    }
    assert not [name for name in here if Path(name).name.startswith(".")], "temporary files were left"
    assert recipe_from_yaml(folder / "recipe.yaml") == run.recipe
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["seed"] == run.recipe.seed and environment["data_fingerprint"]
    assert {"torch", "transformers"} <= environment["versions"].keys()


def test_the_report_has_the_contract_s_keys(run: Run) -> None:
    report = run.report
    assert report.keys() >= {"recipe", "target", "guards", "groups", "training", "model", "decoding", "normaliser"}
    assert report["target"].keys() >= {"before", "after", "wer_change", "cer_change"}
    score = {"wer", "cer", "words", "utterances", "substitutions", "deletions", "insertions", "ci95"}
    assert report["target"]["before"].keys() == report["target"]["after"].keys() >= score
    assert report["target"]["wer_change"].keys() >= {"absolute", "relative", "ci95", "p_value", "method", "significant"}
    assert report["guards"] == {}
    assert report["groups"].keys() == {"gender"}
    assert all(sides.keys() >= {"before", "after", "words"} for sides in report["groups"]["gender"].values())
    assert report["training"].keys() >= {
        "steps",
        "epochs",
        "seconds",
        "audio_seconds",
        "audio_seconds_per_second",
        "trainable_parameters",
        "total_parameters",
        "padding_share",
        "peak_memory_bytes",
    }
    training = report["training"]
    assert training["steps"] == training["kept_step"] == run.recipe.training.max_steps, "dev is too small to choose"
    assert training["kept_weights"].startswith(f"weights of step {training['steps']} of {training['steps']}, the last")
    assert {"preparation", "before", "training", "validation", "after"} <= training["phases"].keys()
    assert sum(training["phases"].values()) == pytest.approx(training["run_seconds"], abs=1.0)
    page = (run.result.folder / "report.md").read_text()
    assert "whole run " in page and training["kept_weights"].removeprefix("weights of ") in page
    assert report["normaliser"] == "english"
    assert report["model"]["source"] == run.recipe.model.source
    assert report["leaks"].keys() == {"speakers", "sentences", "audio"}
    assert report["leaks"]["speakers"]["count"] == report["leaks"]["audio"]["count"] == 0
    assert run.result.report.as_dict() == report, "adapt returns what the file holds"


@pytest.mark.parametrize("side", ["before", "after"])
def test_jiwer_alone_finds_the_same_wer(run: Run, side: str) -> None:
    lines = (run.result.folder / side / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    found = jiwer.process_words([r["reference"] for r in rows], [r["hypothesis"] for r in rows])
    told = run.report["target"][side]
    assert told["wer"] == found.wer
    assert (told["substitutions"], told["deletions"], told["insertions"]) == (
        found.substitutions,
        found.deletions,
        found.insertions,
    )
    assert told["utterances"] == len(rows) == TAKEN["test"]
    assert told["words"] == sum(row["words"] for row in rows)
    change = run.report["target"]["wer_change"]
    target = run.report["target"]
    assert change["absolute"] == pytest.approx(target["after"]["wer"] - target["before"]["wer"])


def test_the_test_split_is_decoded_twice_and_never_looked_at(run: Run) -> None:
    usable = {audio for audio in ids(run, "test") if "nor_this" not in audio}
    assert Counter(i for call in run.measured for i in call) == dict.fromkeys(usable, 2)
    assert len(run.looked_at) == 1 + run.recipe.training.max_steps // 2
    assert all(set(call) == ids(run, "dev") for call in run.looked_at)


def test_before_and_after_are_measured_alike(run: Run) -> None:
    summaries = [json.loads((run.result.folder / s / "summary.json").read_text()) for s in ("before", "after")]
    assert summaries[0]["decoding"].get("audio_context", "full") == "full"
    for name in ("decoding", "normaliser", "data"):
        assert summaries[0][name] == summaries[1][name]


def test_files_that_are_no_audio_are_listed_with_their_row(run: Run) -> None:
    rows = [json.loads(line) for line in (run.result.folder / "excluded.jsonl").read_text().splitlines()]
    total = sum(TAKEN.values())
    assert {(row["split"], Path(row["audio"]).name, row["row"]) for row in rows} == {
        ("train", "no_audio.wav", total + 1),
        ("test", "nor_this.wav", total + 2),
    }
    assert all(row["problem"] == "unreadable" and row["audio"] in row["detail"] for row in rows)


def test_the_adapted_model_is_the_one_that_was_measured(run: Run) -> None:
    after = [json.loads(x) for x in (run.result.folder / "after" / "utterances.jsonl").read_text().splitlines()]
    again = evaluate(
        str(run.result.folder / "model"), run.recipe.data.root, language="en", decoding=run.recipe.decoding
    )
    told = {row["id"]: row["hypothesis_raw"] for row in after}
    assert {u.id: u.hypothesis_raw for u in again.utterances} == told
    source = load_file(Path(run.recipe.model.source) / "model.safetensors")
    adapted = load_file(run.result.folder / "model" / "model.safetensors")
    assert any(not torch.equal(source[name], adapted[name]) for name in source)


def test_resuming_a_finished_run_repeats_the_report_without_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("decoded or trained again")

    monkeypatch.setattr("speech_tl.decoding.measuring.decode", forbidden)
    monkeypatch.setattr("speech_tl.adaptation.worker_processes.train", forbidden)
    told = run.report
    again = adapt(run.recipe, run.result.folder, resume=True)
    assert run.report["training"]["run_seconds"] >= told["training"]["run_seconds"], "looking again takes time, too"
    assert timeless(again.report.as_dict()) == timeless(told) == timeless(run.report)


def test_the_model_s_card_has_the_report_s_figures(run: Run) -> None:
    results = ModelCard.load(run.result.folder / "model" / "README.md").data.eval_results
    told = {result.metric_type: result.metric_value for result in results}
    after = run.report["target"]["after"]
    assert told == {rate: round(100 * after[rate], 2) for rate in ("wer", "cer")}


# ---- interrupted runs


class Killed(BaseException):
    """A power cut."""


@pytest.fixture
def made(tmp_path: Path) -> Recipe:
    """A run on clips made on the spot."""
    return small_recipe(tiny_ctc(tmp_path / "m"), made_corpus(tmp_path / "data"), batch_seconds=6.0)


@pytest.mark.parametrize("stage", ["before", "training", "after", "report"])
def test_a_run_killed_at_any_stage_ends_as_one_that_was_not(
    stage: str, made: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = adapt(made, tmp_path / "straight")
    with monkeypatch.context() as patch:
        killed_at(stage, patch)
        with pytest.raises(Killed):
            adapt(made, tmp_path / "killed")
    assert not (tmp_path / "killed" / "report.json").exists()
    with pytest.raises(BadInput, match="in use: continue it with --resume"):
        adapt(made, tmp_path / "killed")
    resumed = adapt(made, tmp_path / "killed", resume=True)
    for name in ("target", "groups", "model", "data", "notes"):
        assert resumed.report[name] == straight.report[name], name
    for name in ("steps", "audio_seconds", "best_step", "padding_share"):
        assert resumed.report["training"][name] == straight.report["training"][name], name


def killed_at(stage: str, patch: pytest.MonkeyPatch) -> None:
    """Have the next run die in a stage."""
    from speech_tl import adaptation
    from speech_tl.training.progress import LogFile

    measured: list[int] = []
    evaluate = before_and_after.measure

    def evaluate_or_die(*arguments: Any, **options: Any) -> Any:
        measured.append(1)
        if len(measured) == {"before": 1, "after": 2}.get(stage):
            raise Killed
        return evaluate(*arguments, **options)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    patch.setattr(before_and_after, "measure", evaluate_or_die)
    if stage == "report":
        patch.setattr(adaptation, "build_report", die)
    if stage == "training":
        step_end = LogFile.on_step_end

        def step_or_die(self: LogFile, args: Any, state: Any, control: Any, **kw: Any) -> None:
            step_end(self, args, state, control, **kw)
            if state.global_step == 3:
                raise Killed

        patch.setattr(LogFile, "on_step_end", step_or_die)


# ---- whose voices


def test_a_speaker_in_train_and_test_is_refused_or_noted(made: Recipe, tmp_path: Path) -> None:
    rows = rows_of(Path(made.data.root))
    rows[-1]["speaker"] = rows[4]["speaker"]
    data = written(tmp_path / "shared.csv", rows)
    recipe = made.with_overrides([f"data.root={data}"])
    with pytest.raises(BadInput, match=r"1 speakers are in both train and test \(s2\).*allow_speaker_overlap=true"):
        adapt(recipe, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    allowed = adapt(recipe.with_overrides(["data.allow_speaker_overlap=true"]), tmp_path / "allowed")
    assert any("both train and test (s2)" in note for note in allowed.report["notes"])
    assert "both train and test (s2)" in (tmp_path / "allowed" / "report.md").read_text()
    leaks = allowed.report.as_dict()["leaks"]
    assert leaks["speakers"] == {"count": 1, "first": ["s2"], "test_utterances": 1}


def test_sentences_and_audio_of_train_in_test_are_told_whatever_the_flag(made: Recipe, tmp_path: Path) -> None:
    rows = rows_of(Path(made.data.root))
    rows[0]["text"] = "two bears"
    rows[-1] |= {"audio": rows[0]["audio"], "text": "Two bears!"}
    recipe = made.with_overrides([f"data.root={written(tmp_path / 'leak.csv', rows)}"])
    leaks = adapt(recipe, tmp_path / "run").report.as_dict()["leaks"]
    assert leaks["speakers"]["count"] == 0
    assert leaks["sentences"]["first"] == ["two bears"]
    assert leaks["audio"]["count"] == 1 and rows[0]["audio"] in leaks["audio"]["first"][0]
    assert "recordings of test are in train too" in (tmp_path / "run" / "report.md").read_text()


def test_one_voice_is_split_by_sentence_and_said_to_be_one(made: Recipe, tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "split"} | {"speaker": "me"} for row in rows_of(Path(made.data.root))]
    for number, row in enumerate(rows):
        row["text"] = f"{row['text']} {'abcdefghijklmnop'[number]}"
    recipe = made.with_overrides([f"data.root={written(tmp_path / 'mine.csv', rows)}"])
    result = adapt(recipe, tmp_path / "run")
    assert any("this voice only" in note.lower() for note in result.report.notes)
    assert "this voice only" in (tmp_path / "run" / "report.md").read_text().lower()


# ---- what is adapted


def test_a_checkpoint_without_a_head_is_adapted_and_said_to_have_had_none(made: Recipe, tmp_path: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    base = tmp_path / "base"
    load_model(made.model.source).network.base_model.save_pretrained(base)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(base)
    recipe = made.with_overrides([f"model={base}"])
    result = adapt(recipe, tmp_path / "run")
    assert any("had no CTC head" in note for note in result.report.notes)
    again = adapt(recipe, tmp_path / "run", resume=True)
    assert again.report.notes == result.report.notes


def test_before_is_the_checkpoint_as_published_and_characters_come_from_train_alone(
    made: Recipe, tmp_path: Path
) -> None:
    rows = rows_of(Path(made.data.root))
    first = {split: next(row for row in rows if row["split"] == split) for split in ("train", "dev", "test")}
    for split, character in (("train", "\u00ef"), ("dev", "\u00f8"), ("test", "\u00fb")):
        first[split]["text"] += f" na{character}ve"
    recipe = made.with_overrides([f"data.root={written(tmp_path / 'accents.csv', rows)}"])
    result = adapt(recipe, tmp_path / "run")
    published = load_model(made.model.source)
    assert set(result.model.vocabulary) - set(published.vocabulary) == {"\u00ef"}
    assert result.before.model["parameters"] == published.parameter_counts()[1] < result.after.model["parameters"]
    evaluated = evaluate(published, recipe.data.root, language="en")
    assert [u.hypothesis_raw for u in result.before.utterances] == [u.hypothesis_raw for u in evaluated.utterances]


def test_from_scratch_starts_from_other_weights(made: Recipe, tmp_path: Path) -> None:
    scratch = adapt(made.with_overrides(["model.from_scratch=true", "seed=7"]), tmp_path / "scratch")
    assert scratch.report["training"]["total_parameters"] == scratch.model.parameter_counts()[1]
    transfer = adapt(made, tmp_path / "transfer")
    texts = [[u.hypothesis_raw for u in result.before.utterances] for result in (scratch, transfer)]
    assert texts[0] != texts[1]


def test_a_split_without_a_usable_row_stops_before_anything_is_written(made: Recipe, tmp_path: Path) -> None:
    rows = [row for row in rows_of(Path(made.data.root)) if row["split"] != "dev"]
    gone = [row | {"audio": str(tmp_path / "gone.wav"), "split": "dev"} for row in rows[:1]]
    data = written(tmp_path / "gone.csv", rows + gone)
    with pytest.raises(BadInput, match="no usable utterance in split dev"):
        adapt(made.with_overrides([f"data.root={data}"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
