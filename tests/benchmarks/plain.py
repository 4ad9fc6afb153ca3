"""The plain alternative: the published Hugging Face recipe for speech recognition in today's API, fairly tuned.

It follows what transformers' `examples/pytorch/speech-recognition` and the ASR pipeline's documentation do: a table by
`load_dataset`, features computed once by `map` and cached on disk, a collator that pads to the longest (CTC) or
features that are always 30 s long (Whisper), `Trainer` or `Seq2SeqTrainer`, their `evaluate`, and the pipeline with a
batch size. Three things are better than published, so that nothing is won against carelessness: rows come out of the
table as arrays and not as lists of Python floats, `map` uses every core, and CTC logits are reduced to labels before
they are gathered. Audio is read with soundfile, because `datasets.Audio` needs a system FFmpeg.

Everything here uses transformers alone; nothing of speech_tl but where its starters lie.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from datasets import disable_progress_bars
from transformers import (
    AutoConfig,
    AutoModelForCTC,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    Trainer,
    TrainingArguments,
    WhisperForConditionalGeneration,
    pipeline,
    set_seed,
)
from transformers.utils import logging

from speech_tl.models.load import locate
from tests.benchmarks.frame import Side, Timed
from tests.benchmarks.material import Rows, seconds
from tests.benchmarks.plain_data import RATE, PadCTC, PadWhisper, PrepareCTC, PrepareWhisper, mapped, read, table_of


@dataclass(frozen=True)
class Plan:
    """A plain training or evaluation.

    Attributes:
        model: a folder or a starter's name.
        rows: what to train on or to score, in this order; training shuffles.
        device: "cpu" or "cuda".
        steps: optimiser steps of a training.
        seed: of shuffling, dropout and masks.
        batch: utterances of a batch.
        grouped: `group_by_length`, as the published CTC command has it; else random batches.
        freeze_feature_encoder: the convolutional front end stays, as in the published CTC command.
        freeze_encoder: the whole encoder stays (Whisper's `freeze_encoder`; wav2vec2 below its head).
        learning_rate: peak; linear fall after a tenth of the steps, as ours.
        bf16: autocast, for training and evaluation.
        loader_workers: processes that pad and collate; the published commands have none.
        generation_max_length: as the published Whisper command has it.
        config: fields of the network's configuration to set, for example SpecAugment's.
        out: where the trained model is saved.
    """

    model: str | Path
    rows: Rows
    device: str = "cpu"
    steps: int = 0
    seed: int = 0
    batch: int = 8
    grouped: bool = False
    freeze_feature_encoder: bool = True
    freeze_encoder: bool = False
    learning_rate: float = 1e-4
    bf16: bool = False
    loader_workers: int = 0
    generation_max_length: int = 225
    config: dict[str, Any] = field(default_factory=dict)
    out: Path | None = None


# ---- training


class Counting:
    """A Trainer that notes what each step was worth."""

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
        """One step, with the benchmark's own counts taken out."""
        notes = self.__dict__.setdefault("notes", [])
        notes.append((time.perf_counter(), *inputs.pop("counts").tolist()))
        return super().training_step(model, inputs, *rest)

    def prediction_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        """The same for evaluation."""
        inputs.pop("counts", None)
        return super().prediction_step(model, inputs, *rest, **named)


class CountingTrainer(Counting, Trainer):
    """`Trainer` with counts."""


class CountingSeq2SeqTrainer(Counting, Seq2SeqTrainer):
    """`Seq2SeqTrainer` with counts."""


def train_ctc(plan: Plan) -> Side:
    """Fine-tune a CTC model as `run_speech_recognition_ctc.py` does; times the training, not `map` or loading.

    Returns:
        A side with facts `map_seconds`, `padding_share` and `step_seconds` (when each step began).
    """
    return _trained(plan, *_ctc_parts(plan))


def train_whisper(plan: Plan) -> Side:
    """Fine-tune Whisper as `run_speech_recognition_seq2seq.py` does; the same facts as `train_ctc`."""
    return _trained(plan, *_whisper_parts(plan))


def _ctc_parts(plan: Plan) -> tuple[Any, ...]:
    """Network, preparation, collator, trainer class, arguments class and its own options."""
    folder = quietly(plan.model)
    network = AutoModelForCTC.from_pretrained(folder, config=_config(folder, plan), dtype="float32")
    if plan.freeze_feature_encoder:
        network.freeze_feature_encoder()
    if plan.freeze_encoder:
        network.freeze_base_model()
    prepare = PrepareCTC(folder)
    collator = PadCTC(prepare.extractor)
    return network, prepare, collator, CountingTrainer, TrainingArguments, {}


def _whisper_parts(plan: Plan) -> tuple[Any, ...]:
    folder = quietly(plan.model)
    network = WhisperForConditionalGeneration.from_pretrained(folder, config=_config(folder, plan), dtype="float32")
    network.generation_config.language, network.generation_config.task = "en", "transcribe"
    if plan.freeze_encoder:
        network.freeze_encoder()
        network.model.encoder.gradient_checkpointing = False
    prepare = PrepareWhisper(folder)
    collator = PadWhisper(prepare.processor, network.config.decoder_start_token_id)
    own = {"predict_with_generate": True, "generation_max_length": plan.generation_max_length}
    return network, prepare, collator, CountingSeq2SeqTrainer, Seq2SeqTrainingArguments, own


def quietly(model: str | Path) -> str:
    """Where a model is; from here on nothing draws progress bars, whose time would be the plain side's."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    return locate(str(model))


def _config(folder: str, plan: Plan) -> Any:
    config = AutoConfig.from_pretrained(folder)
    config.update(plan.config)
    return config


def _trained(plan: Plan, network: Any, prepare: Any, collator: Any, trainer: type, arguments: type, own: dict) -> Side:
    set_seed(plan.seed)
    with tempfile.TemporaryDirectory(prefix="plain-") as scratch:
        began = time.perf_counter()
        dataset = mapped(table_of(plan.rows, Path(scratch)), prepare)
        map_seconds = time.perf_counter() - began
        options = arguments(**_options(plan, scratch), **own)
        run = trainer(model=network, args=options, train_dataset=dataset, data_collator=collator)
        with Timed(plan.device) as timed:
            run.train()
    if plan.out is not None:
        network.save_pretrained(plan.out)
        prepare.save(plan.out)
    heard, padded = (sum(note[i] for note in run.notes) for i in (1, 2))
    began_at = [note[0] - run.notes[0][0] for note in run.notes]
    return timed.side(heard, map_seconds=map_seconds, padding_share=1 - heard / padded, step_seconds=began_at)


def _options(plan: Plan, scratch: str) -> dict[str, Any]:
    """What both kinds of training arguments share."""
    return {
        "output_dir": scratch,
        "max_steps": plan.steps or -1,
        "per_device_train_batch_size": plan.batch,
        "per_device_eval_batch_size": plan.batch,
        "learning_rate": plan.learning_rate,
        "warmup_steps": plan.steps // 10,
        "train_sampling_strategy": "group_by_length" if plan.grouped else "random",
        "length_column_name": "input_length",
        "bf16": plan.bf16,
        "dataloader_num_workers": plan.loader_workers,
        "dataloader_pin_memory": plan.device == "cuda",
        "use_cpu": plan.device == "cpu",
        "seed": plan.seed,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "report_to": [],
    }


# ---- evaluation


def evaluate_ctc(plan: Plan) -> Side:
    """`Trainer.evaluate` over the rows: from files to the WER of greedy labels.

    Returns:
        A side whose seconds include `map`; facts `map_seconds`, `loop_seconds` (the loop alone) and `texts`.
    """
    network, prepare, collator, trainer, arguments, own = _ctc_parts(plan)
    own["eval_do_concat_batches"] = True

    def texts_of(ids: np.ndarray) -> list[str]:
        return prepare.tokenizer.batch_decode(np.where(ids < 0, prepare.tokenizer.pad_token_id, ids))

    def reduced(logits: torch.Tensor | tuple, labels: torch.Tensor) -> torch.Tensor:
        return (logits[0] if isinstance(logits, tuple) else logits).argmax(-1)

    return _evaluated(plan, network, prepare, collator, trainer, arguments, own, texts_of, reduced)


def evaluate_whisper(plan: Plan) -> Side:
    """`Seq2SeqTrainer.evaluate` with `predict_with_generate`; the same facts as `evaluate_ctc`."""
    parts = _whisper_parts(plan)
    tokenizer = parts[1].processor.tokenizer

    def texts_of(ids: np.ndarray) -> list[str]:
        return tokenizer.batch_decode(np.where(ids < 0, tokenizer.pad_token_id, ids), skip_special_tokens=True)

    return _evaluated(plan, *parts, texts_of, None)


def _evaluated(
    plan: Plan,
    network: Any,
    prepare: Any,
    collator: Any,
    trainer: type,
    arguments: type,
    own: dict,
    texts_of: Any,
    reduced: Any,
) -> Side:
    import jiwer

    texts: list[str] = []

    def metrics(found: Any) -> dict[str, float]:
        texts[:] = texts_of(found.predictions)
        return {"wer": jiwer.wer([row["text"] for row in plan.rows], [text.strip().lower() for text in texts])}

    with tempfile.TemporaryDirectory(prefix="plain-") as scratch:
        table = table_of(plan.rows, Path(scratch))
        options = arguments(**_options(plan, scratch), **own)
        with Timed(plan.device) as timed:
            began = time.perf_counter()
            dataset = mapped(table, prepare)
            map_seconds = time.perf_counter() - began
            run = trainer(
                model=network,
                args=options,
                data_collator=collator,
                compute_metrics=metrics,
                preprocess_logits_for_metrics=reduced,
            )
            run.evaluate(dataset)
    loop = timed.seconds - map_seconds
    return timed.side(seconds(plan.rows), map_seconds=map_seconds, loop_seconds=loop, texts=texts)


# ---- transcription


class Waveforms(torch.utils.data.Dataset):
    """Files as the pipeline wants them, read when it asks."""

    def __init__(self, files: Sequence[str]) -> None:
        """Paths of mono files at 16 kHz."""
        self.files = files

    def __len__(self) -> int:
        """Number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One file."""
        return {"raw": read(self.files[index]), "sampling_rate": RATE}


def transcribe(
    model: str | Path, files: Sequence[str], device: str = "cpu", batch: int = 8, chunk_s: float = 0, workers: int = 0
) -> Side:
    """The ASR pipeline over files.

    Args:
        model: a folder or a starter's name.
        files: mono, 16 kHz.
        device: "cpu" or "cuda".
        batch: the pipeline's `batch_size`.
        chunk_s: its `chunk_length_s` for long files; 0 takes each file whole.
        workers: its `num_workers`.

    Returns:
        A side with the fact `texts`; loading the model is not timed.
    """
    folder = quietly(model)
    recogniser = pipeline("automatic-speech-recognition", model=folder, device=device, dtype="float32")
    if recogniser.tokenizer.pad_token is None:
        recogniser.tokenizer.pad_token_id = recogniser.model.config.eos_token_id
    long = {"chunk_length_s": chunk_s} if chunk_s else {}
    whisper = recogniser.model.config.model_type == "whisper"
    if whisper:
        greedy = {"num_beams": 1}  # as our side searches; the pipeline's own choice is five beams, which take longer
        long["generate_kwargs"] = {"language": "en", "task": "transcribe"} | greedy
    with Timed(device) as timed:
        texts = [found["text"] for found in recogniser(Waveforms(files), batch_size=batch, num_workers=workers, **long)]
    audio_seconds = sum(soundfile.info(file).duration for file in files)
    return timed.side(audio_seconds, texts=texts)


# ---- start-up


def start_up(plan: Plan, whisper: bool) -> Iterator[tuple[str, float]]:
    """From the rows to the end of the first training step: yields (what was done, seconds since the beginning)."""
    began = time.perf_counter()
    network, prepare, collator, trainer, arguments, own = (_whisper_parts if whisper else _ctc_parts)(plan)
    yield "model loaded", time.perf_counter() - began
    with tempfile.TemporaryDirectory(prefix="plain-") as scratch:
        table = table_of(plan.rows, Path(scratch))
        yield "load_dataset", time.perf_counter() - began
        dataset = mapped(table, prepare)
        yield "map", time.perf_counter() - began
        options = arguments(**_options(plan, scratch) | {"max_steps": 1}, **own)
        trainer(model=network, args=options, train_dataset=dataset, data_collator=collator).train()
        yield "first step", time.perf_counter() - began
