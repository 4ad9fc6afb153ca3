"""After training: weights between the old model's and the new one's, and the share that keeps the guards unharmed.

Weight interpolation: WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903); for speech recognition Vander Eeckt & Van hamme
2022 (arXiv 2210.15282). The target's dev split and the guards' dev parts decide; test sets are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.adaptation.keeping import chooses_share, interpolates
from speech_tl.adaptation.preparation import Data, starts_anew
from speech_tl.decoding import decode
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe
from speech_tl.reporting import words
from speech_tl.reporting.interpolation import TARGET, finding
from speech_tl.reporting.screen import Screen
from speech_tl.scoring.wer import score
from speech_tl.strategies.kept import Interpolate
from speech_tl.text import Normaliser, Rate, leading_rate
from speech_tl.training.selection import choice, too_small

if TYPE_CHECKING:
    import torch

    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel


UNDERSTOOD = 0.6
"""From this error rate on dev on, a checkpoint has too little to keep for a share that nobody has tried."""


@dataclass(frozen=True)
class _DevSet:
    """Utterances that every share is scored on, and by what.

    `model` is the adapted one, or another of the same weights that is set to the utterances' language.
    """

    utterances: Manifest
    normaliser: Normaliser
    rate: Rate
    model: AcousticModel
    limit: float | None = None


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


def interpolate(
    model: AcousticModel, data: Data, recipe: Recipe, screen: Screen, figures: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Score several shares on dev, choose one by the recipe's rule, and leave `model` with its weights.

    Args:
        model: trained, and merged.
        data: its dev split and the guards' dev parts are decoded, with the windows that the checkpoint has.
        recipe: its `Interpolate` and how to decode.
        screen: where to show progress, and what was found.
        figures: of the training.

    Returns:
        {} where the recipe does not interpolate or a dev part is too small to choose on, else "interpolation" as
        report.json has it under "training": the rule, the limits, the curve (`points`) and the share chosen; and
        sentences for the report.
    """
    options = interpolates(recipe)
    if options is None:
        return {}, []
    if options.fixed_share is not None:
        return _as_given(model, recipe, options.fixed_share, screen, figures)
    if small := small_part(data, recipe, options):
        screen.line(small)
        return {}, [small]
    sets = _dev_sets(model, data, recipe, options)
    between = Between(_published(recipe, data.language), model)
    models = {id(dev.model): dev.model for dev in sets.values()}
    points = []
    for share in options.shares:
        between.put(share, *models.values())
        points.append({"share": share} | _scored(share, sets, recipe, screen))
    found = chosen(points, _limits(points, sets, options)) | {
        "rates": {name: dev.rate for name, dev in sets.items()},
        "utterances": {name: len(dev.utterances) for name, dev in sets.items()},
    }
    between.put(found["share"], model)
    told = found | {"finding": finding(found)}
    screen.line(told["finding"])
    return {"interpolation": told}, _notes(found, recipe)


def _as_given(
    model: AcousticModel, recipe: Recipe, share: float, screen: Screen, figures: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Leave `model` with the share that the recipe gives, unless there is nothing to keep; nothing is decoded."""
    if why := _nothing_to_keep(model, recipe, figures):
        told = f"not interpolated: {why}: the new weights are kept whole"
        screen.line(told)
        return {}, [told]
    Between(_published(recipe, model.language), model).put(share, model)
    found: dict[str, Any] = {"share": share, "points": []}
    found["finding"] = finding(found)
    screen.line(found["finding"])
    return {"interpolation": found}, _notes(found, recipe)


def _nothing_to_keep(model: AcousticModel, recipe: Recipe, figures: Mapping[str, Any]) -> str | None:
    """Why weights between the old and the new ones would only be worse ones."""
    if starts_anew(recipe, model) or model.head_is_new or recipe.strategy.begins_anew():
        return "there are no old weights of all parts"
    if model.added_characters:
        return "the texts have characters that the checkpoint lacks"
    rate = "wer" if "first_dev_wer" in figures else "cer"
    start = figures.get(f"first_dev_{rate}")
    if start is not None and start >= UNDERSTOOD:
        return f"the checkpoint hardly understands dev ({rate.upper()} {words.percent(start)})"
    return None


def small_part(data: Data, recipe: Recipe, options: Interpolate) -> str | None:
    """Why no share can be chosen: the first dev part that is too small; None where all are large enough."""
    parts = {"": (data.dev, data.normaliser, data.language)}
    parts |= {f"guard {guard.name}, ": (guard.dev, guard.normaliser, guard.language) for guard in data.guards}
    for name, (dev, normaliser, language) in parts.items():
        decoded = dev.sample(options.utterances, recipe.seed)
        if small := too_small(decoded, normaliser, leading_rate(language, normaliser.name)):
            return f"not interpolated: {name}{small}: the new weights are kept whole"
    return None


def hours_to_decode(data: Data, recipe: Recipe) -> float:
    """Audio that all shares decode together; 0 where the recipe does not interpolate."""
    options = chooses_share(recipe)
    if options is None or small_part(data, recipe, options):
        return 0.0
    parts = [data.dev, *(guard.dev for guard in data.guards)]
    seconds = sum(part.sample(options.utterances, recipe.seed).durations_s().sum() for part in parts)
    return len(options.shares) * float(seconds) / 3600


def chosen(points: Sequence[Mapping[str, Any]], limits: Mapping[str, float]) -> dict[str, Any]:
    """The share that is best on dev (`training.selection.choice`) among those that no guard forbids; of equals the
    smallest.

    Args:
        points: by share, rising from 0: `share`, and for the target and each guard its leading error rate and `choice`.
        limits: by how much each guard's may rise above that at share 0.

    Returns:
        The chosen `share`, `limits`, and the `points` with `allowed`.
    """
    first = points[0]["scores"]
    judged = [
        {
            **point,
            "allowed": all(
                point["scores"][name]["leading"] <= first[name]["leading"] + limit + 1e-12
                for name, limit in limits.items()
            ),
        }
        for point in points
    ]
    best = min(
        (point for point in judged if point["allowed"]),
        key=lambda point: (point["scores"][TARGET]["choice"], point["share"]),
    )
    return {"share": best["share"], "limits": dict(limits), "points": judged}


def _limits(points: Sequence[Mapping[str, Any]], sets: Mapping[str, _DevSet], options: Interpolate) -> dict[str, float]:
    """How much each guard may lose: its own limit, the recipe's, or a share of what the new weights lose."""
    limits = {}
    for name, dev in sets.items():
        if dev.limit is None:
            continue
        limits[name] = dev.limit if options.limit is None else options.limit
        if options.limit_share is not None:
            first, last = (points[place]["scores"][name]["leading"] for place in (0, -1))
            limits[name] = options.limit_share * max(0.0, last - first)
    return limits


def _dev_sets(model: AcousticModel, data: Data, recipe: Recipe, options: Interpolate) -> dict[str, _DevSet]:
    """The target's dev split and every guard's dev part, at most so many utterances of each."""
    speaking: dict[str | None, AcousticModel] = {None: model}
    rate = leading_rate(data.language or model.language, data.normaliser.name)
    sets = {TARGET: _DevSet(data.dev.sample(options.utterances, recipe.seed), data.normaliser, rate, model)}
    for guard in data.guards:
        if guard.set_to not in speaking:
            speaking[guard.set_to] = _published(recipe, guard.set_to)
        sets[guard.name] = _DevSet(
            guard.dev.sample(options.utterances, recipe.seed),
            guard.normaliser,
            leading_rate(guard.language, guard.normaliser.name),
            speaking[guard.set_to],
            guard.limit,
        )
    return sets


def _scored(share: float, sets: Mapping[str, _DevSet], recipe: Recipe, screen: Screen) -> dict[str, Any]:
    """The error rates of every set with the weights of this moment."""
    plain = {"audio_context": "full", "engine": "torch", "test_time": None}  # the weights themselves are judged
    decoding = recipe.decoding.model_copy(update=plain)
    scores = {}
    for name, dev in sets.items():
        title = f"share {share:g} of the new weights: decoding {len(dev.utterances)} utterances of {name}"
        with screen.progress(title) as update:
            texts = [hypothesis.text for hypothesis in decode(dev.model, dev.utterances, decoding, update)]
        found = score(dev.utterances, texts, dev.normaliser).score
        scores[name] = {"wer": found.wer, "cer": found.cer, "leading": getattr(found, dev.rate)}
        scores[name]["choice"] = choice(found.wer, found.cer, dev.rate)
    return {"scores": scores}


def _notes(found: Mapping[str, Any], recipe: Recipe) -> list[str]:
    """What else a reader must know."""
    notes = []
    if found["share"] == 0:
        notes.append("no share of the new weights helps dev and spares the guards: the model is the old one")
    elif recipe.strategy.folds:
        notes.append(f"adapter/ holds all that was learnt; model/ has {found['share']:g} of it (interpolated)")
    return notes


def _published(recipe: Recipe, language: str | None) -> AcousticModel:
    """The checkpoint, set to a language."""
    options = recipe.model
    language = language or options.language
    return load_model(options.source, language=language, task=options.task, revision=options.revision)


def _weights(model: AcousticModel) -> dict[str, torch.Tensor]:
    """A copy of every weight, tied ones once."""
    return {name: parameter.detach().clone() for name, parameter in model.network.named_parameters()}
