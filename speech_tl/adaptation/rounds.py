"""Self-training: labels are written, judged and learnt from, round after round; the round that dev likes best stays."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from speech_tl.adaptation.phases import Phases
from speech_tl.adaptation.preparation import Data
from speech_tl.data.manifest import Manifest
from speech_tl.data.unlabelled import joined
from speech_tl.decoding.decode import decode
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe
from speech_tl.scoring.dev_choice import chosen_by, too_small
from speech_tl.scoring.wer import score
from speech_tl.screen import Screen
from speech_tl.strategies.pseudo_label import Label, PseudoLabel, compared, counted, first_judgement, most_confident
from speech_tl.text import damaged, discard, replacing_folder, write_atomically
from speech_tl.training.run_folder import RunFolder
from speech_tl.training.train import TrainingResult

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.training.estimate import Estimate

Train = Callable[["AcousticModel", Data, RunFolder], TrainingResult]
"""Trains a model that a strategy has prepared on the train utterances of the data, writing into a folder."""

ROUNDS = "rounds"
LABELS = "labels.jsonl"


class Rounds:
    """The rounds of one run; each has a folder `rounds/N`, and what is finished there is not done again.

    Round 0 learns from the labelled utterances alone, where there are some. `labels.jsonl` of a round says of every
    unlabelled utterance what was written, how sure, and whether and why not it is kept.
    """

    def __init__(
        self, recipe: Recipe, data: Data, run: RunFolder, screen: Screen, train: Train, phases: Phases | None = None
    ) -> None:
        """Keep what the rounds share; `phases` is the run's clock."""
        self.phases = phases or Phases()
        self.recipe, self.data, self.run, self.screen, self.train = recipe, data, run, screen, train
        self.options, self.unlabelled = _bare(recipe, data)
        self.normaliser = data.normaliser
        self.supervised = len(data.train) > 0

    def first_labels(self) -> None:
        """Where nothing is labelled, the checkpoint's own labels, so that nothing is measured if none can be used.

        Raises:
            BadInput: none is kept; says why most were left.
        """
        if self.supervised:
            return
        labels = self._labels(1, None)
        told = counted(labels)
        if not told["kept"]:
            why = ", ".join(f"{count} {reason}" for reason, count in told["left"].items())
            surest = max(label.confidence for label in labels)
            raise BadInput(
                f"unlabelled: none of {len(labels)} pseudo-labels is kept ({why}; highest confidence {surest:.2f}): "
                "lower unlabelled.min_confidence or unlabelled.min_agreement, or begin with a better model; all are "
                f"in {self._inside(1).path / LABELS}"
            )

    def adapted(self, model: AcousticModel) -> tuple[AcousticModel, TrainingResult]:
        """Run the rounds.

        Args:
            model: prepared, for the first training; the later ones begin with the same checkpoint anew.

        Returns:
            The model of the round that is best on dev (of the last one, where dev is too small to choose), and its
            training, with what the rounds did in `figures["pseudo_labels"]`.
        """
        dev = self.data.dev_set(model)
        rate = dev.rate
        told: list[dict[str, Any]] = []
        results: dict[int, TrainingResult] = {}
        learnt: dict[int, int] = {}
        for number in range(0 if self.supervised else 1, self.options.rounds + 1):
            data, labels = self.data, self._labels(number, model if results else None) if number else None
            told.append({"round": number} | self._counted(labels))
            if labels is not None:
                if not told[-1]["kept"]:
                    break
                data = replace(data, train=self._with(labels))
            model, results[number] = self._trained(number, self.data.new_model() if results else model, data)
            figures, learnt[number] = results[number].figures, len(data.train)
            told[-1] |= {f"dev_{name}": figures.get(f"best_dev_{name}") for name in dict.fromkeys((rate, "cer"))}
            told[-1]["seconds"] = figures["seconds"]
        decoded = results[max(results)].figures.get("validation", {}).get("utterances")
        small = too_small(dev.drawn(decoded, self.recipe.seed))
        chosen = max(results) if small else min(results, key=lambda n: chosen_by(results[n].figures, rate))
        if chosen != max(results):
            model = load_model(self._inside(chosen).model_folder, language=model.language, task=model.task)
        trained = self._taken(chosen, results[chosen], learnt[chosen])
        trained.figures["pseudo_labels"] = {"rounds": told, "chosen": chosen, "rate": rate}
        trained.figures["phase_seconds"] = {
            name: round(sum(result.figures.get(clock) or 0.0 for result in results.values()), 1)
            for name, clock in (("training", "seconds"), ("validation", "validation_seconds"))
        }
        if small:
            trained.notes.append(f"{small}: the last round of pseudo-labels is taken")
        if len(told) > len(results):
            trained.notes.append(f"round {told[-1]['round']} of pseudo-labels kept nothing, so the rounds ended there")
        return model, trained

    def tidy(self) -> None:
        """Leave what tells of the rounds, not their models: the best one is the run's."""
        for folder in (self.run.path / ROUNDS).glob("*/"):
            for name in ("model", "adapter"):
                discard(folder / name)

    def _inside(self, number: int) -> RunFolder:
        return self.run.inside(f"{ROUNDS}/{number}")

    def _trained(self, number: int, model: AcousticModel, data: Data) -> tuple[AcousticModel, TrainingResult]:
        """The model of a round, learnt now or read."""
        inside = self._inside(number)
        given = f"{len(data.train)} utterances" if number else f"{len(data.train)} labelled utterances"
        self.screen.line(f"round {number}: learning from {given}")
        return inside.training(model, lambda: (model, self.train(model, data, inside)))

    def _published(self) -> AcousticModel:
        """The checkpoint, untouched."""
        options = self.recipe.model
        return load_model(options.source, language=self.data.language, task=options.task, revision=options.revision)

    def _labels(self, number: int, model: AcousticModel | None) -> list[Label]:
        """The labels of a round, read if they were written, else written by a model: None is the checkpoint."""
        path = self._inside(number).path / LABELS
        if path.is_file():
            try:
                rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
                return [Label(**{field.name: row[field.name] for field in dataclasses.fields(Label)}) for row in rows]
            except (ValueError, KeyError, TypeError) as error:
                raise damaged(path) from error
        with self.phases.of("pseudo_labels"):
            labels = self._judged(number, model or self._published())
        lines = [
            {"id": utterance.id, "audio": utterance.audio} | dataclasses.asdict(label)
            for utterance, label in zip(self.unlabelled, labels, strict=True)
        ]
        write_atomically(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        return labels

    def _judged(self, number: int, model: AcousticModel) -> list[Label]:
        """What a model writes for everything without a transcript, judged."""
        heard, normalise, options = self.unlabelled, self.normaliser, self.options
        labels = []
        for utterance, found in zip(heard, self._decoded(number, model, heard), strict=True):
            confidence = round(found.confidence or 0.0, 4)
            label = Label(utterance.id, found.text, confidence, None, utterance.duration_s or 0.0, kept=True, reason="")
            judged = first_judgement(label, normalise, model.label_problem, options)
            labels.append(label.refused("loop") if found.looped else judged)
        asked = [place for place, label in enumerate(labels) if label.kept]
        if self.data.in_noise is not None and asked:
            again = self._decoded(number, model, heard.select(asked), in_noise=True)
            for place, found in zip(asked, again, strict=True):
                labels[place] = compared(labels[place], found.text, normalise, options)
        labels = most_confident(labels, options)
        told = counted(labels)
        self.screen.line(f"round {number}: {told['kept']} of {told['utterances']} pseudo-labels kept")
        return labels

    def _decoded(self, number: int, model: AcousticModel, utterances: Manifest, *, in_noise: bool = False) -> list:
        """Hypotheses with confidence, as recorded or in noise."""
        seed, chain = self.recipe.seed, self.data.in_noise if in_noise else None
        title = f"round {number}: writing labels{' in noise' if in_noise else ''}, {len(utterances)} utterances"
        with self.screen.progress(title) as update:
            return decode(model, utterances, self.recipe.decoding, update, augment=chain, seed=seed, confidence=True)

    def _with(self, labels: Sequence[Label]) -> Manifest:
        """The labelled utterances and behind them those whose label is kept."""
        kept = [place for place, label in enumerate(labels) if label.kept]
        learnt = self.unlabelled.select(kept).with_column("text", [labels[place].hypothesis for place in kept])
        return joined(self.data.train, learnt)

    def _counted(self, labels: Sequence[Label] | None) -> dict[str, Any]:
        """What a report says of a round's labels, and how wrong the kept ones are where their texts are known.

        That is for information: nothing follows from it.
        """
        if labels is None:
            return {}
        texts = self.unlabelled.texts("text")
        known = [place for place, label in enumerate(labels) if label.kept and (texts[place] or "").strip()]
        written = [labels[place].hypothesis for place in known]
        read: Any = list(self.unlabelled.select(known))  # none of it is written, which the protocol would allow
        found = score(read, written, self.normaliser).score if known else None
        return counted(labels) | {"labels_wer": found and found.wer, "labels_cer": found and found.cer}

    def _taken(self, number: int, trained: TrainingResult, learnt: int) -> TrainingResult:
        """A round's training as the run's: its log, its adapter, and the problems of all but the `learnt` utterances
        without a transcript, which were read before, to be labelled; what was replayed stands behind them.
        """
        inside = self._inside(number)
        log = (inside.path / "training" / "log.jsonl").read_text(encoding="utf-8")
        write_atomically(self.run.path / "training" / "log.jsonl", log)
        if (inside.path / "adapter").is_dir():
            with replacing_folder(self.run.path / "adapter") as whole:
                shutil.copytree(inside.path / "adapter", whole, dirs_exist_ok=True)
        labelled = len(self.data.train)
        problems = {
            index if index < labelled else index - learnt + labelled: problem
            for index, problem in trained.problems.items()
            if index < labelled or index >= learnt
        }
        return replace(trained, problems=problems)


def _bare(recipe: Recipe, data: Data) -> tuple[PseudoLabel, Manifest]:
    """How speech without transcripts is learnt from, and that speech."""
    assert recipe.unlabelled is not None and data.unlabelled is not None, "else there are no rounds"
    return recipe.unlabelled, data.unlabelled


def trained_in_plan(recipe: Recipe, data: Data) -> Manifest:
    """As many utterances as a round may learn from; what is not transcribed stands there with texts of dev."""
    options, unlabelled = _bare(recipe, data)
    count = math.ceil(options.keep_share * len(unlabelled))
    kept = unlabelled.sample(count, recipe.seed)
    texts = list(islice(cycle(data.dev.column("text")), len(kept)))
    return joined(data.train, kept.with_column("text", texts))


def of_rounds(guess: Estimate, recipe: Recipe, data: Data) -> tuple[Estimate, str]:
    """The estimate of one training as that of all rounds, with the writing of labels; and a sentence that says so."""
    options, unlabelled = _bare(recipe, data)
    trainings = options.rounds + (len(data.train) > 0)
    hearings = options.rounds * (2 if options.min_agreement else 1)
    share = float(unlabelled.durations_s().sum()) / max(float(data.test.durations_s().sum()), 1e-3)
    writing_s = hearings * share * guess.test_s
    whole = replace(guess, training_s=trainings * guess.training_s + writing_s, looks_s=trainings * guess.looks_s)
    told = (
        f"{len(unlabelled)} utterances without transcripts, {options.rounds} rounds: the time is that of "
        f"{trainings} trainings and of writing labels"
    )
    return whole, told
