"""How much a language model counts, chosen on dev for all models that are compared, which are then decoded alike.

The models' log probabilities are kept, so that the sound goes through each once. A search lists hypotheses with what
their sound, their words and their number are worth; over these lists every pair of weights of a grid is tried, which
costs nothing, and the best pair is searched with again, until nothing better is found (Och 2003, with a grid for a
line). The errors of all models count together: weights that suit one side alone would be a handicap for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from speech_tl.data.batching import Collator, Example
from speech_tl.decoding.decode import decoding_batches, precision_context, ready
from speech_tl.models.ctc_fused import LM_WEIGHT, WORD_BONUS, beam_search, weights_of
from speech_tl.scoring.alignment import align

if TYPE_CHECKING:
    from speech_tl.data.test_set import TestSet
    from speech_tl.decoding.decode import Progress
    from speech_tl.models.ctc import CTCModel
    from speech_tl.models.ctc_beams import Hypothesis
    from speech_tl.models.options import DecodingOptions
    from speech_tl.text import Rate

LM_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5)
WORD_BONUSES = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)

UTTERANCES = 100
"""Utterances of dev that decide."""

LISTED = 30
"""Hypotheses of each."""

ROUNDS = 3
"""Searches, the first with the weights where nobody says otherwise."""


@dataclass(frozen=True)
class _Listed:
    """A hypothesis: what its parts are worth, and its errors."""

    fixed: float
    lm: float
    words: int
    errors: int


def tune(
    models: Sequence[CTCModel],
    dev: TestSet,
    options: DecodingOptions,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The weights of the fewest errors on dev, of all models together.

    Args:
        models: those that will be compared.
        dev: at most `UTTERANCES` of it are taken, always the same.
        options: what is decoded with; a weight that is said stays.
        seed: of that choice.
        progress: told how many utterances have gone through a model, of how many.

    Returns:
        What was found: `utterances`, `lm_weight`, `word_bonus`, `errors` with them and `default_errors` with the usual
        ones, both by a search, `units` (words or characters) of the references, and a sentence `finding`.
    """
    dev = dev.drawn(UTTERANCES, seed)
    spoken = [row for row, utterance in enumerate(dev.utterances) if dev.normaliser(utterance.text or "")]
    dev = replace(dev, utterances=dev.utterances.select(spoken))
    references = [dev.normaliser(utterance.text or "") for utterance in dev.utterances]
    total = len(models) * len(dev.utterances)
    heard = []
    for number, model in enumerate(models):
        heard.append(_frames(model, dev, options))
        if progress is not None:
            progress((number + 1) * len(dev.utterances), total)
    lists: list[dict[str, _Listed]] = [{} for _ in range(total)]
    tried: dict[tuple[float, float], int] = {}
    point = (
        LM_WEIGHT if options.lm_weight is None else options.lm_weight,
        WORD_BONUS if options.word_bonus is None else options.word_bonus,
    )
    first = point
    for _ in range(ROUNDS):
        chosen = _with(options, point)
        tried[point] = _searched(models, heard, references, dev, chosen, lists)
        point = _best_point(lists, options, first)
        if point in tried:
            break
    best = min(tried, key=lambda one: (tried[one], one != first))
    units = sum(edits.units for edits in align(references, references, dev.rate))
    found: dict[str, Any] = {
        "utterances": len(dev.utterances),
        "lm_weight": best[0],
        "word_bonus": best[1],
        "errors": tried[best],
        "default_errors": tried[first],
        "units": units * len(models),
    }
    return found | {"finding": finding(found, dev.rate)}


def finding(found: dict[str, Any], rate: Rate) -> str:
    """What was chosen, in a sentence."""
    usual, best = (100 * found[name] / max(found["units"], 1) for name in ("default_errors", "errors"))
    weights = f"--lm-weight {found['lm_weight']:g} --word-bonus {found['word_bonus']:g}"
    return (
        f"language model: {weights} chosen on {found['utterances']} dev utterances for before and after alike "
        f"({rate.upper()} of both together {best:.1f} %, with the usual weights {usual:.1f} %); transcribe with them"
    )


def _with(options: DecodingOptions, point: tuple[float, float]) -> DecodingOptions:
    return options.model_copy(update={"lm_weight": point[0], "word_bonus": point[1]})


def _frames(model: CTCModel, dev: TestSet, options: DecodingOptions) -> list[np.ndarray]:
    """Log probabilities `(frames, labels)` of each utterance, in half precision."""
    collator, found = Collator(model), [np.zeros((0, 0), np.float16)] * len(dev.utterances)
    waveforms = [utterance.load(model.sample_rate) for utterance in dev.utterances]
    seconds = [len(waveform) / model.sample_rate for waveform in waveforms]
    with ready(model, options), torch.inference_mode():
        for indices in decoding_batches(model, seconds, options):
            batch = collator([Example(i, seconds[i], model.features(waveforms[i])) for i in indices])
            order = batch.pop("facts").indices
            moved = {key: value.to(model.device) for key, value in batch.items()}
            with precision_context(options.precision, model.device):
                scores, frames = model.frame_log_probabilities(moved)
            for index, row, count in zip(order, scores, frames.tolist(), strict=True):
                found[index] = row[:count].cpu().numpy().astype(np.float16)
    return found


def _searched(
    models: Sequence[CTCModel],
    heard: Sequence[Sequence[np.ndarray]],
    references: Sequence[str],
    dev: TestSet,
    options: DecodingOptions,
    lists: Sequence[dict[str, _Listed]],
) -> int:
    """Errors of a search with these weights; its hypotheses are added to the lists."""
    errors, place = 0, 0
    for model, rows in zip(models, heard, strict=True):
        search = beam_search(model, options)
        for row, reference in zip(rows, references, strict=True):
            found = search.best(row.astype(np.float32), LISTED)
            texts = [dev.normaliser(text) for text in model.spelt_by([one.labels for one in found])]
            counted = align([reference] * len(texts), texts, dev.rate)
            for one, text, edits in zip(found, texts, counted, strict=True):
                lists[place].setdefault(text, _listed(one, options, edits.errors))
            errors += counted[0].errors
            place += 1
    return errors


def _listed(found: Hypothesis, options: DecodingOptions, errors: int) -> _Listed:
    weights, text = weights_of(options), found.text
    fixed = found.sound + weights.hotword * text.letters - weights.unknown * text.unknown
    return _Listed(fixed, text.lm, text.words, errors)


def _best_point(
    lists: Sequence[dict[str, _Listed]], options: DecodingOptions, first: tuple[float, float]
) -> tuple[float, float]:
    """The weights with the fewest errors over the lists; the usual ones where others are no better."""
    lm_weights = LM_WEIGHTS if options.lm_weight is None else (options.lm_weight,)
    bonuses = WORD_BONUSES if options.word_bonus is None else (options.word_bonus,)
    tables = [np.array([(one.fixed, one.lm, one.words, one.errors) for one in some.values()]).T for some in lists]

    def errors(point: tuple[float, float]) -> int:
        return sum(
            int(wrong[np.argmax(fixed + point[0] * lm + point[1] * words)]) for fixed, lm, words, wrong in tables
        )

    return min(((lm, word) for lm in lm_weights for word in bonuses), key=lambda one: (errors(one), one != first))
