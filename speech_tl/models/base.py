"""`AcousticModel`: the one interface to a recogniser. Nothing outside this folder asks which family a model is."""

from __future__ import annotations

import contextlib
import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from speech_tl.errors import BadInput
from speech_tl.models.audio_context import FULL, AudioContext
from speech_tl.models.frozen import FrozenStage
from speech_tl.models.options import DecodingOptions
from speech_tl.text import Normaliser, get_normaliser

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from speech_tl.models.frame_words import FrameWord

Batch = dict[str, torch.Tensor]


class AcousticModel(ABC):
    """A pre-trained recogniser: text <-> labels, waveform -> features -> batch -> loss or text.

    Attributes:
        family: "ctc" or "whisper".
        task: "transcribe", or what Whisper is set to.
        network: the transformers model that holds the weights.
        source: where it was loaded from, as the user wrote it.
        language: language code the model is set to, or None.
        sample_rate: samples per second that `features` expects.
        exact_in_batches: whether padding leaves an utterance's result unchanged; if not, `decoding` only
            batches utterances of equal length.
        remarks: sentences that a reader of its figures must know.
        has_decoder: whether what writes is a decoder that reads the encoder, not a layer on top of it.
        head_is_new: whether the checkpoint came without a head that can write, so that this one is untrained.
        added_characters: what the train texts have and the checkpoint could not write; each has a new row of the head.
        labels_keep_style: whether the labels of a text keep its capitals and marks, so that they can be learnt.
        shortcuts: whether the same figures may be computed in ways that are faster than the published network's on
            this device.
        base: of an adapter, the folder or Hub id under it.
        scored_by: the normaliser of the run that it learns in: tags that this drops are no part of any label.
        window_limit_s: seconds of the fixed window that the network was made for; None where it has none. Only Whisper
            has one, and what follows is about it.
        full_share: share of the training utterances that keep the whole window to themselves.
        trained_context, decoding_context: how much of it utterances get while training and decoding.
    """

    family: str
    task: str = "transcribe"
    labels_keep_style: bool = False
    shortcuts: bool = True
    exact_in_batches: bool = True
    has_decoder: bool = False
    head_is_new: bool = False
    added_characters: Sequence[str] = ()
    scored_by: Normaliser = get_normaliser("none")
    base: str | None = None
    window_limit_s: float | None = None
    full_share: float = 0.0
    trained_context: AudioContext = FULL
    decoding_context: AudioContext = FULL

    def __init__(self, network: PreTrainedModel, source: str, language: str | None, sample_rate: int) -> None:
        """Keep the network and what is known about it."""
        self.network = network
        self.source = source
        self.language = language
        self.sample_rate = sample_rate
        self.remarks: list[str] = []

    def __getstate__(self) -> dict[str, Any]:
        """A copy for a loader's worker process: everything but the weights."""
        return {**self.__dict__, "network": None}

    def twin(self) -> AcousticModel:
        """The same recogniser for another thread: the weights are shared, the modules that hold them are its own."""
        weights = (*self.network.parameters(), *self.network.buffers())
        return self._around(copy.deepcopy(self.network, {id(weight): weight for weight in weights}))

    def untouched(self) -> AcousticModel:
        """The recogniser as it is now, with weights of its own that do not move."""
        network = copy.deepcopy(self.network).requires_grad_(False)
        return self._around(network.eval())

    def _around(self, network: PreTrainedModel) -> AcousticModel:
        """The same recogniser with another network of the same shape."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.network = network
        return other

    def has_twins(self) -> bool:
        """Whether `twin` is independent: a replaced `forward` (autocast's, for one) would lead back to this network."""
        return not any("forward" in vars(module) for module in self.network.modules())

    # ---- text <-> labels

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Label ids of a reference text, ready for `collate`."""

    @abstractmethod
    def unwritable(self, text: str) -> set[str]:
        """Characters of `text` that the model has no way to write."""

    def writes_style(self) -> bool:
        """Whether it could write capitals or the marks that end sentences, as far as its characters say."""
        return self.labels_keep_style

    @abstractmethod
    def label_problem(self, text: str, duration_s: float) -> str | None:
        """Why `text` cannot be learnt from `duration_s` seconds of audio, or None."""

    def training_problem(self) -> str | None:
        """What the model must be told before it can learn, or None."""
        return None

    # ---- waveform -> batch

    @abstractmethod
    def features(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """One utterance's model input from its waveform `(samples,)`; runs in loader workers."""

    def training_features(self, waveform: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The same for training, where a model may decide at random; `rng` is this utterance's in this epoch."""
        return self.features(waveform)

    @abstractmethod
    def collate(self, features: Sequence[dict[str, np.ndarray]], labels: Sequence[Sequence[int]] | None) -> Batch:
        """Pad features (and labels) of one batch into tensors with a leading batch dimension."""

    @abstractmethod
    def padded_seconds(self, batch: Batch) -> float:
        """Seconds of sound and silence that the network computes on for a collated batch."""

    def rows(self, batch: Batch, first: int, last: int) -> Batch:
        """The utterances `first` to `last` (exclusive) of a collated batch."""
        return {key: value[first:last] for key, value in batch.items()}

    # ---- what training leaves as it is

    def frozen_stage(self, frozen: Sequence[torch.nn.Module], whole: bool = True) -> FrozenStage | None:
        """The largest first part of the network whose output for an utterance never changes while training.

        Args:
            frozen: modules that stay as they are and run as in evaluation, as a strategy says.
            whole: whether it may reach to the encoder's output; else only what lies below its layers.

        Returns:
            None where there is none, or the family cannot keep it.
        """
        return None

    def with_stage(self, stage: FrozenStage, batch: Batch, dtype: torch.dtype = torch.float16) -> Batch:
        """A collated batch with the stage's output `(batch, frames, width)` under its name, as `dtype`, in place of
        what it is computed from; `loss` takes either.
        """
        raise NotImplementedError

    def stage_frames(self, stage: FrozenStage, samples: torch.Tensor) -> torch.Tensor:
        """Frames of the stage's output for utterances of so many `samples` `(batch,)`."""
        raise NotImplementedError

    # ---- batch -> loss or text

    @abstractmethod
    def loss(self, network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Summed loss of a batch, a scalar; divide by `items` of the whole effective batch.

        `network` is `self.network` or what an accelerator wrapped around it.
        """

    @abstractmethod
    def label_scores(self, network: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores over all labels wherever one is chosen: at every frame of CTC, at every target token of Whisper.

        Returns:
            `(positions, labels)`, before any softmax, and the batch's row that each position is from `(positions,)`.
        """

    @abstractmethod
    def items(self, batch: Batch) -> int:
        """What the loss is a mean over: utterances for CTC, target tokens for Whisper."""

    @abstractmethod
    def transcribe(self, batch: Batch, options: DecodingOptions) -> list[str]:
        """Raw text of each utterance of a collated batch."""

    @abstractmethod
    def transcribe_scored(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, float]]:
        """The same texts, each with the model's confidence in it.

        Confidence is the geometric mean of the probabilities of what was written, 0 to 1: for CTC of the best label of
        each frame that is not blank, for Whisper of each token and the end. It is 0 where CTC wrote nothing.
        """

    def durations_s(self, batch: Batch) -> list[float]:
        """Seconds of sound of each utterance of a collated batch; asked of models with a decoder."""
        raise NotImplementedError

    def no_speech(self, batch: Batch, rows: Sequence[int]) -> list[float]:
        """The probability that nobody speaks in some utterances of a batch; asked of models with a decoder."""
        raise NotImplementedError

    def set_engine(self, options: DecodingOptions) -> None:
        """Take `options.engine`, before decoding.

        Raises:
            BadInput: one that this family does not have, or that is not installed.
        """
        if options.engine != "torch":
            raise BadInput(f"engine {options.engine} is for Whisper, and {self.source} is no Whisper: leave it out")

    def set_prompt(self, text: str | None) -> None:
        """Take `options.prompt`, before decoding.

        Raises:
            BadInput: the family takes none, or it is too long.
        """
        if text is not None:
            raise BadInput(f"a prompt is for Whisper, and {self.source} is no Whisper: leave --prompt out")

    def fitting_prompt(self, text: str) -> str:
        """The last words of a text that `set_prompt` takes.

        Raises:
            BadInput: the family takes no prompt.
        """
        self.set_prompt(text)
        return text

    def set_hotwords(self, path: Path | None, weight: float | None) -> None:
        """Take `options.hotwords` and their weight, before decoding and after `set_prompt`.

        Raises:
            BadInput: the file cannot be read or holds none, or one that the model cannot write.
        """
        if path is not None:
            raise NotImplementedError

    def decoding_conditions(self, options: DecodingOptions) -> dict[str, str]:
        """What of this model could change a transcript beside the options themselves, for the record."""
        return {}

    # ---- the language, of models that must be told one

    @property
    def chooses_language(self) -> bool:
        """Whether the model writes several languages and was not told which."""
        return False

    @property
    def words_late_s(self) -> float:
        """How long after the beginning of a word's sound `transcribe_words` finds it, in seconds."""
        return 0.0

    @property
    def languages(self) -> dict[str, int]:
        """Codes and tokens of the languages that a recording may be said to be in; none where nobody can ask."""
        return {}

    def language_scores(self, waveform: np.ndarray) -> dict[str, float]:
        """Log probability of each language for a window of sound `(samples,)`, where one has to be chosen."""
        raise NotImplementedError

    @contextlib.contextmanager
    def speaking(self, language: str | None, task: str | None = None) -> Iterator[None]:
        """Within, the model writes `language` (a code of `language_scores`) and does `task`; None leaves it as it is.

        Raises:
            BadInput: a task that it does not know.
        """
        if task not in (None, self.task):
            raise BadInput(f"model {self.source} writes what it hears: task={task} is for multilingual Whispers")
        yield

    # ---- the window, of families that have one

    def set_audio_context(self, option: str | float, full_share: float) -> None:
        """Take `model.audio_context` and `model.full_context_share`, before training.

        Raises:
            BadInput: seconds, for a family without a window.
        """
        if not isinstance(option, str):
            raise BadInput(
                f"model.audio_context={option:g}: {self.source} hears any length as it is; only Whisper has a window"
            )

    def set_packing(self, timestamp_share: float) -> None:
        """Take several utterances in one window from now on (`training.packing`).

        Raises:
            BadInput: a family without a window, or one that is to be trimmed.
        """
        raise BadInput(f"training.packing: {self.source} has no fixed window to fill; only Whisper has")

    def packed_labels(self, texts: Sequence[str], ends_s: Sequence[float], rng: np.random.Generator) -> list[int]:
        """Label ids of a window of several utterances that follow each other and end at `ends_s` seconds."""
        raise NotImplementedError

    def packing_tokens(self, text: str) -> int:
        """What a text adds to the label of a window, at most."""
        raise NotImplementedError

    @property
    def packing_room(self) -> int:
        """What the texts of a window may add up to."""
        raise NotImplementedError

    def window_s(self, duration_s: float, context: AudioContext) -> float:
        """Seconds that the network computes on for one utterance."""
        return duration_s

    # ---- frames

    @property
    def scores_frames(self) -> bool:
        """Whether it scores its labels frame by frame (CTC), so that what it wrote has places."""
        return False

    @property
    def tells_words(self) -> bool:
        """Whether `transcribe_words` says where words are."""
        return self.scores_frames

    def transcribe_words(self, batch: Batch, options: DecodingOptions) -> list[tuple[str, list[FrameWord]]]:
        """The text of each utterance, as `transcribe`, and its words with their frames and probabilities.

        In languages written without spaces each character is a word.

        Raises:
            BadInput: the model does not tell words.
        """
        raise BadInput(_no_frames(self))

    @property
    def frame_samples(self) -> int:
        """Samples between two frames of `frame_log_probabilities` and of `transcribe_words`."""
        raise BadInput(_no_frames(self))

    def blank_and_delimiter(self) -> tuple[int, int | None]:
        """The labels that stand for nothing and for the end of a word (None: words just follow each other).

        Raises:
            BadInput: as `frame_log_probabilities`.
        """
        raise BadInput(_no_frames(self))

    def frame_log_probabilities(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Log probabilities of the labels `(batch, frames, vocabulary)`, and each row's frames `(batch,)`.

        Raises:
            BadInput: the family writes whole texts and scores no frames.
        """
        raise BadInput(_no_frames(self))

    # ---- parts and files

    @abstractmethod
    def parts(self) -> dict[str, list[torch.nn.Module]]:
        """The network's modules by role: "feature_encoder", "encoder", "head"."""

    @abstractmethod
    def stages(self) -> list[list[torch.nn.Module]]:
        """The encoder from its input to its output, without the front end.

        First what lies below its layers, then each layer, the topmost together with what lies above it.
        """

    def output_layers(self) -> list[torch.nn.Module]:
        """What writes and is small enough to be trained beside anything: CTC's linear head; nothing for Whisper, whose
        output is tied to its embeddings.
        """
        return []

    def new_rows(self) -> list[tuple[torch.nn.Parameter, int]]:
        """Weights of which only the first rows are the checkpoint's, with the number of those."""
        return []

    def language_adapters(self) -> list[torch.nn.Module]:
        """Small layers that hold a language, in checkpoints that have them (MMS); none otherwise."""
        return []

    @abstractmethod
    def adaptable(self) -> dict[str, torch.nn.Linear]:
        """Linear layers of the transformer by dotted name, those whose input and output alone matter.

        An adapter in their place (LoRA and its kin) is heard; a layer whose weight is read by other code is left out.
        """

    @abstractmethod
    def set_spec_augment(self, time_share: float, time_width: int, feature_share: float, feature_width: int) -> None:
        """Set SpecAugment (Park et al. 2019, arXiv 1904.08779) for training; shares of 0 turn it off.

        Args:
            time_share: share of frames that start a time mask, times its width: about the share that is masked.
            time_width: width of a time mask, in encoder frames (CTC) or mel frames (Whisper).
            feature_share: the same for channels.
            feature_width: width of a channel mask.
        """

    def training_attention(self) -> str | None:
        """Name of the attention code that trains fastest on the model's device; None for the one it has.

        What they compute is the same; decoding keeps its own.
        """
        return None

    @contextlib.contextmanager
    def attention(self, name: str | None) -> Iterator[None]:
        """Within, the network attends with the code of that name; None leaves it as it is."""
        usual = self.network.config._attn_implementation
        if name in (None, usual):
            yield
            return
        self.network.set_attn_implementation(name)
        try:
            yield
        finally:
            self.network.set_attn_implementation(usual)

    @abstractmethod
    def attach_auxiliary_ctc(self, weight: float) -> None:
        """Add a CTC loss inside the network, for pre-training from nothing."""

    @abstractmethod
    def detach_auxiliary_ctc(self) -> None:
        """Take it away again, so that the saved model is a plain one; nothing happens when there is none."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write a plain Hugging Face folder (safetensors, processor) that `from_pretrained` loads."""

    @abstractmethod
    def save_processor(self, folder: str | Path) -> None:
        """Write what `save` writes beside config and weights: what text and sound are to the network."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.device

    def to(self, device: str | torch.device) -> AcousticModel:
        """Move the weights to a device; returns self."""
        self.network.to(device)
        return self

    def parameter_counts(self) -> tuple[int, int]:
        """(trainable, total) numbers of parameters."""
        sizes = [(p.requires_grad, p.numel()) for p in self.network.parameters()]
        return sum(n for trainable, n in sizes if trainable), sum(n for _, n in sizes)

    def describe(self) -> dict[str, Any]:
        """What the model is, for reports."""
        return {
            "source": self.source,
            "family": self.family,
            "architecture": type(self.network).__name__,
            "language": self.language,
            "task": self.task,
            "revision": getattr(self.network.config, "_commit_hash", None),
            "parameters": self.parameter_counts()[1],
            **({"base": self.base} if self.base else {}),
        }


def linear_layers(network: torch.nn.Module, within: Iterable[torch.nn.Module]) -> dict[str, torch.nn.Linear]:
    """The linear layers inside the modules `within`, by their dotted name in `network`."""
    inside = {id(module) for part in within for module in part.modules()}
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and id(module) in inside
    }


def _no_frames(model: AcousticModel) -> str:
    return f"{model.source}: a {model.family} model scores no frames; give a CTC model (the wav2vec2 family)"
