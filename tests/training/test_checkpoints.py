"""The newest whole checkpoint is used; damaged ones are told and passed over, and no other weights slip in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.load import load_model
from speech_tl.training import train as training
from speech_tl.training.checkpoints import SEAL, damage, newest_whole, seal
from tests.training.learning import changed, learn, weights

RUN = {"max_steps": 6, "eval_steps": 2}


class Killed(Exception):
    """A power cut."""


def killed_at(step: int) -> Callable[..., None]:
    def progress(done: int, steps: int, latest: dict[str, float]) -> None:
        if done == step:
            raise Killed

    return progress


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def turn_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-10] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("model.safetensors", cut, "model.safetensors is not what was written"),
        ("optimizer.pt", turn_a_bit, "optimizer.pt is not what was written"),
        ("trainer_state.json", Path.unlink, "trainer_state.json is missing"),
        (SEAL, Path.unlink, "was not written to its end"),
        (SEAL, cut, f"is damaged ({SEAL})"),
    ],
)
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(
    name: str, spoil: Callable[[Path], None], said: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    straight, resumed = (load_model(folders["ctc"]) for _ in range(2))
    learn(straight, corpus, tmp_path / "straight", **RUN)
    with pytest.raises(Killed):
        learn(load_model(folders["ctc"]), corpus, tmp_path / "killed", progress=killed_at(5), **RUN)
    there = sorted(path.name for path in (tmp_path / "killed").glob("checkpoint-*"))
    assert there[-1] == "checkpoint-4"
    spoil(tmp_path / "killed" / "checkpoint-4" / name)
    told: list[str] = []
    learn(resumed, corpus, tmp_path / "killed", resume=True, tell=told.append, **RUN)
    assert "checkpoint-4" in told[0] and said in told[0] and "passed over" in told[0]
    assert ("starts again" in " ".join(told)) == (there == ["checkpoint-4"])
    assert not changed(weights(straight), weights(resumed))
    assert damage(tmp_path / "killed" / "checkpoint-6") is None


def empty(file: Path) -> None:
    file.write_bytes(b"")


def test_every_file_of_a_checkpoint_counts(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, empty, cut short or with one bit turned: the checkpoint before it is used, and the file is named."""
    dev_says([0.9, 0.2, 0.5], monkeypatch)
    with pytest.raises(Killed):
        learn(load_model(folders["ctc"]), corpus, tmp_path, progress=killed_at(5), **RUN)
    newest = tmp_path / "checkpoint-4"
    names = sorted(path.relative_to(newest).as_posix() for path in newest.rglob("*") if path.is_file())
    assert {"model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json"} < set(names)
    (tmp_path / "checkpoint-10 (copy)").mkdir()
    assert newest_whole(tmp_path, pytest.fail) == str(newest)
    for name in names:
        whole = (newest / name).read_bytes()
        for spoil in (Path.unlink, empty, cut, turn_a_bit):
            spoil(newest / name)
            told: list[str] = []
            assert newest_whole(tmp_path, told.append) == str(tmp_path / "checkpoint-2"), (name, spoil)
            assert len(told) == 1 and told[0].endswith("passed over") and "checkpoint-4" in told[0]
            assert name in told[0] or name == SEAL
            (newest / name).write_bytes(whole)


def test_no_byte_of_the_seal_can_make_a_traceback_or_another_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-1"
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes(bytes(range(200)))
    seal(checkpoint)
    written = (checkpoint / SEAL).read_bytes()
    for place in range(len(written)):
        for bit in range(8):
            spoilt = bytearray(written)
            spoilt[place] ^= 1 << bit
            (checkpoint / SEAL).write_bytes(spoilt)
            found = damage(checkpoint)
            assert found or json.loads(spoilt) == json.loads(written)
    for text in ("[]", "null", '{"model.safetensors": 1}', '{"model.safetensors": {}}', "{"):
        (checkpoint / SEAL).write_text(text)
        assert damage(checkpoint) == f"is damaged ({SEAL})"


def test_other_processes_that_go_on_are_told(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        learn(load_model(folders["ctc"]), corpus, tmp_path, progress=killed_at(3), **RUN)
    checkpoint = tmp_path / "checkpoint-2"
    (checkpoint / "rng_state.pth").rename(checkpoint / "rng_state_0.pth")
    (checkpoint / "rng_state_1.pth").write_bytes((checkpoint / "rng_state_0.pth").read_bytes())
    seal(checkpoint)
    told: list[str] = []
    result = learn(load_model(folders["ctc"]), corpus, tmp_path, resume=True, tell=told.append, **RUN)
    assert told == [note for note in result.notes if note.startswith("step 2 was reached by 2 processes")]
    assert "gone on from by 1" in told[0]


def test_where_none_is_whole_training_starts_anew_and_says_so(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    straight, resumed = (load_model(folders["ctc"]) for _ in range(2))
    learn(straight, corpus, tmp_path / "straight", **RUN)
    with pytest.raises(Killed):
        learn(load_model(folders["ctc"]), corpus, tmp_path / "killed", progress=killed_at(5), **RUN)
    there = list((tmp_path / "killed").glob("checkpoint-*"))
    for checkpoint in there:
        empty(checkpoint / "trainer_state.json")
    told: list[str] = []
    learn(resumed, corpus, tmp_path / "killed", resume=True, tell=told.append, **RUN)
    assert len(told) == len(there) + 1 and told[-1] == "no whole checkpoint is left: training starts again"
    assert not changed(weights(straight), weights(resumed))


def dev_says(wers: Sequence[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The WERs of dev, one after the other, whatever is decoded."""
    coming = iter(wers)

    def scorer(*_: object, **__: object) -> Callable[[], dict[str, float]]:
        return lambda: {"wer": (wer := next(coming)), "cer": wer}

    monkeypatch.setattr(training, "_dev_scorer", scorer)


def resumed_with_best_at_2(
    folder: Path, folders: dict[str, Path], corpus: Manifest, monkeypatch: pytest.MonkeyPatch, spoil: Callable
) -> tuple[training.TrainingResult, list[str]]:
    """Dev likes checkpoint-2 best; the run is killed at step 5, `spoil` has its way, and the run is resumed."""
    dev_says([0.9, 0.2, 0.5, 0.6], monkeypatch)
    with pytest.raises(Killed):
        learn(load_model(folders["ctc"]), corpus, folder, progress=killed_at(5), **RUN)
    folder = spoil(folder) or folder
    told: list[str] = []
    return learn(load_model(folders["ctc"]), corpus, folder, resume=True, tell=told.append, **RUN), told


def test_the_best_checkpoint_is_found_in_a_folder_that_was_moved(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, told = resumed_with_best_at_2(
        tmp_path / "run", folders, corpus, monkeypatch, lambda folder: folder.rename(tmp_path / "moved")
    )
    assert result.figures["best_step"] == 2 and not told and not result.notes


def test_a_best_checkpoint_that_is_damaged_gives_way_in_the_open(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, told = resumed_with_best_at_2(
        tmp_path, folders, corpus, monkeypatch, lambda folder: cut(folder / "checkpoint-2" / "model.safetensors")
    )
    assert result.figures["best_step"] == 4
    assert "checkpoint-2" in told[0] and "damaged" in told[0] and told[0] in result.notes


def test_a_best_checkpoint_that_goes_while_training_ends_the_run(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(done: int, steps: int, latest: dict[str, float]) -> None:
        if done == 4:
            shutil.rmtree(tmp_path / "checkpoint-2")

    dev_says([0.9, 0.2, 0.5], monkeypatch)
    with pytest.raises(BadInput, match="the best on dev, is missing: go on with --resume"):
        learn(load_model(folders["ctc"]), corpus, tmp_path, progress=remove, max_steps=4, eval_steps=2)
