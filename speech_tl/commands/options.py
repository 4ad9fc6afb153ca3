"""Options that several commands have, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.models.options import DecodingOptions


Out = Annotated[Path | None, typer.Option(help="Folder to write into.")]
By = Annotated[list[str] | None, typer.Option(help="Manifest column to report by group; may be repeated.")]
MODEL = "Hub id, folder (of a model or an adapter), starter-wav2vec2 or starter-whisper."
Model = Annotated[str, typer.Option(help=MODEL)]
Split = Annotated[str, typer.Option(help="Which split; a manifest without splits is scored whole.")]
Normaliser = Annotated[
    str | None,
    typer.Option(help="none, basic, english, unspaced, or your own module:function; by default the language's."),
]
Language = Annotated[str | None, typer.Option(help="Language of the speech, e.g. en; by default the manifest's.")]
BatchSeconds = Annotated[float | None, typer.Option(help="Padded seconds of audio decoded at once.")]
Engine = Annotated[str | None, typer.Option(help="What decodes a Whisper: torch or ctranslate2.")]
AudioContext = Annotated[
    str, typer.Option(help="Whisper's windows: auto (as the model's folder says) or full (30 s, as published).")
]
TestTime = Annotated[
    bool,
    typer.Option("--test-time", help="Adapt a CTC model to each utterance before it is transcribed, and back; slow."),
]
On = Annotated[str | None, typer.Option(help="Where: ray (this machine, or RAY_ADDRESS) or ray://HOST, a Ray cluster.")]
Beam = Annotated[int | None, typer.Option(min=1, help="Hypotheses of the beam search; 1 is greedy.")]
Lm = Annotated[Path | None, typer.Option(help="N-gram language model for CTC: FILE.arpa (see `speech-tl lm`) or .bin.")]
LmWeight = Annotated[float | None, typer.Option(help="How much the language model counts; unless said 0.8.")]
WordBonus = Annotated[float | None, typer.Option(help="What each word earns beside it; unless said 1.")]
Hotwords = Annotated[Path | None, typer.Option(help="File of names and terms, one a line, to be written more readily.")]
HotwordWeight = Annotated[
    float | None, typer.Option(help="What each of their letters earns; unless said 1.5 (CTC), 0.4 (Whisper).")
]
Host = Annotated[str, typer.Option(help="Address to listen on; by default this machine alone can ask.")]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with a token that every request must show (Authorization: Bearer TOKEN).")
]
AllowHost = Annotated[
    list[str] | None, typer.Option(help="Another name that leads here, such as a proxy's; may be repeated.")
]
AllowOrigin = Annotated[
    list[str] | None, typer.Option(help="Web pages from elsewhere that may ask, as https://example.org; repeatable.")
]


def search_options(
    beam: int | None,
    lm: Path | None,
    lm_weight: float | None,
    word_bonus: float | None,
    hotwords: Path | None,
    hotword_weight: float | None,
) -> dict[str, Any]:
    """The options of beam search that were given.

    Raises:
        BadInput: a weight without what it weighs.
    """
    if lm is None and (lm_weight is not None or word_bonus is not None):
        raise BadInput(f"{'--word-bonus' if lm_weight is None else '--lm-weight'} goes with --lm FILE")
    if hotwords is None and hotword_weight is not None:
        raise BadInput("--hotword-weight goes with --hotwords FILE")
    given = {
        "beam": beam,
        "lm": lm,
        "lm_weight": lm_weight,
        "word_bonus": word_bonus,
        "hotwords": hotwords,
        "hotword_weight": hotword_weight,
    }
    return {name: value for name, value in given.items() if value is not None}


def option_name(name: str) -> str:
    """A field's name as an option of the command line."""
    return f"--{name.replace('_', '-')}"


def decoding_options(
    batch_seconds: float | None,
    engine: str | None,
    audio_context: str,
    test_time: bool,
    search: Mapping[str, Any] | None = None,
) -> DecodingOptions:
    """Decoding options from the command line; `search` as `search_options` has it."""
    from pydantic import ValidationError

    from speech_tl.models.options import SUTA, DecodingOptions

    if test_time and engine == "ctranslate2":
        raise BadInput("--test-time moves the model's own weights, --engine ctranslate2 has a copy: leave one out")
    given = {"batch_seconds": batch_seconds, "engine": engine, "audio_context": audio_context}
    given |= {"test_time": SUTA() if test_time else None, **(search or {})}
    wants = {"engine": "torch or ctranslate2", "audio_context": "auto or full", "beam": "1 to 1000"}
    wants |= dict.fromkeys(("lm_weight", "hotword_weight"), "0 to 100") | {"word_bonus": "-100 to 100"}
    try:
        return DecodingOptions(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors()[0]["loc"][0]
        wanted = wants.get(wrong, "a number of seconds above 0")
        raise BadInput(f"{option_name(wrong)} {given[wrong]}: expected {wanted}") from error
