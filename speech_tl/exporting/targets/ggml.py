"""whisper.cpp's file, `ggml-model.bin`: numbers, mel filters, tokens and weights one after the other.

The layout is that of whisper.cpp's `models/convert-pt-to-ggml.py` and the types those of ggml (both MIT,
https://github.com/ggml-org/whisper.cpp); int8 is ggml's q8_0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.exporting.openai_layout import dimensions, named_weights, require_published_shape
from speech_tl.exporting.target import Package, Target, Transcriber, cpu_threads

if TYPE_CHECKING:
    from transformers import PretrainedConfig, WhisperTokenizer

    from speech_tl.models.base import AcousticModel

FILE = "ggml-model.bin"
MAGIC = 0x67676D6C
FLOAT32, FLOAT16, Q8_0 = 0, 1, 8
"""ggml's types of a tensor."""

FILE_TYPES = {"float16": 1, "int8": 7 + 2 * 1000}
"""ggml's types of a whole file, with the version of its quantized blocks in the thousands. There is one for float32,
too, but whisper.cpp 1.8 ends the process on its first convolution, which it computes in float16 only."""

BLOCK = 32
"""Values of a row that share a scale in q8_0."""

ALWAYS_FLOAT32 = ("encoder.positional_embedding", "decoder.positional_embedding")
COLUMNS = ("encoder.conv1.bias", "encoder.conv2.bias")
"""Stored as columns, to be added to every frame."""

SHORTEST_S = 1.1
"""whisper.cpp refuses sound of less than a second; what is shorter gets silence behind it, as any window does."""


class Export(Target):
    """See the module."""

    title = "whisper.cpp"
    program = Package("pywhispercpp", "pywhispercpp")
    quantizations = ("int8", "float16")
    usual = "float16"
    library = "whisper.cpp"

    def refuse(self, name: str, config: PretrainedConfig) -> None:
        """Whisper of a published vocabulary."""
        require_published_shape(name, config, self.title)
        if config.d_model % BLOCK:
            raise BadInput(f"model {name} is {config.d_model} wide, and {self.title} takes multiples of {BLOCK}")

    def write(self, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        """One file."""
        values = dimensions(model.network.config)
        mels, vocabulary = values.pop("n_mels"), values.pop("n_vocab")
        with (folder / FILE).open("wb") as file:
            file.write(struct.pack("<12i", MAGIC, vocabulary, *values.values(), mels, FILE_TYPES[quantize]))
            filters = np.ascontiguousarray(model.extractor.mel_filters.T, dtype="<f4")
            file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
            tokens = list(_tokens(model.tokenizer, model.end))
            file.write(struct.pack("<i", len(tokens)))
            for token in tokens:
                file.write(struct.pack("<i", len(token)) + token)
            for name, weight in named_weights(model.network).items():
                _write_tensor(file, name, weight.float().numpy(), quantize)

    def load(self, folder: Path, model: AcousticModel) -> Transcriber:
        """Greedily, without fallback to higher temperatures, without timestamps."""
        from pywhispercpp.model import Model

        recogniser = Model(
            str(folder / FILE),
            redirect_whispercpp_logs_to=None,
            n_threads=cpu_threads(),
            language=model.language or "auto",
            translate=model.task == "translate",
            no_timestamps=True,
            no_context=True,
            single_segment=True,
            suppress_nst=True,
            temperature=0.0,
            temperature_inc=0.0,
            no_speech_thold=1.0,
            print_progress=False,
        )
        shortest = round(SHORTEST_S * model.sample_rate)

        def transcribe(waveform: np.ndarray) -> str:
            sound = np.pad(waveform.astype(np.float32), (0, max(0, shortest - len(waveform))))
            return "".join(segment.text for segment in recogniser.transcribe(sound)).strip()

        return transcribe


def _tokens(tokenizer: WhisperTokenizer, end: int) -> Iterator[bytes]:
    """The bytes of each token of text; whisper.cpp names the special ones, from `end` on, by itself."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    for token in tokenizer.convert_ids_to_tokens(range(end)):
        yield bytes(byte_of[character] for character in token)


def _write_tensor(file: BinaryIO, name: str, values: np.ndarray, quantize: str | None) -> None:
    """A tensor's header, its sizes the last dimension first, and its values."""
    if name in COLUMNS:
        values = values[:, None]
    kind = FLOAT32
    if values.ndim > 1 and name not in (*ALWAYS_FLOAT32, *COLUMNS):
        kind = Q8_0 if quantize == "int8" and values.ndim == 2 else FLOAT16
    encoded = name.encode()
    file.write(struct.pack("<3i", values.ndim, len(encoded), kind))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + encoded)
    file.write(q8_0(values) if kind == Q8_0 else values.astype("<f2" if kind == FLOAT16 else "<f4").tobytes())


def q8_0(values: np.ndarray) -> bytes:
    """Blocks of 32 values: a float16 scale, then each value as a whole number of scales from -127 to 127.

    >>> len(q8_0(np.ones((2, 64), np.float32)))
    136
    """
    blocks = values.astype(np.float32).reshape(-1, BLOCK)
    scales = np.abs(blocks).max(-1, keepdims=True) / 127
    whole = np.round(np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales > 0))
    rows = np.empty(len(blocks), np.dtype([("scale", "<f2"), ("values", "i1", BLOCK)]))
    rows["scale"], rows["values"] = scales[:, 0], whole
    return rows.tobytes()
