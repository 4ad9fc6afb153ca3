"""A training step of wav2vec2-base's shape as a share of this machine's matrix products: `python -m tests.benchmarks
step_share`.

Both are measured in turn in one process. What is counted is what the published network multiplies and adds for one
batch of real clips with the front end frozen, forward and backward; everything else (normalisation, dropout, softmax,
the optimiser) is time without a share. The same step by the published code (`training.shortcuts=false`) stands beside.
"""

from __future__ import annotations

import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.frame import Row, Setting, Side, in_own_process
from tests.benchmarks.material import Rows, base_shaped_wav2vec2, speech

SIDE, BATCH_S, AT_LEAST = 2048, 40.0, 0.75
STEPS = 4


@dataclass(frozen=True)
class Share:
    """Runs in a process of its own."""

    model: Path
    rows: Rows
    device: str
    repeats: int
    seed: int

    def __call__(self) -> Side:
        """Facts: `share` and `plain_share`, the middle of each, `peak` in GFLOP/s, `work` in GFLOP."""
        bench = Bench(self)
        bench.step()  # memory and code are warm afterwards
        shares: dict[bool, list[float]] = {True: [], False: []}
        peaks = []
        for _ in range(self.repeats):
            for shortcuts in shares:
                bench.model.shortcuts = shortcuts
                peaks.append(bench.peak())
                began = time.perf_counter()
                bench.step()
                shares[shortcuts].append(bench.work / (time.perf_counter() - began) / peaks[-1])
                print(f"  {'speech_tl' if shortcuts else 'published'} {shares[shortcuts][-1]:.1%}", flush=True)
        middle = {name: statistics.median(found) for name, found in shares.items()}
        facts = {"share": middle[True], "plain_share": middle[False], "peak": statistics.median(peaks)}
        return Side(1.0, facts=facts | {"work": bench.work, "low": min(shares[True]), "high": max(shares[True])})


@dataclass
class Bench:
    """Model, batch and optimiser, ready for steps."""

    given: Share
    work: float = field(init=False)

    def __post_init__(self) -> None:
        """Load, collate one batch, count."""
        import torch

        from speech_tl.data.batching import SimilarLengthBatches
        from speech_tl.models.load import load_model
        from speech_tl.strategies.trained import Full
        from speech_tl.training.optimizers import new_optimizer
        from speech_tl.training.options import TrainingOptions
        from tests.benchmarks.plain_data import read

        self.torch = torch
        self.model = load_model(str(self.given.model), language="en", device=self.given.device)
        Full().prepare(self.model, self.given.seed)
        self.model.network.set_attn_implementation(self.model.training_attention() or "sdpa")
        self.model.network.train()
        batches = SimilarLengthBatches([float(row["duration"]) for row in self.given.rows], BATCH_S, self.given.seed)
        chosen = [self.given.rows[index] for index, _ in next(iter(batches))]
        features = [self.model.features(read(row["audio"])) for row in chosen]
        batch = self.model.collate(features, [self.model.encode(row["text"]) for row in chosen])
        self.batch = {name: values.to(self.given.device) for name, values in batch.items()}
        self.optimizer = new_optimizer(self.model.network, TrainingOptions(), 1e-5, [])
        self.work = self._counted()

    def step(self) -> None:
        """Forward, backward, clipping, update."""
        precision = self.torch.autocast("cuda", self.torch.bfloat16) if self.given.device == "cuda" else nullcontext()
        with precision:
            loss = self.model.loss(self.model.network, self.batch) / self.model.items(self.batch)
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.model.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._wait()

    def peak(self) -> float:
        """GFLOP/s of the best of some products of large square matrices."""
        kind = self.torch.bfloat16 if self.given.device == "cuda" else self.torch.float32
        side = SIDE if self.given.device == "cpu" else 4 * SIDE
        left, right = (self.torch.randn(side, side, device=self.given.device, dtype=kind) for _ in range(2))
        took = []
        for _ in range(5):
            began = time.perf_counter()
            left @ right
            self._wait()
            took.append(time.perf_counter() - began)
        return 2 * side**3 / min(took) / 1e9

    def _counted(self) -> float:
        """GFLOP of a step. torch counts the gradient of a grouped convolution as if it were dense, so that of the
        positions, the only convolution that learns, is taken as twice its forward pass.
        """
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.step()
        counts: dict[Any, int] = counter.get_flop_counts()["Global"]
        rest = sum(count for name, count in counts.items() if "convolution_backward" not in str(name))
        conv = self.model.network.base_model.encoder.pos_conv_embed.conv
        frames = int(self.model.front.frames(self.batch["lengths"]).max()) + 1
        forward = 2 * len(self.batch["lengths"]) * frames * conv.weight.numel()
        return (rest + 2 * forward) / 1e9

    def _wait(self) -> None:
        if self.given.device == "cuda":
            self.torch.cuda.synchronize()


def run(setting: Setting) -> list[Row]:
    """One row."""
    model = base_shaped_wav2vec2(setting.scratch / "base", setting.seed)
    rows = speech(setting.corpora, "train", 400, setting.seed)
    facts = in_own_process(Share(model, rows, setting.device, setting.part(STEPS), setting.seed)).facts
    measured = (
        f"{facts['share']:.0%} ({facts['low']:.0%} to {facts['high']:.0%}) of {facts['peak']:.0f} GFLOP/s, "
        f"{facts['work']:.0f} GFLOP a step; the published code {facts['plain_share']:.0%}"
    )
    kind = "float32" if setting.device == "cpu" else "bf16"
    return [
        Row(
            "training step, wav2vec2-base's shape, front end frozen",
            f"this machine's {kind} matrix product of {SIDE} x {SIDE}, measured in the same run",
            f">= {AT_LEAST:.0%}",
            measured,
            facts["share"] >= AT_LEAST,
        )
    ]
