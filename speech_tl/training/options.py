"""The knobs of training, each with its trade-off in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from speech_tl.options import Options

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.strategies.base import BaseStrategy

WHISPER_RATES = [(12e6, 5e-4), (50e6, 1e-4), (100e6, 2.5e-5), (300e6, 1.25e-5), (900e6, 6.25e-6)]
"""(parameters below, peak learning rate). From base on: pre-training's rate / 40
as vasistalodagala/whisper-finetune; tiny bears more, and keeps less of other speech (`keep=interpolate`)."""

CTC_RATES = [(20e6, 5e-4), (150e6, 1e-4)]
"""(parameters below, peak learning rate); larger ones get 3e-5."""


USUAL_DEV = 200
"""Utterances of dev that are decoded at once where nobody said how many."""

MOST_SECONDS = 1e6
"""Of a batch: more is no machine's."""

USUAL_BATCH_S = 40.0
"""Seconds of a batch where nothing else is known."""


class TrainingOptions(Options):
    """How long, how fast and how carefully to train.

    Attributes:
        max_steps: optimiser steps; None means `epochs`.
        epochs: passes over the training utterances.
        max_minutes: stop after so many minutes of training, whatever the steps; None is no limit.
        learning_rate: peak rate; None picks by family and size (smaller models bear more), ten times that for LoRA, its
            kin and a head alone.
        schedule: how the rate falls after warm-up; "warmup_stable_decay" holds it and falls in the last tenth.
        warmup_share: share of the steps in which the rate climbs.
        optimizer: "adamw" for anything pre-trained; "muon" learns faster from nothing (see `MuonWithAdamW`).
        weight_decay: how much weights shrink, as a share of the learning rate.
        max_grad_norm: gradients are clipped to this norm.
        batch_seconds: padded seconds of audio in one batch on one device, where long clips count more (`batch_cost`);
            larger is faster until memory is full. "auto" measures on a GPU what fits (see `batch_size.py`), and is 40 s
            on a CPU, where larger batches gain nothing. When memory runs out, batches are taken in pieces.
        packing: for Whisper: fill 30 s windows with several short utterances each instead of trimming them, for a model
            that shall keep its timestamps and its hold on long recordings. `model.full_context_share` of the utterances
            keep a window of their own.
        join_seconds: let utterances follow each other as if they were one, as many as a length has room for that is
            drawn anew between 0 and so many seconds, for longer texts than one sentence; None is each alone.
        timestamp_share: share of the packed windows that are written with timestamps.
        gradient_accumulation_steps: batches for one step; the loss is a mean over all of them.
        precision: "auto" takes bf16 where GPU or CPU multiply in it, else float32.
        gradient_checkpointing: a third slower, far less memory.
        eval_steps: steps between validation passes, which measure the dev WER (the CER without spaces); None makes up
            to ten, as many as take about a quarter of the training's time (see `validation.py`).
        dev_limit: at most so many dev utterances are decoded each time, always the same ones; None is all. "auto" is
            up to 200, as many as the same quarter allows, and no fewer than 50.
        patience: looks without a better dev figure before stopping; None never stops early.
        workers: processes that load audio; None picks by machine.
        bad_losses: so many non-finite losses in a row stop the run.
        keep_checkpoints: leave the best and the last checkpoint, with the optimiser's state, when training has ended.
        auxiliary_ctc: weight of a second CTC loss while pre-training, on Whisper's encoder or in the middle of a CTC
            encoder; 0 is off.
        shortcuts: compute the same in faster ways than the published code; false takes that code, to compare.
    """

    max_steps: int | None = Field(None, ge=1, le=10**9)
    epochs: float = Field(10.0, gt=0, le=1e6)
    max_minutes: float | None = Field(None, gt=0)
    learning_rate: float | None = Field(None, gt=0, le=1)
    schedule: Literal["linear", "cosine", "constant_with_warmup", "warmup_stable_decay"] = "linear"
    warmup_share: float = Field(0.1, ge=0, lt=1)
    optimizer: Literal["adamw", "muon"] = "adamw"
    weight_decay: float = Field(0.01, ge=0, le=1000)
    max_grad_norm: float = Field(1.0, gt=0)
    batch_seconds: Literal["auto"] | float = "auto"
    packing: bool = False
    join_seconds: float | None = Field(None, gt=0, le=30)
    timestamp_share: float = Field(0.5, ge=0, le=1)
    gradient_accumulation_steps: int = Field(1, ge=1, le=10**6)
    precision: Literal["auto", "float32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False
    eval_steps: int | None = Field(None, ge=1)
    dev_limit: Literal["auto"] | int | None = "auto"
    patience: int | None = Field(None, ge=1)
    workers: int | None = Field(None, ge=0, le=1024)
    bad_losses: int = Field(20, ge=1)
    keep_checkpoints: bool = False
    auxiliary_ctc: float = Field(0.0, ge=0)
    shortcuts: bool = True

    @field_validator("batch_seconds", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        """One message instead of one for each kind of value."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value != "auto" and not (number and 0 < value <= MOST_SECONDS):
            raise ValueError(f"expected auto, or seconds above 0 (up to {MOST_SECONDS:g})")
        return value

    @field_validator("dev_limit", mode="before")
    @classmethod
    def _limit(cls, value: Any) -> Any:
        """One message instead of one for each kind of value."""
        if value not in (None, "auto") and not (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            raise ValueError("expected auto, null (all), or a number of utterances")
        return value

    @model_validator(mode="after")
    def _one_way_to_fill(self) -> TrainingOptions:
        """A window is filled or trimmed."""
        if self.packing and self.join_seconds is not None:
            raise ValueError("packing fills windows of 30 s, join_seconds trims them: give one of the two")
        return self

    @property
    def several_in_a_window(self) -> bool:
        """Whether utterances share windows."""
        return self.packing or self.join_seconds is not None

    @property
    def dev_at_most(self) -> int | None:
        """Utterances of dev that are decoded for a check after training; None is all."""
        return USUAL_DEV if self.dev_limit == "auto" else self.dev_limit

    @property
    def expected_batch_seconds(self) -> float:
        """Of a batch, as far as it can be said before anything is measured."""
        return USUAL_BATCH_S if self.batch_seconds == "auto" else self.batch_seconds

    def shortened(self, share: float) -> TrainingOptions:
        """The same with batches that are shorter by a share: of what is learnt beside batches of another kind."""
        seconds = self.expected_batch_seconds * (1 - share)
        return self.model_copy(update={"batch_seconds": seconds}) if share else self


def peak_learning_rate(options: TrainingOptions, model: AcousticModel, strategy: BaseStrategy | None = None) -> float:
    """The rate asked for, or the usual one for the model's family and size and for the strategy."""
    if options.learning_rate is not None:
        return options.learning_rate
    size = model.parameter_counts()[1]
    table, largest = (CTC_RATES, 3e-5) if model.family == "ctc" else (WHISPER_RATES, 4.375e-6)
    scale = strategy.rate_scale(model) if strategy else 1.0
    return scale * next((rate for limit, rate in table if size < limit), largest)


def resolved_precision(options: TrainingOptions, device_type: str) -> str:
    """ "float32", "bf16" or "fp16" for a device; "auto" takes bf16 where the hardware multiplies in it."""
    if options.precision != "auto":
        return options.precision
    import torch

    if device_type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "float32"
    return "bf16" if device_type == "cpu" and cpu_multiplies_bf16() else "float32"


def cpu_multiplies_bf16() -> bool:
    """Whether this processor multiplies matrices in bf16 (AVX-512 BF16 or AMX); without that it only gets slower."""
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)
