"""Memory that runs out: the step is done again in pieces and is the same step; and how much a batch may hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.data.batching import batch_cost
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.strategies.trained import Full
from speech_tl.training.batch_size import MOST_S, Trial, batch_seconds, fitted, most_seconds
from speech_tl.training.options import TrainingOptions
from tests.training.learning import learn, logged, weights
from tests.training.test_trainer import PIECES, WHOLE, given

FAMILIES = ["ctc", "whisper"]
Place = Callable[[AcousticModel, int, pytest.MonkeyPatch], list[int]]


def in_forward(model: AcousticModel, room: int, patch: pytest.MonkeyPatch) -> list[int]:
    """Memory for `room` utterances, or the forward pass fails; notes the sizes that were tried."""
    loss, tried = model.loss, []

    def limited(network: Any, batch: Any) -> torch.Tensor:
        tried.append(model_rows(batch))
        if tried[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return loss(network, batch)

    patch.setattr(model, "loss", limited)
    return tried


def in_backward(model: AcousticModel, room: int, patch: pytest.MonkeyPatch) -> list[int]:
    """The same in the backward pass, when part of the gradients are there already."""
    loss, tried = model.loss, []

    def fail(gradient: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def limited(network: Any, batch: Any) -> torch.Tensor:
        tried.append(model_rows(batch))
        if tried[-1] > room:
            lowest = next(p for p in model.network.parameters() if p.requires_grad)
            handle = lowest.register_hook(lambda gradient: (handle.remove(), fail(gradient)))
        return loss(network, batch)

    patch.setattr(model, "loss", limited)
    return tried


def model_rows(batch: dict[str, torch.Tensor]) -> int:
    return len(batch["labels"])


@pytest.mark.parametrize("place", [in_forward, in_backward])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_too_large_is_taken_in_pieces_and_teaches_the_same(
    place: Place, family: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: Any
) -> None:
    given(monkeypatch, WHOLE)
    runs = []
    for name, room in (("roomy", 8), ("tight", 2)):
        model = load_model(folders[family], language="en")
        tried = place(model, room, monkeypatch)
        result = learn(model, corpus, tmp_path / name, max_steps=3, dev=False, strategy=Full())
        runs.append((weights(model), [dict(logged(tmp_path / name, column)) for column in ("loss", "grad_norm")]))
        if name == "tight":
            # eight at once and four at once fail; from then on two at a time, for each of the three steps
            assert tried == [8, 4] + [2] * 12
            assert "batches were taken in 4 pieces" in result.notes[-1]
    for one, other in zip(runs[0][1], runs[1][1], strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    before = weights(load_model(folders[family], language="en"))
    moved = sum(float((runs[0][0][n] - w).square().sum()) for n, w in before.items())
    apart = sum(float((runs[0][0][n] - runs[1][0][n]).square().sum()) for n in before)
    assert moved > 0 and apart < 1e-4 * moved


@pytest.mark.parametrize("place", [in_forward, in_backward])
def test_what_was_accumulated_before_memory_ran_out_is_accumulated_again(
    place: Place, folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: Any
) -> None:
    given(monkeypatch, PIECES)
    losses = []
    for name, room in (("roomy", 8), ("tight", 2)):
        model = load_model(folders["ctc"])
        tried = place(model, room, monkeypatch)
        learn(model, corpus, tmp_path / name, max_steps=2, dev=False, gradient_accumulation_steps=4)
        losses.append([dict(logged(tmp_path / name, column)) for column in ("loss", "grad_norm")])
    assert tried[:4] == [1, 3, 1, 1], "the first batch again, then the second in two"
    for one, other in zip(*losses, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_a_single_utterance_that_does_not_fit_is_one_line(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: Any
) -> None:
    model = load_model(folders["ctc"])
    tried = in_forward(model, 0, monkeypatch)
    with pytest.raises(BadInput, match=r"single utterance at step 0 \(out of memory.*lower data.max_duration_s"):
        learn(model, corpus, tmp_path, dev=False)
    assert tried[-1] == 1


def test_outputs_that_are_kept_survive_memory_running_out(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: Any
) -> None:
    losses = []
    for name, room in (("roomy", 8), ("tight", 2)):
        model = load_model(folders["ctc"])
        in_forward(model, room, monkeypatch)
        learn(model, corpus, tmp_path / name, strategy=Full(), max_steps=6, dev=False, cache_gb=1.0)
        losses.append(dict(logged(tmp_path / name, "loss")))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


# ---- how much a batch may hold


@pytest.mark.parametrize("budget_gb", [1.0, 8.0, 80.0])
@pytest.mark.parametrize("longest_s", [3.0, 28.0])
def test_the_memory_of_two_trials_says_what_fits(budget_gb: float, longest_s: float) -> None:
    def taken(cost: float) -> float:
        return 0.4e9 + 30e6 * cost

    found = fitted(lambda count: int(taken(batch_cost(count, longest_s))), [longest_s] * 3, budget_gb * 1e9)
    assert found >= batch_cost(1, longest_s)
    if found > batch_cost(1, longest_s):
        assert taken(found) == pytest.approx(budget_gb * 1e9, rel=0.01)


def test_trials_that_do_not_fit_leave_small_batches() -> None:
    def trial(count: int) -> int:
        if count > 1:
            raise torch.OutOfMemoryError
        return 10

    assert fitted(trial, [10.0] * 3, 15) == batch_cost(1, 10.0)
    assert fitted(trial, [10.0] * 3, 25) == pytest.approx(2.5 * batch_cost(1, 10.0))
    assert fitted(trial, [10.0], 25) == pytest.approx(2.5 * batch_cost(1, 10.0)), "a single one in all"


def test_an_epoch_keeps_its_steps_however_large_the_memory() -> None:
    assert most_seconds(2.4 * 3600, 1) == 80
    assert most_seconds(2.4 * 3600, 4) == 40, "the usual size, but not less"
    assert most_seconds(1000 * 3600, 8) == MOST_S


def test_on_a_cpu_it_is_the_usual_size_and_a_number_is_taken(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    model, train = load_model(folders["ctc"], device="cpu"), corpus.split("train")
    assert batch_seconds(model, train, TrainingOptions(), tmp_path) == 40
    assert batch_seconds(model, train, TrainingOptions(batch_seconds=7), tmp_path) == 7
    said: list[str] = []
    result = learn(model, corpus, tmp_path, batch_seconds="auto", max_steps=1, dev=False, tell=said.append)
    assert said == ["batches of 40 s on each cpu (training.batch_seconds)"]
    assert result.figures["batch_seconds"] == 40


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU to try batches on")
def test_a_gpu_is_tried_once_and_a_resumed_run_has_the_same(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: Any
) -> None:
    model, train = load_model(folders["ctc"]), corpus.split("train")
    found = batch_seconds(model, train, TrainingOptions(), tmp_path)
    assert found >= 40
    monkeypatch.setattr(Trial, "__call__", lambda *_: pytest.fail("tried again"))
    assert batch_seconds(model, train, TrainingOptions(), tmp_path) == found
