"""Every export of a model on the same clips.

`python -m tests.benchmarks.exports MODEL CLIPS [COUNT] [TARGET[:QUANTIZE] ...]`: CLIPS is a manifest, of whose dev rows
COUNT (40) are drawn with seed 5. Without targets all are measured, in every precision that they have. A line for each:
megabytes, error rate of the source and of the export, texts that differ, processor seconds of writing and of decoding.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.exporting.clips import find_clips
from speech_tl.exporting.comparing import by_export, by_source
from speech_tl.exporting.targets import target_named, target_names
from speech_tl.models.load import load_model, read_config


def main(name: str, manifest: str, count: str = "40", *wanted: str) -> None:
    """Measure and print."""
    clips = find_clips(name, manifest)
    clips = dataclasses.replace(clips, utterances=clips.utterances.sample(int(count), seed=5))
    model, config = load_model(name, language=clips.language, device="cpu"), read_config(name)
    source = by_source(model, clips, lambda done, total: None)
    print(f"source: {source.evaluation.score.words} words, {source.cpu_seconds:.1f} s", flush=True)
    for choice in wanted or everything():
        to, _, quantize = choice.partition(":")
        target = target_named(to)
        try:
            target.refuse(name, config)
        except BadInput as error:
            print(f"{choice}: {error}", flush=True)
            continue
        with tempfile.TemporaryDirectory() as place:
            folder, started = Path(place), time.process_time()
            target.write(model, folder, quantize or target.usual)
            seconds = time.process_time() - started
            size = sum(file.stat().st_size for file in folder.iterdir())
            found = by_export(model, target.load(folder, model), clips, source, lambda done, total: None)
        print(f"{choice}: {size / 1e6:.1f} MB, written in {seconds:.1f} s, decoded in {found.export.cpu_seconds:.1f} s")
        print(f"    {found.line()}", flush=True)


def everything() -> list[str]:
    """Every target in every precision."""
    targets = {name: target_named(name) for name in target_names()}
    return [
        f"{name}:{quantize}" if quantize else name
        for name, target in targets.items()
        for quantize in ((None,) if target.usual is None else ()) + target.quantizations
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
