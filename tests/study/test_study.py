"""A study in miniature: every run once, one row each, figures from the runs' own files, gone on with after a stop."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from speech_tl.adaptation import adapt
from speech_tl.cli import _run
from speech_tl.errors import BadInput, PartlyDone
from speech_tl.recipe import Recipe, recipe_from_yaml, shipped_studies
from speech_tl.reporting.study import message_of, write_study_page
from speech_tl.study import Study, Variant, read_study, run_study
from speech_tl.study.planning import plan_study
from speech_tl.study.table import seconds_to
from speech_tl.training.progress import read_log
from speech_tl.training.run_lock import locked
from tests.small import made_corpus, written
from tests.tiny import tiny_ctc

VARIANTS = {
    "scratch": Variant(overrides=["model.from_scratch=true"], times=2),
    "full": Variant(),
    "lora": Variant(overrides=["strategy=lora", "strategy.rank=1"]),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two amounts of speech, three variants, a few steps each."""
    folder = tmp_path_factory.mktemp("made")
    training = {"max_steps": 2, "eval_steps": 1, "batch_seconds": 4.0, "precision": "float32", "workers": 0}
    recipe = {
        "name": "small",
        "model": {"source": str(tiny_ctc(folder / "model", seed=5))},
        "data": {"root": str(made_corpus(folder / "data"))},
        "training": training | {"learning_rate": 0.01},
        "decoding": {"workers": 0},
        "guards": {"same": {"data": str(folder / "data" / "manifest.csv")}},
    }
    return Study(name="mini", recipe=Recipe(**recipe), variants=VARIANTS, minutes=[0.05, 0.1], reference="scratch")


class Launched:
    """Runs in this process, noted; `stop_at` is the number of the run before which a study is stopped."""

    def __init__(self, stop_at: int | None = None, fails: str = "") -> None:
        self.stop_at, self.fails, self.names = stop_at, fails, []

    def __call__(self, arguments: Sequence[str], log: Path) -> int:
        recipe, out = Path(arguments[1]), Path(arguments[3])
        if self.stop_at == len(self.names):
            raise KeyboardInterrupt
        self.names.append(out.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        if self.fails and out.name.startswith(self.fails):
            log.write_text("some progress\nspeech-tl: no space left on the disk\n")
            return 2
        adapt(recipe_from_yaml(recipe), out, resume="--resume" in arguments)
        return 0


@pytest.fixture(scope="module")
def finished(made: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], Launched]:
    out, launched = tmp_path_factory.mktemp("study") / "out", Launched()
    return out, run_study(made, out, launch=launched), launched


# ---- the runs


def test_every_variant_on_every_amount_the_smallest_first(made: Study, finished: Any) -> None:
    _, rows, launched = finished
    wanted = [f"{v}-{m}min-seed0" for m in ("0.05", "0.1") for v in VARIANTS]
    assert launched.names == wanted == [row["run"] for row in rows] == [trial.name for trial in made.trials()]
    assert [row["steps"] for row in rows] == [4, 2, 2, 4, 2, 2], "scratch has its multiple"
    assert {row["status"] for row in rows} == {"done"}


def test_the_variants_of_a_cell_learn_from_the_same_speech(made: Study, finished: Any) -> None:
    out, *_ = finished
    facts = {}
    for trial in made.trials():
        report = json.loads((out / "runs" / trial.name / "report.json").read_text())
        facts.setdefault(trial.cell, set()).add(report["data"]["fingerprint"])
    assert all(len(found) == 1 for found in facts.values()) and len(set.union(*facts.values())) == 2


def test_the_untouched_model_is_measured_once_where_nothing_can_differ(made: Study, finished: Any) -> None:
    out, *_ = finished
    runs = [out / "runs" / f"{variant}-0.05min-seed0" for variant in VARIANTS]
    for place in ("before/utterances.jsonl", "guards/same/before/utterances.jsonl"):
        scratch, full, lora = ((run / place) for run in runs)
        assert lora.read_text() == full.read_text() != scratch.read_text()
        assert lora.stat().st_mtime_ns == full.stat().st_mtime_ns, "copied with its time"


# ---- the table


def test_the_table_holds_what_the_runs_say(made: Study, finished: Any) -> None:
    out, rows, _ = finished
    with (out / "table.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert [row["run"] for row in table] == [row["run"] for row in rows]
    for row in table:
        report = json.loads((out / "runs" / row["run"] / "report.json").read_text())
        assert float(row["wer"]) == report["target"]["after"]["wer"]
        assert float(row["cer"]) == report["target"]["after"]["cer"]
        assert float(row["guard_same"]) == report["guards"]["same"]["after"]["wer"]
        assert int(row["trainable_parameters"]) == report["training"]["trainable_parameters"]
        weights = out / "runs" / row["run"] / "model" / "model.safetensors"
        assert int(row["model_bytes"]) == weights.stat().st_size
        adapter = out / "runs" / row["run"] / "adapter" / "adapter_model.safetensors"
        kept = adapter if row["variant"] == "lora" else weights
        assert int(row["disk_bytes"]) == kept.stat().st_size
    assert len((out / "table.md").read_text().splitlines()) >= len(table)


def test_times_to_the_reference_s_rates_come_from_the_logs(made: Study, finished: Any) -> None:
    out, rows, _ = finished
    by_run = {row["run"]: row for row in rows}
    for row in rows:
        reference = by_run[row["run"].replace(row["variant"], "scratch")]
        looks = [e for e in read_log(out / "runs" / row["run"] / "training" / "log.jsonl") if "dev_wer" in e]
        for rate in ("wer", "cer"):
            there = [e["seconds"] for e in looks if e[f"dev_{rate}"] <= reference[f"best_dev_{rate}"]]
            assert row[f"seconds_to_reference_{rate}"] == (there[0] if there else "never")
        if row["variant"] != "scratch":
            assert row["wer_minus_reference"] == pytest.approx(row["wer"] - reference["wer"])
            assert row["wer_minus_low"] <= row["wer_minus_reference"] <= row["wer_minus_high"]
            assert row["cer_minus_reference"] == pytest.approx(row["cer"] - reference["cer"])
            assert row["cer_minus_low"] <= row["cer_minus_reference"] <= row["cer_minus_high"]


@pytest.mark.parametrize(
    ("curve", "wer", "wanted"),
    [
        ([(0.0, 1.0), (10.0, 0.9), (20.0, 0.5)], 0.9, 10.0),
        ([(0.0, 0.4)], 0.5, 0.0),
        ([(0.0, 1.0), (10.0, 0.9)], 0.89, "never"),
        ([], 0.5, "never"),
        ([(0.0, 1.0)], None, None),
    ],
)
def test_never_is_said(curve: Any, wer: float | None, wanted: Any) -> None:
    assert seconds_to(curve, wer) == wanted


def test_the_page_has_the_curves_and_every_run(made: Study, finished: Any) -> None:
    out, rows, _ = finished
    page = (out / "study.html").read_text(encoding="utf-8")
    assert "<script src" not in page and "http" not in re.sub(r"xmlns=\S+", "", page.split("<body>")[1])
    assert page.count("<figure") == 6, "WER and CER over minutes, and of dev over seconds for each amount"
    full = [row for row in rows if row["variant"] == "full"]
    for rate in ("wer", "cer"):
        said = re.search(rf'aria-label="({rate.upper()} on the test set[^"]*)"', page).group(1)
        assert f"full: {100 * full[0][rate]:.1f} at 0.05, {100 * full[1][rate]:.1f} at 0.1" in said
        for row in rows:
            assert f"{100 * row[rate]:.1f}" in page


def test_random_weights_first_look_is_not_drawn(finished: Any, tmp_path: Path) -> None:
    _, rows, _ = finished
    looks = [(0.0, 2.6789), (10.0, 1.3456)]
    write_study_page("mini", "", "scratch", [row | {"looks": {"wer": looks, "cer": looks}} for row in rows], tmp_path)
    page = (tmp_path / "study.html").read_text(encoding="utf-8")
    assert "134.6" in page and "267.9" not in page, "only what random weights write is left out"


def test_the_message_names_the_best_variant_and_whether_it_beats_the_reference() -> None:
    def row(variant: str, wer: float, high: float | None = None, minutes: float | None = None) -> dict[str, Any]:
        return {"variant": variant, "minutes": minutes, "wer": wer, "wer_before": 0.4, "wer_minus_high": high}

    rows = [row("full", 0.3), row("lora", 0.25, -0.01), row("lora", 0.27, 0.02), row("bitfit", 0.35, 0.07)]
    best = "lora reaches the lowest WER: 26.0 %, from 40.0 % before"
    assert message_of(rows, "full") == f"{best}; significantly lower than full's in 1 of 2 seeds."
    assert message_of([*rows[:1], rows[2]], "full").endswith("; not significantly lower than full's.")
    assert message_of(rows, None) == f"{best}."
    assert message_of([row("full", 0.3)], "full") == "full: WER 40.0 % before, 30.0 % after."
    amounts = [row("full", 0.2, minutes=5.0), row("full", 0.3, minutes=30.0), row("lora", 0.29, minutes=30.0)]
    assert (
        message_of(amounts, None)
        == "lora reaches the lowest WER: 29.0 %, from 40.0 % before, with 30 minutes of speech."
    )


# ---- stopped and gone on with


def test_a_stopped_study_goes_on_with_what_is_missing(made: Study, finished: Any, tmp_path: Path) -> None:
    _, straight, _ = finished
    with pytest.raises(KeyboardInterrupt):
        run_study(made, tmp_path / "out", launch=Launched(stop_at=3))
    table = list(csv.DictReader((tmp_path / "out" / "table.csv").open()))
    assert [row["status"] for row in table] == ["done"] * 3 + ["not run yet"] * 3
    launched = Launched()
    rows = run_study(made, tmp_path / "out", launch=launched)
    assert launched.names == [row["run"] for row in rows[3:]]
    clock = ("seconds", "looks", "peak_memory_bytes")
    same = [{k: v for k, v in row.items() if not any(c in k for c in clock)} for row in rows]
    assert same == [{k: v for k, v in row.items() if not any(c in k for c in clock)} for row in straight]
    again = Launched()
    run_study(made, tmp_path / "out", launch=again)
    assert again.names == []
    with pytest.raises(BadInput, match="was run with other settings than the study has now"):
        run_study(made.with_overrides(["training.max_steps=3"]), tmp_path / "out", launch=again)


def test_a_study_has_its_folder_alone_and_shares_no_figures_of_other_data(
    made: Study, finished: Any, tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "runs" / "lora-0.05min-seed0")
    with locked(tmp_path / "out"), pytest.raises(BadInput, match="out is in use by a run that is going on"):
        run_study(made, tmp_path / "out", launch=Launched())
    recording = Path(made.recipe.data.root).parent / "audio" / "13.wav"
    whole = recording.read_bytes()
    try:
        recording.write_bytes((recording.parent / "12.wav").read_bytes())
        with pytest.raises(BadInput, match=r"lora\S* was started with other data; what changed: the audio of test"):
            run_study(made, tmp_path / "out", launch=Launched())
    finally:
        recording.write_bytes(whole)


def test_a_run_that_fails_is_in_the_table_and_the_others_go_on(made: Study, tmp_path: Path) -> None:
    small = made.with_overrides(["minutes=0.05", "only=[full,lora]"])
    with pytest.raises(PartlyDone, match="1 of 2 runs failed") as told:
        run_study(small, tmp_path, launch=Launched(fails="full"))
    assert told.value.failures == ["full-0.05min-seed0: failed (2): no space left on the disk"]
    assert "no space left on the disk" in (tmp_path / "table.md").read_text()
    with pytest.raises(BadInput, match="no run of the study succeeded; the first: lora.*no space left"):
        run_study(made.with_overrides(["minutes=0.05", "only=lora"]), tmp_path / "b", launch=Launched(fails="lora"))


# ---- refused, and foreseen


def test_what_does_not_fit_stops_the_study_before_it_begins(made: Study, tmp_path: Path) -> None:
    launched = Launched()
    variants = {"full": Variant(), "wrong": Variant(overrides=["strategy=decoder_only"])}
    with pytest.raises(BadInput, match="variant wrong: strategy=decoder_only is for Whisper"):
        run_study(made.model_copy(update={"variants": variants, "reference": None}), tmp_path / "o", launch=launched)
    muon = {"muon": Variant(overrides=["strategy=full", "strategy.layer_decay=0.5", "training.optimizer=muon"])}
    with pytest.raises(BadInput, match="variant muon: training.optimizer=muon has one learning rate"):
        run_study(made.model_copy(update={"variants": muon, "reference": None}), tmp_path / "o", launch=launched)
    silent = {"source": made.variants["full"].model_copy(update={"overrides": ["guards.g=" + str(tmp_path / "g.csv")]})}
    written(tmp_path / "g.csv", [{"audio": str(tmp_path / "none.wav"), "text": "nothing"}])
    with pytest.raises(BadInput, match="variant source: guard g: .*no usable row"):
        run_study(made.model_copy(update={"variants": silent, "reference": None}), tmp_path / "o", launch=launched)
    with pytest.raises(BadInput, match="data.train_minutes=5: train of .* usable minutes"):
        run_study(made.with_overrides(["minutes=[0.05,5]"]), tmp_path / "o", launch=launched)
    assert launched.names == [] and not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("only=[ful]", "did you mean full"),
        ("minutes=[0]", "greater than 0"),
        ("minutes=[5,5]", "must not repeat"),
        ("training.max_step=3", "did you mean training.max_steps"),
    ],
)
def test_overrides_that_do_not_fit(made: Study, override: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        made.with_overrides([override])


def test_shipped_studies_fit_their_recipes_and_are_found() -> None:
    assert {"study/strategies", "study/strategies_whisper", "study/learning_curve", "study/transcripts"} <= set(
        shipped_studies()
    )
    for name in shipped_studies():
        study = read_study(name)
        assert read_study(name.removeprefix("study/")) == study
        assert len(study.trials()) == len(study.variants) * len(study.minutes) * len(study.seeds)
        assert study.name == name.removeprefix("study/")
    curve = read_study("learning_curve")
    steps = {trial.variant: trial.recipe.training.max_steps for trial in curve.trials()}
    assert steps["scratch"] == 10 * steps["full"] == 10 * steps["lora"] == 10 * steps["head_only"]
    with pytest.raises(BadInput, match="did you mean"):
        read_study("learning_curves")


def test_a_plan_counts_the_runs(made: Study) -> None:
    told = plan_study(made.with_overrides(["only=[full,lora]"]))
    assert told.count(": 2 steps, about") == 4 and "4 runs, about" in told


def test_the_command_line(made: Study, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """One run in a process of its own, as users have it."""
    script = tmp_path / "mine.py"
    script.write_text(f"from speech_tl.study import Study\nstudy = Study.model_validate({made.model_dump()!r})\n")
    command = ["study", str(script), "minutes=[0.05]", "only=[full]", "--out", str(tmp_path / "out")]
    assert _run(command) == 0
    assert "study.html" in capsys.readouterr().err
    (row,) = csv.DictReader((tmp_path / "out" / "table.csv").open())
    assert row["status"] == "done" and float(row["wall_seconds"]) > 1
    assert int(row["peak_memory_bytes"]) > 50e6, "of that process"
    assert _run([*command, "data.root=nowhere.csv", "--out", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()


# ---- ways of keeping as variants


@pytest.mark.usefixtures("dev_chooses")
def test_ways_of_keeping_are_variants_and_their_source_is_given_once(made: Study, tmp_path: Path) -> None:
    source = made_corpus(tmp_path / "source", shortest_s=2.0)
    variants = {"full": Variant(), "replay": Variant(overrides=["keep=replay"])}
    variants["both"] = Variant(overrides=["keep=[replay,interpolate]", "keep.interpolate.shares=[0.5]"])
    study = made.model_copy(update={"variants": variants, "minutes": [0.05], "reference": "full"})
    study = study.with_overrides([f"keep.root={source}", "keep.interpolate.limit_share=0.5", f"guards.same={source}"])
    fewer = study.with_overrides(["only=[full]", f"keep.root={source}"]).trials()
    assert [(trial.variant, trial.recipe.keep) for trial in fewer] == [("full", [])]
    kept = {trial.variant: trial.recipe.keep for trial in study.trials()}
    assert kept["full"] == [] and [way.name for way in kept["both"]] == ["replay", "interpolate"]
    assert kept["replay"][0].root == kept["both"][0].root == str(source) and kept["both"][1].limit_share == 0.5
    rows = run_study(study, tmp_path / "out", launch=Launched())
    by_variant = {row["variant"]: row for row in rows}
    assert [row["status"] for row in rows] == ["done"] * 3
    assert 0 < by_variant["replay"]["source_seconds"] < by_variant["replay"]["audio_seconds"]
    assert by_variant["full"]["source_seconds"] is None and by_variant["both"]["new_share"] in (0, 0.5, 1)
    runs = [tmp_path / "out" / "runs" / f"{variant}-0.05min-seed0" for variant in variants]
    assert len({(run / "before" / "utterances.jsonl").read_text() for run in runs}) == 1


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], "variant replay: keep=replay needs source data"),
        (["keep.l2_sp.weight=1"], "keep.l2_sp.weight=1: no variant has the retention method l2_sp"),
        (["keep.replay.rot=x"], "unknown key keep.replay.rot; did you mean keep.replay.root?"),
    ],
)
def test_a_way_of_keeping_that_cannot_work_is_told_before_anything_runs(
    overrides: list[str], told: str, made: Study, tmp_path: Path
) -> None:
    study = made.model_copy(update={"variants": {"full": Variant(), "replay": Variant(overrides=["keep=replay"])}})
    study = study.model_copy(update={"reference": None})
    with pytest.raises(BadInput) as caught:
        run_study(study.with_overrides(overrides), tmp_path / "out", launch=Launched())
    assert told in str(caught.value) and not (tmp_path / "out").exists()
