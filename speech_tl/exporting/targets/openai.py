"""A checkpoint of openai-whisper: `model.pt`, its dimensions and weights by OpenAI's names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.exporting.openai_layout import dimensions, named_weights, require_published_shape
from speech_tl.exporting.target import Package, Target, Transcriber

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from speech_tl.models.base import AcousticModel

FILE = "model.pt"


class Export(Target):
    """See the module; float16 is the type of OpenAI's own files."""

    title = "openai-whisper"
    program = Package("openai-whisper", "whisper")
    quantizations = ("float16",)
    library = "openai-whisper"

    def refuse(self, name: str, config: PretrainedConfig) -> None:
        """Whisper of a published vocabulary."""
        require_published_shape(name, config, self.title)

    def write(self, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        """Tensors and numbers only, which `torch.load(weights_only=True)` takes."""
        import torch

        weights = named_weights(model.network)
        if quantize is not None:
            weights = {name: weight.half() for name, weight in weights.items()}
        torch.save({"dims": dimensions(model.network.config), "model_state_dict": weights}, folder / FILE)

    def load(self, folder: Path, model: AcousticModel) -> Transcriber:
        """Greedily in windows of 30 s, without timestamps, in float32."""
        import whisper

        recogniser = whisper.load_model(str(folder / FILE), device="cpu")
        options = whisper.DecodingOptions(
            task=model.task, language=model.language, temperature=0.0, without_timestamps=True, fp16=False
        )
        mels = model.network.config.num_mel_bins

        def transcribe(waveform: np.ndarray) -> str:
            sound = whisper.pad_or_trim(waveform.astype(np.float32))
            return recogniser.decode(whisper.log_mel_spectrogram(sound, mels), options).text.strip()

        return transcribe
