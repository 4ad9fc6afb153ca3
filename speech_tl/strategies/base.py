"""What a strategy is to the rest: it chooses the weights that move, at which rate and when, and folds up at the end.

The calls, in order: `prepare` once the model is loaded, `require_steps` once the data are known, then for training
`rates`, `frozen` and `on_step`, at last `finish`. A strategy holds options only; what it changed is in the network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from speech_tl.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from speech_tl.models.base import AcousticModel

Rates = Sequence[tuple[list["torch.nn.Module"], float]]
"""Modules, and their learning rate over the run's."""


FEW_WEIGHTS = 10.0
"""Usual learning rate over that of `full` where few weights move: for LoRA ten times is best over many models and data
(Schulman et al. 2025, LoRA Without Regret). Measured on speechocean762's dev, `speech-tl adapt accent/mandarin_english
training.max_steps=100 training.eval_steps=50 training.dev_limit=60 strategy=lora`: WER 93.6 %, and 96.7 % at full's own
rate (`training.learning_rate=5e-4`); `strategy=bitfit` 94.2 and 95.8 %; `strategy=head_only training.max_steps=300` CER
62.6 and 65.2 %."""


class BaseStrategy(Options):
    """One way of training a model; subclasses add a `name` and typed options.

    Attributes:
        folds: whether `finish` changes the network, so that its transcripts are to be checked.
    """

    folds: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, model: AcousticModel, seed: int = 0) -> None:
        """Let the weights move that shall, and nothing else; new weights are drawn with `seed`.

        Raises:
            BadInput: the strategy or an option does not fit the model; says what would.
        """

    def rate_scale(self, model: AcousticModel) -> float:
        """The usual learning rate for a model over that of `full`, where the recipe names none."""
        return 1.0

    def begins_anew(self) -> str | None:
        """The option that makes a part of the network begin with weights that are not the checkpoint's, if one does."""
        return None

    def require_steps(self, model: AcousticModel, steps: int) -> None:
        """Refuse a schedule that is longer than the training.

        Raises:
            BadInput: says how long both are.
        """

    def frozen(self, model: AcousticModel) -> list[torch.nn.Module]:
        """Modules of a prepared model that stay as they are for the whole run, each without those inside it.

        No weight of them moves and they run as in evaluation, so what they make of the same input is always the same
        and may be kept.
        """
        return list(outermost_fixed(model, lambda parameter: parameter.requires_grad))

    def rates(self, model: AcousticModel) -> Rates:
        """Modules with a learning rate of their own; everything else has the run's."""
        return []

    def on_step(self, model: AcousticModel, step: int, steps: int) -> None:
        """Called before the first step and after each, with steps done and steps in all, and when a run is resumed."""

    def note(self, model: AcousticModel, step: int, steps: int) -> str | None:
        """What a reader of the report should know about a training that ended after `step` of `steps` steps."""
        return None

    def save_adapter(self, model: AcousticModel, folder: Path) -> bool:
        """Write what was learnt beside the checkpoint into `folder`, before `finish`; False where there is no such."""
        return False

    def finish(self, model: AcousticModel) -> None:
        """Fold what was added into the network, so that it is saved as a plain one."""


def train_only(
    model: AcousticModel,
    moving: Iterable[torch.nn.Module | torch.nn.Parameter],
    resting: Iterable[torch.nn.Module] = (),
) -> None:
    """Let the parameters of `moving` move and nothing else; modules without any, and `resting`, stay in evaluation."""
    model.network.requires_grad_(False)
    for moved in moving:
        moved.requires_grad_(True)
    rest_in_evaluation(model, lambda parameter: parameter.requires_grad, resting)


def rest_in_evaluation(
    model: AcousticModel, moves: Callable[[torch.nn.Parameter], bool], resting: Iterable[torch.nn.Module] = ()
) -> None:
    """Keep dropout and layer drop off in modules without a parameter that `moves`, in `resting`, and only there."""
    for module in model.network.modules():
        module.__dict__.pop("train", None)  # of an earlier call
    for module in (*outermost_fixed(model, moves), *resting):
        module.eval()
        module.train = _staying(module)  # type: ignore[method-assign,assignment]


def outermost_fixed(model: AcousticModel, moves: Callable[[torch.nn.Parameter], bool]) -> Iterator[torch.nn.Module]:
    """Modules with parameters of which none `moves`, those inside them left out.

    Modules without parameters follow what holds them. The whole network and its base are never among them: SpecAugment
    happens there, and the user decides on that.
    """
    network = model.network
    open_: list[torch.nn.Module] = [network]
    while open_:
        for child in open_.pop().children():
            parameters = list(child.parameters())
            if child is network.base_model or any(map(moves, parameters)):
                open_.append(child)
            elif parameters:
                yield child


def parameters_of(modules: Iterable[torch.nn.Module]) -> Collection[int]:
    """Identities of the parameters of modules."""
    return {id(parameter) for module in modules for parameter in module.parameters()}


def _staying(module: torch.nn.Module) -> Callable[[bool], torch.nn.Module]:
    """A `train` that leaves the module as it is."""

    def train(mode: bool = True) -> torch.nn.Module:
        return module

    return train
