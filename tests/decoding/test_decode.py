"""Utterances in, hypotheses out: in order, whatever the batches, with a problem instead of an exception."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from speech_tl.audio import load_audio, save_audio
from speech_tl.data.manifest import Utterance
from speech_tl.decoding.decode import (
    BATCH_SECONDS,
    conditions,
    decode,
    decode_waveforms,
    loader_workers,
    precision_context,
)
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel, DecodingOptions
from speech_tl.models.load import load_model
from tests.sounds import voice
from tests.tiny import tiny_ctc

LENGTHS_S = (1.0, 2.5, 0.4, 1.7, 1.0, 3.1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    """Group norm: the style that padding would spoil."""
    return load_model(tiny_ctc(tmp_path_factory.mktemp("decoding") / "m", norm="group"))


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Clips of mixed length whose durations nobody wrote down."""
    folder = tmp_path_factory.mktemp("clips")
    for number, seconds in enumerate(LENGTHS_S):
        save_audio(folder / f"{number}.wav", voice(seconds, number), 16000)
    return [Utterance(str(n), str(folder / f"{n}.wav")) for n in range(len(LENGTHS_S))]


def texts(model: AcousticModel, utterances: list[Utterance], **options: object) -> list[str | None]:
    """What is decoded."""
    return [h.text for h in decode(model, utterances, DecodingOptions(**{"workers": 0} | options))]


def test_hypotheses_come_in_the_order_of_the_utterances(model: AcousticModel, utterances: list[Utterance]) -> None:
    alone = [decode(model, [utterance])[0].text for utterance in utterances]
    assert len(set(alone)) == len(alone), "the texts must differ for this test to mean anything"
    assert texts(model, utterances) == alone
    assert texts(model, utterances[::-1]) == alone[::-1]
    assert [h.index for h in decode(model, utterances)] == list(range(len(utterances)))


@pytest.mark.parametrize("options", [{"batch_seconds": 1.0}, {"batch_seconds": 7.0}, {"max_batch": 2}, {"workers": 2}])
def test_batches_and_workers_do_not_change_a_text(
    model: AcousticModel, utterances: list[Utterance], options: dict
) -> None:
    assert texts(model, utterances, **options) == texts(model, utterances)


def test_batches_are_as_large_as_allowed(
    model: AcousticModel, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, transcribe = [], model.transcribe
    monkeypatch.setattr(model, "transcribe", lambda b, o: sizes.append(b["input_values"].shape) or transcribe(b, o))
    texts(model, utterances, batch_seconds=6.5)
    assert [(n, round(samples / 16000, 1)) for n, samples in sizes] == [(2, 3.1), (3, 1.7), (1, 0.4)]


def test_a_broken_file_is_a_problem_and_the_rest_go_on(
    model: AcousticModel, utterances: list[Utterance], tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    missing = Utterance("x", str(tmp_path / "missing.wav"))
    lying = Utterance("y", str(tmp_path / "text.wav"), duration_s=1.5)
    found = decode(model, [utterances[0], missing, utterances[1], lying], DecodingOptions(workers=0))
    assert [h.text for h in found if h.problem is None] == texts(model, utterances[:2])
    assert found[1].text is None and "missing.wav" in found[1].problem
    assert found[3].text is None and "text.wav" in found[3].problem


def test_segments_are_decoded_by_their_own_samples(model: AcousticModel, utterances: list[Utterance]) -> None:
    long = utterances[5].audio
    part = Utterance("part", long, start_s=0.5, end_s=1.75)
    wanted = decode_waveforms(model, [load_audio(long, 16000, 0.5, 1.75)])
    assert texts(model, [part, utterances[0]])[:1] == wanted


def test_waveforms_come_back_in_order(model: AcousticModel, utterances: list[Utterance]) -> None:
    waveforms = [load_audio(u.audio) for u in utterances]
    assert decode_waveforms(model, waveforms, DecodingOptions(max_batch=2)) == texts(model, utterances)
    assert decode_waveforms(model, []) == []


def test_conditions_say_what_is_done_here_not_that_the_machine_chose(model: AcousticModel) -> None:
    model = model.to("cpu")
    assert conditions(model, DecodingOptions())["batch_seconds"] == BATCH_SECONDS["cpu"]
    told = conditions(model, DecodingOptions(batch_seconds=7.0, beam=1))
    assert (told["batch_seconds"], told["beam"], told["precision"], told["device"]) == (7.0, 1, "float32", "cpu")
    assert None not in told.values()


def test_nothing_to_decode(model: AcousticModel) -> None:
    assert decode(model, []) == []


def test_progress_is_in_seconds_and_ends_at_the_end(model: AcousticModel, utterances: list[Utterance]) -> None:
    heard: list[tuple[float, float]] = []
    decode(model, utterances, DecodingOptions(max_batch=2, workers=0), lambda *place: heard.append(place))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (pytest.approx(sum(LENGTHS_S), abs=0.01), pytest.approx(sum(LENGTHS_S), abs=0.01))


def test_a_network_in_training_is_decoded_as_in_evaluation_and_left_in_training(
    model: AcousticModel, utterances: list[Utterance]
) -> None:
    wanted = texts(model, utterances)
    model.set_spec_augment(0.9, 2, 0.9, 2)
    model.network.train()
    try:
        assert texts(model, utterances) == wanted
        assert model.network.training
    finally:
        model.set_spec_augment(0, 2, 0, 2)
        model.network.eval()


def test_half_precision_needs_a_gpu() -> None:
    with pytest.raises(BadInput, match="precision bf16 needs a GPU"):
        precision_context("bf16", torch.device("cpu"))


def test_few_utterances_start_no_processes() -> None:
    assert loader_workers(None, 10) == 0
    assert 1 <= loader_workers(None, 1000) <= 4
    assert loader_workers(3, 10) == 3
