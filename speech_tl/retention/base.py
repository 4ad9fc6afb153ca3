"""What a retention method is to the rest: a way in which a model keeps what it knew while it learns something new.

A method is two small classes in a file of its own. `RetentionMethod` holds its typed options, which a recipe has under
`keep`, and says what it needs. `RetentionHooks` is the method at work in one training: training and adaptation call
its hooks at the times that their names say, and know no method. To add one, copy `l2_sp.py` and import the new file in
`speech_tl/retention/__init__.py`; a class with a `name` registers itself.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from speech_tl.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from speech_tl.data.batching import BatchFacts
    from speech_tl.data.manifest import Manifest
    from speech_tl.data.test_set import TestSet
    from speech_tl.models.base import AcousticModel, Batch
    from speech_tl.models.options import DecodingOptions
    from speech_tl.retention.mixture import Mixture
    from speech_tl.screen import Screen
    from speech_tl.strategies.base import BaseStrategy

FOLDER = "retention"
"""In a training's folder: what a resumed run need not compute again."""

METHODS: dict[str, type[RetentionMethod]] = {}
"""Every retention method by its name; classes put themselves here."""


class RetentionMethod(Options):
    """One retention method: its options, and what must be given for it to work.

    Attributes:
        needs_old_weights: whether it compares with the checkpoint's weights, so that there must be some.
        needs_old_head: whether it asks what the checkpoint writes, so that all of its head must be there.
        needs_old_labels: whether it compares label by label, so that there must be no others.
        pulls_weights: whether it pulls what moves back to where that started.
        reads_texts: whether the texts of its source speech are needed too.
    """

    needs_old_weights: ClassVar[bool] = True
    needs_old_head: ClassVar[bool] = False
    needs_old_labels: ClassVar[bool] = False
    pulls_weights: ClassVar[bool] = False
    reads_texts: ClassVar[bool] = False

    name: str

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Register a class whose `name` says what it is called in a recipe."""
        name = cls.model_fields["name"].default
        if isinstance(name, str):
            METHODS[name] = cls

    @abstractmethod
    def at_work(self, source: Any) -> RetentionHooks:
        """The method in one training; `source` is the `Manifest` of its usable source speech, None if it hears none."""

    @property
    def may_be_skipped(self) -> bool:
        """Whether a run goes on without it, and says so, where it cannot work."""
        return False

    @property
    def batch_share(self) -> float:
        """Of the seconds of every batch, the share that is source speech."""
        return 0.0

    @property
    def reads_guards(self) -> bool:
        """Whether it decides on the dev parts of the guards, so that these are read."""
        return False

    def read_source(self, seed: int) -> Manifest | None:
        """The rows of its source speech, no audio opened; None where it hears none.

        Raises:
            BadInput: it needs some, and there is none.
        """
        return None

    def require_guards(self, dev_parts: Mapping[str, Manifest | None]) -> None:
        """Refuse guards that it cannot decide on; `dev_parts` are by the guards' names, None where there is none.

        Raises:
            BadInput: says what would do.
        """


@dataclass(frozen=True)
class TrainingStart:
    """What is known before the first step of a training.

    Attributes:
        model: prepared by the strategy.
        strategy: may begin a part of the network anew.
        folder: for what a resumed run need not compute again; it goes when the training has ended.
        batch_seconds: audio of one step, in seconds.
        decoding: how the old model transcribes.
        seed: of the order in which source speech is heard.
        tell: shows the user a line, of what takes a while.
    """

    model: AcousticModel
    strategy: BaseStrategy | None
    folder: Path
    batch_seconds: float
    decoding: DecodingOptions
    seed: int
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What there is to decide by when a model has been trained.

    Attributes:
        model: trained, and merged; what a method leaves in it is measured and saved.
        strategy: what was trained.
        dev_sets: dev of the target first, then the dev part of every guard, where a method `reads_guards`.
        decoding: as the recipe has it.
        seed: of the choice of utterances.
        published: loads the checkpoint as it was, set to a language; None is the recipe's.
        anew: whether there is no checkpoint that could have written before.
        figures: of the training, as report.json has them.
        screen: where to show progress, and what was decided.
    """

    model: AcousticModel
    strategy: BaseStrategy
    dev_sets: Sequence[TestSet]
    decoding: DecodingOptions
    seed: int
    published: Callable[[str | None], AcousticModel]
    anew: bool
    figures: Mapping[str, Any]
    screen: Screen


class RetentionHooks:
    """A retention method in one training; what a method leaves alone, changes nothing.

    Attributes:
        options: the method's.
        source: its usable source utterances; None where it hears none.
        mixed_in: of these, what stands behind the target's utterances in the batches; None where nothing does.
        brings_batches: whether `batch` and `loss` are called.
        notes: sentences for the report.
    """

    brings_batches: ClassVar[bool] = False

    def __init__(self, options: RetentionMethod, source: Manifest | None = None) -> None:
        """Nothing is computed yet."""
        self.options, self.source = options, source
        self.mixed_in: Manifest | None = None
        self.notes: list[str] = []

    # ---- before training

    def mixed(self, utterances: Manifest) -> Manifest | Mixture:
        """What the batches are made of, from the target's own utterances."""
        return utterances

    def before_training(self, start: TrainingStart) -> None:
        """Remember what the model is before the first step.

        Raises:
            BadInput: there is nothing to hold on to.
        """

    # ---- in a batch, in the loss or the gradients

    def batch(self, number: int, ranks: int, rank: int) -> tuple[Batch, BatchFacts]:
        """What is heard beside the training batch of this `number`, counted from the start of the run."""
        raise NotImplementedError

    def loss(self, network: nn.Module, batch: Batch, utterances: int) -> Tensor:
        """The loss of that batch, or of a part of one that has so many `utterances` in all; a scalar."""
        raise NotImplementedError

    def add_gradients(self, scale: float) -> None:
        """Before a step's gradients, enlarged by `scale`, are clipped."""

    def logged(self) -> dict[str, float]:
        """What it adds to the loss at this moment, for the log."""
        return {}

    def figures(self) -> dict[str, Any]:
        """What it did while training, for report.json beside its options."""
        return {}

    # ---- after training

    def undecided(self, dev_sets: Sequence[TestSet], seed: int) -> str | None:
        """Why these dev sets are too small for what it decides on them; None where they are not, or nothing is."""
        return None

    def hours_to_decode(self, dev_sets: Sequence[TestSet], seed: int) -> float:
        """Hours of audio that it decodes after training."""
        return 0.0

    def after_training(self, trained: Trained) -> tuple[dict[str, Any], list[str]]:
        """Change the trained model; returns figures for report.json under "training", and sentences for the report."""
        return {}, []
