"""Turn a pre-trained model into a starter: float16 weights, and a model card whose figures are measured here.

    python -m data_scripts.ship_starter --model runs/pretrain-wav2vec2-end/model --out speech_tl/starters/wav2vec2 \
        --test "unheard voices, unheard sentences=synthetic/heldout" --test "LibriSpeech (real)=librispeech_mini"

Every `--test NAME=MANIFEST` becomes a row of the card; one with a column `sentence_kind` gets a row for each kind too.
The figures are those of the float16 weights that ship.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.scoring.groups import group
from speech_tl.scoring.wer import Evaluation, Score
from speech_tl.text import write_atomically

CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: automatic-speech-recognition
tags: [speech_tl, {family}]
---

# starter-{name}

A small {family} recogniser of US English ({parameters:.1f} million parameters, {megabytes:.1f} MB in float16) that
ships with speech_tl so that its quickstart, tests and comparisons run anywhere. For serious work start from a published
checkpoint (`facebook/wav2vec2-*`, `openai/whisper-*`).

## Data

Synthetic speech only, made by `python -m data_scripts.synthesize`: US English voices of espeak-ng (GPL-3.0-or-later;
many variants, speeds and pitches) and flite (BSD-like licence; slt and rms, built from recordings of two speakers) read
sentences of LJ Speech's transcripts (public domain) and of a generator of everyday sentences, partly through simulated
rooms, noise and band limits. It has heard no corpus that a recipe adapts to.

## Training

`recipes/pretrain/{name}.py` {training}

## Word error rates

Greedy decoding, normaliser {normaliser}; 95 % intervals by bootstrap over speakers (over utterances where only one
speaks).

| test set | utterances | words | WER | 95 % interval | CER |
|---|---:|---:|---:|---:|---:|
{rows}

Measured by `python -m data_scripts.ship_starter`, which wrote this card.

## Limits

It is small, has heard machines only, and is far from usable on real speech before it is adapted. Its only use is to be
adapted, quickly and anywhere.
"""


def main(arguments: list[str] | None = None) -> int:
    """Save, measure, write the card; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="folder of the pre-trained model")
    parser.add_argument("--out", required=True, type=Path, help="the starter's folder")
    parser.add_argument("--test", action="append", default=[], metavar="NAME=MANIFEST", help="a row of the card")
    parser.add_argument("--training", default="as the recipe says.", help="how it was trained, after the recipe's name")
    options = parser.parse_args(arguments)
    try:
        ship(options.model, options.out, options.test, options.training)
    except BadInput as error:
        print(f"ship_starter: {error}", file=sys.stderr)
        return 2
    return 0


def ship(source: str, out: Path, tests: list[str], training: str) -> None:
    """Write the starter's folder."""
    model = load_model(source)
    model.network.half()
    model.save(out)
    shipped = load_model(out)
    rows, normaliser = [], ""
    for test in tests:
        name, equals, manifest = test.partition("=")
        if not equals:
            raise BadInput(f"--test {test}: expected NAME=MANIFEST")
        evaluation = evaluate(shipped, manifest, split=None)
        normaliser = evaluation.normaliser
        rows += [_row(name, evaluation.score), *_kinds(name, evaluation)]
        print(rows[-1], flush=True)
    write_atomically(out / "README.md", _card(shipped, out, "\n".join(rows), training, normaliser))


def _kinds(name: str, evaluation: Evaluation) -> list[str]:
    """A row for each kind of sentence, where the manifest tells them apart."""
    if not all("sentence_kind" in utterance.columns for utterance in evaluation.utterances):
        return []
    return [_row(f"{name}: {kind}", score) for kind, score in group(evaluation, "sentence_kind").items()]


def _row(name: str, score: Score) -> str:
    """One line of the card's table."""
    low, high = score.ci95 or (float("nan"), float("nan"))
    return (
        f"| {name} | {score.utterances} | {score.words} | {score.wer:.1%} | {low:.1%} to {high:.1%} | {score.cer:.1%} |"
    )


def _card(model: AcousticModel, out: Path, rows: str, training: str, normaliser: str) -> str:
    """The model card."""
    size = (out / "model.safetensors").stat().st_size
    family = json.loads((out / "config.json").read_text(encoding="utf-8"))["model_type"]
    return CARD.format(
        family=family,
        name=out.name,
        parameters=model.parameter_counts()[1] / 1e6,
        megabytes=size / 1e6,
        training=training,
        normaliser=normaliser,
        rows=rows,
    )


if __name__ == "__main__":
    sys.exit(main())
