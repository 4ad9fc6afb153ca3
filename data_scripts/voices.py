"""The synthetic voices: who speaks in training and who is kept for tests, and how an engine is made to speak.

Two free engines, found on PATH: espeak-ng (formant synthesis, many voice variants) and flite (voices built from real
speakers). `warp` resamples the voice: above 1 a longer, below 1 a shorter vocal tract.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np

from data_scripts.effects import SAMPLE_RATE


def _names(spaced: str) -> list[str]:
    return spaced.split()


ESPEAK_TRAIN = _names(
    "m1 m2 m3 m4 m6 m7 m8 f1 f2 f3 f5 klatt klatt2 klatt4 klatt5 Andy adam Alex Alicia Andrea antonio aunty "
    "belinda benjamin boris caleb Denis ed edward Gene grandma grandpa Henrique Hugo Jacky john kaukovalta Lee linda "
    "marcelo Marco Mario max Michael michel Mike norbert pablo pedro quincy rob sandro shelby steph steph2 Storm "
    "travis Tweaky victor zac RicishayMax"
)
ESPEAK_HELDOUT = _names("m5 f4 klatt3 Annie david paul")
SCOTTISH_TRAIN = _names(
    "m1 m2 m3 m4 m7 f1 f2 f3 f5 Andy Alex belinda benjamin Denis edward Hugo linda Michael steph travis"
)
SCOTTISH_TEST = _names("m6 f4 Annie max victor Andrea")
WARPS_TRAIN = (0.86, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)
WARPS_HELDOUT = (0.93, 1.07)
FLITE_PITCH_HZ = {"slt": 170.0, "rms": 100.0, "awb": 115.0, "kal16": 105.0}


@dataclass(frozen=True)
class Voice:
    """A way of speaking: `engine` "espeak" or "flite", the engine's own voice name, and a vocal-tract `warp`."""

    engine: str
    voice: str
    warp: float = 1.0

    @property
    def name(self) -> str:
        """The speaker's name in a manifest, such as "espeak-en-us+f3" or "flite-slt-107"."""
        return f"espeak-{self.voice}" if self.engine == "espeak" else f"flite-{self.voice}-{round(self.warp * 100)}"


def espeak_voices(language: str, variants: list[str]) -> list[Voice]:
    """espeak-ng voices of a language, such as "en-us", in the variants named."""
    return [Voice("espeak", f"{language}+{variant}") for variant in variants]


def flite_voices(names: tuple[str, ...], warps: tuple[float, ...]) -> list[Voice]:
    """flite voices by name, each at each vocal-tract warp."""
    return [Voice("flite", name, warp) for name in names for warp in warps]


def missing_engines() -> list[str]:
    """The programs of `espeak-ng` and `flite` that are not on PATH."""
    return [program for program in ("espeak-ng", "flite") if shutil.which(program) is None]


def speak(voice: Voice, text: str, rng: np.random.Generator) -> np.ndarray:
    """Speak `text` at a random rate and pitch; float64 (samples,) at 16 kHz, as the engine gives it.

    Raises:
        RuntimeError: the engine failed (its own message is included).
    """
    import soundfile
    import soxr

    command, warp = _espeak(voice, rng) if voice.engine == "espeak" else _flite(voice, rng)
    done = subprocess.run(
        [*command, text] if voice.engine == "espeak" else [*command, "-t", text],
        capture_output=True,
        check=False,
    )
    if done.returncode or len(done.stdout) < 100:
        raise RuntimeError(f"{' '.join(command)} could not speak {text!r}: {done.stderr.decode().strip()}")
    audio, rate = soundfile.read(io.BytesIO(_with_length(done.stdout)))
    return soxr.resample(audio, rate, SAMPLE_RATE * warp, quality="HQ")


def _espeak(voice: Voice, rng: np.random.Generator) -> tuple[list[str], float]:
    speed, pitch = rng.integers(130, 206), rng.integers(25, 76)
    return (
        f"espeak-ng -v {voice.voice} -s {speed} -p {pitch} --stdout".split(),
        rng.uniform(0.93, 1.07),
    )


def _flite(voice: Voice, rng: np.random.Generator) -> tuple[list[str], float]:
    pitch_hz = FLITE_PITCH_HZ[voice.voice] * rng.uniform(0.8, 1.25)
    stretch = rng.uniform(0.85, 1.25) / voice.warp
    command = (
        f"flite -voice {voice.voice} --setf duration_stretch={stretch:.3f} --setf int_f0_target_mean={pitch_hz:.0f}"
    )
    return [*command.split(), "-o", "/dev/stdout"], voice.warp


def _with_length(wav: bytes) -> bytes:
    """A WAV written to a pipe holds a length that the engine could only guess: put in the real one."""
    start = wav.index(b"data") + 8
    return wav[: start - 4] + (len(wav) - start).to_bytes(4, "little") + wav[start:]
