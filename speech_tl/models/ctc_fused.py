"""The beam search of a CTC model with the language model and the hotwords that decoding options name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from speech_tl.models.ctc_beams import DEFAULT_BEAM, BeamSearch
from speech_tl.models.fusion import Lexicon, TextScores, Weights
from speech_tl.models.hotwords import read_hotwords
from speech_tl.text import fit_case, leading_rate
from speech_tl.text.ngrams import NGrams, open_ngrams

if TYPE_CHECKING:
    from speech_tl.models.ctc import CTCModel
    from speech_tl.models.options import DecodingOptions

LM_WEIGHT, WORD_BONUS, HOTWORD_WEIGHT = 0.8, 1.0, 1.5
"""Where nobody says otherwise."""


def searches(options: DecodingOptions) -> bool:
    """Whether CTC is to look at more than the best label of each frame."""
    return options.beam > 1 or options.fuses


def width(options: DecodingOptions) -> int:
    """Hypotheses that are kept."""
    return options.beam if options.beam > 1 else DEFAULT_BEAM


def weights_of(options: DecodingOptions) -> Weights:
    """How much text counts."""
    return Weights(
        LM_WEIGHT if options.lm_weight is None else options.lm_weight,
        WORD_BONUS if options.word_bonus is None else options.word_bonus,
        HOTWORD_WEIGHT if options.hotword_weight is None else options.hotword_weight,
    )


def beam_search(model: CTCModel, options: DecodingOptions) -> BeamSearch:
    """The search over a model's labels.

    Raises:
        BadInput: a language model or hotwords that cannot be read, or hotwords that the model cannot write.
    """
    lexicon = None
    if options.lm is not None:
        lm = open_ngrams(options.lm)
        lexicon = _lexicon(lm, tuple(model.vocabulary), model.language)
    hotwords: Sequence[str] = ()
    if options.hotwords is not None:
        hotwords = read_hotwords(options.hotwords, model.source, model.spelt, model.unwritable)
    tokens = {label: token for token, label in model.vocabulary.items() if label not in model.unspoken}
    delimiter = model.blank_and_delimiter()[1]
    tokens.pop(delimiter, None)
    scores = TextScores(weights_of(options), lexicon, hotwords)
    spaced = leading_rate(model.language) == "wer"
    return BeamSearch(tokens, delimiter, scores, width(options), spaced=spaced)


def fused_conditions(options: DecodingOptions) -> dict[str, str]:
    """What is fused, for the record beside a WER."""
    if not searches(options):
        return {}
    weights, found = weights_of(options), {"beam": width(options)}
    if options.lm is not None:
        lm = open_ngrams(options.lm)
        size = f"{lm.order}-gram, " if isinstance(lm, NGrams) else ""
        found |= {"lm": f"{options.lm.name} ({size}{len(lm.words)} words)"}
        found |= {"lm_weight": f"{weights.lm:g}", "word_bonus": f"{weights.word:g}"}
    if options.hotwords is not None:
        found |= {"hotwords": options.hotwords.name, "hotword_weight": f"{weights.hotword:g}"}
    return found


@lru_cache(maxsize=4)
def _lexicon(lm: object, vocabulary: tuple[str, ...], language: str | None) -> Lexicon:
    characters = dict.fromkeys(vocabulary)
    return Lexicon(lm, lambda word: fit_case(word, characters, language))
