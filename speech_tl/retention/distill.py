"""Distillation (learning without forgetting): the new model is held to the old one's outputs on source speech."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from speech_tl.errors import BadInput
from speech_tl.retention.base import RetentionHooks, TrainingStart
from speech_tl.retention.source_speech import SourceMethod
from speech_tl.text import read_noted, write_atomically

if TYPE_CHECKING:
    import torch
    from torch import nn

    from speech_tl.data.batching import BatchFacts
    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel, Batch, DecodingOptions


class Distill(SourceMethod):
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

    @property
    def batch_share(self) -> float:
        """As asked for."""
        return self.share

    def at_work(self, source: Manifest) -> RetentionHooks:
        """Batches of the source, and the divergence on them."""
        return DistillationHooks(self, source)


class DistillationHooks(RetentionHooks):
    """Batches of source speech, and how far the model's outputs on them are from those of a copy that does not learn.

    Li & Hoiem 2016 (arXiv 1606.09282): Kullback-Leibler divergence at a raised temperature, here for every frame (CTC)
    or every token of the old model's own transcript (Whisper; Kim & Rush 2016, arXiv 1606.07947), a mean over each
    utterance and then over utterances.

    Attributes:
        old: the copy; there once training has begun.
        latest: the weighted loss of the last batch.
    """

    options: Distill
    source: Manifest

    brings_batches: ClassVar[bool] = True

    def before_training(self, start: TrainingStart) -> None:
        """Keep a copy of the model; with a decoder, have it transcribe the source.

        Raises:
            BadInput: none of the source can be used.
        """
        from speech_tl.data.batching import Collator, SpeechDataset

        model, source = start.model, self.source
        if model.has_decoder:
            start.tell(f"transcribing {len(source)} source utterances with the old model")
            source = transcribed(model, source, start.decoding, start.folder / "old_transcripts.json")
            if excluded := len(self.source) - len(source):
                self.notes.append(f"distill: {excluded} of {len(self.source)} rows cannot be decoded or learnt")
                start.tell(self.notes[-1])
        self.model, self.old, self.seed = model, model.untouched(), start.seed
        self.dataset = SpeechDataset(source, model, with_labels=model.has_decoder, seed=start.seed)
        self.collator, self.latest = Collator(model), 0.0
        self.durations_s = source.durations_s()
        self.seconds = self.options.share * start.batch_seconds
        self._epoch: tuple[int, list[list[tuple[int, int]]]] | None = None

    def batch(self, number: int, ranks: int, rank: int) -> tuple[Batch, BatchFacts]:
        """The source batch that goes with a training batch."""
        from speech_tl.data.batching import SimilarLengthBatches

        sampler = SimilarLengthBatches(self.durations_s, self.seconds, self.seed, ranks, rank)
        epoch, place = divmod(number, len(sampler))
        if self._epoch is None or self._epoch[0] != epoch:
            sampler.set_epoch(epoch)
            self._epoch = (epoch, list(sampler))
        batch = self.collator([self.dataset[key] for key in self._epoch[1][place]])
        facts = batch.pop("facts")
        facts.source_seconds, facts.problems = facts.seconds, []
        return batch, facts

    def loss(self, network: nn.Module, batch: Batch, utterances: int) -> torch.Tensor:
        """The weighted divergence."""
        import torch
        from torch import nn

        temperature = self.options.temperature
        scores, rows = self.model.label_scores(network, batch)
        with torch.no_grad():
            wanted, _ = self.old.label_scores(self.old.network, batch)
        divergence = nn.functional.kl_div(
            nn.functional.log_softmax(scores.float() / temperature, dim=-1),
            nn.functional.log_softmax(wanted.float() / temperature, dim=-1),
            reduction="none",
            log_target=True,
        ).sum(-1)
        share = 1 / torch.bincount(rows).clamp(min=1)[rows]
        loss = self.options.weight * temperature**2 * (share * divergence).sum() / utterances
        self.latest = float(loss.detach())
        return loss

    def logged(self) -> dict[str, float]:
        """The divergence of the last batch."""
        return {"distill_loss": self.latest}


def transcribed(model: AcousticModel, utterances: Manifest, decoding: DecodingOptions, path: Path) -> Manifest:
    """The utterances with the model's own transcripts as texts, without those that cannot be decoded or learnt.

    Args:
        model: not trained yet.
        utterances: every duration is known.
        decoding: how.
        path: where the transcripts are kept for a run that is resumed.

    Raises:
        BadInput: none is left.
    """
    from speech_tl.decoding.decode import decode

    if path.is_file():
        texts = read_noted(path)
    else:
        texts = [hypothesis.text for hypothesis in decode(model, utterances, decoding)]  # None: cannot be decoded
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(texts, ensure_ascii=False))
    durations_s = utterances.durations_s().tolist()
    fitting = [
        index
        for index, (text, seconds) in enumerate(zip(texts, durations_s, strict=True))
        if text is not None and model.label_problem(text, seconds) is None
    ]
    if not fitting:
        unreadable = sum(text is None for text in texts)
        raise BadInput(
            f"keep=distill: none of the {len(texts)} utterances of {utterances.source} can be used ({unreadable} "
            "cannot be decoded): give other source speech with keep.distill.root"
        )
    return utterances.with_column("text", texts).select(fitting)
