"""Where somebody speaks: silero-vad (https://github.com/snakers4/silero-vad, MIT), the only judge of that.

Its network hears 32 ms at a time and the 4 ms before them: magnitudes of a short-time Fourier transform, four
convolutions, an LSTM that remembers, a probability of speech. The package calls it frame by frame; here the same
weights hear all frames of a block at once up to the LSTM, many times faster, and the probabilities are the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import torch

RATE = 16000
FRAME_SAMPLES, CONTEXT_SAMPLES = 512, 64
"""What the network hears at a time, and what of the sound before, in samples at `RATE`."""

FRAME_S = FRAME_SAMPLES / RATE

THRESHOLD = 0.5
"""Speech begins at this probability, as published."""

HYSTERESIS = 0.15
"""It goes on until the probability is so far below, as published."""

AT_ONCE = 1024
"""Frames in one pass: half a minute."""

WEIGHTS = {
    "transform.weight": "stft.forward_basis_buffer",
    **{f"encoder.{n}.{part}": f"encoder.{n}.reparam_conv.{part}" for n in range(4) for part in ("weight", "bias")},
    **{
        f"memory.{kind}_{part}_l0": f"decoder.rnn.{kind}_{part}" for kind in ("weight", "bias") for part in ("ih", "hh")
    },
    **{f"output.{part}": f"decoder.decoder.2.{part}" for part in ("weight", "bias")},
}
"""Names of the weights here, and in the package's model for sound at `RATE`."""


def checked_threshold(threshold: float | None) -> float | None:
    """A threshold that can be used; None is no detector at all.

    Raises:
        BadInput: it is no probability.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise BadInput(
            f"vad_threshold={threshold:g}: speech begins at a probability between 0 and 1 ({THRESHOLD:g} unless said)"
        )
    return threshold


def asked_threshold(threshold: float | None, none: bool) -> float | None:
    """What a user asks for: a threshold (None is the usual one), or `none`, no detector at all.

    Raises:
        BadInput: both, or a threshold that is no probability.
    """
    if none and threshold is not None:
        raise BadInput(f"--no-vad looks for no speech, --vad-threshold {threshold:g} says how: leave one out")
    return None if none else checked_threshold(THRESHOLD if threshold is None else threshold)


class VoiceActivity:
    """Marks the frames of one stream of sound as speech or not, from what came before alone.

    Attributes:
        frame: samples of a frame, `FRAME_S` of the stream.
    """

    def __init__(self, sample_rate: int = RATE, threshold: float | None = THRESHOLD) -> None:
        """A stream of `sample_rate` samples a second; None as threshold marks everything.

        Raises:
            BadInput: the threshold is no probability.
        """
        self.frame = round(FRAME_S * sample_rate)
        self.threshold = checked_threshold(threshold)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._state: tuple[torch.Tensor, torch.Tensor] | None = None
        self._speaking = False

    def mark(self, waveform: np.ndarray) -> np.ndarray:
        """Whether each frame holds speech, bool `(frames,)`.

        Args:
            waveform: float32 mono `(samples,)`, which follows what was given before; a last frame that is not whole is
                filled up with silence, and nothing may follow it.
        """
        if self.threshold is None:
            return np.ones(-(-len(waveform) // self.frame), dtype=bool)
        active = np.zeros(-(-len(waveform) // self.frame), dtype=bool)
        for index, probability in enumerate(self.probabilities(waveform)):
            above = self.threshold - HYSTERESIS if self._speaking else self.threshold
            active[index] = self._speaking = bool(probability >= max(above, 0.01))
        return active

    def probabilities(self, waveform: np.ndarray) -> np.ndarray:
        """The probability of speech in each frame, float32 `(frames,)`; `waveform` as for `mark`."""
        import torch

        frames = -(-len(waveform) // self.frame)
        if not frames:
            return np.zeros(0, np.float32)
        whole = np.pad(waveform.astype(np.float32, copy=False), (0, frames * self.frame - len(waveform)))
        if self.frame != FRAME_SAMPLES:
            whole = _resampled(whole, self.frame, frames * FRAME_SAMPLES)
        sound = torch.from_numpy(np.concatenate([self._context, whole]))
        self._context = whole[-CONTEXT_SAMPLES:].copy()
        heard = sound.unfold(0, FRAME_SAMPLES + CONTEXT_SAMPLES, FRAME_SAMPLES)
        found = []
        with torch.inference_mode():
            for part in heard.split(AT_ONCE):
                probabilities, self._state = _network()(part, self._state)
                found.append(probabilities)
        return torch.cat(found).numpy()


def _resampled(waveform: np.ndarray, frame: int, samples: int) -> np.ndarray:
    """Frames of `frame` samples as frames of `FRAME_SAMPLES`, exactly `samples` in all."""
    import soxr

    found = soxr.resample(waveform, frame, FRAME_SAMPLES)[:samples]
    return np.pad(found, (0, samples - len(found))).astype(np.float32)


@cache
def _network() -> torch.nn.Module:
    """The package's weights for sound at `RATE`, in torch's own layers."""
    import importlib.util
    import warnings
    from pathlib import Path

    import torch

    # the package itself is not imported: its modules set torch's number of threads
    (folder,) = importlib.util.find_spec("silero_vad").submodule_search_locations
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is what the package ships
        published = torch.jit.load(str(Path(folder) / "data" / "silero_vad.jit"), map_location="cpu").state_dict()
    network = _silero()
    network.load_state_dict({ours: published[f"_model.{theirs}"] for ours, theirs in WEIGHTS.items()})
    return network.eval().requires_grad_(False)


def _silero() -> torch.nn.Module:
    """Without weights: frames `(frames, CONTEXT_SAMPLES + FRAME_SAMPLES)` of one stream -> `(frames,)`, and a state."""
    from torch import nn

    class Silero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transform = nn.Conv1d(1, 258, 256, stride=128, bias=False)
            shapes = ((129, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1))
            self.encoder = nn.ModuleList(nn.Conv1d(*channels, 3, stride, padding=1) for *channels, stride in shapes)
            self.memory = nn.LSTM(128, 128)
            self.output = nn.Conv1d(128, 1, 1)

        def forward(
            self, frames: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
        ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
            padded = nn.functional.pad(frames[:, None], (0, 64), mode="reflect")
            real, imaginary = self.transform(padded).chunk(2, dim=1)
            hidden = (real**2 + imaginary**2).sqrt()
            for layer in self.encoder:
                hidden = layer(hidden).relu()
            remembered, state = self.memory(hidden[:, :, 0], state)
            return self.output(remembered.relu()[:, :, None]).sigmoid()[:, 0, 0], state

    return Silero()
