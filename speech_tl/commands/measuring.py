"""`evaluate` and `compare`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speech_tl.commands.options import (
    MODEL,
    AudioContext,
    BatchSeconds,
    Beam,
    By,
    Engine,
    Hotwords,
    HotwordWeight,
    Language,
    Lm,
    LmWeight,
    Normaliser,
    Out,
    Split,
    TestTime,
    WordBonus,
    decoding_options,
    option_name,
    search_options,
)
from speech_tl.commands.terminal import base_of, new_console
from speech_tl.errors import BadInput, PartlyDone

if TYPE_CHECKING:
    pass


def evaluate(
    model: Annotated[str | None, typer.Option(help=MODEL)] = None,
    data: Annotated[str | None, typer.Option(help="Manifest, or a folder that holds one; also .stm or .trn.")] = None,
    hypotheses: Annotated[
        Path | None,
        typer.Option(help="Instead of --model: text from elsewhere (.csv, .tsv, .jsonl, .trn, .stm, .ctm)."),
    ] = None,
    split: Split = "test",
    by: By = None,
    normaliser: Normaliser = None,
    language: Language = None,
    silence: Annotated[bool, typer.Option("--silence", help="Score clips without speech: which get text?")] = False,
    batch_seconds: BatchSeconds = None,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
    test_time: TestTime = False,
    beam: Beam = None,
    lm: Lm = None,
    lm_weight: LmWeight = None,
    word_bonus: WordBonus = None,
    hotwords: Hotwords = None,
    hotword_weight: HotwordWeight = None,
    out: Out = None,
) -> None:
    """Score a model on a test set, or text that another recogniser wrote."""
    from speech_tl.screen import Screen, announce_loading

    search = search_options(beam, lm, lm_weight, word_bonus, hotwords, hotword_weight)
    _require_one_source(model, hypotheses, data, batch_seconds, engine, test_time, search)
    announce_loading()
    from speech_tl.reporting.page import evaluation_table
    from speech_tl.reporting.silence import silence_lines
    from speech_tl.reporting.words import loops_line

    console = new_console()
    screen = Screen(console)
    chosen: dict[str, Any] = {"split": split, "by": by or [], "normaliser": normaliser, "language": language}
    chosen |= {"silence": silence, "out": out}
    if hypotheses is not None:
        from speech_tl.scoring.hypothesis_files import evaluate_hypotheses

        evaluation = evaluate_hypotheses(hypotheses, data, **chosen)
    else:
        from speech_tl.evaluation import evaluate as run

        with screen.progress(f"decoding {data}") as update:
            decoding = decoding_options(batch_seconds, engine, audio_context, test_time, search)
            assert model is not None and data is not None, "they were asked for"
            evaluation = run(model, data, decoding=decoding, progress=update, **chosen)
    console.print(evaluation_table(evaluation, by or []))
    for note in [*base_of(evaluation.model), *evaluation.data.get("notes", [])]:
        screen.line(f"note: {note}")
    if line := loops_line(evaluation.loops):
        screen.line(line)
    for line in silence_lines(evaluation.data["silence"]) if silence else []:
        screen.line(line)
    if out is not None:
        screen.line(f"Wrote {out / 'summary.json'} and {out / 'utterances.jsonl'}")
    left_out = evaluation.data.get("left_out", [])
    if left_out:
        raise PartlyDone(f"{len(left_out)} utterances could not be decoded and are in no figure", left_out)


def compare(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Two or more: an evaluation's folder, a run's before/ or after/, a text file.")
    ],
    by: By = None,
    data: Annotated[str | None, typer.Option(help="References of text files, where they hold none.")] = None,
    split: Split = "test",
    normaliser: Normaliser = None,
    language: Language = None,
    audio: Annotated[
        str | None, typer.Option(help="How the page plays clips: embed, link or none; by default as the runs do.")
    ] = None,
    out: Out = None,
) -> None:
    """Compare two evaluations of the same test set, or rank several of them."""
    from speech_tl.screen import Screen, announce_loading

    announce_loading()
    from speech_tl.comparison import compare as run
    from speech_tl.comparison import rank
    from speech_tl.reporting.page import terminal_table
    from speech_tl.reporting.ranking import ranking_table

    if len(evaluations) < 2:
        raise BadInput(f"compare needs two or more evaluations of one test set, got {evaluations[0]} alone")
    given: dict[str, Any] = {"data": data, "split": split, "normaliser": normaliser, "language": language}
    given |= {"by": by or [], "out": out, "audio": audio}
    console = new_console()
    screen = Screen(console)
    if len(evaluations) == 2:
        report = run(evaluations[0], evaluations[1], **given)
        conditions = report.conditions
        console.print(terminal_table(report))
    else:
        ranking = rank(evaluations, **given)
        conditions = ranking.conditions
        console.print(ranking_table(ranking))
    for line in conditions:
        screen.line(f"differs: {line}")
    if out is not None:
        screen.line(f"Report: {out / 'report.html'} (also report.md, report.json)")


def _require_one_source(
    model: str | None,
    hypotheses: Path | None,
    data: str | None,
    seconds: float | None,
    engine: str | None,
    test_time: bool,
    search: Mapping[str, Any],
) -> None:
    """Refuse options of `evaluate` that do not go together."""
    if (model is None) == (hypotheses is None):
        raise BadInput("evaluate needs one of --model (decodes audio) and --hypotheses (text from elsewhere)")
    if model is not None and data is None:
        raise BadInput("evaluate --model needs --data, a manifest of what is to be recognised")
    if hypotheses is not None and seconds is not None:
        raise BadInput("--batch-seconds is for --model: with --hypotheses nothing is decoded")
    if hypotheses is not None and engine is not None:
        raise BadInput("--engine is for --model: with --hypotheses nothing is decoded")
    if hypotheses is not None and test_time:
        raise BadInput("--test-time is for --model: with --hypotheses nothing is decoded")
    if hypotheses is not None and search:
        raise BadInput(f"{option_name(next(iter(search)))} is for --model: with --hypotheses nothing is decoded")
