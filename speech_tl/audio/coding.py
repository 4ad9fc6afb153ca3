"""Lossy codecs, there and back in memory, through PyAV."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import soxr

LossyCodec = Literal["opus", "mp3"]

_ENCODERS = {"opus": ("ogg", "libopus", "s16"), "mp3": ("mp3", "libmp3lame", "fltp")}
_OPUS_EFFORT = {"compression_level": "4"}  # of 10: a third of the time, and what artefacts there are stay


def round_trip(waveform: np.ndarray, sample_rate: int, codec: LossyCodec, bits_a_second: int) -> np.ndarray:
    """A mono waveform encoded and decoded again, in step with what went in.

    Args:
        waveform: float `(samples,)` within full scale.
        sample_rate: in Hz; one that the codec knows (8, 12, 16, 24, 48 kHz; MP3 also 22.05, 32 and 44.1 kHz).
        codec: "opus" or "mp3".
        bits_a_second: what the encoder is asked for; it takes the nearest it has.

    Returns:
        float32 of about as many samples at the same rate: the codec's delay is taken off, its last frame may not be.
    """
    import av

    container, encoder, layout = _ENCODERS[codec]
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as file:
        options = _OPUS_EFFORT if codec == "opus" else {}
        track = file.add_stream(encoder, rate=sample_rate, layout="mono", bit_rate=bits_a_second, options=options)
        for frame in (_frame(av, waveform, sample_rate, layout), None):
            for packet in track.encode(frame):
                file.mux(packet)
    stream.seek(0)
    with av.open(stream) as file:
        rate = file.streams.audio[0].rate
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    return soxr.resample(heard, rate, sample_rate) if rate != sample_rate else heard


def _frame(av: Any, waveform: np.ndarray, sample_rate: int, layout: str) -> Any:
    """All of a waveform as one frame in the format that the encoder takes."""
    samples = np.asarray(waveform, np.float32)[None]
    if layout == "s16":
        samples = (np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples, format=layout, layout="mono")
    frame.sample_rate = sample_rate
    return frame
