"""One model, one test set, one honest WER."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.data.manifest import Manifest, the_language
from speech_tl.data.test_set import TestSet
from speech_tl.decoding.decode import Progress
from speech_tl.decoding.measuring import measure
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.selection import chosen_to_score, require_known
from speech_tl.scoring.silence import silence_figures
from speech_tl.scoring.wer import Evaluation
from speech_tl.text import get_normaliser, normaliser_for, require_writable
from speech_tl.text.ngrams.texts import require_unseen

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

NOT_GROUPS = ("id", "audio", "text", "duration")
"""Columns of a manifest that differ from row to row."""


def evaluate(
    model: AcousticModel | str | Path,
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
        language: code or name; None takes the manifest's `language` when all rows agree, else the checkpoint's where
            it has one. It decides on the default normaliser and on how case is folded.
        decoding: batch sizes, beam, precision.
        silence: score the clips without speech only: those whose text is empty, or all where there is no `text`;
            `data["silence"]` of the result then holds what `silence_figures` counts.
        out: folder for summary.json and utterances.jsonl.
        progress: told seconds of audio done and in all.

    Raises:
        BadInput: no text, no such split or column, a language model made from these sentences, nothing that can be
            decoded, a model that cannot be loaded, or `out` that cannot be written.
    """
    if out is not None:
        require_writable(out)
    manifest = data if isinstance(data, Manifest) else Manifest.read(data)
    manifest, rows, notes = chosen_to_score(manifest, split, silence)
    manifest = manifest.select(rows)
    require_columns(manifest, by, "--by")
    language = language or the_language(manifest)
    if normaliser is not None:
        get_normaliser(normaliser, language)  # refused before any loading
    if isinstance(model, str | Path):
        model = load_model(model, language=language)
    rules = normaliser_for(normaliser, language, checkpoints_language(model, manifest))
    facts: dict[str, Any] = {"source": manifest.source, "split": split, "language": rules.language}
    facts["fingerprint"] = manifest.fingerprint()
    if decoding is not None and decoding.lm is not None:
        unknown = require_unseen(decoding.lm, manifest.texts("text"), manifest.source)
        notes = [*notes, *([unknown] if unknown else [])]
    facts |= {"notes": notes} if notes else {}
    test_set = TestSet(manifest.source, manifest, rules, rules.language, facts=facts)
    evaluation = measure(model, test_set, decoding or DecodingOptions(), progress=progress)
    if silence:
        evaluation.data["silence"] = silence_figures(evaluation.utterances)
    if out is not None:
        evaluation.write(out)
    return evaluation


def require_columns(manifest: Manifest, columns: Sequence[str], option: str) -> None:
    """Refuse columns to group by that the manifest lacks; `option` is what named them.

    Raises:
        BadInput: the first that is not there, with the nearest that is.
    """
    require_known([name for name in manifest.columns if name not in NOT_GROUPS], manifest.source, columns, option)


def checkpoints_language(model: AcousticModel, manifest: Manifest) -> str | None:
    """What a model is set to, which stands for the language of speech that no row of the manifest says."""
    return None if any(manifest.texts("language")) else model.language
