"""A run shared by the workers of a Ray cluster: what one process learns, also where a worker is killed meanwhile."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import ModuleType

import psutil
import pytest
import yaml

from speech_tl.adaptation import adapt
from speech_tl.adaptation.on_ray import REFUSED, _worker
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.recipe import recipe_from_yaml
from tests.small import by_two_processes, made_corpus, recipe_yaml
from tests.tiny import tiny_ctc
from tests.training.learning import logged

STEPS = 30


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    model, data = tiny_ctc(folder / "model", norm="group"), made_corpus(folder / "data")
    # 7.5 s a batch: of eight clips the last batch of an epoch is a short one
    path = recipe_yaml(folder / "recipe.yaml", model, data, max_steps=STEPS, eval_steps=3, batch_seconds=7.5)
    masks = {"augment": {"spec_augment": {"time_share": 0.0}}}
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | masks))
    return path


@pytest.fixture(scope="module")
def alone(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process that takes two batches a step."""
    twice = recipe_from_yaml(recipe).with_overrides(["training.gradient_accumulation_steps=2"])
    return adapt(twice, tmp_path_factory.mktemp("alone") / "run").folder


def same_as_alone(alone: Path, shared: Path) -> None:
    """The losses of every step that was logged, the number of steps, and what is written at last."""
    losses = [dict(logged(run / "training", "loss")) for run in (alone, shared)]
    assert len(losses[0]) >= 2 and losses[1] == pytest.approx(losses[0], rel=1e-4)
    reports = [json.loads((run / "report.json").read_text()) for run in (alone, shared)]
    assert [report["training"]["steps"] for report in reports] == [STEPS, STEPS]
    texts = [hypotheses(run) for run in (alone, shared)]
    assert sum(a == b for a, b in zip(*texts, strict=True)) >= 0.99 * len(texts[0])


def kill_the_second(run: Path, killed: list[int], ended: threading.Event) -> None:
    """As soon as there is a checkpoint, the worker that did not begin first."""
    while not killed and not ended.wait(0.01):
        workers = [one for one in psutil.Process().children(recursive=True) if is_worker(one)]  # this cluster's alone
        if any((run / "training").glob("checkpoint-*")) and len(workers) > 1:
            second = max(workers, key=lambda one: one.create_time())
            second.kill()
            killed.append(second.pid)


def is_worker(process: psutil.Process) -> bool:
    try:
        return "ray::RayTrainWorker" in " ".join([process.name(), *process.cmdline()])
    except psutil.Error:  # it has gone meanwhile
        return False


def test_two_workers_of_which_one_is_killed_learn_what_one_process_learns(
    ray_cluster: ModuleType, recipe: Path, alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    killed: list[int] = []
    ended = threading.Event()
    killer = threading.Thread(target=kill_the_second, args=(tmp_path / "two", killed, ended))
    killer.start()
    code = _run(["adapt", str(recipe), "--on", "ray", "--workers", "2", "--out", str(tmp_path / "two")])
    ended.set()
    killer.join()
    assert code == 0, capsys.readouterr().err
    assert len(killed) == 1
    same_as_alone(alone, tmp_path / "two")
    assert not list(tmp_path.glob(".*")), "Ray leaves nothing of its own"
    assert _run(["adapt", str(recipe), "--on", "ray", "--out", str(tmp_path / "two")]) == 2
    assert "is in use: continue it with --resume" in capsys.readouterr().err


def hypotheses(run: Path) -> list[str]:
    lines = (run / "after" / "utterances.jsonl").read_text().splitlines()
    return [json.loads(line)["hypothesis"] for line in lines]


def test_what_a_worker_refuses_is_noted_and_not_tried_again(recipe: Path, tmp_path: Path) -> None:
    gone = recipe_from_yaml(recipe).with_overrides(["data.root=gone.csv"])
    given = {"recipe": gone, "folder": tmp_path / "run", "notes": tmp_path, "resume": False}
    with pytest.raises(BadInput, match="gone.csv: no such manifest"):
        _worker(given)
    assert "gone.csv" in json.loads((tmp_path / REFUSED).read_text())
    _worker(given)
    assert not (tmp_path / "run").exists()


def test_torchrun_starts_lost_processes_anew_and_the_run_goes_on(recipe: Path, alone: Path, tmp_path: Path) -> None:
    said = by_two_processes("tests.scaling.dying_rank", recipe, tmp_path / "run", options=["--max-restarts", "2"])
    assert "SIGKILL" in said or "exitcode: -9" in said.replace("exitcode  :", "exitcode:"), said[-2000:]
    same_as_alone(alone, tmp_path / "run")
