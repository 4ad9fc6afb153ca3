"""CTranslate2's format, which faster-whisper, whisper-ctranslate2 and WhisperX load."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.exporting.target import Package, Target, Transcriber, cpu_threads, require_published_window
from speech_tl.models.transformers_output import quiet_transformers

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from speech_tl.models.base import AcousticModel

BESIDE = ("tokenizer.json", "preprocessor_config.json")
"""What faster-whisper would otherwise fetch: the published files, not this model's."""


class Export(Target):
    """See the module."""

    title = "faster-whisper"
    program = Package("faster-whisper", "faster_whisper")
    writers = (Package("ctranslate2", "ctranslate2"),)
    quantizations = ("int8", "float16")
    library = "ctranslate2"

    def refuse(self, name: str, config: PretrainedConfig) -> None:
        """Whisper of any vocabulary, with windows of 30 s."""
        require_published_window(name, config, self.title)

    def write(self, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        """By CTranslate2's own converter, from a plain folder."""
        from ctranslate2.converters import TransformersConverter

        with TemporaryDirectory() as plain, quiet_transformers():
            model.save(plain)
            try:
                converter = TransformersConverter(plain, copy_files=list(BESIDE))
                converter.convert(str(folder), quantization=quantize, force=True)
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                why = (str(error).splitlines() or [type(error).__name__])[0][:120]
                raise BadInput(f"model {model.source} cannot be converted for {self.title}: {why}") from error

    def load(self, folder: Path, model: AcousticModel) -> Transcriber:
        """Greedily, without fallback to higher temperatures, without timestamps.

        faster-whisper fills a window behind a clip with mel frames of zero, which are not silence, and which Whisper
        was not trained with; the clip gets its silence here, so that the weights are compared and not that.
        """
        from faster_whisper import WhisperModel

        recogniser = WhisperModel(str(folder), device="cpu", cpu_threads=cpu_threads())
        options = {"beam_size": 1, "temperature": 0.0, "without_timestamps": True}
        options |= {"condition_on_previous_text": False, "no_speech_threshold": None, "log_prob_threshold": None}
        options |= {"compression_ratio_threshold": None, "language": model.language, "task": model.task}

        window = round(model.window_limit_s * model.sample_rate)

        def transcribe(waveform: np.ndarray) -> str:
            sound = np.pad(waveform.astype(np.float32), (0, max(0, window - len(waveform))))
            segments, _ = recogniser.transcribe(sound, **options)
            return "".join(segment.text for segment in segments).strip()

        return transcribe
