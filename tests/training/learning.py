"""What the training tests share: a few clips with durations, and one call that trains on them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_pt_utils import BatchRebalanceSampler

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, AugmentOptions, SpecAugment
from speech_tl.data.manifest import Manifest
from speech_tl.data.test_set import TestSet
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.retention.collection import Retention
from speech_tl.strategies.base import BaseStrategy
from speech_tl.strategies.trained import Full
from speech_tl.text import Rate, get_normaliser
from speech_tl.training.options import TrainingOptions
from speech_tl.training.progress import read_log
from speech_tl.training.train import TrainingResult, train
from tests.sounds import voice

SENTENCES = ["we call it", "zero three five", "the cat", "open the door", "good", "one two three", "no", "stop it"]
QUICK = {"max_steps": 4, "eval_steps": 1, "batch_seconds": 6.0, "precision": "float32", "workers": 0}


class GivenBatches(BatchRebalanceSampler):
    """The same batches each epoch."""

    def __init__(self, batches: list[list[int]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Any:
        return iter(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Nothing changes."""


def clips(folder: Path, train: int = 8, dev: int = 2) -> Manifest:
    """Voices made on the spot, with their durations."""
    rows = []
    for number in range(train + dev):
        seconds = 1.0 + 0.25 * (number % 5)
        path = folder / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_audio(path, voice(seconds, number), 16000)
        split = "train" if number < train else "dev"
        rows.append({"audio": path.name, "text": SENTENCES[number % 8], "split": split, "duration": seconds})
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return Manifest.read(folder)


def learn(
    model: AcousticModel,
    corpus: Manifest,
    folder: Path,
    *,
    strategy: BaseStrategy | None = None,
    retention: Retention | None = None,
    masks: float = 0.0,
    seed: int = 1,
    resume: bool = False,
    dev: bool = True,
    progress: Any = None,
    effects: dict[str, Any] | None = None,
    rate: Rate = "wer",
    cache_gb: float = 0.0,
    tell: Any = lambda line: None,
    unchecked: Any = None,
    **options: Any,
) -> TrainingResult:
    """Train on the corpus' train split for a few steps; `masks` is the share of masked frames, `unchecked` are options
    that a recipe would refuse.
    """
    strategy = strategy or Full(freeze_feature_encoder=False)
    strategy.prepare(model, seed)
    folder.mkdir(parents=True, exist_ok=True)
    return train(
        model,
        corpus.split("train"),
        TestSet("dev", corpus.split("dev"), get_normaliser("basic"), "zh" if rate == "cer" else None) if dev else None,
        TrainingOptions(**QUICK | {"learning_rate": 1e-3} | options).model_copy(update=unchecked),
        folder,
        seed=seed,
        augmenter=Augmenter(
            AugmentOptions(spec_augment=SpecAugment(time_share=masks, time_width=3), **(effects or {}))
        ),
        decoding=DecodingOptions(workers=0),
        strategy=strategy,
        retention=retention,
        cache_gb=cache_gb,
        resume=resume,
        progress=progress,
        tell=tell,
    )


def with_dropout(model: AcousticModel, share: float = 0.1) -> AcousticModel:
    """Tiny models come without; both ways in which networks hold it are set."""
    for module in model.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = share
    return model


def weights(model: AcousticModel) -> dict[str, torch.Tensor]:
    """A copy of every weight."""
    return {name: weight.detach().clone() for name, weight in model.network.state_dict().items()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Names of the weights that differ in any bit."""
    return {name for name in before if not torch.equal(before[name], after[name])}


def logged(folder: Path, name: str) -> list[tuple[int, float]]:
    """(step, value) of one column of log.jsonl."""
    return [(entry["step"], entry[name]) for entry in read_log(folder / "log.jsonl") if name in entry]
