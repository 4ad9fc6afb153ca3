"""Before and after: the test split, every guard and every SNR level by one model, decoded alike, each once.

Whatever windows a Whisper is given afterwards, both sides get all 30 s: a handicapped before would sell itself as a
gain. What shorter windows would change is measured once more, on the test split alone, and stands beside the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from speech_tl.adaptation.preparation import Data, published, starts_anew
from speech_tl.data.augment import Ladder, Rung
from speech_tl.data.test_set import TestSet
from speech_tl.decoding.measuring import measure
from speech_tl.decoding.tuning import UTTERANCES, tune
from speech_tl.models.ctc_fused import weights_of
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.recipe import Recipe
from speech_tl.reporting.words import loops_line
from speech_tl.scoring.dev_choice import too_small
from speech_tl.scoring.wer import Evaluation
from speech_tl.screen import Screen
from speech_tl.training.run_folder import RunFolder

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel

SHORTENED = "after_shortened"
"""The folder, beside before/ and after/, of what the adapted model writes with windows shortened to the clip."""

Load = Callable[[str | None], "AcousticModel"]
"""The model, set to a language; None is the target's."""


@dataclass
class Measured:
    """What one model wrote: for the test split, for each guard by name, and for each level of the noise test.

    `shortened` is the test split once more, with windows shortened to the clip; None where nobody decodes so. `greedy`
    is the test split decoded without a beam, a language model or hotwords; None where nobody decodes with any.
    """

    test: Evaluation
    guards: dict[str, Evaluation] = field(default_factory=dict)
    ladder: dict[str, Evaluation] = field(default_factory=dict)
    shortened: Evaluation | None = None
    greedy: Evaluation | None = None


class BeforeAndAfter:
    """The test sets of a run and the one way a model is put on them; what its folder holds is not decoded again."""

    def __init__(self, recipe: Recipe, data: Data, run: RunFolder, screen: Screen) -> None:
        """Keep what before and after have in common."""
        self.recipe, self.data, self.run, self.screen = recipe, data, run, screen
        self.decoding = recipe.decoding.model_copy(update={"audio_context": "full"})
        self.weights: dict[str, Any] | None = None

    def weights_open(self, model: AcousticModel) -> bool:
        """Whether dev has to say how much the language model counts: after training, by both models together."""
        return self.recipe.decoding.weights_open and not starts_anew(self.recipe, model)

    def settle_weights(self, model: AcousticModel) -> dict[str, Any]:
        """Choose the language model's weights for both sides; what the run's folder holds is not chosen again.

        Returns:
            What `decoding.tuning.tune` found, and a sentence that says so.
        """
        self.weights = self.run.noted("training/lm_weights.json", lambda: self._weights(model))
        chosen = {name: self.weights[name] for name in ("lm_weight", "word_bonus")}
        self.decoding = self.decoding.model_copy(update=chosen)
        self.screen.line(self.weights["finding"])
        return self.weights

    def _weights(self, model: AcousticModel) -> dict[str, Any]:
        dev, options = self.data.dev_set(model).drawn(UTTERANCES, self.recipe.seed), self.decoding
        if small := too_small(dev):
            weights = weights_of(options)
            told = f"{small}: the language model counts as it usually does"
            return {"lm_weight": weights.lm, "word_bonus": weights.word, "finding": told}
        models = cast("list[CTCModel]", [published(self.recipe, self.data.language), model])  # only these have weights
        with self.screen.progress("the language model's weights, on dev") as update:
            return tune(models, dev, options, self.recipe.seed, update)

    def before(self, model: AcousticModel) -> Measured:
        """By the checkpoint as published, without the characters that were added to `model`.

        A model that could not write before is measured as it is.
        """
        anew = starts_anew(self.recipe, model)

        def load(set_to: str | None) -> AcousticModel:
            return model if anew else published(self.recipe, set_to or self.data.language)

        return self._measured("before", load, {})

    def after(self, model: AcousticModel, before: Measured) -> Measured:
        """By the adapted model; its summaries say what it was adapted from."""
        source = {name: before.test.model.get(name) for name in ("source", "revision")}

        def load(set_to: str | None) -> AcousticModel:
            if set_to is None:
                return model
            return load_model(self.run.model_folder, language=set_to, task=self.recipe.model.task)

        described = {"revision": None, "adapted_from": source}
        measured = self._measured("after", load, described)
        if model.decoding_context.trims and self.recipe.decoding.audio_context != "full":
            title, shortened = "after, windows shortened to the clip", self.recipe.decoding
            measured.shortened = self._evaluation(SHORTENED, title, self.data.test_set, load, described, shortened)
        return measured

    def _measured(self, phase: str, load: Load, described: dict[str, Any]) -> Measured:
        """All test sets by one model.

        Args:
            phase: "before" or "after", the name of folders.
            load: called only when there is something to decode, and once for each language.
            described: what the summaries say of the model beside its own description.
        """
        load, data = cache(load), self.data
        measured = Measured(self._evaluation(phase, phase, data.test_set, load, described))
        if self.decoding.beam > 1 or self.decoding.fuses:
            place, title = f"{phase}_greedy", f"{phase}, greedy"
            greedy = self.decoding.greedy()
            measured.greedy = self._evaluation(place, title, data.test_set, load, described, greedy)
        for guard in data.guards:
            place, title = f"guards/{guard.name}/{phase}", f"{phase}, guard {guard.name}"
            measured.guards[guard.name] = self._evaluation(place, title, guard.test, load, described)
        for rung in data.ladder.rungs if data.ladder is not None else ():
            if rung.chain is None:
                measured.ladder[rung.name] = self._as_recorded(measured.test)
            else:
                place, title = f"ladder/{rung.folder}/{phase}", f"{phase}, {rung.name}"
                measured.ladder[rung.name] = self._evaluation(place, title, self._in_noise(rung), load, described)
        return measured

    @property
    def _ladder(self) -> Ladder:
        """The noise test, where there is one."""
        assert self.data.ladder is not None, "its levels are measured"
        return self.data.ladder

    def _as_recorded(self, test: Evaluation) -> Evaluation:
        """What the whole test set's evaluation has of the utterances that are also decoded in noise."""
        ids = set(self._ladder.utterances.column("id"))
        return replace(test, utterances=[row for row in test.utterances if row.id in ids])

    def _in_noise(self, rung: Rung) -> TestSet:
        """The test set as one level of the noise test has it."""
        ladder, test = self._ladder, self.data.test_set
        facts = (test.facts or {}) | {"heard": rung.name, **ladder.facts}
        return replace(test, name=rung.name, utterances=ladder.utterances, augment=rung.chain, facts=facts)

    def _evaluation(
        self,
        folder: str,
        title: str,
        test_set: TestSet,
        load: Load,
        described: dict[str, Any],
        decoding: DecodingOptions | None = None,
    ) -> Evaluation:
        """One test set by one model, as all are decoded or otherwise; read from the run's folder where it is there."""

        def measured() -> Evaluation:
            model = load(test_set.set_to)
            with self.screen.progress(f"{title}: decoding {len(test_set.utterances)} utterances") as update:
                options = decoding or self.decoding
                evaluation = measure(model, test_set, options, seed=self.recipe.seed, progress=update)
            evaluation.model |= described
            self.screen.line(f"{title}: {_result(evaluation)}")
            return evaluation

        return self.run.evaluation(folder, measured)


def _result(evaluation: Evaluation) -> str:
    """The error rate that leads, and the loops, in a line."""
    rate, figure = evaluation.rate, getattr(evaluation.score, evaluation.rate)
    result = f"{rate.upper()} {figure:.1%} ({evaluation.normaliser})" if figure is not None else "no words"
    return ", ".join(filter(None, (result, loops_line(evaluation.loops))))
