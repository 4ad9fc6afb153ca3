"""How a model keeps what it knew while it learns something new. Each way is one small class with typed options.

They go with every strategy and with each other, as far as `require_fit` lets them: `keep=[Replay(...), Interpolate()]`.
A way holds options only; what is done with them stands in `training/` (while learning) and in `adaptation/` (after).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from speech_tl.data.source import SourceOptions
from speech_tl.errors import BadInput
from speech_tl.options import Options
from speech_tl.text import nearest

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy


class BaseKeep(Options):
    """One way of keeping; subclasses add a `name` and typed options.

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

    @property
    def may_be_skipped(self) -> bool:
        """Whether a run goes on without it, and says so, where it cannot work."""
        return False


class Replay(SourceOptions, BaseKeep):
    """Source-domain utterances with their texts are mixed into every batch (rehearsal: Robins 1995; for languages
    learnt one after the other far ahead of EWC and distillation: CL-MASR, Della Libera et al. 2023, arXiv 2310.16931).

    The batches stay as long as without, so that the same steps hear the same seconds, of which the target has the rest.

    Attributes:
        share: of the seconds of every batch that are the source's.
    """

    needs_old_weights: ClassVar[bool] = False
    reads_texts: ClassVar[bool] = True

    name: Literal["replay"] = "replay"
    share: float = Field(0.2, gt=0, lt=1)


class L2SP(BaseKeep):
    """Weights are pulled to where they started (L2-SP: Li et al. 2018, arXiv 1802.01483).

    Adds `weight` / 2 times the squared distance to the loss. What starts anew (a fresh head, new characters' rows) is
    pulled nowhere but by `training.weight_decay`. LoRA and its kin start at nothing and are pulled back to that.

    Attributes:
        weight: of the distance; the loss is a mean over the utterances or tokens of a step.
    """

    pulls_weights: ClassVar[bool] = True

    name: Literal["l2_sp"] = "l2_sp"
    weight: float = Field(0.01, gt=0)


class Interpolate(BaseKeep):
    """After training, weights between the old and the new ones (WiSE-FT: Wortsman et al. 2022, arXiv 2109.01903).

    Each share is scored on the target's dev split and on the dev part of every guard; chosen is the one with the lowest
    error rate on dev among those at which no guard lost more than it may. Costs nothing while training.

    A `fixed_share` needs no guard and decodes nothing. It is a shipped recipe's caution, and is left out, with a
    note, where there is nothing to keep: random weights, a new head, or a checkpoint that hardly understands dev.

    Attributes:
        fixed_share: of the new weights, as it is; None chooses among `shares`.
        shares: of the new weights; 0 and 1 are always among them.
        limit: by how much the error rate of a guard's dev part may rise, as a fraction; None is the guard's own limit.
        limit_share: instead of it, the share of what the new weights alone lose there: 0.5 is half of the forgetting.
        utterances: at most so many of dev and of each guard's dev part are decoded at every share.
    """

    needs_old_head: ClassVar[bool] = True
    needs_old_labels: ClassVar[bool] = True

    name: Literal["interpolate"] = "interpolate"
    fixed_share: float | None = Field(None, gt=0, lt=1)
    shares: list[Annotated[float, Field(ge=0, le=1)]] = Field([step / 10 for step in range(11)])
    limit: float | None = Field(None, ge=0)
    limit_share: float | None = Field(None, ge=0, le=1)
    utterances: int = Field(200, ge=1)

    @property
    def may_be_skipped(self) -> bool:
        """As the class says of `fixed_share`."""
        return self.fixed_share is not None

    @field_validator("shares")
    @classmethod
    def _both_ends(cls, shares: list[float]) -> list[float]:
        """The old weights are what is compared with, the new ones are what is given up."""
        return sorted({0.0, *shares, 1.0})

    @model_validator(mode="after")
    def _one_limit(self) -> Interpolate:
        if self.limit is not None and self.limit_share is not None:
            raise ValueError("give limit (absolute) or limit_share (of what the new weights lose), not both")
        if self.fixed_share is not None and (self.limit, self.limit_share) != (None, None):
            raise ValueError("a limit chooses among shares, and fixed_share is given: leave one of them out")
        return self


class EWC(SourceOptions, BaseKeep):
    """Weights are pulled to where they started, each as strongly as it matters for the source domain (elastic weight
    consolidation: Kirkpatrick et al. 2017, arXiv 1612.00796, eq. 3).

    How much a weight matters is the diagonal of the Fisher information, estimated once, before training, on source
    utterances with their texts, and scaled to a mean of 1: with the same `weight`, `l2_sp` pulls all alike.

    Attributes:
        weight: of the penalty; the loss is a mean over the utterances or tokens of a step.
    """

    needs_old_head: ClassVar[bool] = True
    pulls_weights: ClassVar[bool] = True
    reads_texts: ClassVar[bool] = True

    name: Literal["ewc"] = "ewc"
    utterances: int | None = Field(200, ge=1)
    weight: float = Field(0.01, gt=0)


class Distill(SourceOptions, BaseKeep):
    """The old model's outputs on source audio, which needs no texts, are kept (learning without forgetting: Li & Hoiem
    2016, arXiv 1606.09282).

    A copy of the model that does not learn hears the same source audio. The batches stay as long as without; the target
    has what the source leaves.

    Attributes:
        share: of the seconds of every batch that are the source's.
        weight: of the divergence from the old outputs; the loss on the target has 1.
        temperature: both outputs are softened by it.
    """

    needs_old_head: ClassVar[bool] = True
    needs_old_labels: ClassVar[bool] = True

    name: Literal["distill"] = "distill"
    share: float = Field(0.2, gt=0, lt=1)
    weight: float = Field(1.0, gt=0)
    temperature: float = Field(2.0, gt=0)


AnyKeep = Replay | Interpolate | L2SP | EWC | Distill

Keep = Annotated[AnyKeep, Field(discriminator="name")]
"""Any way of keeping, told apart by its `name`."""

KEEPS: dict[str, type[BaseKeep]] = {cls.model_fields["name"].default: cls for cls in get_args(AnyKeep)}
"""Every way by its name."""


def as_list(value: Any) -> Any:
    """What stands for a list of ways, as a list of tables: a name, a way, a list of them, or nothing.

    >>> as_list("replay"), as_list(None)
    ([{'name': 'replay'}], [])

    Raises:
        BadInput: a name that no way has.
    """
    if value is None:
        return []
    ways = value if isinstance(value, list | tuple) else [value]
    return [{"name": _known(way)} if isinstance(way, str) else way for way in ways]


def _known(name: str) -> str:
    if name not in KEEPS:
        close = nearest(name, KEEPS)
        hint = f"did you mean {close}? " if close else ""
        raise BadInput(f"keep={name}: no such way of keeping; {hint}There are {', '.join(KEEPS)}")
    return name


def repeated(ways: Sequence[BaseKeep]) -> str | None:
    """The first name that stands there twice."""
    names = [way.name for way in ways]
    return next((name for name in names if names.count(name) > 1), None)


def require_fit(
    ways: Sequence[BaseKeep], model: AcousticModel, strategy: BaseStrategy, *, from_scratch: bool = False
) -> None:
    """Refuse ways that cannot work with a model and a strategy.

    Args:
        ways: of the recipe.
        model: prepared by the strategy.
        strategy: what is trained.
        from_scratch: whether the weights were drawn at random.

    Raises:
        BadInput: names the way, what stands against it, and what would work.
    """
    for way in ways:
        if way.may_be_skipped:
            continue
        if from_scratch and way.needs_old_weights:
            raise BadInput(
                f"keep={way.name}: random weights hold nothing to keep: start from a checkpoint, or leave it out"
            )
        if why := _other_outputs(way, model, strategy):
            raise BadInput(
                f"keep={way.name} compares with what {model.source} writes, and {why}: use keep=replay, which needs "
                "texts only"
            )
    share = sum(getattr(way, "share", 0.0) for way in ways)
    if share >= 1:
        raise BadInput(f"keep: the shares of the source add up to {share:g}, which leaves nothing to the target")


def _other_outputs(way: BaseKeep, model: AcousticModel, strategy: BaseStrategy) -> str | None:
    """Why the trained model's outputs are not those of the checkpoint from the start, where a way minds."""
    if way.needs_old_labels and model.added_characters:
        some = " ".join(model.added_characters[:10]) + (" ..." if len(model.added_characters) > 10 else "")
        return f"the train texts have characters that it lacks ({some})"
    if not way.needs_old_head:
        return None
    anew = strategy.begins_anew()
    return "it came without a head" if model.head_is_new else f"{anew} begins anew" if anew else None
