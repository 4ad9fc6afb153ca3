"""Does cutting stop loops, and nothing that was said? `python -m tests.benchmarks.loops MODEL [CORPORA]`.

First every transcript of the corpora's train and dev rows: how many would be called a loop (none should be), and the
most that zlib makes of one. Then MODEL, a Whisper that was never adapted, on 100 dev clips of speechocean762 with
windows shortened to the clip, where it loops often: the WER as written (decoding never goes beyond 30 characters a
second) and with loops cut, of all clips and of those.

CORPORA is the folder of the corpora, else the one that SPEECH_TL_CORPORA names. The exit code is 1 where a transcript
is called a loop.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from speech_tl.data.batching import Collator, Example
from speech_tl.data.manifest import Manifest
from speech_tl.decoding.loops import compression_ratio, cut, is_loop
from speech_tl.models.audio_context import AudioContext
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.wer import score

SEED, CLIPS = 5, 100


def transcripts(corpora: Path) -> list[tuple[str, str, float]]:
    """(corpus, text, seconds) of every train and dev row that has both."""
    found = []
    for manifest in sorted(corpora.glob("*/manifest.csv")):
        rows = Manifest.read(manifest)
        splits = rows.texts("split")
        for row, split in zip(rows, splits, strict=True):
            if split in ("train", "dev") and row.text and row.duration_s:
                found.append((manifest.parent.name, row.text, row.duration_s))
    return found


def main(arguments: Sequence[str]) -> int:
    """Print two lines on the transcripts and two on the model."""
    model, *rest = arguments
    corpora = Path(rest[0] if rest else os.environ["SPEECH_TL_CORPORA"])
    said = transcripts(corpora)
    called = [(corpus, text) for corpus, text, seconds in said if is_loop(text, seconds)]
    most = max(compression_ratio(text) for _, text, _ in said)
    print(f"{len(called)} of {len(said)} transcripts are called loops {called[:3]}; zlib makes at most {most:.2f}")
    fastest = max(len(text) / seconds for _, text, seconds in said if seconds >= 1)
    print(f"at most {fastest:.1f} characters a second in clips of a second or more")

    whisper = load_model(model)
    whisper.network.eval()
    whisper.decoding_context = AudioContext.wanted("auto")
    clips = Manifest.read(corpora / "speechocean762" / "manifest.csv", split="dev").sample(CLIPS, SEED)
    without = as_written(whisper, clips)
    loops = [i for i, (text, clip) in enumerate(zip(without, clips, strict=True)) if is_loop(text, clip.duration_s)]
    texts = [cut(text, clips[i].duration_s) if i in loops else text for i, text in enumerate(without)]
    for name, chosen in (("all", range(len(clips))), ("those that loop", loops)):
        part = clips.select(list(chosen))
        rates = [score(part, [side[i] for i in chosen], "english").score.wer for side in (without, texts)]
        print(f"{name}, {len(part)} clips: WER {rates[0]:.1%} as written, {rates[1]:.1%} cut")
    return 1 if called else 0


def as_written(model: AcousticModel, clips: Manifest) -> list[str]:
    """What the model writes before loops are cut, clip by clip; `decode` would cut them."""
    collator, texts = Collator(model), []
    with torch.inference_mode():
        for clip in clips:
            batch = collator([Example(0, clip.duration_s or 0.0, model.features(clip.load(model.sample_rate)))])
            batch.pop("facts")
            texts += model.transcribe(batch, DecodingOptions())
    return texts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
