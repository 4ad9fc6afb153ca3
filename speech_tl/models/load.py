"""From a name to a model: a Hub id, a folder, an adapter's folder or a shipped starter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.errors import BadInput
from speech_tl.models.adapter_folder import PROCESSOR, TOKENIZER, AdapterFolder, fetched_settings
from speech_tl.models.checkpoints import Checkpoint, is_ctranslate2, refuse_file, refuse_folder
from speech_tl.models.foreign import refuse_foreign
from speech_tl.models.transformers_output import quiet_transformers
from speech_tl.models.whisper_languages import TASKS
from speech_tl.text import nearest

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import ModelOptions

STARTERS = {"starter-wav2vec2": "wav2vec2", "starter-whisper": "whisper"}
EXPECTED = f"a folder, a Hub id or {' or '.join(STARTERS)}"


def load_model(
    source: str | Path,
    *,
    language: str | None = None,
    task: str | None = None,
    texts: Iterable[str] | None = None,
    from_scratch: bool = False,
    revision: str | None = None,
    device: str | None = None,
) -> AcousticModel:
    """Load a recogniser.

    Args:
        source: a Hub id ("openai/whisper-small"), a Hugging Face folder, an adapter that peft wrote (folder or Hub
            id; it is merged into its base), "starter-wav2vec2" or "starter-whisper".
        language: any code or name ("de", "deu", "German"); picks Whisper's language token or an MMS adapter. None is
            what the checkpoint says itself.
        task: Whisper's task, "transcribe" or "translate"; None is what the checkpoint says itself, else "transcribe".
        texts: train texts; a CTC checkpoint gets rows for the characters in them that it lacks. Not for scoring.
        from_scratch: the same network with random weights (seed torch first), for comparisons.
        revision: branch, tag or commit of a Hub id.
        device: where to put the weights; None picks a GPU when there is one.

    Raises:
        BadInput: nothing there, no network, not a speech recogniser, files that are missing or of another model, or a
            head that cannot write yet.

    >>> model = load_model("starter-wav2vec2")
    >>> model.family, model.sample_rate
    ('ctc', 16000)
    """
    if task is not None and task not in TASKS:
        raise BadInput(f"task={task}: expected {' or '.join(TASKS)}")
    name = str(source)
    place = locate(name)
    with quiet_transformers():
        checkpoint = _checkpoint(name, place, revision)
        _refuse_foreign(checkpoint)
        if checkpoint.adapter is not None and from_scratch:
            raise BadInput(f"model.from_scratch: {name} is an adapter, which is nothing without its base's weights")
        config = _config(checkpoint)
        if config.model_type == "whisper":
            from speech_tl.models.whisper_loading import load_whisper

            model = load_whisper(checkpoint, config, language=language, task=task, from_scratch=from_scratch)
        else:
            from speech_tl.models.ctc_loading import load_ctc

            _refuse_translation(name, task)
            model = load_ctc(checkpoint, config, language=language, texts=texts, from_scratch=from_scratch)
    if checkpoint.adapter is not None:
        model.base = checkpoint.adapter.base
    model.network.eval()
    return model.to(device or best_device())


def only_language(options: ModelOptions) -> str | None:
    """The language of a checkpoint that can write one only: "en" of an English-only Whisper; None where nobody is sure.

    Raises:
        BadInput: as `load_model`, of whose folder or Hub id the configuration is read and no weights.
    """
    from transformers import GenerationConfig

    from speech_tl.models.whisper_loading import is_multilingual

    if options.source.startswith("new:"):
        return None
    checkpoint, config = _described(options.source, options.revision)
    with quiet_transformers():
        if config.model_type != "whisper":
            return None
        try:
            settings = GenerationConfig.from_pretrained(checkpoint.place, revision=checkpoint.revision)
        except Exception:  # no such file, or a damaged one, of which the library says anything: told when it is loaded
            settings = None
    return None if is_multilingual(config, settings) else "en"


def read_config(source: str | Path) -> PretrainedConfig:
    """The configuration of a recogniser, an adapter's base's; no weights are read.

    Raises:
        BadInput: as `load_model`, as far as a configuration tells.
    """
    return _described(str(source), None)[1]


def _described(name: str, revision: str | None) -> tuple[Checkpoint, PretrainedConfig]:
    """Where a model is and its configuration."""
    with quiet_transformers():
        checkpoint = _checkpoint(name, locate(name), revision)
        _refuse_foreign(checkpoint)
        return checkpoint, _config(checkpoint)


def best_device() -> str:
    """The fastest device that works here: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def locate(name: str) -> str:
    """Folder of a starter or a local model or adapter; a Hub id comes back unchanged.

    Raises:
        BadInput: a file, a path that is not there, or a folder that is no model's; says what it is instead.
    """
    if not name.strip():
        raise BadInput(f"the model's name is empty: give {EXPECTED}")
    if name in STARTERS:
        return str(Path(__file__).parents[1] / "starters" / STARTERS[name])
    path = Path(name).expanduser()
    if path.is_dir():
        described = any((path / file).is_file() for file in ("config.json", "adapter_config.json"))
        if not described or is_ctranslate2(path):
            raise refuse_folder(name, path)
        return str(path)
    if path.exists():
        raise refuse_file(name, path, EXPECTED)
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise BadInput(f"model folder {name} does not exist: give {EXPECTED}")
    hint = nearest(name, STARTERS)
    if "/" not in name and hint:
        raise BadInput(f"unknown model {name}; did you mean {hint}?")
    return name


def _checkpoint(name: str, place: str, revision: str | None) -> Checkpoint:
    """Where config, weights and processor are; those of an adapter are its base's, but for what lies beside it."""
    adapter = _adapter(name, place, revision)
    if adapter is None:
        return Checkpoint(name, place, revision)
    try:
        base = locate(adapter.base)
        stacked = _adapter(adapter.base, base, adapter.base_revision) is not None
    except BadInput as error:
        raise BadInput(f"adapter {name} is for another model, which is needed too: {error}") from error
    if stacked:
        raise BadInput(f"adapter {name} is for {adapter.base}, which is an adapter itself: merge that one first")
    own = str(adapter.folder) if adapter.has(*TOKENIZER) and adapter.has(*PROCESSOR[-2:]) else None
    return Checkpoint(name, base, adapter.base_revision, own, adapter)


def _refuse_foreign(checkpoint: Checkpoint) -> None:
    """Look at the settings of all that is going to be loaded; see `refuse_foreign`.

    Raises:
        BadInput: one asks for code of its own or for files elsewhere; or the Hub does not have the model.
    """
    if checkpoint.adapter is not None:
        refuse_foreign(checkpoint.name, checkpoint.adapter.folder)
    if Path(checkpoint.place).is_dir():
        refuse_foreign(checkpoint.name, Path(checkpoint.place))
    elif folder := fetched_settings(checkpoint.place, checkpoint.revision):
        refuse_foreign(checkpoint.name, folder)


def _adapter(name: str, place: str, revision: str | None) -> AdapterFolder | None:
    try:
        return AdapterFolder.at(name, place, revision)
    except OSError as error:
        raise Checkpoint(name, place).unloadable(error) from error


def _config(checkpoint: Checkpoint) -> PretrainedConfig:
    """The checkpoint's configuration, refused in one line when it is no speech recogniser."""
    from transformers import MODEL_FOR_CTC_MAPPING, AutoConfig, PretrainedConfig

    from speech_tl.models.heads import own_config
    from speech_tl.models.plausible import require_config

    place, revision = checkpoint.place, checkpoint.revision
    try:
        values, _ = PretrainedConfig.get_config_dict(place, revision=revision)
        require_config(checkpoint.name, values)
        config = own_config(values) or AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False)
    except BadInput:
        raise
    except Exception as error:  # whatever the library says about a damaged file, the user needs one line
        raise checkpoint.unloadable(error) from error
    hears_waveforms = type(config) in MODEL_FOR_CTC_MAPPING and hasattr(config, "conv_kernel")
    if config.model_type != "whisper" and not hears_waveforms:
        raise BadInput(
            f"model {checkpoint.name} is a {config.model_type} model: expected a wav2vec2-family (CTC) or Whisper one"
        )
    return config


def _refuse_translation(name: str, task: str | None) -> None:
    if task not in (None, "transcribe"):
        raise BadInput(f"model {name} writes what it hears (CTC): task={task} is for multilingual Whispers")
