"""Two processes take the steps of one process with twice the batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from speech_tl.data.manifest import Manifest
from speech_tl.training.checkpoints import SEAL
from tests.small import by_two_processes
from tests.training import curve
from tests.training.learning import logged
from tests.training.one_of_two import main


def test_two_processes_have_the_loss_curve_of_one_with_twice_the_batch(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    """Three epochs of our own batches: a step of one process is two of them, of two processes one each."""
    curve.main(folders["ctc"], corpus.root, tmp_path / "one", batches_a_step=2)
    by_two_processes("tests.training.curve", folders["ctc"], corpus.root, tmp_path / "two")
    one, two = (dict(logged(tmp_path / run, "loss")) for run in ("one", "two"))
    assert list(one) == list(range(1, curve.STEPS + 1))
    assert two == pytest.approx(one, rel=1e-4)
    assert one[curve.STEPS] < 0.9 * one[1], "it learnt, so the curve is no flat line"


def test_a_pair_of_which_one_is_killed_goes_on_bit_by_bit(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    """The randomness of every process is part of a sealed checkpoint."""
    given = (folders["ctc"], corpus.root, tmp_path)
    assert "SIGKILL" in by_two_processes("tests.training.killed_pair", *given, succeeds=False)
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert logged(killed, "loss")[-1][0] == 4
    assert {"rng_state_0.pth", "rng_state_1.pth"} < json.loads((killed / "checkpoint-4" / SEAL).read_text()).keys()
    by_two_processes("tests.training.killed_pair", *given, "resume")
    assert logged(killed, "loss") == logged(straight, "loss")
    one, two = (load_file(run / "checkpoint-6" / "model.safetensors") for run in (straight, killed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_two_processes_take_the_step_of_one(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech_tl.training.trainer import AdaptationTrainer

    monkeypatch.setattr(AdaptationTrainer, "_get_train_sampler", AdaptationTrainer._get_train_sampler)
    main(folders["whisper"], corpus.root, tmp_path / "one", pieces=4)
    by_two_processes("tests.training.one_of_two", folders["whisper"], corpus.root, tmp_path / "two")
    for name in ("loss", "grad_norm"):
        one, two = (logged(tmp_path / run, name) for run in ("one", "two"))
        assert [step for step, _ in two] == [1, 2], "each process wrote its own log"
        assert dict(two) == pytest.approx(dict(one), rel=1e-4)
    one, two = (load_file(tmp_path / run / "checkpoint-2" / "model.safetensors") for run in ("one", "two"))
    start = load_file(folders["whisper"] / "model.safetensors")
    moved = sum(float((one[name] - start[name]).square().sum()) for name in start)
    apart = sum(float((one[name] - two[name]).square().sum()) for name in start)
    assert moved > 0 and apart < 1e-4 * moved
