"""How time and memory grow as data, clips, batches and loader workers double: `python -m tests.benchmarks growth`.

One thing is doubled at a time, each run in a process of its own, on starter-wav2vec2 and real speech. Rows of a
manifest are read, checked and cut into batches; the other three are a few training steps over the same seconds of
speech. Nothing is aimed at: the table tells what to expect on a larger machine or corpus.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from tests.benchmarks import ours
from tests.benchmarks.frame import Row, Setting, Side, Timed, in_own_process, told
from tests.benchmarks.material import Rows, seconds, speech, write_manifest
from tests.benchmarks.ours import Ours
from tests.benchmarks.plain import Plan

MODEL = "starter-wav2vec2"
ROWS = (25_000, 50_000, 100_000, 200_000)
CLIP_S = (2, 4, 8, 16)
BATCH_S = (10, 20, 40, 80)
WORKERS = (0, 1, 2, 4)
SPEECH_S = 240
"""Seconds of speech of each training."""


@dataclass
class Found:
    """A size and what a run of it took."""

    size: int
    side: Side

    @property
    def megabytes(self) -> float:
        """Above what was there before the work."""
        return (self.side.peak_memory - self.side.memory_before) / 1e6


def run(setting: Setting) -> list[Row]:
    """One row for each thing that is doubled."""
    speech_s = setting.part(SPEECH_S)
    clips = {size: joined(setting, size, speech_s) for size in CLIP_S}
    usual = speech(setting.corpora, "train", None, setting.seed)[: speech_s // 4]
    training = {
        "clip length": {size: learning(setting, rows, batch_seconds=20.0) for size, rows in clips.items()},
        "batch": {size: learning(setting, usual, batch_seconds=float(size)) for size in BATCH_S},
        "loader workers": {size: learning(setting, usual, workers=size, batch_seconds=20.0) for size in WORKERS},
    }
    rows = {setting.part(size): partial(start, setting, setting.part(size)) for size in ROWS}
    table = [row("rows of a manifest", "", [grown(size, side) for size, side in rows.items()])]
    for name, unit in (("clip length", " s"), ("batch", " s"), ("loader workers", "")):
        table.append(row(name, unit, [grown(size, side) for size, side in training[name].items()]))
    return table


def grown(size: int, side: partial) -> Found:
    """One run."""
    found = Found(size, in_own_process(side))
    print(f"  {size}: {told(found.side)}", flush=True)
    return found


def row(what: str, unit: str, found: list[Found]) -> Row:
    """What each size took, and each over the one before."""
    parts = []
    for before, now in zip([None, *found], found, strict=False):
        side = now.side
        speed = f"{side.rate:.1f} audio s/s" if side.audio_seconds else f"{side.seconds:.1f} s"
        times = f" (time x {cost(side) / cost(before.side):.2f})" if before else ""
        parts.append(f"{now.size:,}{unit}: {speed}{times}, {now.megabytes:,.0f} MB")
    return Row(f"growth: {what}", "half as much", "", "; ".join(parts))


def cost(side: Side) -> float:
    """Seconds of all, or for a second of audio."""
    return 1 / side.rate


def learning(setting: Setting, rows: Rows, **training: float) -> partial:
    """A training over `rows` once."""
    plan = Plan(MODEL, rows, setting.device, 1, setting.seed)
    given = Ours(plan, training=training)
    steps = ours.steps_of_an_epoch(plan, given.training["batch_seconds"])
    return partial(ours.trained, replace(given, plan=replace(plan, steps=steps)))


def start(setting: Setting, rows: int) -> Side:
    """A manifest of real clips, again and again, read, checked and cut into the batches of an epoch."""
    from speech_tl.data.batching import SimilarLengthBatches
    from speech_tl.data.check import check_manifest
    from speech_tl.data.manifest import Manifest
    from speech_tl.models.load import load_model

    model = load_model(MODEL, language="en", device="cpu")
    made = speech(setting.corpora, "train", rows, setting.seed)
    path = write_manifest(setting.scratch / f"{rows}.csv", made)
    del made
    with Timed("cpu") as timed:
        manifest = Manifest.read(path)
        check_manifest(manifest, model=model, depth="headers")
        SimilarLengthBatches(manifest.durations_s().tolist(), 40.0, setting.seed)
    return timed.side()


def joined(setting: Setting, clip_s: int, speech_s: int) -> Rows:
    """Clips of one length, cut from real ones one after the other."""
    import numpy as np
    import soundfile

    from tests.benchmarks.plain_data import RATE, read

    folder = setting.scratch / f"{clip_s}s"
    folder.mkdir(parents=True, exist_ok=True)
    real = speech(setting.corpora, "train", 2 * speech_s, setting.seed)
    made: Rows = []
    waiting, texts = np.zeros(0, np.float32), []
    for source in real:
        waiting, texts = np.concatenate([waiting, read(source["audio"])]), [*texts, source["text"]]
        if len(waiting) < clip_s * RATE:
            continue
        path = folder / f"{len(made)}.wav"
        soundfile.write(path, waiting[: clip_s * RATE], RATE)
        made.append(source | {"audio": str(path), "duration": str(clip_s), "text": " ".join(texts)[: 6 * clip_s]})
        waiting, texts = np.zeros(0, np.float32), []
        if seconds(made) >= speech_s:
            return made
    return made
