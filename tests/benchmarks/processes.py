"""Processes of torchrun against one process: `python -m tests.benchmarks processes` (gloo, on one machine's CPU).

Two and four processes with a batch each take the steps of one process that accumulates two and four batches. The
starter learns from real Mandarin-accented English; losses of every logged step and the transcripts of test clips are
compared. Batches are so long that an epoch has a multiple of four of them: else processes share one more than a single
one has. Looks for speechocean762 where SPEECH_TL_CORPORA says.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

STEPS, BATCH_S = 12, 8.0
ROWS = {"train": 96, "dev": 8, "test": 100}


def main() -> None:
    """Two, then four."""
    corpora = Path(os.environ.get("SPEECH_TL_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        place = Path(scratch)
        for processes in (2, 4):
            recipe = written(place / f"{processes}.yaml", some(place, corpora))
            alone, shared = place / f"alone{processes}", place / f"shared{processes}"
            alone_s = took_s(recipe, alone, 1, f"training.gradient_accumulation_steps={processes}")
            shared_s = took_s(recipe, shared, processes)
            print(f"{processes} processes {shared_s:.0f} s, one {alone_s:.0f} s: {compared(alone, shared)}", flush=True)


def some(place: Path, corpora: Path) -> Path:
    """A manifest of short clips, at most four of a speaker."""
    rows, taken, heard = [], Counter(), Counter()
    with open(corpora / "speechocean762" / "manifest.csv", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if float(row["duration"]) < 5 and taken[row["split"]] < ROWS[row["split"]] and heard[row["speaker"]] < 4:
                taken[row["split"]] += 1
                heard[row["speaker"]] += 1
                rows.append(row | {"audio": str((corpora / "speechocean762" / row["audio"]).resolve())})
    with (place / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return place / "manifest.csv"


def written(path: Path, manifest: Path) -> Path:
    """A recipe of a few steps without anything that is drawn for each process."""
    seconds = next(s for s in (BATCH_S + tenth / 10 for tenth in range(200)) if not batches(manifest, s) % 4)
    training = {"max_steps": STEPS, "eval_steps": STEPS // 3, "batch_seconds": seconds, "precision": "float32"}
    recipe = {"name": "shared", "model": {"source": "starter-wav2vec2"}, "data": {"root": str(manifest)}}
    recipe |= {
        "training": training | {"workers": 0},
        "augment": {"spec_augment": {"time_share": 0.0}},
        "decoding": {"workers": 0},
    }
    path.write_text(json.dumps(recipe))
    return path


def batches(manifest: Path, seconds: float) -> int:
    """Of an epoch."""
    from speech_tl.data.batching import SimilarLengthBatches
    from speech_tl.data.manifest import Manifest

    return len(SimilarLengthBatches(Manifest.read(manifest).split("train").durations_s().tolist(), seconds, 0))


def took_s(recipe: Path, out: Path, processes: int, *overrides: str) -> float:
    """Seconds of a run."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    began = time.monotonic()
    command = [sys.executable, *(launch if processes > 1 else ["-m"]), "speech_tl.cli", "adapt", str(recipe)]
    done = subprocess.run(
        [*command, *overrides, "--out", str(out)], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True
    )
    if done.returncode:
        sys.exit(done.stderr.decode()[-2000:])
    return time.monotonic() - began


def compared(alone: Path, shared: Path) -> str:
    """Largest relative difference of a logged loss, and the share of test clips with the same transcript."""
    losses = [losses_of(run) for run in (alone, shared)]
    apart = max(abs(losses[1][step] / loss - 1) for step, loss in losses[0].items())
    texts = [hypotheses(run) for run in (alone, shared)]
    same = sum(a == b for a, b in zip(*texts, strict=True))
    return f"losses of {len(losses[0])} looks within {apart:.1e}, {same} of {len(texts[0])} transcripts the same"


def losses_of(run: Path) -> dict[int, float]:
    """Step -> loss, as the log has it."""
    entries = [json.loads(line) for line in (run / "training" / "log.jsonl").read_text().splitlines()]
    return {entry["step"]: entry["loss"] for entry in entries if "loss" in entry}


def hypotheses(run: Path) -> list[str]:
    """What the adapted model writes."""
    return [json.loads(line)["hypothesis"] for line in (run / "after" / "utterances.jsonl").read_text().splitlines()]
