"""One model, one test set, one honest WER."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.decoding import Progress, decode
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.files import scoring_versions, sha256_of
from speech_tl.scoring.hypotheses import (
    Hypotheses,
    hypotheses_for,
    read_hypotheses,
    read_sclite_references,
    require_all,
)
from speech_tl.scoring.pairing import ELSEWHERE
from speech_tl.scoring.sclite import IGNORED
from speech_tl.scoring.silence import silence_figures
from speech_tl.scoring.wer import Evaluation, score
from speech_tl.text import default_normaliser, get_normaliser, nearest, require_writable

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

NOT_GROUPS = ("id", "audio", "text", "duration")
"""Columns of a manifest that differ from row to row."""


def evaluate(
    model: AcousticModel | str,
    data: Manifest | str | Path,
    *,
    split: str | None = "test",
    by: Sequence[str] = (),
    normaliser: str | None = None,
    language: str | None = None,
    decoding: DecodingOptions | None = None,
    silence: bool = False,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Decode a test set and score it.

    Args:
        model: a loaded model, or what `load_model` takes.
        data: a manifest with `text`, or where one is.
        split: which split; None or a manifest without the column `split` means every row.
        by: columns that the caller will group by; one that the manifest lacks is refused before any decoding.
        normaliser: `none`, `basic`, `english`, `unspaced` or a function as "module:function"; None takes the default
            of the language.
        language: code or name; None takes the manifest's `language` when all rows agree.
        decoding: batch sizes, beam, precision.
        silence: score the clips without speech only: those whose text is empty, or all where there is no `text`;
            `data["silence"]` of the result then holds what `silence_figures` counts.
        out: folder for summary.json and utterances.jsonl.
        progress: told seconds of audio done and in all.

    Raises:
        BadInput: no text, no such split or column, nothing that can be decoded, a model that cannot be loaded,
            or `out` that cannot be written.
    """
    if out is not None:
        require_writable(out)
    manifest = data if isinstance(data, Manifest) else Manifest.read(data)
    manifest = _texts_of(manifest, silence)
    manifest = manifest.select(_rows(manifest.texts("split"), manifest.texts("text"), split, silence, manifest.source))
    require_columns(manifest, by, "--by")
    language = language or the_language(manifest)
    rules = get_normaliser(normaliser).name if normaliser else None
    if isinstance(model, str):
        model = load_model(model, language=language)
    facts = {"source": manifest.source, "split": split, "language": language, "fingerprint": manifest.fingerprint()}
    rules = rules or default_normaliser(language or model.language)
    evaluation = evaluate_utterances(model, manifest, rules, decoding or DecodingOptions(), facts, progress)
    return _finished(evaluation, silence, out)


def evaluate_hypotheses(
    hypotheses: str | Path,
    data: str | Path | None = None,
    *,
    split: str | None = "test",
    by: Sequence[str] = (),
    normaliser: str | None = None,
    language: str | None = None,
    silence: bool = False,
    out: str | Path | None = None,
) -> Evaluation:
    """Score text that any other recogniser wrote; no audio is needed.

    Args:
        hypotheses: a file that `read_hypotheses` takes: CSV, TSV or JSON lines, or sclite's trn, stm, ctm.
        data: the references: a manifest, or sclite's stm or trn; None where they stand beside the hypotheses.
        split, by, normaliser, language, silence, out: as `evaluate` has them.

    Returns:
        An evaluation whose conditions of decoding are unknown; the file's name stands for the model.

    Raises:
        BadInput: a file that cannot be read, ids that do not match, an utterance without hypothesis, no references.
    """
    if out is not None:
        require_writable(out)
    given = read_hypotheses(hypotheses)
    references, rows, facts = _references(given, data, split, silence)
    source = str(data or hypotheses)
    texts = hypotheses_for(references, given, source)
    utterances = [references[row] for row in rows]
    _require_known(dict.fromkeys(name for said in utterances for name in said.columns), source, by, "--by")
    spoken = {said.columns.get("language") for said in utterances} - {None, ""}
    language = language or (spoken.pop() if len(spoken) == 1 else None)
    evaluation = score(
        utterances,
        require_all(utterances, [texts[row] for row in rows], given.source),
        normaliser or default_normaliser(language),
        model={"source": given.source, "family": ELSEWHERE, "sha256": sha256_of(hypotheses)},
        data={**facts, "split": split, "language": language},
    )
    evaluation.versions = scoring_versions()
    return _finished(evaluation, silence, out)


def _references(
    given: Hypotheses, data: str | Path | None, split: str | None, silence: bool
) -> tuple[list[Utterance], list[int], dict[str, Any]]:
    """All utterances that the hypotheses may be of, which of them are scored, and where they are from."""
    if data is None and given.utterances is None:
        raise BadInput(
            f"{given.source} holds no references: give them with --data (a manifest, .stm or .trn), or in a column "
            "reference beside the hypotheses"
        )
    utterances = given.utterances if data is None else read_sclite_references(data)
    if utterances is not None:
        facts = {} if data is None else {"source": str(data), "fingerprint": sha256_of(data)[:16]}
        splits, texts = [said.columns.get("split") for said in utterances], [said.text for said in utterances]
        return utterances, _rows(splits, texts, split, silence, str(data or given.source)), facts
    manifest = _texts_of(Manifest.read(data), silence)
    rows = _rows(manifest.texts("split"), manifest.texts("text"), split, silence, manifest.source)
    return list(manifest), rows, {"source": manifest.source, "fingerprint": manifest.select(rows).fingerprint()}


def _texts_of(manifest: Manifest, silence: bool) -> Manifest:
    """The manifest with a text in each row; where clips without speech are looked for, no text means an empty one."""
    if not silence:
        manifest.require_text()
        return manifest
    return manifest.with_column("text", [text or "" for text in manifest.texts("text")])


def _rows(
    splits: Sequence[str | None], texts: Sequence[str | None], split: str | None, silence: bool, source: str
) -> list[int]:
    """The rows to score: of one split (all where no row names one or none is wanted), or its clips without speech."""
    everything = split is None or not any(splits)
    in_split = [row for row, name in enumerate(splits) if everything or name == split]
    if not in_split:
        there = ", ".join(sorted({name for name in splits if name}))
        raise BadInput(f"{source} has no rows of split {split} (there are: {there})")
    if not silence:
        return [row for row in in_split if texts[row] != IGNORED]
    silent = [row for row in in_split if not (texts[row] or "").strip()]
    if not silent:
        raise BadInput(f"--silence: all {len(in_split)} rows of {source} have text; expected clips without speech")
    return silent


def _finished(evaluation: Evaluation, silence: bool, out: str | Path | None) -> Evaluation:
    """With the figures of silence, and written, where either is wanted."""
    if silence:
        evaluation.data["silence"] = silence_figures(evaluation.utterances)
    if out is not None:
        evaluation.write(Path(out))
    return evaluation


def evaluate_utterances(
    model: AcousticModel,
    utterances: Sequence,
    normaliser: str,
    decoding: DecodingOptions,
    data: dict[str, Any],
    progress: Progress | None = None,
) -> Evaluation:
    """Decode and score utterances that are already chosen; what cannot be decoded is listed in `data["left_out"]`."""
    rules = get_normaliser(normaliser)
    hypotheses = decode(model, utterances, decoding, progress)
    if not any(h.text is not None for h in hypotheses):
        why = next((h.problem for h in hypotheses if h.problem), "there are no rows")
        raise BadInput(f"{data.get('source')}: nothing could be decoded; first problem: {why}")
    return score(
        utterances,
        [h.text for h in hypotheses],
        rules,
        model=model.describe(),
        decoding=decoding.conditions(),
        data=data,
    )


def require_columns(manifest: Manifest, columns: Sequence[str], option: str) -> None:
    """Refuse columns to group by that the manifest lacks; `option` is what named them.

    Raises:
        BadInput: the first that is not there, with the nearest that is.
    """
    _require_known([name for name in manifest.columns if name not in NOT_GROUPS], manifest.source, columns, option)


def _require_known(there: Iterable[str], source: str, columns: Sequence[str], option: str) -> None:
    """Refuse columns to group by that are not among those that are `there`."""
    there = list(there)
    for column in columns:
        if column not in there:
            close = nearest(column, there)
            hint = f"; did you mean {close}?" if close else f" (there are: {', '.join(there) or 'none'})"
            raise BadInput(f"{option} {column}: {source} has no such column to group by{hint}")


def the_language(manifest: Manifest) -> str | None:
    """The manifest's language when every row that says one says the same."""
    if "language" not in manifest.columns:
        return None
    found = {language for language in manifest.column("language") if language}
    return found.pop() if len(found) == 1 else None
