"""Batches in lanes of their own: the same texts as one after the other, from shared weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from speech_tl.audio import load_audio, save_audio
from speech_tl.data.manifest import Utterance
from speech_tl.decoding.decode import decode, decode_waveforms
from speech_tl.decoding.lanes import in_lanes, lane_count
from speech_tl.models.audio_context import AudioContext
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions
from tests.sounds import voice
from tests.tiny import tiny_ctc


@pytest.fixture(autouse=True)
def three_cores() -> Iterator[None]:
    """Whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=["group", "layer", "whisper"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    """Both norms of CTC (the group norm is told of padding by an attribute of its module), and Whisper."""
    if request.param != "whisper":
        return load_model(tiny_ctc(tmp_path_factory.mktemp("lanes") / "m", norm=request.param), device="cpu")
    model = load_model("starter-whisper", language="en", device="cpu")  # random weights write the same of everything
    model.decoding_context = AudioContext.wanted("auto")
    return model


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Twelve clips of mixed length."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(12):
        save_audio(folder / f"{number}.wav", voice(0.5 + number % 5 / 3, number), 16000)
    return [Utterance(str(n), str(folder / f"{n}.wav")) for n in range(12)]


def test_lanes_write_what_one_lane_writes(model: AcousticModel, utterances: list[Utterance]) -> None:
    small = {"batch_seconds": 5.0}
    alone = decode(model, utterances, DecodingOptions(workers=0, shortcuts=False, **small))
    assert len({h.text for h in alone}) > 5
    for _ in range(2):
        assert decode(model, utterances, DecodingOptions(**small)) == alone
    waveforms = [load_audio(utterance.audio) for utterance in utterances]
    assert decode_waveforms(model, waveforms, DecodingOptions(**small)) == [h.text for h in alone]
    assert torch.get_num_threads() == 3


def test_a_broken_file_is_a_problem_of_its_own(
    model: AcousticModel, utterances: list[Utterance], tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    lying = Utterance("y", str(tmp_path / "text.wav"), duration_s=1.5)
    found = decode(model, [*utterances, lying], DecodingOptions(batch_seconds=4.0))
    assert [h.problem is None for h in found] == [True] * 12 + [False]


def test_progress_rises_to_the_end(model: AcousticModel, utterances: list[Utterance]) -> None:
    told: list[tuple[float, float]] = []
    decode(model, utterances, DecodingOptions(batch_seconds=4.0), lambda *place: told.append(place))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(told[-1][1], abs=0.01)


def test_a_twin_shares_weights_and_nothing_else(model: AcousticModel) -> None:
    twin = model.twin()
    assert all(one is other for one, other in zip(model.network.parameters(), twin.network.parameters(), strict=True))
    assert not {id(m) for m in model.network.modules()} & {id(m) for m in twin.network.modules()}
    if model.family == "ctc":
        assert twin.front.module is twin.network.base_model.feature_extractor


def test_one_lane_where_lanes_are_of_no_use(model: AcousticModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def lanes(batches: int, **options: object) -> int:
        return lane_count(model, DecodingOptions(**options), batches)

    assert [lanes(100), lanes(2), lanes(100, workers=2)] == [3, 2, 2]
    assert [lanes(0), lanes(100, workers=0), lanes(100, beam=2)] == [1, 1, 1]
    monkeypatch.setattr(model, "shortcuts", False)
    assert lanes(100) == 1
    monkeypatch.undo()
    monkeypatch.setattr(model.network, "forward", model.network.forward)  # as autocast replaces it
    assert lanes(100) == 1


def test_what_fails_in_a_lane_fails_outside_and_stops_the_others(model: AcousticModel) -> None:
    done: list[int] = []

    def work(twin: AcousticModel, task: int) -> int:
        if task == 3:
            raise ValueError("lane 3")
        done.append(task)
        return task

    with pytest.raises(ValueError, match="lane 3"):
        list(in_lanes(model, 2, work, range(1000)))
    assert len(done) < 1000
    assert torch.get_num_threads() == 3
