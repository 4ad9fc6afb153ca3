"""The training texts of a run with the capitals and marks that its checkpoint writes: decoded once, then looked up."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.adaptation.restoring import Habits, is_complete, is_useless, restored
from speech_tl.adaptation.text_style import plainly
from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import Progress, decode
from speech_tl.models.audio_context import AudioContext
from speech_tl.text import write_atomically
from speech_tl.text.style import SHOUTED_WORDS, USUAL, is_shouted
from speech_tl.training.batches import first_rows, training_dataset

if TYPE_CHECKING:
    from speech_tl.adaptation.preparation import Data
    from speech_tl.data.manifest import Utterance
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions
    from speech_tl.recipe import Recipe
    from speech_tl.screen import Screen

TEXTS = "texts.jsonl"
"""In a training's folder: every text that was decoded for, what the checkpoint wrote, and what is learnt."""

WINDOW_S = 10.0
"""Whisper's window for short clips on a CPU. Of 80 clips of 4 s tiny.en gave 84 % a final mark with it and 89 % with
30 s, in a third of the time (0.24 and 0.71 s a clip); shorter windows make it loop (WER 31 % with 10 s, 69 % with 8 s).
Several clips joined in one window of 30 s were no faster (0.27 s a clip)."""

SAMPLED = 300
"""Where nobody asked for `restore`, so many transcripts show how the checkpoint writes; the rest get what is usual."""

TIMED = 6
"""Utterances that a dry run decodes, to say how long all take."""

Rows = Mapping[str, Sequence[int]]
"""Rows of each part of what is learnt from."""


def with_restored_texts(model: AcousticModel, data: Data, recipe: Recipe, folder: Path, screen: Screen) -> Data:
    """The data of a run as it is learnt from, where its texts are to be restored.

    Args:
        model: the checkpoint, prepared and untrained.
        data: of the run.
        recipe: the run's.
        folder: of the training; `texts.jsonl` there is read if it is of these texts, else written.
        screen: where to show progress.
    """
    if not data.style.restores or (folder / "result.json").is_file():
        return data
    asked = _asked(_parts(data), _rows(model, data, recipe), model.language)
    lines = _noted(folder / TEXTS, asked)
    if lines is None:
        chosen = _sampled(asked, recipe)
        with screen.progress(f"capitals and marks: decoding {len(chosen)} training utterances") as update:
            lines = _written(model, asked, chosen, recipe.decoding, update)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_atomically(folder / TEXTS, text)
    return _replaced(data, recipe, asked, lines)


def once_noted(data: Data, recipe: Recipe, model: AcousticModel, folder: Path) -> Data:
    """The same in a process that helps the run's first one: as soon as that has written the texts."""
    if not data.style.restores:
        return data
    asked = _asked(_parts(data), _rows(model, data, recipe), model.language)
    while (lines := _noted(folder / TEXTS, asked)) is None:
        time.sleep(1)
    return _replaced(data, recipe, asked, lines)


def seconds_to_restore(model: AcousticModel, data: Data, recipe: Recipe) -> float:
    """About how long the decoding takes, by some utterances of middle length; 0 where nothing is restored."""
    if not data.style.restores:
        return 0.0
    asked = _asked(_parts(data), _rows(model, data, recipe), model.language)
    by_length = sorted((utterance for *_, utterance in asked), key=lambda utterance: utterance.duration_s or 0.0)
    first = max(0, (len(by_length) - TIMED) // 2)
    timed = by_length[first : first + TIMED]
    decoded = len(_sampled(asked, recipe))
    if not timed:
        return 0.0
    transcribed(model, timed[:1], recipe.decoding)  # warms up
    started = time.perf_counter()
    transcribed(model, timed, recipe.decoding)
    return (time.perf_counter() - started) * decoded / len(timed)


def transcribed(
    model: AcousticModel, utterances: Sequence[Utterance], decoding: DecodingOptions, progress: Progress | None = None
) -> list[str]:
    """What the model writes; in short windows where that is cheaper, and again in 30 s where these made it loop."""
    if not utterances:
        return []
    with _short_windows(model) as short:
        first = decode(model, utterances, plainly(decoding, "auto"), progress)
    found = [h.text or "" for h in first]
    lost = [h.looped or is_useless(h.text or "", utterances[h.index].text or "", model.language) for h in first]
    again = [i for i, useless in enumerate(lost) if short and useless]
    if again:
        for i, hypothesis in zip(again, decode(model, [utterances[i] for i in again], plainly(decoding)), strict=True):
            found[i] = hypothesis.text or ""
    return found


@contextmanager
def _short_windows(model: AcousticModel) -> Iterator[bool]:
    """Within, short clips get `WINDOW_S` of Whisper's window on a CPU; whether that is less than they had."""
    usual = model.decoding_context
    short = model.window_limit_s is not None and model.device.type == "cpu" and not usual.trims
    if short:
        model.decoding_context = AudioContext.wanted(WINDOW_S)
    try:
        yield short
    finally:
        model.decoding_context = usual


def _parts(data: Data) -> dict[str, Manifest]:
    """What the run learns texts from: train, and source speech whose texts are read."""
    return {"train": data.train, **data.sources.texts_read()}


def _rows(model: AcousticModel, data: Data, recipe: Recipe) -> dict[str, list[int]]:
    """Which rows of each part a run learns from: a short one does not come to all, as far as that is known before."""
    every = {name: list(range(len(part))) for name, part in _parts(data).items()}
    options, retention = recipe.training, data.sources.retention()
    measured = options.batch_seconds == "auto" and model.device.type == "cuda"
    if options.max_steps is None or measured or options.several_in_a_window or data.unlabelled is not None:
        return every
    chain = data.augmenter.chain("train", data.train, sample_rate=model.sample_rate, seed=recipe.seed)
    dataset = training_dataset(retention.mixed(data.train), model, options, chain, recipe.seed)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    heard = first_rows(dataset, model, options.shortened(retention.batch_share), recipe.seed, ranks)
    targets = len(data.train)
    found = {"train": [row for row in heard if row < targets]}
    if retention.mixed_in is not None:
        found[retention.mixed_in[0]] = [row - targets for row in heard if row >= targets]
    return every | found


Asked = Sequence[tuple[str, int, "Utterance"]]
"""Utterances whose texts are to be restored: part, row in it, utterance."""


def _asked(parts: Mapping[str, Manifest], rows: Rows, language: str | None) -> Asked:
    """The rows whose texts lack capitals or marks."""
    found = []
    for name, part in parts.items():
        texts = part.texts("text")
        found += [(name, row) for row in rows[name] if (text := texts[row]) and not is_complete(text, language)]
    return [(name, row, parts[name][row]) for name, row in found]


def _keys(asked: Asked) -> list[dict[str, Any]]:
    """What a line of `texts.jsonl` must say to be of an utterance."""
    return [{"part": name, "id": utterance.id, "text": utterance.text} for name, _, utterance in asked]


def _noted(path: Path, asked: Asked) -> list[dict[str, Any]] | None:
    """The lines of `path`, where they are of these very texts."""
    if not path.is_file():
        return None
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    keys = _keys(asked)
    same = len(lines) == len(keys) and all(key.items() <= line.items() for key, line in zip(keys, lines, strict=True))
    return lines if same else None


def _sampled(asked: Asked, recipe: Recipe) -> list[int]:
    """Which of them are decoded: all for `restore`, else a sample."""
    everyone = range(len(asked))
    if recipe.data.text_style == "restore" or len(asked) <= SAMPLED:
        return list(everyone)
    return sorted(random.Random(recipe.seed).sample(everyone, SAMPLED))


def _written(
    model: AcousticModel, asked: Asked, chosen: Sequence[int], decoding: DecodingOptions, progress: Progress
) -> list[dict[str, Any]]:
    """The lines of `texts.jsonl`; a text whose labels would not fit any more stays as it is.

    `chosen` are decoded. The others' transcripts are "", so that they are written as the checkpoint usually writes.
    """
    utterances = [utterance for *_, utterance in asked]
    transcripts = [""] * len(asked)
    decoded = transcribed(model, [utterances[place] for place in chosen], decoding, progress)
    for place, transcript in zip(chosen, decoded, strict=True):
        transcripts[place] = transcript
    habits, lines = Habits.of(transcripts, model.language), []
    texts = [utterance.text or "" for utterance in utterances]
    words = 1 if sum(map(is_shouted, texts)) > USUAL * len(texts) else SHOUTED_WORDS  # YES beside WE CALL IT BEAR
    for key, utterance, transcript in zip(_keys(asked), utterances, transcripts, strict=True):
        text = restored(utterance.text or "", transcript, habits, model.language, shouted_words=words)
        fits = utterance.duration_s is None or model.label_problem(text, utterance.duration_s) is None
        lines.append(key | {"transcript": transcript, "learnt": text if fits else utterance.text})
    return lines


def _replaced(data: Data, recipe: Recipe, asked: Asked, lines: Sequence[Mapping[str, Any]]) -> Data:
    """The data with what is learnt instead of the texts."""
    parts = _parts(data)
    texts = {name: list(part.texts("text")) for name, part in parts.items()}
    for (name, row, _), line in zip(asked, lines, strict=True):
        texts[name][row] = line["learnt"]
    made = {name: part.with_column("text", texts[name]) if len(part) else part for name, part in parts.items()}
    train = made.pop("train")
    sources = replace(data.sources, utterances={**data.sources.utterances, **made})
    facts = data.facts | {"text_style": data.facts["text_style"] | {"restored": len(lines)}}
    return replace(data, train=train, sources=sources, facts=facts)
