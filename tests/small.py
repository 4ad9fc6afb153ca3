"""A corpus and a recipe small enough to adapt a tiny model to within seconds."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from tests.sounds import SAMPLE_RATE, voice

ROOT = Path(__file__).parents[1]
SENTENCES = ["we call it bear", "zero three five one", "the cat sat", "open the door", "good morning", "one two three"]
SPLITS = ["train"] * 8 + ["dev"] * 2 + ["test"] * 4


def made_corpus(folder: Path, shortest_s: float = 1.8) -> Path:
    """Voices made on the spot: 14 clips of 7 speakers, none in two splits; returns the manifest."""
    rows = []
    for number, split in enumerate(SPLITS):
        audio = folder / "audio" / f"{number:02d}.wav"
        audio.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(audio, voice(shortest_s + number % 3 / 4, number), SAMPLE_RATE)
        text = f"{SENTENCES[number % 6]} {SENTENCES[number // 6]}"
        row = {"audio": f"audio/{audio.name}", "text": text, "speaker": f"s{number // 2}", "split": split}
        rows.append(row | {"language": "en", "gender": "fm"[number // 2 % 2]})
    return written(folder / "manifest.csv", rows)


def real_corpus(folder: Path, corpora: Path) -> Path:
    """As many short clips of real Mandarin-accented English, two of a speaker; returns the manifest."""
    with open(corpora / "speechocean762" / "manifest.csv", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if float(row["duration"]) < 4]
    taken: list[dict[str, str]] = []
    for split in ("train", "dev", "test"):
        heard: dict[str, int] = {}
        for row in rows:
            if row["split"] == split and heard.get(row["speaker"], 0) < 2 and sum(heard.values()) < SPLITS.count(split):
                heard[row["speaker"]] = heard.get(row["speaker"], 0) + 1
                taken.append(row | {"audio": str(corpora / "speechocean762" / row["audio"])})
    return written(folder / "manifest.csv", taken)


def written(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    """A CSV manifest of these rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


@contextmanager
def any_dev_chooses() -> Iterator[None]:
    """Any dev split may choose, for tests of what is chosen: thirty utterances would take too long to decode."""
    from speech_tl.scoring import dev_choice

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dev_choice, "FEWEST_UTTERANCES", 1)
        patch.setattr(dev_choice, "FEWEST_UNITS", {"wer": 1, "cer": 1})
        yield


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what the whole run took: looking at it again takes time, too."""
    training = {name: value for name, value in report["training"].items() if name not in ("run_seconds", "phases")}
    return report | {"training": training}


def rows_of(manifest: Path) -> list[dict[str, str]]:
    """The rows of a CSV manifest, audio as absolute paths."""
    with manifest.open(encoding="utf-8") as stream:
        return [row | {"audio": os.path.join(manifest.parent, row["audio"])} for row in csv.DictReader(stream)]


def recipe_yaml(path: Path, model: Path, manifest: Path, **training: object) -> Path:
    """A recipe of a few steps, saved."""
    steps = {"max_steps": 4, "eval_steps": 2, "batch_seconds": 6.0, "precision": "float32", "workers": 0} | training
    recipe = {"name": "small", "model": {"source": str(model)}, "data": {"root": str(manifest)}, "training": steps}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(recipe | {"decoding": {"workers": 0}}))
    return path


def broken_audio(folder: Path) -> dict[str, Path]:
    """One file (or what is in its place) for each way audio can be unusable, by the check's name for it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        kind: folder / f"{kind}.wav" for kind in ("missing", "empty", "truncated", "unreadable", "folder", "silent")
    }
    files["empty"].touch()
    files["folder"].mkdir()
    files["unreadable"].write_text("this is a text\n" * 200)
    soundfile.write(files["silent"], np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    whole = folder / "whole.wav"
    soundfile.write(whole, voice(2.0), SAMPLE_RATE)
    files["truncated"].write_bytes(whole.read_bytes()[:20_000])
    whole.unlink()
    return files


def by_two_processes(module: str, *given: object, succeeds: bool = True, options: Sequence[str] = ()) -> str:
    """Run a module as torchrun does, on this machine over gloo; returns what it said on standard error."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *options]
    done = subprocess.run(
        [*launch, "-m", module, *map(str, given)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode == 0) == succeeds, done.stderr[-2000:]
    return done.stderr
