"""Before and after: the test split and every guard by one model, decoded alike, each once.

Whatever windows a Whisper is given afterwards, both sides get all 30 s: a handicapped before would sell itself as a
gain. What shorter windows would change is measured once more, on the test split alone, and stands beside the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from speech_tl.adaptation.preparation import Data, starts_anew
from speech_tl.data.augment import Chain, Rung
from speech_tl.data.guards import Guard
from speech_tl.data.manifest import Manifest
from speech_tl.evaluation import evaluate_utterances
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.recipe import Recipe
from speech_tl.reporting.screen import Screen
from speech_tl.reporting.words import loops_line
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import Normaliser
from speech_tl.training.run_folder import RunFolder

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

SHORTENED = "after_shortened"
"""The folder, beside before/ and after/, of what the adapted model writes with windows shortened to the clip."""

Load = Callable[[str | None], "AcousticModel"]
"""The model, set to a language; None is the target's."""


@dataclass
class Measured:
    """What one model wrote: for the test split, for each guard by name, and for each rung of the ladder.

    `shortened` is the test split once more, with windows shortened to the clip; None where nobody decodes so.
    """

    test: Evaluation
    guards: dict[str, Evaluation] = field(default_factory=dict)
    ladder: dict[str, Evaluation] = field(default_factory=dict)
    shortened: Evaluation | None = None


class Bench:
    """The test sets of a run and the one way a model is put on them."""

    def __init__(self, recipe: Recipe, data: Data, run: RunFolder, screen: Screen) -> None:
        """Keep what before and after have in common."""
        self.recipe, self.data, self.run, self.screen = recipe, data, run, screen
        self.decoding = recipe.decoding.model_copy(update={"audio_context": "full"})

    def before(self, model: AcousticModel) -> Measured:
        """By the checkpoint as published, without the characters that were added to `model`.

        A model that could not write before is measured as it is.
        """
        anew = starts_anew(self.recipe, model)
        return self._measured("before", lambda set_to: model if anew else self._published(set_to), {})

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
            measured.shortened = self._shortened(model, described)
        return measured

    def _shortened(self, model: AcousticModel, described: dict[str, Any]) -> Evaluation:
        """The test split by the adapted model with the windows that its folder asks for."""
        data, decoding, title = self.data, self.recipe.decoding, "after, windows shortened to the clip"

        def test() -> Evaluation:
            return self._decoded(title, model, data.test, data.normaliser, data.facts, described, decoding=decoding)

        return self.run.evaluation(SHORTENED, test)

    def _published(self, set_to: str | None) -> AcousticModel:
        options = self.recipe.model
        language = set_to or self.data.language
        return load_model(options.source, language=language, task=options.task, revision=options.revision)

    def _measured(self, stage: str, load: Load, described: dict[str, Any]) -> Measured:
        """All test sets by one model; what the run's folder holds is not decoded again.

        Args:
            stage: "before" or "after", the name of folders.
            load: called only when there is something to decode, and once for each language.
            described: what the summaries say of the model beside its own description.
        """
        load, data = cache(load), self.data

        def test() -> Evaluation:
            return self._decoded(stage, load(None), data.test, data.normaliser, data.facts, described)

        def guarded(guard: Guard) -> Evaluation:
            sought = (guard.test.utterances, guard.test.normaliser, guard.test.facts)
            return self._decoded(f"{stage}, guard {guard.name}", load(guard.test.set_to), *sought, described)

        measured = Measured(self.run.evaluation(stage, test))
        for guard in data.guards:
            place = f"guards/{guard.name}/{stage}"
            measured.guards[guard.name] = self.run.evaluation(place, partial(guarded, guard))
        if data.ladder is not None:
            measured.ladder = self._climbed(stage, measured.test, load, described)
        return measured

    def _climbed(self, stage: str, test: Evaluation, load: Load, described: dict[str, Any]) -> dict[str, Evaluation]:
        """Every rung of the ladder; on the first the test set is heard as it was recorded, which `test` has done."""
        data, ladder = self.data, self.data.ladder
        ids = set(ladder.utterances.column("id"))

        def heard(rung: Rung) -> Evaluation:
            facts = data.facts | {"heard": rung.name, **ladder.facts}
            sought = (ladder.utterances, data.normaliser, facts, described)
            return self._decoded(f"{stage}, {rung.name}", load(None), *sought, augment=rung.chain)

        climbed = {}
        for rung in ladder.rungs:
            if rung.chain is None:
                climbed[rung.name] = replace(test, utterances=[row for row in test.utterances if row.id in ids])
            else:
                climbed[rung.name] = self.run.evaluation(f"ladder/{rung.folder}/{stage}", partial(heard, rung))
        return climbed

    def _decoded(
        self,
        title: str,
        model: AcousticModel,
        utterances: Manifest,
        normaliser: Normaliser,
        facts: dict[str, Any],
        described: dict[str, Any],
        augment: Chain | None = None,
        decoding: DecodingOptions | None = None,
    ) -> Evaluation:
        """Decode and score one test set, as recorded or heard through `augment`; as all are decoded, or otherwise."""
        decoding = decoding or self.decoding
        with self.screen.progress(f"{title}: decoding {len(utterances)} utterances") as update:
            seed = self.recipe.seed
            evaluation = evaluate_utterances(
                model, utterances, normaliser, decoding, facts, update, augment=augment, seed=seed
            )
        evaluation.model |= described
        rate = evaluation.rate
        figure = getattr(evaluation.score, rate)
        told = f"{rate.upper()} {figure:.1%} ({evaluation.normaliser})" if figure is not None else "no words"
        self.screen.line(f"{title}: " + ", ".join(filter(None, (told, loops_line(evaluation.loops)))))
        return evaluation
