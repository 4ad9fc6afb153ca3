"""Weight interpolation: after training, weights between the old model's and the new one's, and the share of each.

WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903); for speech recognition Vander Eeckt & Van hamme 2022 (arXiv
2210.15282). The target's dev split and the guards' dev parts decide; test sets are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from speech_tl.errors import BadInput
from speech_tl.retention.base import RetentionHooks, RetentionMethod, Trained
from speech_tl.scoring.interpolation import DevRates, Interpolation, SharePoint, chosen
from speech_tl.text.numbers import percent

if TYPE_CHECKING:
    import torch

    from speech_tl.data.manifest import Manifest
    from speech_tl.data.test_set import TestSet
    from speech_tl.models.base import AcousticModel


UNDERSTOOD = 0.6
"""From this error rate on dev on, a checkpoint has too little to keep for a share that nobody has tried."""


class Interpolate(RetentionMethod):
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

    @property
    def reads_guards(self) -> bool:
        """Unless the share is given."""
        return self.fixed_share is None

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

    def require_guards(self, dev_parts: Mapping[str, Manifest | None]) -> None:
        """There must be one, and each must have a dev part, unless the share is given."""
        if not self.reads_guards:
            return
        if not dev_parts:
            raise BadInput(
                "keep=interpolate chooses its share on a guard, and the recipe has none: give one that has rows of "
                "split dev and of split test (guards.NAME=MANIFEST)"
            )
        for name, dev in dev_parts.items():
            if dev is None:
                raise BadInput(
                    f"keep=interpolate chooses its share on the dev part of every guard, and guard {name} has no row "
                    f"of split dev: give guards.{name}.dev=MANIFEST, or leave the guard out"
                )

    def at_work(self, source: Manifest | None) -> RetentionHooks:
        """What is done after training."""
        return _FixedShare(self) if self.fixed_share is not None else _ChosenShare(self)


class _FixedShare(RetentionHooks):
    """The share that the recipe gives, unless there is nothing to keep; nothing is decoded."""

    options: Interpolate

    def after_training(self, trained: Trained) -> tuple[dict[str, Any], list[str]]:
        """Leave the model with that share."""
        if why := _nothing_to_keep(trained):
            note = f"not interpolated: {why}: the new weights are kept whole"
            trained.screen.line(note)
            return {}, [note]
        share = self.options.fixed_share
        assert share is not None, "else one is chosen"
        Between(trained.published(None), trained.model).put(share, trained.model)
        return _settled(Interpolation(share=share, points=[]), trained)


class _ChosenShare(RetentionHooks):
    """The share that is best on dev and spares the guards."""

    options: Interpolate

    def after_training(self, trained: Trained) -> tuple[dict[str, Any], list[str]]:
        """Score several shares on dev sets, choose one by the rule, and leave the model with its weights.

        Returns:
            {} where a dev set is too small to choose on, else "interpolation" as report.json has it under "training":
            the rule, the limits, the curve (`points`) and the share chosen.
        """
        if small := self.undecided(trained.dev_sets, trained.seed):
            trained.screen.line(small)
            return {}, [small]
        sets = [dev.at_most(self.options.utterances, trained.seed) for dev in trained.dev_sets]
        models = _set_to_languages(trained, sets)
        between = Between(trained.published(None), trained.model)
        points = []
        for share in self.options.shares:
            between.put(share, *models.values())
            points.append(SharePoint(share=share, scores=_scored(share, sets, models, trained)))
        found = chosen(points, _limits(points, sets, self.options))
        found.rates = {dev.name: dev.rate for dev in sets}
        found.utterances = {dev.name: len(dev.utterances) for dev in sets}
        between.put(found.share, trained.model)
        return _settled(found, trained)

    def undecided(self, dev_sets: Sequence[TestSet], seed: int) -> str | None:
        """The first dev set that is too small."""
        from speech_tl.scoring.dev_choice import too_small

        for dev in dev_sets:
            if small := too_small(dev.at_most(self.options.utterances, seed)):
                whose = f"guard {dev.name}, " if dev.limit is not None else ""
                return f"not interpolated: {whose}{small}: the new weights are kept whole"
        return None

    def hours_to_decode(self, dev_sets: Sequence[TestSet], seed: int) -> float:
        """Of all shares together."""
        if self.undecided(dev_sets, seed):
            return 0.0
        sets = [dev.at_most(self.options.utterances, seed) for dev in dev_sets]
        seconds = sum(dev.utterances.durations_s().sum() for dev in sets)
        return len(self.options.shares) * float(seconds) / 3600


class Between:
    """The weights between two models of one shape."""

    def __init__(self, old: AcousticModel, new: AcousticModel) -> None:
        """Remember both. What only training has and does not train (the fill of SpecAugment's masks) is left as it is.

        Raises:
            BadInput: they have different weights.
        """
        self.old, self.new = _weights(old), _weights(new)
        beside = {n for n, p in new.network.named_parameters() if n not in self.old and not p.requires_grad}
        shapes = [{n: w.shape for n, w in weights.items() if n not in beside} for weights in (self.old, self.new)]
        if shapes[0] != shapes[1]:
            raise BadInput(f"keep=interpolate: {old.source} and the trained model have weights of different shapes")

    def put(self, share: float, *models: AcousticModel) -> None:
        """Give models the weights of which `share` is the new model's: at 1 exactly its own, at 0 the old one's."""
        import torch

        with torch.no_grad():
            for model in models:
                weights = dict(model.network.named_parameters())
                for name, old in self.old.items():
                    weights[name].copy_(torch.lerp(old, self.new[name], share))


def _nothing_to_keep(trained: Trained) -> str | None:
    """Why weights between the old and the new ones would only be worse ones."""
    if trained.anew or trained.model.head_is_new or trained.strategy.begins_anew():
        return "there are no old weights of all parts"
    if trained.model.added_characters:
        return "the texts have characters that the checkpoint lacks"
    rate = "wer" if "first_dev_wer" in trained.figures else "cer"
    start = trained.figures.get(f"first_dev_{rate}")
    if start is not None and start >= UNDERSTOOD:
        return f"the checkpoint hardly understands dev ({rate.upper()} {percent(start)})"
    return None


def _settled(found: Interpolation, trained: Trained) -> tuple[dict[str, Any], list[str]]:
    """What `after_training` returns: the figures, which say what was chosen, and what else a reader must know."""
    found.finding = found.told()
    trained.screen.line(found.finding)
    notes = []
    if found.share == 0:
        notes = ["no share of the new weights helps dev and spares the guards: the model is the old one"]
    elif trained.strategy.folds:
        notes = [f"adapter/ holds all that was learnt; model/ has {found.share:g} of it (interpolated)"]
    return {"interpolation": found.as_dict()}, notes


def _limits(points: Sequence[SharePoint], sets: Sequence[TestSet], options: Interpolate) -> dict[str, float]:
    """How much each guard may lose: its own limit, the recipe's, or a share of what the new weights lose."""
    limits = {}
    for dev in sets:
        if dev.limit is None:
            continue
        limits[dev.name] = dev.limit if options.limit is None else options.limit
        if options.limit_share is not None:
            first, last = (points[place].scores[dev.name].leading for place in (0, -1))
            limits[dev.name] = options.limit_share * max(0.0, last - first)
    return limits


def _set_to_languages(trained: Trained, sets: Sequence[TestSet]) -> dict[str | None, AcousticModel]:
    """The trained model, and others of the same shape that are set to the languages of the guards."""
    models: dict[str | None, AcousticModel] = {None: trained.model}
    for dev in sets:
        if dev.set_to not in models:
            models[dev.set_to] = trained.published(dev.set_to)
    return models


def _scored(
    share: float, sets: Sequence[TestSet], models: Mapping[str | None, AcousticModel], trained: Trained
) -> dict[str, DevRates]:
    """The error rates of every set with the weights of this moment."""
    from speech_tl.decoding.measuring import measure
    from speech_tl.scoring.dev_choice import choice

    plain = {"audio_context": "full", "engine": "torch"}  # the weights themselves are judged
    decoding = trained.decoding.of_the_sound().model_copy(update=plain)
    scores = {}
    for dev in sets:
        title = f"share {share:g} of the new weights: decoding {len(dev.utterances)} utterances of {dev.name}"
        with trained.screen.progress(title) as update:
            score = measure(models[dev.set_to], dev, decoding, progress=update).score
        assert score.wer is not None and score.cer is not None, "dev sets without words are refused"
        leading = score.wer if dev.rate == "wer" else score.cer
        best = choice(score.wer, score.cer, dev.rate)
        scores[dev.name] = DevRates(wer=score.wer, cer=score.cer, leading=leading, choice=best)
    return scores


def _weights(model: AcousticModel) -> dict[str, torch.Tensor]:
    """A copy of every weight, tied ones once."""
    return {name: parameter.detach().clone() for name, parameter in model.network.named_parameters()}
