"""The plain alternative's data: a table by `load_dataset`, features by `map`, collators that pad; see `plain`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from datasets import Dataset, load_dataset
from transformers import AutoFeatureExtractor, AutoTokenizer, WhisperProcessor

from tests.benchmarks.material import Rows, write_manifest

RATE = 16000


def table_of(rows: Rows, folder: Path) -> Dataset:
    """The rows as `load_dataset` reads a manifest, with its cache in `folder`."""
    made = write_manifest(folder / "plain.csv", rows)
    return load_dataset("csv", data_files=str(made), split="train", cache_dir=str(folder / "cache"))


def mapped(table: Dataset, prepare: Any) -> Dataset:
    """Features of every row, computed once on all cores and cached on disk; rows come out as arrays."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a process for each core; one forked from many threads may wait for them for ever
    try:
        prepared = table.map(prepare, remove_columns=table.column_names, num_proc=min(os.cpu_count() or 1, len(table)))
    finally:
        torch.set_num_threads(threads)
    return prepared.with_format("numpy")


class PrepareCTC:
    """A row of the table -> `input_values`, `labels`, `input_length`."""

    def __init__(self, folder: str) -> None:
        """The processor of a model folder."""
        self.extractor, self.tokenizer = (
            AutoFeatureExtractor.from_pretrained(folder),
            AutoTokenizer.from_pretrained(folder),
        )

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One row."""
        waveform = read(row["audio"])
        values = self.extractor(waveform, sampling_rate=RATE).input_values[0]
        labels = self.tokenizer(row["text"]).input_ids
        return {"input_values": values, "labels": labels, "input_length": len(waveform)}

    def save(self, folder: Path) -> None:
        """Beside a trained model."""
        self.extractor.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


class PrepareWhisper:
    """A row of the table -> `input_features` of 30 s, `labels`, `input_length`."""

    def __init__(self, folder: str) -> None:
        """The processor of a model folder, set to English."""
        self.processor = WhisperProcessor.from_pretrained(folder)
        self.processor.tokenizer.set_prefix_tokens(language="en", task="transcribe")

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One row."""
        waveform = read(row["audio"])
        features = self.processor.feature_extractor(waveform, sampling_rate=RATE).input_features[0]
        labels = self.processor.tokenizer(row["text"]).input_ids
        return {"input_features": features, "labels": labels, "input_length": len(waveform)}

    def save(self, folder: Path) -> None:
        """Beside a trained model."""
        self.processor.feature_extractor.save_pretrained(folder)
        self.processor.tokenizer.save_pretrained(folder)


def read(path: str) -> np.ndarray:
    """A mono waveform; the corpus is at 16 kHz already."""
    waveform, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE and waveform.ndim == 1, path
    return waveform


class PadCTC:
    """Pads waveforms and labels of a batch to its longest; counts seconds for the benchmark."""

    def __init__(self, extractor: Any) -> None:
        """The model's feature extractor knows how it is padded."""
        self.extractor = extractor

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of rows."""
        values = [{"input_values": row["input_values"]} for row in rows]
        batch = self.extractor.pad(values, padding=True, return_tensors="pt")
        batch["labels"] = padded_labels(rows)
        return dict(batch) | counted(rows, batch["input_values"].shape[1])


class PadWhisper:
    """Stacks features, pads labels, takes away the start token that the model adds itself."""

    def __init__(self, processor: Any, start: int) -> None:
        """`start` is the decoder's first token."""
        self.processor, self.start = processor, start

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of rows."""
        features = [{"input_features": row["input_features"]} for row in rows]
        batch = self.processor.feature_extractor.pad(features, return_tensors="pt")
        labels = padded_labels(rows)
        batch["labels"] = labels[:, 1:] if bool((labels[:, 0] == self.start).all()) else labels
        return dict(batch) | counted(rows, self.processor.feature_extractor.n_samples)


def padded_labels(rows: Sequence[dict[str, Any]]) -> torch.Tensor:
    """`(batch, longest)`, padding without a loss."""
    labels = [torch.tensor(row["labels"], dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)


def counted(rows: Sequence[dict[str, Any]], padded_samples: int) -> dict[str, torch.Tensor]:
    """Seconds of speech and of padded input, for the trainer to take out again."""
    samples = sum(int(row["input_length"]) for row in rows)
    return {"counts": torch.tensor([samples / RATE, len(rows) * padded_samples / RATE], dtype=torch.float64)}
