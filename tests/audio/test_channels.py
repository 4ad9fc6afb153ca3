"""Which channel is heard: the mean, the loudest where channels cancel out, or the one that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_tl.audio import channel_number, load_audio, stream_audio
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
from speech_tl.data.selection import shared_rows
from speech_tl.errors import AudioError
from tests.audio.making import RATE, film, sound
from tests.small import written


def stereo(path: Path, left: np.ndarray, right: np.ndarray) -> Path:
    soundfile.write(path, np.stack([left, right], axis=1), RATE)
    return path


@pytest.mark.parametrize("quieter", [0.95, 0.85])
def test_channels_that_cancel_out_are_not_averaged(tmp_path: Path, quieter: float) -> None:
    left = np.concatenate([np.zeros(40 * RATE, np.float32), sound(45.0)])
    path, notes = stereo(tmp_path / "a.wav", -quieter * left, left), []
    whole = load_audio(path, on_note=notes.append)
    assert np.abs(whole - left).max() < 1e-3
    assert len(notes) == 1 and str(path) in notes[0] and "channel 2" in notes[0]
    assert np.array_equal(np.concatenate(list(stream_audio(path, on_note=notes.append))), whole) and len(notes) == 2
    piece = load_audio(path, start_s=50.0, end_s=52.0, on_note=notes.append)
    assert np.array_equal(piece, whole[50 * RATE : 52 * RATE]) and len(notes) == 3
    with path.open("rb") as file:
        assert np.array_equal(load_audio(file, start_s=41.0, end_s=43.0), whole[41 * RATE : 43 * RATE])
        assert np.array_equal(load_audio(file, end_s=43.0), whole[: 43 * RATE])


def test_different_voices_are_averaged_and_a_constant_offset_is_no_sound(tmp_path: Path) -> None:
    left, right = sound(seed=0), sound(seed=1)
    notes: list[str] = []
    mean = load_audio(stereo(tmp_path / "a.wav", left, right), on_note=notes.append)
    assert np.abs(mean - (left + right) / 2).max() < 1e-3 and not notes
    one_side = load_audio(stereo(tmp_path / "b.wav", left, 0 * left), on_note=notes.append)
    assert np.abs(one_side - left / 2).max() < 1e-3 and not notes
    load_audio(stereo(tmp_path / "c.wav", left / 2 + 0.3, 0.3 - left / 2), on_note=notes.append)
    assert len(notes) == 1


@pytest.mark.parametrize("suffix", [".wav", ".m4a"])
def test_a_channel_alone(tmp_path: Path, suffix: str) -> None:
    left, right = sound(seed=0), sound(seed=1)
    path = tmp_path / f"a{suffix}"
    if suffix == ".wav":
        stereo(path, left, right)
    else:
        film(path, [(np.stack([left, right], axis=1), "aac", 0.0)], layout="stereo")
    for channel, voice in ((1, left), (2, right)):
        heard = load_audio(path, channel=channel)
        assert np.corrcoef(heard[: len(voice)], voice[: len(heard)])[0, 1] > 0.99
        assert np.array_equal(np.concatenate(list(stream_audio(path, channel=channel))), heard)
        assert np.abs(load_audio(path, start_s=1.0, end_s=2.0, channel=channel) - heard[RATE : 2 * RATE]).max() < 1e-3


def test_a_channel_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    path = stereo(tmp_path / "a.wav", sound(), sound())
    for read in (load_audio, lambda bad, **options: list(stream_audio(bad, **options))):
        with pytest.raises(AudioError, match="no channel 3, it has 2 channels; give 1 to 2") as caught:
            read(path, channel=3)
        assert caught.value.kind == "channel" and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((1, 1), ("2", 2), ("1.0", 1), (2.0, 2), ("left", 1), (" Right ", 2), ("A", 1), ("b", 2)),
        *(("", None), ("mix", None), (None, None), (float("nan"), None)),
    ],
)
def test_channels_as_people_write_them(said: object, meant: int | None) -> None:
    assert channel_number(said) == meant


@pytest.mark.parametrize("said", ["0", "-1", "1.5", "both sides", "FM", "inf"])
def test_what_is_no_channel(said: str) -> None:
    with pytest.raises(ValueError):
        channel_number(said)


def call(folder: Path, **columns: object) -> Manifest:
    """A row a channel of one file, and rows whose channel is none."""
    stereo(folder / "call.wav", sound(seed=0), sound(seed=1))
    rows = [
        {"audio": "call.wav", "text": f"row {number}", "channel": channel} | columns
        for number, channel in enumerate(("1", "2", "", "3", "wrong"))
    ]
    return Manifest.read(written(folder / "manifest.csv", rows))


def test_rows_of_a_manifest_hear_their_channel(tmp_path: Path) -> None:
    manifest = call(tmp_path)
    assert manifest.column("id") == [row.id for row in manifest]
    assert manifest.column("id")[:3] == ["call.wav#ch1", "call.wav#ch2", "call.wav"]
    assert [row.channel for row in manifest][:3] == [1, 2, None]
    for row, voice in zip(manifest, (sound(seed=0), sound(seed=1)), strict=False):
        assert np.abs(row.load() - voice).max() < 1e-3
    again = Manifest.read(manifest.write(tmp_path / "again.jsonl"))
    assert [row.channel for row in again] == [row.channel for row in manifest]


@pytest.mark.parametrize("depth", ["full", "headers"])
@pytest.mark.parametrize("columns", [{}, {"duration": 4.0}])
def test_a_channel_that_is_none_costs_its_row_only(tmp_path: Path, depth: str, columns: dict[str, object]) -> None:
    result = check_manifest(call(tmp_path, **columns), depth=depth)
    assert [(problem.kind, problem.row) for problem in result.problems if problem.sets_aside] == [
        ("channel", 4),
        ("channel", 5),
    ]
    assert "no channel 3, it has 2 channels" in result.problems[0].detail
    assert "'wrong'" in result.problems[1].detail and "call.wav" in result.problems[1].detail
    assert "duplicate_audio" not in result.counts


def test_another_channel_is_another_utterance_but_all_of_them_hold_each(tmp_path: Path) -> None:
    manifest = call(tmp_path)
    one, two, mix = (manifest.select([row]) for row in range(3))
    assert not shared_rows(one, two)
    assert shared_rows(one, one) and shared_rows(mix, two) and shared_rows(two, mix)


@pytest.mark.parametrize("depth", ["full", "headers"])
def test_a_duration_that_is_not_the_audios_is_told_with_both_figures(tmp_path: Path, depth: str) -> None:
    stereo(tmp_path / "a.wav", sound(4.0), sound(4.0))
    rows = [{"audio": "a.wav", "duration": seconds} for seconds in (4.4, 3.0, 9.0)]
    result = check_manifest(Manifest.read(written(tmp_path / "manifest.csv", rows)), depth=depth)
    told = [problem for problem in result.problems if problem.kind == "duration_differs"]
    assert [problem.row for problem in told] == [2, 3] and not any(problem.sets_aside for problem in told)
    assert "4.00 s" in told[1].detail and "9.00 s" in told[1].detail
