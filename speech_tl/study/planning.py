"""What a study would run and about how long it would take: each variant is measured once."""

from __future__ import annotations

from speech_tl.adaptation import foreseen
from speech_tl.adaptation.preparation import prepare
from speech_tl.screen import Screen, clock
from speech_tl.study.value import Study, Trial
from speech_tl.training.estimate import Estimate


def plan_study(study: Study, screen: Screen | None = None) -> str:
    """A line for each run with its estimate, and the sum.

    A variant is measured on the largest amount of speech; where its steps come from epochs, smaller amounts take as
    much less. Patience may end runs sooner.

    Raises:
        BadInput: as `speech_tl.adaptation.plan`.
    """
    screen, trials = screen or Screen(), study.trials()
    guesses: dict[str, tuple[Estimate, Trial]] = {}
    for trial in reversed(trials):
        if trial.variant not in guesses:
            screen.line(f"measuring {trial.variant} ...")
            guesses[trial.variant] = (_measured(trial), trial)
    total_s, lines = 0.0, []
    for trial in trials:
        guess, measured = guesses[trial.variant]
        share = 1.0
        if trial.recipe.training.max_steps is None and trial.minutes and measured.minutes:
            share = trial.minutes / measured.minutes
        seconds = guess.total_s + (share - 1) * guess.training_s
        total_s += seconds
        lines.append(f"{trial.name}: {share * guess.steps:.0f} steps, about {clock(seconds)}")
    return "\n".join([*lines, f"{len(trials)} runs, about {clock(total_s)} in all. Nothing was written."])


def _measured(trial: Trial) -> Estimate:
    """A few steps and decoding batches of a run."""
    return foreseen(trial.recipe, *prepare(trial.recipe, Screen()))[0]
