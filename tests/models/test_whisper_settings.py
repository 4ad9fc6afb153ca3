"""Which language and task a Whisper is set to: by the caller, by its settings today, by those of older folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech_tl.decoding.decode import decode_waveforms
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from tests.sounds import voice
from tests.tiny import tiny_whisper


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """A tiny Whisper whose files say what they are told about language and task."""
    folder = tiny_whisper(tmp_path / "m", tokens=64)
    told = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("generation_config", "config")}
    for key in ("language", "task", "forced_decoder_ids"):
        told["generation_config"].pop(key, None)

    def write(generation: dict[str, Any] | None, config: dict[str, Any]) -> Path:
        (folder / "config.json").write_text(json.dumps(told["config"] | config))
        (folder / "generation_config.json").unlink(missing_ok=True)
        if generation is not None:
            (folder / "generation_config.json").write_text(json.dumps(told["generation_config"] | generation))
        return folder

    settings = told["generation_config"]
    write.forced = [
        [1, settings["lang_to_id"]["<|de|>"]],
        [2, settings["task_to_id"]["translate"]],
        [3, settings["no_timestamps_token_id"]],
    ]
    return write


@pytest.mark.parametrize("language", ["<|de|>", "de", "German", "german", "GERMAN", "deu", "de-DE"])
def test_a_model_s_own_language_is_read_however_it_is_written(language: str, written: Callable[..., Path]) -> None:
    model = load_model(written({"language": language, "task": "translate"}, {}))
    assert (model.language, model.task) == ("de", "translate")
    assert (model.network.generation_config.language, model.network.generation_config.task) == ("de", "translate")


@pytest.mark.parametrize("place", ["generation", "config", "config alone"])
def test_forced_decoder_ids_of_older_folders(place: str, written: Callable[..., Path], tmp_path: Path) -> None:
    forced = {"forced_decoder_ids": written.forced}
    folder = {
        "generation": lambda: written(forced, {}),
        "config": lambda: written({}, forced),
        "config alone": lambda: written(None, forced),
    }[place]()
    model = load_model(folder)
    assert (model.language, model.task) == ("de", "translate")
    settings = model.network.generation_config
    assert settings.forced_decoder_ids is None and model.network.config.forced_decoder_ids is None
    decode_waveforms(model, [voice(0.5)], DecodingOptions(beam=2))  # generate refuses both ways at once
    model.save(tmp_path / "saved")
    assert (load_model(tmp_path / "saved").language, load_model(tmp_path / "saved").task) == ("de", "translate")


def test_what_is_said_today_wins_over_what_was(written: Callable[..., Path]) -> None:
    forced = {"forced_decoder_ids": written.forced}
    assert load_model(written({"language": "nl"}, forced)).language == "nl"
    assert load_model(written(forced, {}), language="tur", task="transcribe").language == "tr"
    assert load_model(written(forced, {}), task="transcribe").task == "transcribe"


def test_forced_ids_without_a_language_leave_it_to_be_heard(written: Callable[..., Path]) -> None:
    """As openai/whisper-base has them: the language free, the task not; its config.json still says English."""
    forced = [[1, None], *written.forced[1:]]
    model = load_model(written({"forced_decoder_ids": forced}, {"forced_decoder_ids": written.forced}))
    assert (model.language, model.task, model.chooses_language) == (None, "translate", True)


@pytest.mark.parametrize("language", [None, "", "und"])
def test_no_language_is_none(language: str | None, written: Callable[..., Path]) -> None:
    assert load_model(written({}, {}), language=language).chooses_language


def test_translating_is_for_multilingual_whispers(
    english_whisper_folder: Path, ctc_folder: Path, written: Callable[..., Path]
) -> None:
    assert load_model(written({}, {}), task="translate").task == "translate"
    for folder in (english_whisper_folder, ctc_folder):
        with pytest.raises(BadInput, match="task=translate"):
            load_model(folder, task="translate")
    assert load_model(ctc_folder, task="transcribe", language="German").language == "de"


def test_plain_transformers_goes_on_in_the_saved_language(
    published_whisper: Callable[[str], Path], corpora: Path, tmp_path: Path
) -> None:
    """An adapted model's folder says its language and task to any pipeline."""
    from transformers import pipeline

    model = load_model(published_whisper("whisper-base"), language="nld", device="cpu")
    model.save(tmp_path / "saved")
    settings = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert (settings["language"], settings["task"]) == ("nl", "transcribe")
    clip = next(iter(sorted((corpora / "dutch_nathalie").glob("**/*.ogg"))))
    recogniser = pipeline("automatic-speech-recognition", model=str(tmp_path / "saved"), device="cpu")
    from speech_tl.audio import load_audio

    waveform = load_audio(clip, 16000)
    plain = recogniser({"raw": waveform, "sampling_rate": 16000}, generate_kwargs={"num_beams": 1})["text"].strip()
    assert plain == decode_waveforms(model, [waveform])[0]
