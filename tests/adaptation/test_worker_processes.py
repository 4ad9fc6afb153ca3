"""A whole run under torchrun: the first process tells the story, the second one helps it train."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from speech_tl.adaptation import adapt
from speech_tl.adaptation.worker_processes import WAIT_S, join_training
from speech_tl.recipe import Recipe
from tests.small import ROOT, by_two_processes, made_corpus
from tests.tiny import tiny_ctc
from tests.training.learning import logged


def test_two_processes_tell_one_story_and_learn_what_one_learns_from_twice_the_batch(tmp_path: Path) -> None:
    model, data = tiny_ctc(tmp_path / "model", norm="group"), made_corpus(tmp_path / "data")
    training = {"max_steps": 6, "eval_steps": 3, "batch_seconds": 7.5, "learning_rate": 1e-3, "precision": "float32"}
    recipe = Recipe.model_validate(
        {
            "name": "shared",
            "model": {"source": str(model)},
            "data": {"root": str(data)},
            "training": training | {"workers": 0},
            "augment": {"spec_augment": {"time_share": 0.0}},
            "decoding": {"workers": 0},
        }
    )
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    by_two_processes("speech_tl.cli", "adapt", tmp_path / "recipe.yaml", "--out", tmp_path / "two")
    assert not (tmp_path / "two" / ".lock").exists()
    alone = recipe.with_overrides(["training.gradient_accumulation_steps=2"])
    one = adapt(alone, tmp_path / "one").report.as_dict()
    two = json.loads((tmp_path / "two" / "report.json").read_text())
    losses = [dict(logged(tmp_path / run / "training", "loss")) for run in ("one", "two")]
    assert len(losses[0]) >= 2 and losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert two["training"]["steps"] == one["training"]["steps"] == 6
    assert two["target"]["before"] == one["target"]["before"]
    join_training(recipe, tmp_path / "two", resume=True)  # comes too late: returns instead of waiting for the first
    by_two_processes("tests.adaptation.script_of_two", tmp_path / "recipe.yaml", tmp_path / "script")
    wanted = {"target": two["target"], "utterances": two["target"]["after"]["utterances"]}
    for name in ("first-0", "first-1", "second-0", "second-1"):
        assert json.loads((tmp_path / "script" / f"{name}.json").read_text()) == wanted, name


LAUNCHED = """
import sys, time
from speech_tl.adaptation.worker_processes import end_with_launcher
print("imported", flush=True)
time.sleep(float(sys.argv[1]))
end_with_launcher()
time.sleep(600)
"""
LAUNCHER = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); sys.stdin.read()"


@pytest.mark.parametrize("begins_after_s", [0, 3])
def test_a_process_ends_with_the_torchrun_that_is_killed(begins_after_s: int) -> None:
    """Also where that has gone before the process gets to watch it."""
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, sys.executable, "-c", LAUNCHED, str(begins_after_s)],
        env=os.environ | {"WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "1", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process = psutil.Process(int(launcher.stdout.readline()))
    try:
        assert launcher.stdout.readline() == "imported\n"
        time.sleep(0 if begins_after_s else 2 * WAIT_S)
        assert runs(process), "as long as the launcher lives"
        launcher.kill()
        launcher.wait()
        ends_by = time.monotonic() + 20
        while runs(process) and time.monotonic() < ends_by:
            time.sleep(0.1)
        assert not runs(process)
    finally:
        if runs(process):
            process.kill()


def runs(process: psutil.Process) -> bool:
    """Whether a process works, and is no zombie that nobody has collected."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
