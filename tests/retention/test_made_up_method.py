"""A retention method that nobody has thought of yet is one file: training, adaptation and recipes know none by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from speech_tl.adaptation import adapt
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.retention.base import METHODS, RetentionHooks, RetentionMethod, Trained, TrainingStart
from tests.small import made_corpus, recipe_yaml
from tests.tiny import tiny_ctc


@pytest.fixture
def biases() -> Iterator[type[RetentionMethod]]:
    """What a new file of `speech_tl/retention/` would hold, and its import: biases are damped, and then put back."""

    class Biases(RetentionMethod):
        """Biases learn slowly and are put back after training.

        Attributes:
            damping: their gradients are divided by it.
        """

        name: Literal["biases"] = "biases"
        damping: float = 2.0

        def at_work(self, source: Manifest | None) -> RetentionHooks:
            """Damped while training, put back afterwards."""
            return Hooks(self)

    class Hooks(RetentionHooks):
        def before_training(self, start: TrainingStart) -> None:
            self.moving = {n: p for n, p in start.model.network.named_parameters() if n.endswith("bias")}
            self.old = {name: parameter.detach().clone() for name, parameter in self.moving.items()}
            self.steps = 0
            self.notes.append(f"{len(self.old)} biases are put back")

        def add_gradients(self, scale: float) -> None:
            self.steps += 1
            for parameter in self.moving.values():
                if parameter.grad is not None:
                    parameter.grad.div_(self.options.damping)

        def logged(self) -> dict[str, float]:
            return {"damped_steps": float(self.steps)}

        def figures(self) -> dict[str, Any]:
            return {"steps": self.steps}

        def after_training(self, trained: Trained) -> tuple[dict[str, Any], list[str]]:
            weights, moved = dict(trained.model.network.named_parameters()), 0.0
            with torch.no_grad():
                for name, old in self.old.items():
                    moved = max(moved, float((weights[name] - old).abs().max()))
                    weights[name].copy_(old)
            return {"biases": {"moved": moved}}, [f"put back from up to {moved:g}"]

    yield Biases
    del METHODS["biases"]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    model = tiny_ctc(tmp_path / "model")
    saved = recipe_yaml(tmp_path / "r.yaml", model, made_corpus(tmp_path / "data"), max_steps=2, learning_rate=0.02)
    return recipe_from_yaml(saved)


def test_its_hooks_are_called_and_its_figures_are_reported(
    biases: type[RetentionMethod], recipe: Recipe, tmp_path: Path
) -> None:
    run = recipe.with_overrides(["keep=[biases,l2_sp]", "keep.biases.damping=4"])
    result = adapt(run, tmp_path / "run")
    training = result.report.as_dict()["training"]
    assert training["keep"]["biases"] == {"damping": 4.0, "steps": 2} and training["keep"]["l2_sp"]["penalty"] > 0
    assert training["biases"]["moved"] > 0
    notes = " ".join(result.report.notes)
    assert "biases are put back" in notes and f"put back from up to {training['biases']['moved']:g}" in notes
    log = [json.loads(line) for line in (tmp_path / "run" / "training" / "log.jsonl").read_text().splitlines()]
    assert [entry["damped_steps"] for entry in log if "loss" in entry][-1] == 2
    old, saved = (load_model(place).network.state_dict() for place in (run.model.source, tmp_path / "run" / "model"))
    kept = [name for name in old if name.endswith("bias")]
    assert kept and all(torch.equal(old[name], saved[name]) for name in kept)
    assert any(not torch.equal(old[name], saved[name]) for name in old)
    assert recipe_from_yaml(tmp_path / "run" / "recipe.yaml").keep == run.keep


def test_its_mistakes_are_told_like_any_other_s(biases: type[RetentionMethod], recipe: Recipe) -> None:
    with pytest.raises(BadInput, match=r"keep\.biases\.damping: Input should be a valid number"):
        recipe.with_overrides(["keep=biases", "keep.biases.damping=much"])
    with pytest.raises(BadInput, match=r"did you mean keep\.biases\.damping\?"):
        recipe.with_overrides(["keep.biases.dampin=2"])
    with pytest.raises(BadInput, match="random weights hold nothing to keep"):
        adapt(recipe.with_overrides(["keep=biases", "model.from_scratch=true"]))


def test_a_recipe_does_not_know_it_without_its_import(recipe: Recipe) -> None:
    with pytest.raises(BadInput, match="keep=biases: no such retention method"):
        recipe.with_overrides(["keep=biases"])
