"""Transcribe with an ONNX export: onnxruntime and numpy, and for a Whisper the files of transformers beside it.

No weights of torch are loaded. What the graphs do not know is in `recogniser.json`, which the export wrote.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SETTINGS = "recogniser.json"


class OnnxRecogniser(ABC):
    """A recogniser whose network is run by onnxruntime; `open_recogniser` makes one.

    Attributes:
        sample_rate: of the waveforms that it takes.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], threads: int | None) -> None:
        """Load the graphs of a folder; `threads` of each operator, None leaves them to onnxruntime."""
        self.folder, self.settings, self.threads = folder, settings, threads
        self.sample_rate: int = settings["sample_rate"]

    def _session(self, name: str) -> InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if self.threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = self.threads
        return onnxruntime.InferenceSession(str(self.folder / name), options, providers=["CPUExecutionProvider"])

    @abstractmethod
    def transcribe(self, waveforms: Sequence[np.ndarray]) -> list[str]:
        """The texts of waveforms `(samples,)`, float32 at `sample_rate`, as one batch, decoded greedily."""


def open_recogniser(folder: str | Path, threads: int | None = None) -> OnnxRecogniser:
    """The recogniser in a folder that `speech-tl export --to onnx` wrote.

    Raises:
        BadInput: it is none.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return {"ctc": OnnxCTC, "whisper": OnnxWhisper}[settings["kind"]](folder, settings, threads)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder} is no ONNX export ({SETTINGS}: {type(error).__name__}): export it again") from error


class OnnxCTC(OnnxRecogniser):
    """A CTC model: the best label of each frame, repeats merged, blanks dropped."""

    def __init__(self, folder: Path, settings: dict[str, Any], threads: int | None) -> None:
        """Load the graph."""
        super().__init__(folder, settings, threads)
        self.network = self._session("model.onnx")

    def transcribe(self, waveforms: Sequence[np.ndarray]) -> list[str]:
        """See `OnnxRecogniser`; where padding would change a clip's text, clips of unlike length go one by one."""
        sounds = [self._prepared(np.asarray(waveform, np.float32)) for waveform in waveforms]
        lengths = [len(sound) for sound in sounds]
        if not self.settings["exact_in_batches"] and len(set(lengths)) > 1:
            return [text for sound in sounds for text in self._texts([sound])]
        return self._texts(sounds)

    def _prepared(self, sound: np.ndarray) -> np.ndarray:
        """Zero mean and unit variance where the model wants it, and no shorter than one frame."""
        if self.settings["normalise_waveform"]:
            sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        return np.pad(sound, (0, max(0, self.settings["shortest_samples"] - len(sound))))

    def _texts(self, sounds: Sequence[np.ndarray]) -> list[str]:
        values = np.zeros((len(sounds), max(map(len, sounds))), np.float32)
        mask = np.zeros(values.shape, np.int64)
        for row, sound in enumerate(sounds):
            values[row, : len(sound)], mask[row, : len(sound)] = sound, 1
        logits = self.network.run(["logits"], {"input_values": values, "attention_mask": mask})[0]
        rows = zip(logits.argmax(-1), sounds, strict=True)
        return [self._spelt(best[: self._frames(len(sound))].tolist()) for best, sound in rows]

    def _frames(self, samples: int) -> int:
        for kernel, stride in self.settings["strides"]:
            samples = (samples - kernel) // stride + 1
        return samples

    def _spelt(self, best: list[int]) -> str:
        blank, silent = self.settings["blank"], set(self.settings["silent"])
        merged = (label for label, _ in groupby(blank if label in silent else label for label in best))
        tokens = (self.settings["labels"][label] for label in merged if label != blank)
        text = "".join(" " if token == self.settings["delimiter"] else token for token in tokens).strip()
        return text.lower() if self.settings["lower"] else text


class OnnxWhisper(OnnxRecogniser):
    """A Whisper: the most probable token after the ones before, in a window of 30 s."""

    def __init__(self, folder: Path, settings: dict[str, Any], threads: int | None) -> None:
        """Load both graphs, the tokenizer and what makes mel frames."""
        from tokenizers import Tokenizer
        from transformers import WhisperFeatureExtractor

        super().__init__(folder, settings, threads)
        self.encoder, self.decoder = self._session("encoder_model.onnx"), self._session("decoder_model.onnx")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.extractor = WhisperFeatureExtractor.from_pretrained(folder)
        inputs = {given.name: given for given in self.decoder.get_inputs()}
        self.past = [name for name in inputs if ".decoder." in name]
        self.heads, self.width = inputs[self.past[0]].shape[1], inputs[self.past[0]].shape[3]

    def transcribe(self, waveforms: Sequence[np.ndarray]) -> list[str]:
        """See `OnnxRecogniser`; sound behind the first 30 s is not heard."""
        sounds = [np.asarray(waveform, np.float32) for waveform in waveforms]
        mel = self.extractor(sounds, sampling_rate=self.sample_rate, return_tensors="np").input_features
        names = [made.name for made in self.encoder.get_outputs()]
        made = self.encoder.run(names, {"input_features": mel.astype(np.float32)})
        heard = {name.replace("present", "past_key_values"): value for name, value in zip(names, made, strict=True)}
        return [
            self.tokenizer.decode(row, skip_special_tokens=True).strip() for row in self._tokens(heard, len(sounds))
        ]

    def _tokens(self, heard: dict[str, np.ndarray], rows: int) -> list[list[int]]:
        """New tokens of each row, without the end."""
        end, room = self.settings["end"], self.settings["positions"]
        tokens = np.tile(np.array(self.settings["prompt"], np.int64), (rows, 1))
        if self.settings["languages"]:
            scores, _ = self._step(tokens[:, :1], heard, self._nothing(rows))
            known = np.array(self.settings["languages"])
            tokens[:, 1] = known[scores[:, known].argmax(-1)]
        written: list[list[int]] = [[] for _ in range(rows)]
        scores, past = self._step(tokens, heard, self._nothing(rows))
        scores[:, self.settings["suppress_first"]] = -np.inf
        going = np.ones(rows, bool)
        for _ in range(room - tokens.shape[1]):
            scores[:, self.settings["suppress"]] = -np.inf
            best = np.where(going, scores.argmax(-1), end)
            going &= best != end
            for row in np.flatnonzero(going):
                written[row].append(int(best[row]))
            if not going.any():
                break
            scores, past = self._step(best[:, None], heard, past)
        return written

    def _nothing(self, rows: int) -> dict[str, np.ndarray]:
        """Keys and values of no tokens."""
        return dict.fromkeys(self.past, np.zeros((rows, self.heads, 0, self.width), np.float32))

    def _step(
        self, tokens: np.ndarray, heard: dict[str, np.ndarray], past: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Scores `(rows, vocabulary)` of what follows `tokens` `(rows, count)`, and the keys and values until there."""
        wanted = ["logits", *(name.replace("past_key_values", "present") for name in self.past)]
        scores, *kept = self.decoder.run(wanted, {"input_ids": tokens.astype(np.int64), **heard, **past})
        return scores, dict(zip(self.past, kept, strict=True))
