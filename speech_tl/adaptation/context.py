"""Whether a model that learnt on short windows may be decoded on short windows: measured on dev, never assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from speech_tl.decoding.measuring import measure
from speech_tl.models.audio_context import FULL, WINDOW_S, AudioContext
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.dev_choice import too_small
from speech_tl.scoring.significance import Difference, change_interval
from speech_tl.screen import Screen
from speech_tl.text import Rate
from speech_tl.text.numbers import ends, percent, points

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest
    from speech_tl.data.test_set import TestSet
    from speech_tl.models.base import AcousticModel

DEV_UTTERANCES = 500
"""At most so many utterances decide, always the same ones."""

LOSS_ALLOWED = 0.01
"""Trimmed windows are kept where the 95 % interval of the WER (or CER) they cost ends below one point."""


def settle_context(
    model: AcousticModel,
    dev: TestSet,
    option: str | float,
    decoding: DecodingOptions,
    seed: int,
    screen: Screen,
    limit: int | None = None,
) -> dict[str, Any] | None:
    """Score dev with 30 s and with trimmed windows, and set `model.decoding_context` to what that allows.

    Args:
        model: trained; how, says its `trained_context`.
        dev: what its weights were selected on.
        option: `model.audio_context`: seconds are obeyed whatever they cost, "auto" is not.
        decoding: how both are decoded.
        seed: of the choice of utterances and of the bootstrap.
        screen: where to show progress, and what was found.
        limit: at most so many utterances of dev (`training.dev_limit`); with the same limit they are those that the
            weights were selected on.

    Returns:
        The figures as report.json holds them under training.audio_context: both scores, the change, what was decided
        and a sentence that says so; None where nothing was trimmed, or the decoding is to have 30 s anyway.
    """
    if not model.trained_context.trims or decoding.audio_context == "full":
        return None
    dev = dev.drawn(min(limit or DEV_UTTERANCES, DEV_UTTERANCES), seed)
    utterances, rate = dev.utterances, dev.rate
    trimmed = candidate(model, utterances)
    if small := too_small(dev):
        return _unsettled(model, trimmed if not isinstance(option, str) else FULL, len(utterances), small, screen)

    scores = {}
    for name, context in (("full", FULL), ("trimmed", trimmed)):
        model.decoding_context = context
        with screen.progress(f"audio context {name}: decoding {len(utterances)} dev utterances") as update:
            scores[name] = measure(model, dev, decoding, progress=update)
    change = change_interval(scores["full"], scores["trimmed"], seed, rate=rate)
    harmless = change.ci95 is not None and change.ci95[1] < LOSS_ALLOWED
    model.decoding_context = trimmed if harmless or not isinstance(option, str) else FULL
    found = {
        "decoding": str(model.decoding_context),
        "full_context_share": model.full_share,
        "dev_utterances": len(utterances),
        **{name: {"wer": side.score.wer, "cer": side.score.cer} for name, side in scores.items()},
        "rate": rate,
        f"{rate}_change": {name: getattr(change, name) for name in ("absolute", "ci95", "method")},
        "harmless": harmless,
        "saved_share": _saved_share(model, utterances, trimmed),
    }
    told = finding(found, rate, change)
    screen.line(told)
    return found | {"finding": told}


def _unsettled(
    model: AcousticModel, context: AudioContext, utterances: int, small: str, screen: Screen
) -> dict[str, Any]:
    """The figures where dev is too small to tell: the windows are as asked for, else 30 s."""
    model.decoding_context = context
    how = f"decoded {context} as asked" if context.trims else f"decoded with {WINDOW_S:g} s"
    told = f"audio context: {small}: the adapted model is {how}"
    screen.line(told)
    return {
        "decoding": str(context),
        "full_context_share": model.full_share,
        "dev_utterances": utterances,
        "harmless": False,
        "finding": told,
    }


def candidate(model: AcousticModel, utterances: Manifest) -> AudioContext:
    """Trimmed windows, no longer than dev can vouch for: what needs a longer one keeps its 30 s."""
    trained = model.trained_context
    longest_s = float(utterances.durations_s().max())
    return AudioContext(model.window_s(longest_s, trained), trained.at_least_s)


def finding(found: Mapping[str, Any], rate: Rate, change: Difference) -> str:
    """What the check found and what follows, in a sentence or two for a reader."""
    rates = " and ".join(
        f"{percent(found[name][rate])} with {what}"
        for name, what in (("full", f"{WINDOW_S:g} s windows"), ("trimmed", "windows trimmed to the utterance"))
    )
    within = f", 95 % interval {ends(change.ci95)}" if change.ci95 else ""
    told = f"audio context: {rate.upper()} on {found['dev_utterances']} dev utterances is {rates}"
    told += f" ({points(change.absolute)}{within}); "
    allowed = f"{100 * LOSS_ALLOWED:g} point"
    if found["harmless"]:
        return told + (
            f"that is under {allowed}, so the adapted model is decoded {found['decoding']} wherever it is used; before "
            f"and after are measured with {WINDOW_S:g} s"
        )
    if found["decoding"] == "full":
        return told + f"a loss of {allowed} cannot be excluded, so the adapted model is decoded with {WINDOW_S:g} s"
    return told + f"a loss of {allowed} cannot be excluded; decoded {found['decoding']} all the same, as asked"


def _saved_share(model: AcousticModel, utterances: Manifest, context: AudioContext) -> float:
    """Share of the encoder's positions that trimmed windows leave out on these utterances."""
    windows_s = [model.window_s(duration_s, context) for duration_s in utterances.durations_s().tolist()]
    return round(1 - sum(windows_s) / (WINDOW_S * len(windows_s)), 4)
