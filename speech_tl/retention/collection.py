"""The retention methods of one training as the rest sees them: one thing that calls the hooks of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.retention.base import RetentionHooks, RetentionMethod, Trained, TrainingStart

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest
    from speech_tl.data.test_set import TestSet
    from speech_tl.models.base import AcousticModel
    from speech_tl.retention.mixture import Mixture
    from speech_tl.strategies.base import BaseStrategy


class Retention:
    """The retention methods of one training; without any, it changes nothing.

    Attributes:
        hooks: of each method, by its name.
    """

    def __init__(self, methods: Sequence[RetentionMethod] = (), sources: Mapping[str, Manifest] | None = None) -> None:
        """Nothing is computed yet; `sources` are the usable source utterances of the methods that hear some."""
        self.hooks = {method.name: method.at_work((sources or {}).get(method.name)) for method in methods}

    # ---- before training

    def mixed(self, utterances: Manifest) -> Manifest | Mixture:
        """What the batches are made of: with source utterances behind the target's own, where a method wants that."""
        mixed: Any = utterances
        for hooks in self.hooks.values():
            mixed = hooks.mixed(mixed)
        return mixed

    @property
    def mixed_in(self) -> tuple[str, Manifest] | None:
        """The method whose source utterances stand behind the target's own, and these; None where none do."""
        return next(((name, hooks.mixed_in) for name, hooks in self.hooks.items() if hooks.mixed_in is not None), None)

    @property
    def batch_share(self) -> float:
        """Of a step's audio, what the batches that methods bring take."""
        return sum(hooks.options.batch_share for hooks in self.bringing)

    def before_training(self, start: TrainingStart) -> None:
        """Remember what the model is before the first step.

        Raises:
            BadInput: there is nothing to hold on to.
        """
        for hooks in self.hooks.values():
            hooks.before_training(start)

    # ---- in a batch, in the loss or the gradients

    @property
    def bringing(self) -> list[RetentionHooks]:
        """The methods that have batches of their own."""
        return [hooks for hooks in self.hooks.values() if hooks.brings_batches]

    def add_gradients(self, scale: float) -> None:
        """Before a step's gradients, enlarged by `scale`, are clipped."""
        for hooks in self.hooks.values():
            hooks.add_gradients(scale)

    def logged(self) -> dict[str, float]:
        """What the methods add to the loss at this moment, for the log."""
        return {name: value for hooks in self.hooks.values() for name, value in hooks.logged().items()}

    def figures(self, source_seconds: float) -> dict[str, Any]:
        """For report.json: {} without any method, else each with its options and what it did while training.

        Args:
            source_seconds: of the audio trained on, speech of the source domain.
        """
        if not self.hooks:
            return {}
        figures = {name: _available(hooks) | hooks.figures() for name, hooks in self.hooks.items()}
        return {"keep": figures, "source_seconds": round(source_seconds, 1)}

    @property
    def notes(self) -> list[str]:
        """Sentences for the report, of the training."""
        return [note for hooks in self.hooks.values() for note in hooks.notes]

    # ---- after training

    def undecided(self, dev_sets: Sequence[TestSet], seed: int) -> list[str]:
        """Why dev sets are too small for what methods decide on them."""
        reasons = [hooks.undecided(dev_sets, seed) for hooks in self.hooks.values()]
        return [reason for reason in reasons if reason]

    def hours_to_decode(self, dev_sets: Sequence[TestSet], seed: int) -> float:
        """Hours of audio that methods decode after training."""
        return sum(hooks.hours_to_decode(dev_sets, seed) for hooks in self.hooks.values())

    def after_training(self, trained: Trained) -> tuple[dict[str, Any], list[str]]:
        """Change the trained model; returns figures for report.json under "training", and sentences for the report."""
        figures: dict[str, Any] = {}
        notes: list[str] = []
        for hooks in self.hooks.values():
            made, told = hooks.after_training(trained)
            figures, notes = figures | made, notes + told
        return figures, notes


def _available(hooks: RetentionHooks) -> dict[str, Any]:
    """A method's options, and how much source speech there is for it."""
    options, source = hooks.options.model_dump(exclude={"name"}), hooks.source
    if source is None:
        return options
    return options | {"available_utterances": len(source), "available_seconds": float(source.durations_s().sum())}


def require_fit(
    methods: Sequence[RetentionMethod], model: AcousticModel, strategy: BaseStrategy, *, anew: bool
) -> None:
    """Refuse methods that cannot work with a model and a strategy.

    Args:
        methods: of the recipe.
        model: prepared by the strategy.
        strategy: what is trained.
        anew: whether the weights were drawn at random.

    Raises:
        BadInput: names the method, what stands against it, and what would work.
    """
    from speech_tl.retention.quadratic_penalty import old_weights

    for method in methods:
        if method.may_be_skipped:
            continue
        if anew and method.needs_old_weights:
            raise BadInput(
                f"keep={method.name}: random weights hold nothing to keep: start from a checkpoint, or leave it out"
            )
        if why := _other_outputs(method, model, strategy):
            raise BadInput(
                f"keep={method.name} compares with what {model.source} writes, and {why}: use keep=replay, which needs "
                "texts only"
            )
    share = sum(method.batch_share for method in methods)
    if share >= 1:
        raise BadInput(f"keep: the shares of the source add up to {share:g}, which leaves nothing to the target")
    for method in methods:
        if method.pulls_weights:
            old_weights(model, strategy, method.name)


def _other_outputs(method: RetentionMethod, model: AcousticModel, strategy: BaseStrategy) -> str | None:
    """Why the trained model's outputs are not those of the checkpoint from the start, where a method minds."""
    if method.needs_old_labels and model.added_characters:
        some = " ".join(model.added_characters[:10]) + (" ..." if len(model.added_characters) > 10 else "")
        return f"the train texts have characters that it lacks ({some})"
    if not method.needs_old_head:
        return None
    anew = strategy.begins_anew()
    return "it came without a head" if model.head_is_new else f"{anew} begins anew" if anew else None
