"""A job's end told to all of its processes: the step is finished, its checkpoint is there, nobody is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.small import ROOT, made_corpus, recipe_yaml
from tests.tiny import tiny_ctc
from tests.training.learning import logged

STEPS = 4000
"""Far more than are taken."""


@pytest.mark.skipif(os.name == "nt", reason="signals to a group of processes are POSIX")
def test_a_signal_to_all_processes_of_a_job_loses_no_step(tmp_path: Path) -> None:
    model, corpus = tiny_ctc(tmp_path / "model"), made_corpus(tmp_path / "data")
    header, *rows = corpus.read_text().splitlines()
    learnt = [row for row in rows if ",train," in row]
    corpus.write_text("\n".join([header, *rows, *(300 * learnt)]) + "\n")  # epochs of many steps: workers begin rarely
    recipe = recipe_yaml(
        tmp_path / "r.yaml", model, corpus, max_steps=STEPS, eval_steps=STEPS, batch_seconds=60.0, workers=2
    )
    out = tmp_path / "run"
    command = [sys.executable, "-m", "speech_tl", "adapt", str(recipe), "--out", str(out)]
    with (tmp_path / "log").open("wb") as log:
        job = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    begun, everybody = time.monotonic(), []
    while job.poll() is None and time.monotonic() - begun < 120:
        log_file = out / "training" / "log.jsonl"
        if log_file.exists() and len(log_file.read_text().splitlines()) > 1:
            everybody = psutil.Process(job.pid).children(recursive=True)
            for process in everybody:  # before the main one: nobody promises an order
                process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            job.send_signal(signal.SIGTERM)
            break
        time.sleep(0.05)
    assert job.wait(timeout=60) == 128 + signal.SIGTERM, (tmp_path / "log").read_text()[-2000:]
    assert len(everybody) >= 2, "workers loaded what was learnt"
    assert not psutil.wait_procs(everybody, timeout=15)[1]
    (checkpoint,) = (out / "training").glob("checkpoint-*")
    steps = [step for step, _ in logged(out / "training", "loss")]
    assert int(checkpoint.name.rpartition("-")[2]) == steps[-1] > 25
