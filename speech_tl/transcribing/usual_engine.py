"""What transcribes where nobody chose an engine: of a Whisper on a CPU its conversion, in 8 bits, by CTranslate2.

The first time, the model is converted and both write a few windows; from then on the conversion transcribes. Of a model
in a folder it is noted which conversion is its own, so that the next command loads nothing else (`known_whisper`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.models.audio_context import FULL, SHORTENED
from speech_tl.models.converted import (
    checked,
    conversion,
    folder_state,
    note_conversion,
    noted_conversion,
    remember_checked,
)
from speech_tl.transcribing.converted_whisper import PRECISION, ConvertedWhisper, Facts, usual_threads

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions
    from speech_tl.models.whisper import WhisperModel

COMPARED = 4
"""Pieces of speech that a conversion and the model itself both write, the first time."""

_earlier: WeakKeyDictionary[AcousticModel, tuple[object, ConvertedWhisper]] = WeakKeyDictionary()
"""What a model in this process was converted to, and from which weights and facts."""


def is_usual(options: DecodingOptions) -> bool:
    """Whether nobody chose an engine, nor anything that only the model itself can do."""
    chosen = "engine" in options.model_fields_set or options.precision != "float32" or not options.shortcuts
    return not (chosen or options.fuses or options.test_time is not None)


def known_whisper(
    source: str | Path, language: str | None, task: str | None, options: DecodingOptions, threads: int | None = None
) -> ConvertedWhisper | None:
    """The conversion of a Whisper in a folder as the folder is now, if it was noted; None where it was not.

    Args:
        source, language, task: as for `load_model`.
        options: of the decoding.
        threads: cores that decode; None takes all.
    """
    if not is_usual(options):
        return None
    state = state_of(source, language, task)
    noted = None if state is None else noted_conversion(state)
    if noted is None or checked(noted["name"]) is None:
        return None
    try:
        facts = Facts(**noted["facts"])
        place = conversion(noted["name"])
        return ConvertedWhisper(place, facts, str(source), threads or usual_threads()).decoding(options)
    except (OSError, RuntimeError, TypeError, ValueError, KeyError, ImportError):  # damaged, or of another version
        return None


def state_of(source: str | Path, language: str | None, task: str | None) -> str | None:
    """The state of a model's folder, see `folder_state`; None of what is no folder.

    Raises:
        BadInput: as `load_model`, as far as the name goes.
    """
    from speech_tl.models.load import locate

    return folder_state(Path(locate(str(source))), language, task)


def usual_engine(
    model: AcousticModel,
    options: DecodingOptions,
    waveforms: Sequence[np.ndarray],
    language: str | None = None,
    state: str | None = None,
) -> tuple[AcousticModel | ConvertedWhisper, str | None]:
    """What transcribes in place of a model where nobody chose how; and why it is not the usual engine.

    Args:
        model: a Whisper on a CPU is replaced by its conversion, unless it cannot be converted, or writes other words
            than the model itself when it is used for the first time.
        options: of the decoding.
        waveforms: `(samples,)`, which both write then.
        language: that is spoken in them; None where the model knows.
        state: of the folder from which the model was loaded and not changed since, see `folder_state`.
    """
    if not is_usual(options) or not model.has_decoder or model.device.type != "cpu" or not model.shortcuts:
        return model, None
    try:
        return _converted(model, options, waveforms, language, state), None
    except BadInput as error:
        return model, f"model {model.source} is decoded by torch, which takes longer: {error}"


def _converted(
    model: WhisperModel,
    options: DecodingOptions,
    waveforms: Sequence[np.ndarray],
    language: str | None,
    state: str | None,
) -> ConvertedWhisper:
    from speech_tl.models.converted_decoder import require_ctranslate2
    from speech_tl.models.engine import converted, weights_state

    require_ctranslate2()
    facts, threads = _facts(model), usual_threads()
    weights = (weights_state(model), facts, threads)
    before = _earlier.get(model)
    if before is not None and before[0] == weights:
        return before[1].decoding(options)
    name, found = converted(model, PRECISION, lambda folder: ConvertedWhisper(folder, facts, model.source, threads))
    if found.chooses_language and not found.hears_languages:
        raise BadInput("engine ctranslate2 tells a multilingual Whisper by another number of tokens")
    given = checked(name)
    if given is None:
        given = _agreed_context(model, found, options, waveforms, language)
        if given is None:
            return found.decoding(options)
        remember_checked(name, given)
    found.facts = facts if model.decoding_context.trims else replace(facts, given=given)
    _earlier[model] = weights, found
    if state is not None and model.base is None and not model.remarks:
        note_conversion(state, {"name": name, "facts": found.facts.saved()})
    return found.decoding(options)


def _agreed_context(
    model: WhisperModel,
    found: ConvertedWhisper,
    options: DecodingOptions,
    waveforms: Sequence[np.ndarray],
    language: str | None,
) -> dict[str, Any] | None:
    """From which part of the window a conversion writes what the model itself writes; None where neither writes.

    Raises:
        BadInput: they differ, from the whole window, too.
    """
    from speech_tl.decoding.words import decode_words
    from speech_tl.models.engine import require_same_words

    # draws differ anyhow, and both search as wide
    searched = options.model_copy(update={"temperature": 0.0, "beam": options.beam})
    with model.speaking(language):
        own = [text for text, _ in decode_words(model, waveforms, searched)]
    contexts = [found.facts.given] if model.decoding_context.trims else [found.facts.given, asdict(FULL)]
    for context in contexts:
        found.facts = replace(found.facts, given=context)
        with found.decoding(searched).speaking(language):
            theirs = [text for text, _ in found.written(waveforms)]
        try:
            words = require_same_words(own, theirs, PRECISION)
        except BadInput:
            if context == contexts[-1]:
                raise
        else:
            return context if words else None
    return None


def _facts(model: WhisperModel) -> Facts:
    from speech_tl.models.whisper import TOKENS_A_SECOND, TOKENS_WITHOUT_SPEECH

    settings, extractor = model.network.generation_config, model.extractor
    several = model.multilingual
    return Facts(
        language=None if several and getattr(settings, "language", None) is None else model.language,
        task=model.task,
        languages=model.languages,
        tasks=dict(settings.task_to_id) if several else {},
        start=model.prompt[0],
        no_timestamps=model.prompt[-1],
        end=model.end,
        longest=model.longest_label,
        tokens_without_speech=TOKENS_WITHOUT_SPEECH,
        tokens_a_second=TOKENS_A_SECOND,
        context=model.decoding_context.saved(),
        given=asdict(model.decoding_context if model.decoding_context.trims else SHORTENED),
        words_late_s=model.words_late_s,
        sample_rate=model.sample_rate,
        n_fft=extractor.n_fft,
        hop_length=extractor.hop_length,
        full_frames=model.full_frames,
    )
