"""Evaluations of one test set side by side: what changed between two, which of several is best, what may be luck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput
from speech_tl.reporting.options import AudioMode, ReportOptions
from speech_tl.reporting.words import tails, telling
from speech_tl.text import require_writable, stated_normaliser
from speech_tl.text.parsed import yaml_value

if TYPE_CHECKING:
    from speech_tl.reporting.report import Ranking, Report
    from speech_tl.scoring.wer import Evaluation

RUN_DEPTH = 3
"""A guard's evaluations lie so deep in a run's folder."""

MODES: tuple[AudioMode, ...] = ("none", "link", "embed")
"""How a page may play utterances, the most private way first."""


def compare(
    before: str | Path | Evaluation,
    after: str | Path | Evaluation,
    by: Sequence[str] = (),
    out: str | Path | None = None,
    audio: AudioMode | None = None,
    **scoring: Any,
) -> Report:
    """Compare two evaluations of the same utterances.

    Args:
        before, after: evaluations, or the folders that `speech-tl evaluate --out` or a run wrote, or files of text
            that another recogniser wrote.
        by: manifest columns to report by group.
        out: folder for report.json, report.md and report.html; nothing is written without it.
        audio: how the page plays utterances, as `report.audio` of a recipe; None does as the runs do that these
            evaluations are of (the most private way among them), else as a recipe does by default.
        scoring: `data`, `split`, `normaliser`, `language` for files, as `evaluate_hypotheses` has them.

    Returns:
        A report as a run has it, with both models under `model`, no training, and under `conditions` one line for
        each other condition that differs (decoding, data, versions, language).

    Raises:
        BadInput: a folder holds no evaluation, or the test set, segments, references or normaliser differ (names
            the first offenders), or no utterance has a column of `by`.
    """
    from speech_tl.reporting.page import build_report, write_report
    from speech_tl.scoring.pairing import pair

    audio = _audio([before, after], audio)
    if out is not None:
        require_writable(out)
    first, second = _evaluations([before, after], **scoring)
    second = pair(first, second, (_name(before, "before"), _name(after, "after")))
    models = {"before": first.model, "after": second.model}
    report = build_report(_title([before, after], [first, second]), first, second, by=by, model=models)
    if out is not None:
        write_report(report, out, first, second, audio=audio)
    return report


def rank(
    given: Sequence[str | Path | Evaluation],
    by: Sequence[str] = (),
    out: str | Path | None = None,
    audio: AudioMode | None = None,
    **scoring: Any,
) -> Ranking:
    """Rank evaluations of the same utterances, each pair of them tested.

    Args:
        given: two or more, each as `compare` takes it.
        by: manifest columns to report by group.
        out: folder for report.json, report.md and report.html; nothing is written without it.
        audio, scoring: as for `compare`.

    Returns:
        The order, best first, every pair with its tests (Holm-corrected), and the conditions that differ.

    Raises:
        BadInput: as `compare`; or one is given twice.
    """
    from speech_tl.reporting.ranking import build_ranking, write_ranking

    audio = _audio(given, audio)
    if out is not None:
        require_writable(out)
    names = [_name(side, f"evaluation {number}") for number, side in enumerate(given, 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{twice} is given twice; expected different evaluations of one test set")
    evaluations = dict(zip(names, _evaluations(given, **scoring), strict=True))
    report = build_ranking(evaluations, by)
    if out is not None:
        write_ranking(report, out, evaluations, audio)
    return report


def _evaluations(
    given: Sequence[str | Path | Evaluation],
    data: str | Path | None = None,
    split: str | None = "test",
    normaliser: str | None = None,
    language: str | None = None,
) -> list[Evaluation]:
    """The evaluations themselves: folders are read, files scored as the first folder was where not told otherwise."""
    from speech_tl.scoring.hypothesis_files import evaluate_hypotheses
    from speech_tl.scoring.wer import Evaluation

    files = [side for side in given if not isinstance(side, Evaluation) and Path(side).is_file()]
    if not files and (data or normaliser or language):
        raise BadInput(
            "--data, --normaliser and --language are for files of hypotheses; folders hold what was scored already: "
            "evaluate again for other ones"
        )
    read = [side if isinstance(side, Evaluation) or side in files else Evaluation.read(side) for side in given]
    known = next(((name, side) for name, side in zip(given, read, strict=True) if isinstance(side, Evaluation)), None)
    if files and known is not None:
        name, first = known
        where = _name(name, "the evaluation")
        normaliser = normaliser or stated_normaliser(first.normaliser, where, "--normaliser ")
        language = language or first.data.get("language")
    return [
        side
        if isinstance(side, Evaluation)
        else evaluate_hypotheses(side, data, split=split, normaliser=normaliser, language=language)
        for side in read
    ]


def _audio(given: Sequence[str | Path | Evaluation], asked: AudioMode | None) -> AudioMode:
    """How a page of these may play utterances.

    Raises:
        BadInput: what was asked for is no such way.
    """
    if asked is not None and asked not in MODES:
        raise BadInput(f"audio {asked}: expected {', '.join(MODES)}")
    if asked is not None:
        return asked
    runs = [Path(side).absolute() for side in given if isinstance(side, (str, Path))]
    recipes = (folder / "recipe.yaml" for run in runs for folder in [*run.parents][:RUN_DEPTH])
    said = [_said_audio(recipe) for recipe in recipes if recipe.is_file()]
    return next((mode for mode in MODES if mode in said), ReportOptions().audio)


def _said_audio(recipe: Path) -> Any:
    """A run's `report.audio`; None where its recipe cannot be read or does not say."""
    try:
        return yaml_value(recipe.read_text(encoding="utf-8"), str(recipe))["report"]["audio"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _name(given: str | Path | Evaluation, otherwise: str) -> str:
    """How a message names one side."""
    return str(given) if isinstance(given, (str, Path)) else otherwise


def _title(given: Sequence[str | Path | Evaluation], sides: Sequence[Evaluation]) -> str:
    """What is compared with what: by the models' sources where those tell the two apart, else by the folders."""
    sources = [str(side.model.get("source") or "unknown model") for side in sides]
    if sources[0] != sources[1]:
        return " compared with ".join(tails(sources))
    names = telling([_name(side, otherwise) for side, otherwise in zip(given, ("before", "after"), strict=True)])
    return f"{sources[0]}: {' compared with '.join(names)}"
