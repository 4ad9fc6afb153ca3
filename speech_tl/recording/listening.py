"""What is wrong with a clip that somebody has just read: level, clipping, background, length, cut ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech_tl.audio import clipped_share, is_silent

FRAME_S = 0.02
SPEECH_DB = 20.0  # frames further below the loud ones than this are pauses
QUIET_DB = -45.0  # of full scale, while somebody speaks
CLIPPED_SHARE = 0.001
STEADY_SNR_DB = 15.0
LEAST_SPEECH_S = 0.2
LETTERS_PER_S = (2.0, 25.0)  # 60 sentences of each of six corpora lay between 2.7 and 21.9
EDGE_FRAMES = 2
QUIET_ENOUGH_DB = 20.0  # background that lets a cut-off beginning be told from noise


@dataclass(frozen=True)
class Heard:
    """A clip's figures and what speaks against it.

    Attributes:
        duration_s: its length.
        level_db: of the speech, below full scale.
        snr_db: speech against the steady background, estimated.
        problems: a sentence each, for the person who reads; empty when it is good.
    """

    duration_s: float
    level_db: float
    snr_db: float
    problems: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether there is any sound in it."""
        return self.level_db > -np.inf


def listen(waveform: np.ndarray, sample_rate: int, sentence: str) -> Heard:
    """Judge a recording of one sentence.

    The background's level is that of the quietest tenth of 20 ms frames, the speech's that of the frames within 20 dB
    of the loud ones (their 95th percentile): right for steady noise, while a door that slams in a pause goes unnoticed.

    Args:
        waveform: mono, `(samples,)`.
        sample_rate: in Hz.
        sentence: what was to be read.
    """
    duration_s = len(waveform) / sample_rate
    powers = _frame_powers(waveform, sample_rate)
    if is_silent(waveform) or not len(powers):
        return Heard(duration_s, -np.inf, 0.0, ("Nothing was recorded. Is this the right microphone, and is it on?",))
    speech = np.flatnonzero(powers > np.percentile(powers, 95) * 10 ** (-SPEECH_DB / 10))
    background = float(np.percentile(powers, 10))
    loud = float(powers[speech].mean())
    level_db, snr_db = 10 * np.log10(loud), 10 * np.log10(loud / background)
    span_s = (speech[-1] - speech[0] + 1) * FRAME_S
    problems = [
        *_level_problems(waveform, level_db, snr_db, len(speech) * FRAME_S),
        *_length_problems(sentence, span_s),
        *(_cut_problems(speech, len(powers)) if snr_db > QUIET_ENOUGH_DB else ()),
    ]
    return Heard(duration_s, float(level_db), float(snr_db), tuple(problems))


def _frame_powers(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    frame = round(FRAME_S * sample_rate)
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    return (frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10  # the floor of 16 bits


def _level_problems(waveform: np.ndarray, level_db: float, snr_db: float, speech_s: float) -> list[str]:
    problems = []
    if speech_s < LEAST_SPEECH_S:
        problems.append("Hardly anything was heard. Was the sentence read while it recorded?")
    if level_db < QUIET_DB:
        problems.append(f"Too quiet ({level_db:.0f} dB): come closer, or turn the microphone up.")
    if (share := clipped_share(waveform)) >= CLIPPED_SHARE:
        problems.append(f"Too loud: {share:.1%} of it is clipped. Move away a little, or turn the microphone down.")
    if snr_db < STEADY_SNR_DB:
        problems.append(
            f"Noisy: the voice is only {max(snr_db, 0):.0f} dB above the background. Is a fan, music or a window on?"
        )
    return problems


def _length_problems(sentence: str, span_s: float) -> list[str]:
    rate = len("".join(sentence.split())) / span_s
    slowest, fastest = LETTERS_PER_S
    if rate > fastest:
        return [f"Only {span_s:.1f} s of speech: was all of the sentence said?"]
    if rate < slowest:
        return [f"{span_s:.1f} s of speech for a short sentence: was there a long pause, or something else said?"]
    return []


def _cut_problems(speech: np.ndarray, frames: int) -> list[str]:
    problems = []
    if speech[0] < EDGE_FRAMES:
        problems.append("The beginning is cut off: press first, then speak.")
    if speech[-1] >= frames - EDGE_FRAMES:
        problems.append("The end is cut off: finish speaking, then press.")
    return problems
