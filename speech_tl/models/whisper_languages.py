"""Whisper's language tokens: the one of a language, or the nearest relative's where there is none."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.text import language_code, language_name, nearest_language

if TYPE_CHECKING:
    from transformers import GenerationConfig, WhisperConfig

TASKS = ("transcribe", "translate")

SAME = {"nb": "no"}
"""Languages that Whisper writes under the token of another code: its Norwegian is Bokmål."""

RELATIVES = {
    code: (token, family)
    for family, pairs in {
        "Romance languages": "ast:es an:es rm:it sc:it lij:it fur:it",
        "Germanic languages": "fy:nl nds:de gsw:de bar:de sco:en",
        "Sinitic languages": "yue:zh nan:zh wuu:zh hak:zh gan:zh hsn:zh",
        "varieties of Arabic": "arz:ar apc:ar ary:ar acm:ar ajp:ar aeb:ar arq:ar",
        "Celtic languages": "ga:cy gd:cy kw:br gv:cy",
        "Slavic languages": "hsb:cs dsb:pl csb:pl rue:uk",
        "Baltic languages": "ltg:lv sgs:lt",
        "Iranian languages": "ckb:fa ku:fa os:fa",
        "Indo-Aryan languages": "or:bn dv:si bho:hi mai:hi skr:pa kok:mr",
        "Turkic languages": "ky:kk ug:uz cv:tt sah:tt crh:tr gag:tr kaa:kk",
        "Uralic languages": "myv:fi mdf:fi chm:fi mrj:fi vot:et se:fi kv:fi udm:fi",
        "Bantu languages": "zu:sn xh:sn nso:sn st:sn tn:sn ss:sn ts:sn ve:sn ny:sn lg:sw rw:sw rn:sw kam:sw ki:sw "
        "umb:ln bem:ln",
        "Volta-Niger languages": "ig:yo ibb:yo",
        "Cushitic languages": "om:so sid:so",
        "Semitic languages": "ti:am tig:am",
        "Berber and Semitic, both Afro-Asiatic, languages": "kab:ar zgh:ar rif:ar",
        "Austronesian languages of the Philippines": "ceb:tl ilo:tl war:tl pam:tl",
        "Austronesian languages": "sm:mi to:mi fj:mi ace:id ban:jw min:id",
    }.items()
    for code, token in (pair.split(":") for pair in pairs.split())
}
"""A language without a token -> the token of a relative, and what both are (families as in Glottolog)."""


def language_token(language: str, codes: Set[str], source: str) -> tuple[str, str | None]:
    """Whisper's code of a language given as any code or name ("de", "deu", "German"), and what is to be said about it.

    Args:
        language: as the user or the manifest calls it.
        codes: those that the checkpoint has; empty for an English-only one.
        source: of the checkpoint, for messages.

    Returns:
        The code, and a sentence where it is a relative's.

    Raises:
        BadInput: neither the language nor a relative that we know of has a token; names the nearest spelling.
    """
    code = language_code(language)
    code = SAME.get(code, code)
    tokens = {language_code(token): token for token in codes}  # Javanese has an outdated one: jw
    if not codes or code in tokens:
        return tokens.get(code, code), None
    relative, family = RELATIVES.get(code, ("", ""))
    if relative in codes:
        return relative, (
            f"Whisper has no token for language {language}: it is given that of {language_name(relative)} "
            f"({relative}), because both are {family}; model.language chooses another"
        )
    hint = nearest_language(language, codes)
    raise BadInput(
        f"model {source} has no token for language={language}, nor for a relative that is known here; "
        + (f"did you mean {hint}? " if hint else "")
        + "Otherwise say which token shall stand for it (model.language=CODE)"
    )


def default_prompt(settings: GenerationConfig, config: WhisperConfig, codes: Set[str]) -> tuple[str | None, str | None]:
    """Language and task that a multilingual checkpoint is set to, each None where it says nothing.

    Today both are generation settings. Older checkpoints have `forced_decoder_ids`, pairs of a place in the prompt and
    a token, in their generation settings or, before there were any, in config.json; transformers 4 read them so.
    """
    names = {token: name for table in ("lang_to_id", "task_to_id") for name, token in getattr(settings, table).items()}
    forced = getattr(settings, "forced_decoder_ids", None) or getattr(config, "forced_decoder_ids", None) or []
    written = {names[token].strip("<|>") for _, token in forced if token in names}
    language, task = getattr(settings, "language", None), getattr(settings, "task", None)
    language = language if isinstance(language, str) else None  # `generate` also takes one for each row
    return language or next(iter(written & codes), None), task or next(iter(written - codes), None)
