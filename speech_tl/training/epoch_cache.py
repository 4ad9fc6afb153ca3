"""A cache on disk of what later epochs need not compute again: outputs of fixed stages, or waveforms."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from speech_tl.audio.remote import is_remote
from speech_tl.data.cache import SLACK_SAMPLES, RowStore, WaveformStore, open_store
from speech_tl.models.base import AcousticModel, Batch
from speech_tl.models.frozen import FrozenStage
from speech_tl.training.run_lock import Tell

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest

OUTPUT_DTYPE = "float16"
"""Of cached outputs: at most 0.05 % off, which moves the loss by less than 0.01 % (`test_epoch_cache.py`)."""

FREE_SHARE = 0.5
"""A run takes no more of the free disk than this."""

SAID = {"front": "the front end's output", "encoded": "the encoder's output"}


@dataclass
class EpochCache:
    """What is cached: outputs of `stage` in `rows`, or `waveforms`, or nothing.

    Attributes:
        folder: where; None where nothing is cached.
    """

    folder: Path | None = None
    stage: FrozenStage | None = None
    rows: RowStore | None = None
    waveforms: WaveformStore | None = None

    @property
    def outputs(self) -> tuple[str, RowStore] | None:
        """Name and store of cached outputs, as a dataset takes them."""
        return (self.stage.name, self.rows) if self.stage and self.rows else None

    @property
    def what(self) -> str | None:
        """ "front", "encoded", "waveforms" or None."""
        return self.stage.name if self.stage else "waveforms" if self.waveforms else None

    def completed(self, model: AcousticModel, batch: Batch, indices: Sequence[int]) -> Batch:
        """The batch with the stage's output, which is computed and stored where it was not there."""
        if self.stage is None or self.rows is None or self.stage.name in batch:
            return batch
        batch = model.with_stage(self.stage, batch)
        samples = batch["lengths"].tolist()
        frames = model.stage_frames(self.stage, batch["lengths"]).tolist()
        outputs = batch[self.stage.name].cpu().numpy()
        for row, output, length, note in zip(indices, outputs, frames, samples, strict=True):
            self.rows.put(row, output[:length], note)
        return batch

    def remove(self) -> None:
        """Give the disk back, when the run needs it no more."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def open_cache(
    folder: Path,
    model: AcousticModel,
    utterances: Manifest,
    frozen: Sequence[torch.nn.Module],
    limit_gb: float,
    *,
    augmented: bool,
    whole: bool = True,
    tell: Tell = lambda line: None,
) -> EpochCache:
    """Open the cache of a run of several epochs; what an earlier part of the same run left there is taken up.

    Args:
        folder: for the files; removed and made anew as needed.
        model: a strategy has prepared it.
        utterances: to train on; every duration is known.
        frozen: modules that stay as they are for the whole run.
        limit_gb: most gigabytes on disk; 0 caches nothing.
        augmented: whether waveforms, or their neighbours, change at random, so that only they themselves can be cached.
        whole: whether the encoder's output may be cached, or only that of the front end.
        tell: hears what will be kept, how much it takes, and what was not kept and why.
    """
    if not limit_gb or not _one_machine():
        return EpochCache()
    samples = np.ceil(utterances.durations_s() * model.sample_rate).astype(np.int64) + SLACK_SAMPLES
    room = _Room(folder, limit_gb, tell)
    stage = None if augmented else model.frozen_stage(frozen, whole)
    if stage is not None:
        places = model.stage_frames(stage, torch.from_numpy(samples)).numpy()
        key = _key(model, utterances) | {"stage": stage.name, "weights": _digest(stage.weights())}
        rows = room.opened(SAID[stage.name], "outputs", key, places, stage.width, OUTPUT_DTYPE, utterances)
        if rows is not None:
            return EpochCache(folder, stage, rows)
    rows = room.opened("decoded audio", "waveforms", _key(model, utterances), samples, 1, "int16", utterances)
    return EpochCache(folder, waveforms=WaveformStore(rows)) if rows is not None else EpochCache()


class _Room:
    """What of the disk a run may take."""

    def __init__(self, folder: Path, limit_gb: float, tell: Tell) -> None:
        self.folder, self.limit_gb, self.tell = folder, limit_gb, tell

    def opened(
        self,
        said: str,
        name: str,
        key: dict[str, Any],
        places: np.ndarray,
        width: int,
        dtype: str,
        utterances: Manifest,
    ) -> RowStore | None:
        """A store of these places, or None where it does not fit."""
        size = float(places.sum()) * width * np.dtype(dtype).itemsize + 12 * len(places)
        there = self.folder / name
        if (why := self._too_large(size, there)) is not None:
            self.tell(f"{said} is not kept: {_amount(size)} {why}")
            return None
        try:
            store = open_store(there, key, places, width, dtype)
        except OSError as error:
            shutil.rmtree(there, ignore_errors=True)
            self.tell(f"{said} is not kept: {there} cannot be written ({error.strerror})")
            return None
        if store.new:
            self.tell(f"{said} is kept for later epochs: {_amount(size)} in {there} (data.cache_gb=0: never)")
        else:
            store.forget(_changed(utterances, store))
        return store

    def _too_large(self, size: float, there: Path) -> str | None:
        if size > self.limit_gb * 1e9:
            return f"are more than data.cache_gb={self.limit_gb:g}"
        existing = next(p for p in [there, *there.absolute().parents] if p.exists())
        free = shutil.disk_usage(existing).free
        if existing != there and size > FREE_SHARE * free:
            return f"are more than half of the disk's free {_amount(free)}"
        return None


def _key(model: AcousticModel, utterances: Manifest) -> dict[str, Any]:
    """What cached values depend on: the utterances, and what the model makes of a waveform before its first weight."""
    ramp = np.linspace(-0.5, 1, model.sample_rate, dtype=np.float32)
    features = _digest(torch.as_tensor(value) for value in model.features(ramp).values())
    return {
        "data": utterances.fingerprint(),
        "rate": model.sample_rate,
        "features": features,
        "torch": torch.__version__,
    }


def _digest(tensors: Any) -> str:
    """A hash of all values."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _changed(utterances: Manifest, store: RowStore) -> np.ndarray:
    """Cached rows whose file was written or replaced after the store was made."""
    made = (store.folder / "key.json").stat().st_mtime

    def newer(row: int) -> bool:
        utterance = utterances[row]
        if utterance.audio_bytes is not None or is_remote(utterance.audio):
            return False
        try:
            found = os.stat(utterance.audio)
        except OSError:
            return True
        return max(found.st_mtime, found.st_ctime) > made

    return np.array([row for row in store.kept().tolist() if newer(row)], dtype=np.int64)


def _one_machine() -> bool:
    """Whether all processes of the run share this machine's memory, without which mapped files are not shared."""
    return os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")


def _amount(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
