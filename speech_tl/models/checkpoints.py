"""What a file or folder is that is no model folder of transformers, and what a model folder lacks."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.models.adapter_folder import AdapterFolder

OPENAI_NAMES = (
    *("tiny.en", "base.en", "small.en", "medium.en", "tiny", "base", "small", "medium"),
    *("large-v1", "large-v2", "large-v3-turbo", "large-v3", "turbo", "large"),
)
"""Names of OpenAI's models in file names, the longer of two that begin alike first."""

PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")
"""Either describes the features; transformers 5 writes the second."""

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""As transformers looks for them, whole or with an index of their shards."""

OTHER_WEIGHTS = {
    "*.onnx": "ONNX weights",
    "tf_model.h5": "TensorFlow weights",
    "flax_model.msgpack": "Flax weights",
    "model.bin": "a CTranslate2 model",
    "adapter_model.*": "an adapter",
}
"""Files that other programs load, and what they are."""

BEGINNINGS = {
    b"GGUF": "a GGUF file",
    b"lmgg": "a ggml file of whisper.cpp",
    b"ggml": "a ggml file of whisper.cpp",
    b"tjgg": "a ggml file of whisper.cpp",
    b"fmgg": "a ggml file of whisper.cpp",
    b"\x1f\x8b": "a compressed archive",
}
"""First bytes of files, and what they are."""


@dataclass(frozen=True)
class Checkpoint:
    """Where the files of a model are.

    Attributes:
        name: as the user wrote it, for messages.
        place: folder or Hub id of config and weights.
        revision: branch, tag or commit of a Hub id.
        processor: folder or Hub id of tokenizer and feature extractor; None is `place`.
        adapter: what is merged into the weights.
    """

    name: str
    place: str
    revision: str | None = None
    processor: str | None = None
    adapter: AdapterFolder | None = None

    def load(self, loader: Any, **options: Any) -> Any:
        """`loader.from_pretrained` of config or weights, with our one-line error."""
        return self._pretrained(loader, self.place, self.revision, options)

    def load_extractor(self, loader: Any, **options: Any) -> Any:
        """The same for what turns sound into features, whose settings are looked at first.

        Raises:
            BadInput: also settings that no sound can have.
        """
        from transformers import FeatureExtractionMixin

        from speech_tl.models.plausible import require_preprocessor

        place, revision = (self.place, self.revision) if self.processor is None else (self.processor, None)
        try:
            values = FeatureExtractionMixin.get_feature_extractor_dict(place, revision=revision)[0]
        except Exception as error:  # as in _pretrained
            raise self.unloadable(error) from error
        require_preprocessor(self.name, values)
        return self.load_processor(loader, **options)

    def load_processor(self, loader: Any, **options: Any) -> Any:
        """The same for what turns text and sound into numbers."""
        if self.processor is not None:
            return self._pretrained(loader, self.processor, None, options)
        return self.load(loader, **options)

    def _pretrained(self, loader: Any, place: str, revision: str | None, options: dict[str, Any]) -> Any:
        from pickle import UnpicklingError

        try:
            return loader.from_pretrained(place, revision=revision, **options)
        except UnpicklingError as error:
            raise BadInput(
                f"model {self.name} cannot be loaded: its pickled weights ({WEIGHTS[1]}) are damaged or hold more than "
                f"tensors, which is never unpickled; give one with {WEIGHTS[0]}"
            ) from error
        except Exception as error:  # whatever the library says about damaged files, the user needs one line
            raise self.unloadable(error) from error

    def unloadable(self, error: Exception) -> BadInput:
        """One line for the many ways a download or a broken folder fails."""
        why = (
            "no such folder, and the Hub does not have it or cannot be reached (`speech-tl doctor` checks the network)"
        )
        if Path(self.place).is_dir():
            why = f"its folder is damaged ({(str(error).splitlines() or [type(error).__name__])[0][:120]})"
        return BadInput(f"model {self.name} cannot be loaded: {why}")

    # ---- what a folder lacks; nothing is known of the Hub's before they are asked for

    def require_weights(self) -> None:
        """Refuse a folder without weights, or with some of their shards only.

        Raises:
            BadInput: names what is missing, or what lies there instead.
        """
        folder = Path(self.place)
        if not folder.is_dir():
            return
        for name in WEIGHTS:
            if (folder / name).is_file():
                self._refuse_pointer(folder / name)
                return
            if (folder / f"{name}.index.json").is_file():
                self._require_shards(folder, folder / f"{name}.index.json")
                return
        kind = next((kind for pattern, kind in OTHER_WEIGHTS.items() if any(folder.glob(pattern))), None)
        states = (folder / "zero_to_fp32.py").is_file()
        raise BadInput(
            f"model {self.name} has no weights (model.safetensors): "
            + (f"it holds {kind}, which transformers does not load; " if kind else "")
            + ("run its zero_to_fp32.py first" if states else "copy them there, or give the model it was made from")
        )

    def _require_shards(self, folder: Path, index: Path) -> None:
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError) as error:
            raise BadInput(f"model {self.name}: {index.name} is damaged; copy the folder again") from error
        missing = sorted(shard for shard in shards if not (folder / shard).is_file())
        if missing:
            few = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
            raise BadInput(
                f"model {self.name} lacks {len(missing)} of its {len(shards)} files of weights ({few}): copy them there"
            )
        for shard in shards:
            self._refuse_pointer(folder / shard)

    def _refuse_pointer(self, file: Path) -> None:
        """A clone without Git LFS has a few lines of text in the place of the weights."""
        if file.stat().st_size < 1024 and file.read_bytes().startswith(b"version https://git-lfs"):
            raise BadInput(f"model {self.name}: {file.name} is only a pointer of Git LFS; run `git lfs pull` there")

    def require_preprocessor(self, trained_from: str) -> None:
        """Refuse a folder that does not say how sound becomes features.

        Args:
            trained_from: what its files may be copied from, in words.
        """
        if self.folder_lacks(*PREPROCESSOR):
            raise self.lacks("feature extractor", PREPROCESSOR[:1], trained_from)

    def folder_lacks(self, *files: str) -> bool:
        """Whether tokenizer and extractor are in a folder that has none of these files."""
        folder = Path(self.processor or self.place)
        return folder.is_dir() and not any((folder / name).is_file() for name in files)

    def lacks(self, what: str, files: tuple[str, ...], trained_from: str) -> BadInput:
        """What to do where files are missing that training does not save by itself."""
        parent = Path(self.processor or self.place).parent
        source = str(parent) if all((parent / file).is_file() for file in files) else trained_from
        listed = " and ".join(files)
        return BadInput(
            f"model {self.name} has no {what}: copy {listed} from {source} into it (a Trainer that is given "
            "processing_class=processor saves them itself)"
        )


def refuse_file(name: str, file: Path, expected: str) -> BadInput:
    """What to say about a file that was given as a model; nothing is unpickled to find out."""
    kind = file_kind(file)
    if kind is None:
        return BadInput(f"model {name} is a file: expected {expected}")
    return BadInput(f"model {name} is {kind}: expected {expected}; {_instead(file, kind)}")


def file_kind(file: Path) -> str | None:
    """What a file is by its first bytes and, where those say nothing, its name; None where that is no model."""
    with file.open("rb") as stream:
        begin = stream.read(512)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            pickled = any(member.endswith("data.pkl") for member in archive.namelist())
        return "a pickled PyTorch file" if pickled else "an archive"
    if begin[:2] in (b"\x80\x02", b"\x80\x04"):
        return "a pickled PyTorch file"
    if file.suffix == ".nemo" or begin[257:262] == b"ustar":
        return "a NeMo file" if file.suffix == ".nemo" else "an archive"
    if b"Spec\0" in begin[:64]:
        return "a CTranslate2 model"
    if file.suffix == ".onnx":
        return "an ONNX file"
    if begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") < file.stat().st_size:
        return "a safetensors file without its folder"
    if file.name in ("config.json", "adapter_config.json"):
        return "a file of a model's folder"
    return next((kind for first, kind in BEGINNINGS.items() if begin.startswith(first)), None)


def _instead(file: Path, kind: str) -> str:
    """What to do with a file of this kind."""
    published = next((name for name in OPENAI_NAMES if name in file.stem), None)
    if kind == "a pickled PyTorch file" and published is None:
        return "convert it with the program that wrote it (its save_pretrained), for nothing is unpickled here"
    if published:
        published = {"turbo": "large-v3-turbo"}.get(published, published)
        return f"the same model for transformers is --model openai/whisper-{published}"
    advice = {
        "a safetensors file without its folder": f"give its folder ({file.parent}), with config.json beside it",
        "a file of a model's folder": f"give its folder ({file.parent})",
        "an archive": "unpack it and give the folder",
        "a compressed archive": "unpack it and give the folder",
        "a NeMo file": "NeMo's models are not transformers'; give a wav2vec2-family (CTC) or Whisper model",
    }
    return advice.get(kind, "give the Hugging Face model that it was converted from")


def refuse_folder(name: str, folder: Path) -> BadInput:
    """What to say about a folder that is no model folder."""
    lacks = f"model folder {name} has no config.json: expected a Hugging Face model folder"
    if inner := next(_inside(folder), None):
        return BadInput(f"{lacks}; did you mean {inner}?")
    if is_ctranslate2(folder):
        return BadInput(
            f"model folder {name} is a CTranslate2 model (faster-whisper): expected a Hugging Face model folder; "
            "give the model that it was converted from, e.g. openai/whisper-small instead of faster-whisper-small"
        )
    if (folder / WEIGHTS[0]).is_file():
        return BadInput(f"{lacks}; it has weights, so copy config.json from the checkpoint that it was trained from")
    for file in sorted(folder.iterdir()):
        kind = file_kind(file) if file.is_file() and file.suffix != ".json" else None
        if kind and "archive" not in kind:
            return BadInput(f"{lacks}; {file.name} in it is {kind}: {_instead(file, kind)}")
    if any((folder / file).is_file() for file in ("tokenizer.json", "vocab.json", "tokenizer_config.json")):
        return BadInput(f"{lacks}; it holds a tokenizer only, give the folder with the model's weights")
    return BadInput(lacks)


def is_ctranslate2(folder: Path) -> bool:
    """Whether a folder is for CTranslate2, which has a config.json of its own."""
    vocabularies = (*folder.glob("vocabulary.*"), *folder.glob("shared_vocabulary.*"))
    return (folder / "model.bin").is_file() and bool(vocabularies)


def _inside(folder: Path) -> Iterator[Path]:
    """Model folders in a run's folder, a Trainer's and a Hub cache's, the last first."""
    numbered = sorted(folder.glob("checkpoint-*"), key=lambda path: (len(path.name), path.name), reverse=True)
    for inner in (folder / "model", folder / "adapter", *numbered, *sorted(folder.glob("snapshots/*"))):
        if any((inner / file).is_file() for file in ("config.json", "adapter_config.json")):
            yield inner
