"""The script for Slurm, under a stand-in for sbatch: stopped before its time is over, requeued, gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.small import ROOT, made_corpus, recipe_yaml
from tests.tiny import tiny_ctc
from tests.training.learning import logged

SCRIPT = ROOT / "docs" / "deploy" / "adapt.sbatch"
STEPS = 80
MOST_STARTS = 5


class Slurm:
    """Runs a script as often as it asks to be queued again; its time is over once it has a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queued = folder / "queued"
        self.starts, self.codes = 0, []
        programs = folder / "bin"
        programs.mkdir()
        for name, line in {
            "scontrol": f'[ "$1 $2" = "requeue 7" ] && touch {self.queued}',
            "speech-tl": f'exec {sys.executable} -m speech_tl.cli "$@"',
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (programs / name).chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "SLURM_JOB_ID": "7"}

    def sbatch(self, *command: str, time_is_over: Path) -> None:
        self.queued.touch()
        while self.queued.exists() and self.starts < MOST_STARTS:
            self.queued.unlink()
            self.starts += 1
            with (self.folder / "slurm.log").open("ab") as log:
                job = subprocess.Popen(["bash", *command], env=self.environment, stdout=log, stderr=log)
            while self.starts == 1 and job.poll() is None:
                if any(time_is_over.glob("checkpoint-*")):
                    job.send_signal(signal.SIGTERM)
                    break
                time.sleep(0.01)
            self.codes.append(job.wait(timeout=240))


@pytest.mark.skipif(os.name == "nt", reason="Slurm runs where bash does")
def test_a_job_whose_time_is_over_is_requeued_and_goes_on(tmp_path: Path) -> None:
    model, corpus = tiny_ctc(tmp_path / "model"), made_corpus(tmp_path / "data")
    recipe = recipe_yaml(tmp_path / "recipe.yaml", model, corpus, max_steps=STEPS, eval_steps=4)
    out, slurm = tmp_path / "run", Slurm(tmp_path)
    slurm.sbatch(str(SCRIPT), str(recipe), str(out), "seed=3", time_is_over=out / "training")
    assert (slurm.starts, slurm.codes) == (2, [143, 0]), (tmp_path / "slurm.log").read_text()[-2000:]
    assert (out / "report.json").is_file()
    steps = [step for step, _ in logged(out / "training", "loss")]
    assert steps == sorted(set(steps)) and steps[-1] == STEPS, "no step is taken twice"
    slurm.sbatch(str(SCRIPT), str(recipe), str(out), time_is_over=tmp_path)
    assert slurm.codes[2:] == [0] and slurm.starts == 3, "a run that is done is left alone"
