"""What no recording is: rates, channels and lengths that only damage or malice writes; pipes where files belong."""

from __future__ import annotations

import math
import os
import stat

from speech_tl.errors import AudioError

LOWEST_RATE, HIGHEST_RATE = 1_000, 1_600_000
"""Hz. Below, not even telephone speech fits; above lies no recorder (1.536 MHz is the highest rate that is sold)."""
MOST_CHANNELS = 512
"""As many as FFmpeg takes (`FF_SANE_NB_CHANNELS`)."""
LONGEST_S = 14 * 24 * 3600.0
"""No recording goes on for more than two weeks."""

MOST_VALUE = 1e12
"""Full scale is 1; floats that count in 32-bit integers reach 2e9."""

MOST_CHUNKS = 10_000
"""So many chunks, tags or parts are looked at; more are no recording, and looking would take for ever."""
MOST_VALUES = 1 << 22
"""Samples times channels of one block: 30 s of two channels at 48 kHz, or a little of very many channels."""


def plausible_rate(sample_rate: float) -> bool:
    """Whether somebody may have recorded speech at so many Hz."""
    return LOWEST_RATE <= sample_rate <= HIGHEST_RATE


def require_plausible(name: str, sample_rate: float, channels: int) -> None:
    """Refuse what no recording is, before memory is asked for by such figures.

    Raises:
        AudioError: of kind "unreadable".
    """
    if not plausible_rate(sample_rate):
        said, expected = f"a sample rate of {sample_rate:.0f} Hz", f"{LOWEST_RATE} to {HIGHEST_RATE} Hz"
    elif not 1 <= channels <= MOST_CHANNELS:
        said, expected = f"{channels} channels", f"1 to {MOST_CHANNELS}"
    else:
        return
    raise AudioError(f"{name}: {said} by its header, where {expected} can be; record or convert it again", "unreadable")


def require_plausible_length(name: str, seconds: float) -> None:
    """Refuse a header's length that no recording has.

    Raises:
        AudioError: of kind "unreadable".
    """
    if not math.isfinite(seconds) or seconds > LONGEST_S:
        raise AudioError(
            f"{name}: {seconds / 3600:.3g} hours long by its header, which no recording is; copy or convert it again",
            "unreadable",
        )


def require_file(path: str, name: str) -> None:
    """Refuse what is not a file with contents: nothing there, a folder, a pipe or a device, which may never end.

    Raises:
        AudioError: of kind "missing", "folder" or "unreadable".
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the path
        raise AudioError(
            f"{name}: no such file; check the path (a manifest's are relative to its folder)", "missing"
        ) from None
    if stat.S_ISDIR(mode):
        raise AudioError(f"{name}: a folder where an audio file was expected", "folder")
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise AudioError(f"{name}: {kind} where an audio file was expected; save its sound to a file", "unreadable")


def require_short(name: str, seconds: float, longest_s: float | None) -> None:
    """Refuse what is longer than its reader can use.

    Raises:
        AudioError: of kind "too_long".
    """
    if longest_s is not None and seconds > longest_s:
        raise AudioError(f"{name}: {round(seconds, 1):g} s long; at most {longest_s:g} s can be used", "too_long")
