"""Text that another recogniser wrote, scored like a model's: no audio and no model is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.errors import BadInput
from speech_tl.scoring.files import scoring_versions, sha256_of
from speech_tl.scoring.hypotheses import (
    Hypotheses,
    hypotheses_for,
    read_hypotheses,
    read_sclite_references,
    require_all,
)
from speech_tl.scoring.pairing import ELSEWHERE
from speech_tl.scoring.selection import chosen_to_score, require_known, rows_to_score
from speech_tl.scoring.silence import silence_figures
from speech_tl.scoring.wer import Evaluation, score
from speech_tl.text import agreed, normaliser_for, require_writable


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
        split, by, normaliser, language, silence, out: as `speech_tl.evaluate` has them.

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
    require_known(dict.fromkeys(name for said in utterances for name in said.columns), source, by, "--by")
    language = language or agreed(said.columns.get("language") for said in utterances)
    evaluation = score(
        utterances,  # type: ignore[arg-type]  # what is read of them is never written
        require_all(utterances, [texts[row] for row in rows], given.source),
        normaliser_for(normaliser, language),
        model={"source": given.source, "family": ELSEWHERE, "sha256": sha256_of(hypotheses)},
        data={**facts, "split": split, "language": language},
    )
    evaluation.versions = scoring_versions()
    if given.notes:
        evaluation.data["notes"] = [*given.notes, *evaluation.data.get("notes", [])]
    if silence:
        evaluation.data["silence"] = silence_figures(evaluation.utterances)
    if out is not None:
        evaluation.write(out)
    return evaluation


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
        return utterances, rows_to_score(splits, texts, split, silence, str(data or given.source)), facts
    assert data is not None, "what stands beside the hypotheses has utterances"
    manifest, rows, notes = chosen_to_score(Manifest.read(data), split, silence)
    facts = {"source": manifest.source, "fingerprint": manifest.select(rows).fingerprint()}
    return list(manifest), rows, facts | ({"notes": notes} if notes else {})
