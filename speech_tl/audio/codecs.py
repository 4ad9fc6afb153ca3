"""Which kinds of audio decode on this machine: a tone is encoded in memory and read back the way a run would."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from speech_tl.audio import load_audio
from speech_tl.errors import AudioError

RATE = 16000
TONE_HZ = 440.0
SECONDS = 0.5


@dataclass(frozen=True)
class Codec:
    """One kind of audio file: its name for people, the library that decodes it, its container and coding there."""

    name: str
    library: str
    container: str
    coding: str


CODECS = (
    Codec("wav", "soundfile", "WAV", "PCM_16"),
    Codec("flac", "soundfile", "FLAC", "PCM_16"),
    Codec("ogg (vorbis)", "soundfile", "OGG", "VORBIS"),
    Codec("ogg (opus)", "soundfile", "OGG", "OPUS"),
    Codec("mp3", "soundfile", "MP3", "MPEG_LAYER_III"),
    Codec("m4a (aac)", "av", "mp4", "aac"),
    Codec("webm (opus)", "av", "webm", "libopus"),
)


def codec_problem(codec: Codec) -> str | None:
    """Why files of this kind cannot be read here, in a few words; None when they can."""
    try:
        encoded = _by_soundfile(codec) if codec.library == "soundfile" else _by_av(codec)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return f"cannot be tried: no encoder here ({str(error).splitlines()[0][:100]})"
    try:
        heard = load_audio(encoded, RATE, name=codec.name)
    except AudioError as error:
        return str(error)
    if abs(len(heard) / RATE - SECONDS) > 0.2 or abs(_loudest_hz(heard) - TONE_HZ) > 20:
        return "decodes to something else than what was encoded"
    return None


def _tone() -> np.ndarray:
    """Half a second of a tone at half of full scale, `(samples,)`."""
    return (0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(SECONDS * RATE)) / RATE)).astype(np.float32)


def _loudest_hz(waveform: np.ndarray) -> float:
    """The frequency with most energy, in Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum)) * RATE / len(waveform)


def _by_soundfile(codec: Codec) -> bytes:
    """The tone as a file, by libsndfile."""
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, _tone(), RATE, format=codec.container, subtype=codec.coding)
    return stream.getvalue()


def _by_av(codec: Codec) -> bytes:
    """The tone as a file, by FFmpeg's libraries inside PyAV."""
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format=codec.container) as container:
        track = container.add_stream(codec.coding, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((_tone() * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for part in (frame, None):
            for packet in track.encode(part):
                container.mux(packet)
    return stream.getvalue()
