"""Two processes with two batches each take the step of one process with four."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from speech_tl.data.manifest import Manifest
from tests.training.learning import logged
from tests.training.one_of_two import main

ROOT = Path(__file__).parents[2]


def test_two_processes_take_the_step_of_one(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech_tl.training.trainer import AdaptationTrainer

    monkeypatch.setattr(AdaptationTrainer, "_get_train_sampler", AdaptationTrainer._get_train_sampler)
    main(folders["whisper"], corpus.root, tmp_path / "one", pieces=4)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    script = ["-m", "tests.training.one_of_two", str(folders["whisper"]), str(corpus.root), str(tmp_path / "two")]
    done = subprocess.run(
        [*launch, *script],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name in ("loss", "grad_norm"):
        one, two = (logged(tmp_path / run, name) for run in ("one", "two"))
        assert [step for step, _ in two] == [1, 2], "each process wrote its own log"
        assert dict(two) == pytest.approx(dict(one), rel=1e-4)
    one, two = (load_file(tmp_path / run / "checkpoint-2" / "model.safetensors") for run in ("one", "two"))
    start = load_file(folders["whisper"] / "model.safetensors")
    moved = sum(float((one[name] - start[name]).square().sum()) for name in start)
    apart = sum(float((one[name] - two[name]).square().sum()) for name in start)
    assert moved > 0 and apart < 1e-4 * moved
