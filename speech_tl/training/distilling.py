"""The old model's outputs on source speech, which the new one is held to (learning without forgetting)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from speech_tl.data.batching import BatchFacts, Collator, SimilarLengthBatches, SpeechDataset
from speech_tl.decoding import decode
from speech_tl.errors import BadInput
from speech_tl.text import read_noted, write_atomically

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest
    from speech_tl.models.base import AcousticModel, Batch, DecodingOptions
    from speech_tl.strategies.kept import Distill


class Distillation:
    """Batches of source speech, and how far the model's outputs on them are from those of a copy that does not learn.

    Li & Hoiem 2016 (arXiv 1606.09282): Kullback-Leibler divergence at a raised temperature, here for every frame (CTC)
    or every token of the old model's own transcript (Whisper; Kim & Rush 2016, arXiv 1606.07947), a mean over each
    utterance and then over utterances.

    Attributes:
        latest: the weighted loss of the last batch.
    """

    def __init__(
        self, model: AcousticModel, utterances: Manifest, options: Distill, batch_seconds: float, seed: int
    ) -> None:
        """Keep a copy of `model` as it is now.

        Args:
            model: prepared by a strategy, not trained yet.
            utterances: of the source domain; with a decoder, with the old model's transcripts as text.
            options: weight, temperature and share.
            batch_seconds: of a whole training batch, of which the source has its share.
            seed: of the order of the utterances.
        """
        self.model, self.old, self.options = model, model.untouched(), options
        self.dataset = SpeechDataset(utterances, model, with_labels=model.has_decoder, seed=seed)
        self.collator, self.latest = Collator(model), 0.0
        self.durations_s, self.seconds = utterances.durations_s(), options.share * batch_seconds
        self.seed = seed
        self._epoch: tuple[int, list[list[tuple[int, int]]]] | None = None

    def batch(self, number: int, ranks: int, rank: int) -> tuple[Batch, BatchFacts]:
        """The source batch that goes with the training batch of this `number`, counted from the start of the run."""
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
        """The weighted divergence of a batch, or of a part of one that has so many `utterances` in all."""
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
