"""ONNX graphs for onnxruntime, of both families; `speech_tl.exporting.onnx_runner` transcribes with them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.exporting.onnx_runner import SETTINGS, open_recogniser
from speech_tl.exporting.target import Package, Target, Transcriber, cpu_threads

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from speech_tl.models.base import AcousticModel
    from speech_tl.models.ctc import CTCModel
    from speech_tl.models.whisper import WhisperModel


class Export(Target):
    """See the module; int8 is onnxruntime's dynamic quantization of matrices and embeddings."""

    title = "onnxruntime"
    program = Package("onnxruntime", "onnxruntime")
    writers = (Package("onnx", "onnx"), Package("onnxruntime", "onnxruntime"))
    quantizations = ("int8", "float16")
    library = "onnx"

    def refuse(self, name: str, config: PretrainedConfig) -> None:
        """Both families; a BiLSTM in the head cannot be traced for batches."""
        head = (getattr(config, "speech_tl", None) or {}).get("head", {})
        if head.get("units"):
            raise BadInput(f"model {name} has a BiLSTM in its head, which ONNX graphs of any batch cannot have")

    def write(self, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        """The graphs, and what they do not know."""
        from speech_tl.exporting.onnx_graphs import write_ctc, write_whisper

        if model.has_decoder:
            write_whisper(model, folder)
            settings = _whisper_settings(model)
        else:
            write_ctc(model, folder)
            settings = _ctc_settings(model)
        for graph in sorted(folder.glob("*.onnx")):
            _quantize(graph, quantize)
        model.save_processor(folder)
        model.network.config.save_pretrained(folder)
        text = json.dumps({"sample_rate": model.sample_rate, **settings}, indent=2, ensure_ascii=False)
        (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")

    def load(self, folder: Path, model: AcousticModel) -> Transcriber:
        """By our runner."""
        recogniser = open_recogniser(folder, cpu_threads())

        def transcribe(waveform: np.ndarray) -> str:
            return recogniser.transcribe([waveform])[0]

        return transcribe


def _ctc_settings(model: CTCModel) -> dict[str, Any]:
    """How a waveform is prepared and labels become text."""
    labels = {row: token for token, row in model.vocabulary.items()}
    silent = sorted(set(model.tokenizer.all_special_ids) - {model.vocabulary.get(model.delimiter)})
    return {
        "kind": "ctc",
        "normalise_waveform": model.normalise_waveform,
        "shortest_samples": model.front.shortest,
        "strides": [list(map(int, pair)) for pair in model.front.strides],
        "exact_in_batches": model.exact_in_batches,
        "blank": model.blank,
        "silent": silent,
        "delimiter": model.delimiter,
        "lower": bool(model.tokenizer.do_lower_case),
        "labels": [labels.get(row, "") for row in range(max(labels) + 1)],
    }


def _whisper_settings(model: WhisperModel) -> dict[str, Any]:
    """What a text begins with, and what is never written; `languages` are chosen from where none is set."""
    given = model.network.generation_config
    return {
        "kind": "whisper",
        "prompt": model.prompt,
        "languages": sorted(given.lang_to_id.values()) if model.chooses_language else [],
        "suppress": list(given.suppress_tokens or []),
        "suppress_first": list(given.begin_suppress_tokens or []),
        "end": model.end,
        "positions": model.longest_label,
    }


def _quantize(graph: Path, quantize: str | None) -> None:
    """Replace a graph by one of smaller weights."""
    if quantize is None:
        return
    import onnx

    smaller = graph.with_suffix(".smaller")
    with _quiet():
        if quantize == "int8":
            from onnxruntime.quantization import QuantType, quantize_dynamic

            # Convolutions stay: onnxruntime has no fast ones of whole numbers, and most of the weights are elsewhere.
            kinds = ["MatMul", "Gather"]
            quantize_dynamic(graph, smaller, op_types_to_quantize=kinds, per_channel=True, weight_type=QuantType.QInt8)
        else:
            from onnxruntime.transformers.float16 import convert_float_to_float16

            onnx.save(convert_float_to_float16(onnx.load(graph), keep_io_types=True), smaller)
    smaller.replace(graph)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer from advising on standard error."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
