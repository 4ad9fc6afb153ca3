"""What an export target is: it writes a model's files, and loads them with the program that they are for."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from transformers import PretrainedConfig

    from speech_tl.models.base import AcousticModel

Transcriber = Callable[["np.ndarray"], str]
"""A loaded export: the text of a waveform `(samples,)`, float32 at 16 kHz, of at most 30 s for a Whisper."""


@dataclass(frozen=True)
class Package:
    """A package of the index.

    Attributes:
        name: as pip knows it.
        module: as Python imports it.
    """

    name: str
    module: str

    @property
    def installed(self) -> bool:
        """Whether it can be imported; nothing is."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """Of the installed one; "unknown" where its files do not say."""
        try:
            return version(self.name)
        except PackageNotFoundError:
            return "unknown"


class Target(ABC):
    """A format that another program loads.

    Attributes:
        title: the program, for people.
        program: the package that loads an export, and that it is compared with.
        writers: what writing needs beside this project's own dependencies.
        quantizations: what `--quantize` may be.
        usual: which of them a file has where nobody asked for one; None leaves the weights as they are.
        library: what model hubs call the format.
    """

    title: ClassVar[str]
    program: ClassVar[Package]
    writers: ClassVar[tuple[Package, ...]] = ()
    quantizations: ClassVar[tuple[str, ...]] = ()
    usual: ClassVar[str | None] = None
    library: ClassVar[str] = "transformers"

    @abstractmethod
    def refuse(self, name: str, config: PretrainedConfig) -> None:
        """Refuse a checkpoint that the program cannot take, by its configuration alone.

        Raises:
            BadInput: names the model and what was expected.
        """

    @abstractmethod
    def write(self, model: AcousticModel, folder: Path, quantize: str | None) -> None:
        """Write a loaded model's files into an empty folder.

        Raises:
            BadInput: the program cannot take it, as only its weights or tokenizer tell.
        """

    @abstractmethod
    def load(self, folder: Path, model: AcousticModel) -> Transcriber:
        """Load an export with its program, which decodes greedily and as `model` is set (language, task)."""


WINDOW_POSITIONS = 1500
"""The encoder's positions in a window of 30 s."""


def require_published_window(name: str, config: PretrainedConfig, title: str) -> None:
    """Refuse what is no Whisper of 30 s, for a program that cuts sound into windows of 30 s whatever the model says.

    Raises:
        BadInput: names the targets that take it.
    """
    require_whisper(name, config, title)
    if config.max_source_positions != WINDOW_POSITIONS:
        raise BadInput(
            f"model {name} has windows of {config.max_source_positions / 50:g} s, and {title} has them of 30 s: --to "
            "onnx or hf"
        )


def require_whisper(name: str, config: PretrainedConfig, title: str) -> None:
    """Refuse what is no Whisper.

    Raises:
        BadInput: names the targets that take it.
    """
    if config.model_type != "whisper":
        raise BadInput(f"model {name} is a {config.model_type} model, and {title} takes Whisper only: --to onnx or hf")


def cpu_threads() -> int:
    """Threads for another program: as many as torch takes here, so that its user's limits hold for both."""
    import torch

    return torch.get_num_threads()
