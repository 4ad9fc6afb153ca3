"""Models in CTranslate2's format, kept in a folder of the user's cache: converted once, used by every process.

A conversion is named by what it was made from: weights, vocabulary and settings, CTranslate2's version, the type of
its numbers. So no name is ever written to twice, and changed weights have another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from speech_tl.text.files import replacing
from speech_tl.user_cache import cache_folder

if TYPE_CHECKING:
    from speech_tl.models.whisper import WhisperModel

Loaded = TypeVar("Loaded")

CHECKED = "checked"
"""A file of that name says that the conversion was held against the model itself, and with which windows."""

FILTERS, TOKENIZER, VOCABULARY = "mel_filters.npy", "tokenizer.json", "vocabulary.json"
"""Files of a conversion: our own ones of the mel filters and the tokenizer, CTranslate2's of the tokens in order."""

LAYOUT = 4
"""Changes with what a conversion's folder holds, so that older ones are made again."""

KEPT_MODELS, KEPT_NOTES = 8, 64
"""Conversions that are kept, and notes of which folder has which: those used last."""

WITHOUT_MEANING = ("_name_or_path", "transformers_version", "decoding_audio_context")
"""Keys of config.json that change no conversion."""

SETTINGS = ("alignment_heads", "suppress_tokens", "begin_suppress_tokens", "lang_to_id")
"""What a conversion takes from generation_config.json."""


def checked(name: str) -> dict[str, Any] | None:
    """What `remember_checked` was given for a conversion; None where nothing was."""
    try:
        found = json.loads((_place(name) / CHECKED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remember_checked(name: str, context: dict[str, Any]) -> None:
    """That a conversion wrote what the model itself writes, and from which part of the window (`AudioContext`)."""
    with contextlib.suppress(OSError):
        (_place(name) / CHECKED).write_text(json.dumps(context), encoding="utf-8")


def through_cache(name: str, convert: Callable[[Path], None], load: Callable[[Path], Loaded]) -> Loaded:
    """What `load` makes of a converted model's folder; it may be gone afterwards.

    Args:
        name: see `fingerprint`.
        convert: writes the folder, which is not there yet.
        load: reads all of it.
    """
    place = _place(name)
    for _ in range(2):  # what was there may be damaged
        try:
            if not place.is_dir():
                _write_whole(place, convert)
            os.utime(place)
            _forget(place.parent, KEPT_MODELS)
            return load(place)
        except (OSError, RuntimeError):  # a folder that cannot be written, a full disk, a damaged file
            shutil.rmtree(place, ignore_errors=True)
    with TemporaryDirectory() as scratch:
        convert(Path(scratch) / "model")
        return load(Path(scratch) / "model")


def fingerprint(model: WhisperModel, kind: str) -> str:
    """The name of a conversion of a model's weights as they are now; `kind` is the type of its numbers."""
    import ctranslate2

    digest = hashlib.sha256(f"{ctranslate2.__version__} {LAYOUT} {kind}".encode())
    settings = {name: getattr(model.network.generation_config, name, None) for name in SETTINGS}
    config = {key: value for key, value in model.network.config.to_dict().items() if key not in WITHOUT_MEANING}
    described = [config, settings, model.tokenizer.get_vocab()]
    digest.update(json.dumps(described, sort_keys=True, default=str).encode())
    for name, weight in model.network.state_dict().items():
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().float().numpy())
    return digest.hexdigest()[:32]


def _place(name: str) -> Path:
    return cache_folder() / "ctranslate2" / name


def _write_whole(place: Path, convert: Callable[[Path], None]) -> None:
    """A folder that is there with all its files or not at all, whoever else writes it at the same time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=place.parent, prefix=".") as scratch:
        fresh = Path(scratch) / "model"
        convert(fresh)
        try:
            fresh.rename(place)
        except OSError:
            if not place.is_dir():
                raise


def _forget(kept: Path, most: int) -> None:
    """Remove what was not used for longest; a process that has loaded it needs it no more."""
    there = [(one.stat().st_mtime, one) for one in kept.iterdir() if not one.name.startswith(".")]
    for _, one in sorted(there, reverse=True)[most:]:
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)


# ---- which conversion a folder's model has


def conversion(name: str) -> Path:
    """The folder of a conversion, which is used now.

    Raises:
        OSError: there is none.
    """
    os.utime(_place(name))
    return _place(name)


def folder_state(folder: Path, language: str | None, task: str | None) -> str | None:
    """A name that changes with the files of a model's folder (their sizes and times), and with what it is set to.

    Args:
        folder: of a whole model; for any other, and where models are not decoded on a CPU, there is no name.
        language, task: as for `load_model`.
    """
    try:
        import ctranslate2
    except ImportError:
        return None
    import speech_tl

    if not (folder / "model.safetensors").is_file() or (folder / "adapter_config.json").exists():
        return None
    if ctranslate2.get_cuda_device_count() or sys.platform == "darwin":
        return None
    files = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(folder.iterdir())]
    told = [str(folder.resolve()), files, language, task, LAYOUT, ctranslate2.__version__, speech_tl.__version__]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def noted_conversion(state: str) -> dict[str, Any] | None:
    """What `note_conversion` was given for a folder in this state; None where nothing was."""
    try:
        noted = json.loads((_notes() / f"{state}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, dict) and isinstance(noted.get("name"), str) else None


def note_conversion(state: str, note: dict[str, Any]) -> None:
    """Note which conversion a folder in this state has: `name`, and whatever is needed beside it."""
    with contextlib.suppress(OSError):
        with replacing(_notes() / f"{state}.json") as place:
            place.write_text(json.dumps(note), encoding="utf-8")
        _forget(_notes(), KEPT_NOTES)


def _notes() -> Path:
    return cache_folder() / "conversions"
