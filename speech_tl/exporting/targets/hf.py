"""A folder that plain transformers loads: a run's adapter merged into its base, a Hub model with its processor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.exporting.target import Package, Target, Transcriber
from speech_tl.models.transformers_output import quiet_transformers

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from speech_tl.models.base import AcousticModel


class Export(Target):
    """See the module; float16 halves the weights' file."""

    title = "transformers"
    program = Package("transformers", "transformers")
    quantizations = ("float16",)

    def refuse(self, name: str, config: PretrainedConfig) -> None:
        """A head of our own is in no class of transformers."""
        if getattr(config, "speech_tl", None):
            raise BadInput(f"model {name} has a head that transformers does not know: --to onnx takes it")

    def write(self, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        """As every model of this project is saved."""
        if quantize is None:
            model.save(folder)
            return
        model.network.half()
        try:
            model.save(folder)
        finally:
            model.network.float()

    def load(self, folder: Path, model: AcousticModel) -> Transcriber:
        """By the pipeline that transformers' documentation shows; weights of any type are computed in float32."""
        from transformers import pipeline

        with quiet_transformers():
            recogniser = pipeline("automatic-speech-recognition", model=str(folder), dtype="float32", device="cpu")
        # Language and task are in the folder's generation_config.json.
        options = {"generate_kwargs": {"num_beams": 1, "do_sample": False}} if model.has_decoder else {}

        def transcribe(waveform: np.ndarray) -> str:
            with quiet_transformers():
                return recogniser({"raw": waveform, "sampling_rate": model.sample_rate}, **options)["text"].strip()

        return transcribe
