"""Audio files of every kind, made on the spot: what encoders, recorders, cables and accidents leave behind."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16000


def sound(duration_s: float = 4.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Something of which no two moments are alike: a sweep and a noise, swelling as syllables do, `(samples,)`."""
    random = np.random.default_rng(seed)
    t = np.arange(round(duration_s * rate)) / rate
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * (1.3 + 0.4 * seed) * t + seed)
    noise = np.convolve(random.normal(0, 1, len(t)), np.ones(8) / 8, "same")
    tone = np.sin(2 * np.pi * (300 + 150 * seed + 90 * t) * t)
    return (swell * (0.3 * tone + 0.1 * noise)).astype(np.float32)


def wav(path: Path, waveform: np.ndarray | None = None, subtype: str = "PCM_16", rate: int = RATE, **options) -> Path:
    """A file by libsndfile, `(samples,)` or `(samples, channels)`."""
    soundfile.write(path, sound(rate=rate) if waveform is None else waveform, rate, subtype, **options)
    return path


def patched(path: Path, changes: dict[int, int]) -> Path:
    """Little-endian 32 bit numbers put at these places."""
    data = bytearray(path.read_bytes())
    for place, value in changes.items():
        struct.pack_into("<I", data, place, value)
    path.write_bytes(data)
    return path


def pcm_chunk_at(path: Path) -> int:
    """Where the length of a wav's data chunk stands."""
    return path.read_bytes().index(b"data") + 4


def joined(path: Path, *parts: Path) -> Path:
    """Files end to end."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def damaged(path: Path, share: float = 0.5, length: int = 300, seed: int = 1, zeros: bool = False) -> Path:
    """Random bytes, or zeros, over a piece in the middle."""
    data = bytearray(path.read_bytes())
    first = int(len(data) * share)
    data[first : first + length] = bytes(length) if zeros else np.random.default_rng(seed).bytes(length)
    path.write_bytes(data)
    return path


def id3v2(payload: int = 5000) -> bytes:
    """A tag as big as a small cover."""
    size = bytes(payload >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + size + bytes(payload)


def packets(
    waveform: np.ndarray, codec: str, rate: int, layout: str = "mono", bit_rate: int = 96_000, **options: str
) -> tuple[av.AudioStream, list[av.Packet]]:
    """What an encoder makes of `waveform` `(samples,)`, alike on all channels; for files that no muxer would write."""
    context = av.CodecContext.create(codec, "w")
    context.sample_rate, context.layout, context.bit_rate = rate, layout, bit_rate
    context.options = options
    return context, [packet for frame in frames(waveform, context, rate, layout) for packet in context.encode(frame)]


def frames(waveform: np.ndarray, context, rate: int, layout: str) -> Iterator[av.AudioFrame | None]:
    """A waveform `(samples,)` or `(samples, channels)` as the frames that an encoder takes, and None at the end."""
    channels = av.AudioLayout(layout).nb_channels
    many = waveform if waveform.ndim == 2 else np.repeat(waveform[:, None], channels, axis=1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(many, np.float32).reshape(1, -1), "flt", layout)
    frame.sample_rate = rate
    format = context.format or av.AudioFormat("s16")
    sizes = getattr(context, "frame_size", 0) or 1024
    resampler = av.AudioResampler(format, layout, rate, frame_size=sizes)
    yield from (*resampler.resample(frame), *resampler.resample(None), None)


def film(
    path: Path,
    tracks: list[tuple[np.ndarray, str, float]],
    *,
    rate: int = RATE,
    container: str | None = None,
    layout: str = "mono",
    picture_s: float | None = None,
    picture: str = "mpeg4",
    default: int | None = None,
    gap: tuple[float, float] | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
) -> Path:
    """A file with audio tracks (waveform, codec, second at which it starts), perhaps with a picture.

    `gap`: timestamps from the first of these seconds on are later by the second number. `default`: only this track is.
    """
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        screen = _screen(file, picture) if picture_s else None
        streams = [
            file.add_stream(codec, rate=rate, layout=layout, options=codec_options or {}) for _, codec, _ in tracks
        ]
        for number, stream in enumerate(streams):
            if stream.codec_context.name not in ("flac", "alac") and "pcm" not in stream.codec_context.name:
                stream.bit_rate = 12_200 if "amr" in stream.codec_context.name else 96_000
            if default is not None:
                stream.disposition = av.stream.Disposition.default if number == default else 0
        ready = []
        for stream, (waveform, _, start_s) in zip(streams, tracks, strict=True):
            file.start_encoding()
            position = 0
            for frame in frames(waveform, stream.codec_context, rate, layout):
                if frame is not None:
                    late_s = start_s + (gap[1] if gap and position / rate >= gap[0] else 0.0)
                    frame.pts, frame.time_base = position + round(late_s * rate), Fraction(1, rate)
                    position += frame.samples
                ready += stream.encode(frame)
        for index in range(round(10 * (picture_s or 0))):
            image = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 8 * index % 255, np.uint8), "rgb24")
            image.pts, image.time_base = index, Fraction(1, 10)
            ready += screen.encode(image)
        if screen is not None:
            ready += screen.encode(None)
        for packet in sorted((p for p in ready if p.dts is not None), key=lambda p: p.dts * p.time_base):
            file.mux(packet)
    return path


def _screen(file: av.container.OutputContainer, codec: str) -> av.VideoStream:
    stream = file.add_stream(codec, rate=10)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream
