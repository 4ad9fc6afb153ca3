"""Speak English sentences with synthetic voices: the corpus that the starters are pre-trained on, and their test sets.

    python -m data_scripts.synthesize --out DIR [--text FILE] [--set train] [--hours 60] [--seed 0] [--workers 2]

Voices are those of espeak-ng and flite, which must be on PATH (Debian: `apt-get install espeak-ng flite`). Sentences
are everyday ones of our own (`data_scripts.sentences`) and, with `--text`, the clauses of any plain-text file with one
sentence a line. Running the command again goes on where it stopped; a larger `--hours` extends what is there.

Sets (no sentence of a test set is in train or dev):
    all         train, dev and heldout as the splits train, dev and test of one manifest: what pre-training reads
    train       US English, `--hours` long, rooms and noise on a quarter of it
    dev         200 other sentences by the voices of train
    heldout     300 other sentences by voice variants that train never uses
    kal16       100 of the held-out sentences by a flite voice that train never uses
    scottish    200 held-out sentences by espeak-ng's Scottish voices and flite's awb
    quickstart  about 36 minutes of Scottish English to adapt to, 60 dev and 120 test clips; test voices are apart
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_scripts.effects import SAMPLE_RATE, record, trim_silence
from data_scripts.sentences import everyday_sentences, read_text, text_clauses
from data_scripts.voices import (
    ESPEAK_HELDOUT,
    ESPEAK_TRAIN,
    SCOTTISH_TEST,
    SCOTTISH_TRAIN,
    WARPS_HELDOUT,
    WARPS_TRAIN,
    Voice,
    espeak_voices,
    flite_voices,
    missing_engines,
    speak,
)
from speech_tl.text import printable, write_atomically

COLUMNS = [
    "audio",
    "text",
    "speaker",
    "accent",
    "language",
    "split",
    "duration",
    "engine",
    "sentence_kind",
]
MAX_CLIP_S = 12.0
BLOCK = 50


@dataclass(frozen=True)
class Part:
    """One split of a set: which sentences, which voices, how much, how clean.

    `bucket` names disjoint sentences, `text_share` how many come from the text file, `clips` or `hours` how much.
    """

    split: str
    bucket: str
    voices: tuple[tuple[Voice, ...], ...]
    accent: str = "us"
    text_share: float = 0.5
    clips: int | None = None
    hours: float | None = None
    clean_share: float = 0.5


@dataclass(frozen=True)
class Clip:
    """One clip to be spoken; everything random about it follows from `seed`."""

    audio: Path
    text: str
    sentence_kind: str
    voice: Voice
    clean_share: float
    seed: tuple[int, ...]


US_TRAIN = (
    tuple(espeak_voices("en-us", ESPEAK_TRAIN)),
    tuple(flite_voices(("slt", "rms"), WARPS_TRAIN)),
)
US_HELDOUT = (
    tuple(espeak_voices("en-us", ESPEAK_HELDOUT)),
    tuple(flite_voices(("slt", "rms"), WARPS_HELDOUT)),
)
SCOTS_TRAIN = (
    tuple(espeak_voices("en-gb-scotland", SCOTTISH_TRAIN)),
    tuple(flite_voices(("awb",), WARPS_TRAIN)),
)
SCOTS_TEST = (
    tuple(espeak_voices("en-gb-scotland", SCOTTISH_TEST)),
    tuple(flite_voices(("awb",), WARPS_HELDOUT)),
)
KAL16 = (tuple(flite_voices(("kal16",), (1.0,))),)

SETS: dict[str, list[Part]] = {
    "train": [Part("train", "train", US_TRAIN, text_share=0.6, hours=60.0, clean_share=0.75)],
    "dev": [Part("dev", "dev", US_TRAIN, clips=200, clean_share=0.8)],
    "heldout": [Part("test", "heldout", US_HELDOUT, clips=300, clean_share=1.0)],
    "heldout-noisy": [Part("test", "heldout", US_HELDOUT, clips=300, clean_share=0.0)],
    "kal16": [Part("test", "heldout", KAL16, clips=100, clean_share=1.0)],
    "scottish": [Part("test", "heldout", SCOTS_TEST, "scottish", clips=200, clean_share=1.0)],
    "quickstart": [
        Part(
            "train",
            "adapt_train",
            SCOTS_TRAIN,
            "scottish",
            text_share=0.0,
            hours=36 / 60,
            clean_share=0.8,
        ),
        Part(
            "dev",
            "adapt_dev",
            SCOTS_TRAIN,
            "scottish",
            text_share=0.0,
            clips=60,
            clean_share=0.8,
        ),
        Part(
            "test",
            "adapt_test",
            SCOTS_TEST,
            "scottish",
            text_share=0.0,
            clips=120,
            clean_share=0.8,
        ),
    ],
}
SETS["all"] = SETS["train"] + SETS["dev"] + SETS["heldout"]


def plan(part: Part, folder: Path, lines: list[str], seed: int, suffix: str) -> Iterator[Clip]:
    """The endless clips of a part, always the same for the same seed and text.

    Text clauses are taken in a shuffled order, each once, before any is spoken again by another voice.
    """
    rng = random.Random(f"{seed} {part.split} {part.bucket}")
    everyday = everyday_sentences(seed, part.bucket)
    written = text_clauses(lines, part.bucket)
    rng.shuffle(written)
    again = itertools.cycle(written)
    for index in itertools.count():
        from_text = bool(written) and rng.random() < part.text_share
        voice = rng.choice(rng.choice(part.voices))
        audio = folder / "audio" / part.split / f"{index // 1000:03d}" / f"{index:06d}{suffix}"
        text = next(again) if from_text else next(everyday)
        yield Clip(
            audio,
            text,
            "text" if from_text else "everyday",
            voice,
            part.clean_share,
            (seed, index),
        )


def render(clip: Clip) -> float | None:
    """Speak and write one clip unless it is there; its duration in seconds, None when it is too long or silent."""
    import soundfile

    if clip.audio.exists():
        return soundfile.info(clip.audio).duration
    rng = np.random.default_rng(clip.seed)
    speech = trim_silence(speak(clip.voice, clip.text, rng))
    if not 0.2 * SAMPLE_RATE < len(speech) < MAX_CLIP_S * SAMPLE_RATE:
        return None
    waveform = record(speech, rng, clip.clean_share)
    buffer, opus = io.BytesIO(), clip.audio.suffix == ".ogg"
    kind = {"format": "OGG", "subtype": "OPUS", "compression_level": 0.96} if opus else {"format": "FLAC"}
    soundfile.write(buffer, waveform, SAMPLE_RATE, **kind)
    write_atomically(clip.audio, buffer.getvalue())
    return len(waveform) / SAMPLE_RATE


def speak_part(part: Part, folder: Path, lines: list[str], seed: int, suffix: str, workers: int) -> list[dict]:
    """Speak one part of a set; its manifest rows. The manifest on disk grows with each block of clips."""
    rows: list[dict] = []
    spoken_s, skipped = 0.0, 0
    clips = plan(part, folder, lines, seed, suffix)
    with ProcessPoolExecutor(workers) as pool:
        while True:
            block = list(
                itertools.islice(
                    clips,
                    BLOCK if part.clips is None else min(BLOCK, part.clips - len(rows)),
                )
            )
            for clip, duration_s in zip(block, pool.map(render, block, chunksize=8), strict=True):
                if duration_s is None:
                    skipped += 1
                    continue
                spoken_s += duration_s
                rows.append(_row(clip, part, folder, duration_s))
            print(
                f"\r{part.split}: {len(rows)} clips, {spoken_s / 3600:.2f} h",
                end="",
                file=sys.stderr,
                flush=True,
            )
            if len(rows) % (10 * BLOCK) < BLOCK:
                write_manifest(folder / f"manifest-{part.split}.csv", rows)
            if (len(rows) >= part.clips) if part.clips else (spoken_s >= (part.hours or 0.0) * 3600):
                break
    print(
        f"\r{part.split}: {len(rows)} clips, {spoken_s / 3600:.2f} h, {skipped} too long or silent",
        file=sys.stderr,
    )
    return rows


def _row(clip: Clip, part: Part, folder: Path, duration_s: float) -> dict:
    return {
        "audio": clip.audio.relative_to(folder).as_posix(),
        "text": clip.text,
        "speaker": clip.voice.name,
        "accent": part.accent,
        "language": "en",
        "split": part.split,
        "duration": f"{duration_s:.3f}",
        "engine": clip.voice.engine,
        "sentence_kind": clip.sentence_kind,
    }


def write_manifest(path: Path, rows: list[dict]) -> None:
    """Write manifest rows as CSV, whole or not at all."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, table.getvalue())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m data_scripts.synthesize",
        description=(__doc__ or "").split("\n")[0],
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for manifest.csv and audio/")
    parser.add_argument(
        "--text",
        type=Path,
        help="plain text, one sentence a line, spoken beside the everyday sentences",
    )
    parser.add_argument("--set", choices=sorted(SETS), default="train", help="which set (see above)")
    parser.add_argument(
        "--hours",
        type=float,
        help="length of the training part, in hours (default 60; quickstart 0.6)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that speak at once")
    options = parser.parse_args(arguments)
    if missing := missing_engines():
        print(
            f"not on PATH: {', '.join(missing)}; install with: apt-get install espeak-ng flite",
            file=sys.stderr,
        )
        return 2
    try:
        lines = read_text(options.text) if options.text else []
    except (OSError, UnicodeDecodeError) as error:
        print(
            printable(f"--text {options.text}: cannot be read as UTF-8 text ({error})"),
            file=sys.stderr,
        )
        return 2
    run(options.out, SETS[options.set], lines, options)
    return 0


def run(folder: Path, parts: list[Part], lines: list[str], options: argparse.Namespace) -> None:
    """Speak every part of a set and write the whole manifest."""
    suffix = ".ogg" if options.set == "quickstart" else ".flac"
    rows: list[dict] = []
    for part in parts:
        if options.hours and part.hours:
            part = Part(**{**part.__dict__, "hours": options.hours})
        rows += speak_part(part, folder, lines, options.seed, suffix, options.workers)
        (folder / f"manifest-{part.split}.csv").unlink(missing_ok=True)
    write_manifest(folder / "manifest.csv", rows)
    print(printable(f"{folder / 'manifest.csv'}: {len(rows)} clips"), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
