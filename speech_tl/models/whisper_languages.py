"""Whisper's language tokens: the one of a language, or the nearest relative's where there is none."""

from __future__ import annotations

from collections.abc import Set

from speech_tl.errors import BadInput
from speech_tl.text import is_language, language_code, macro_language, nearest

OTHER_NAMES = {"jv": "jw", "fil": "tl", "nb": "no", "cmn": "zh", "nan": "zh"}
"""Codes of languages that Whisper knows under another one."""

RELATIVES = {
    code: (token, family)
    for family, pairs in {
        "Romance languages": "ast:es an:es rm:it sc:it lij:it fur:it",
        "Germanic languages": "fy:nl nds:de gsw:de",
        "Celtic languages": "ga:cy gd:cy kw:br gv:cy",
        "Slavic languages": "hsb:cs dsb:pl csb:pl rue:uk",
        "Baltic languages": "ltg:lv sgs:lt",
        "Iranian languages": "ckb:fa kmr:fa ku:fa os:fa",
        "Indo-Aryan languages": "or:bn dv:si bho:hi mai:hi skr:pa kok:mr",
        "Turkic languages": "ky:kk ug:uz cv:tt sah:tt crh:tr gag:tr kaa:kk",
        "Uralic languages": "myv:fi mdf:fi mhr:fi mrj:fi vot:et se:fi kpv:fi udm:fi",
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
    """Whisper's code of a language given as code or name ("de", "german", "de-DE"), and what is to be said about it.

    Args:
        language: as the user or the manifest calls it.
        codes: those that the checkpoint has; empty for an English-only one.
        source: of the checkpoint, for messages.

    Returns:
        The code, and a sentence where it is a relative's.

    Raises:
        BadInput: neither the language nor a relative that we know of has a token; names the nearest spelling.
    """
    from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

    spoken = language_code(language)
    written = TO_LANGUAGE_CODE.get(
        language.strip().lower(), spoken
    )  # Whisper's own names first: "myanmar", "sinhalese"
    tried = [written, OTHER_NAMES.get(spoken, spoken), macro_language(spoken)]
    tried.append(OTHER_NAMES.get(tried[-1], tried[-1]))
    code = next((code for code in tried if code in codes), tried[1])
    if not codes or code in codes:
        return code, None
    relative, family = RELATIVES.get(code, ("", ""))
    if relative in codes:
        return relative, (
            f"Whisper has no token for language {language}: it is given that of {LANGUAGES[relative].capitalize()} "
            f"({relative}), because both are {family}; model.language chooses another"
        )
    hint = None if is_language(spoken) else nearest(language.strip().lower(), [*TO_LANGUAGE_CODE])
    raise BadInput(
        f"model {source} has no token for language={language}, nor for a relative that is known here; "
        + (f"did you mean {hint}? " if hint else "")
        + "Otherwise say which token shall stand for it (model.language=CODE)"
    )
