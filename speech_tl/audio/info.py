"""What headers say of a recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AudioInfo:
    """What a file's headers say: `duration_s` in seconds, `sample_rate` in Hz, `channels`, `codec` ("FLAC/PCM_16")."""

    duration_s: float
    sample_rate: int
    channels: int
    codec: str
