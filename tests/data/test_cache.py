"""What is kept comes back: to the bit where it can, from any process, and never from another key."""

from __future__ import annotations

import pickle
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from speech_tl.data.cache import RowStore, WaveformStore, in_16_bits, open_store

PLACES = np.array([3, 0, 5])


def put_from_elsewhere(store: RowStore) -> None:
    store.put(2, np.full((4, 2), 7, np.float16), 1.5)


def test_rows_come_back_as_they_were_put(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s", {"of": 1}, PLACES, 2, "float16")
    values = np.arange(4, dtype=np.float16).reshape(2, 2)
    assert store.new and store.get(0) is None
    assert store.put(0, values, 31999.0)
    found, note = store.get(0)
    np.testing.assert_array_equal(found, values)
    assert note == 31999.0
    assert not store.put(1, values, 0.0), "longer than its place"
    assert not store.put(0, values[:0], 0.0), "nothing"
    assert store.kept().tolist() == [0] and store.has([0]) and not store.has([0, 2])
    assert store.bytes == sum(path.stat().st_size for path in (tmp_path / "s").iterdir() if path.suffix != ".json")
    store.forget(np.array([0]))
    assert store.get(0) is None


def test_a_row_that_is_not_what_was_put_is_not_given(tmp_path: Path) -> None:
    """As a power cut leaves it: the length is on the disk, the values are not."""
    values = np.arange(4, dtype=np.float16).reshape(2, 2)
    for name in ("entries", "notes"):
        store = open_store(tmp_path / name, {}, PLACES, 2, "float16")
        store.put(0, values, 31999.0)
        file = tmp_path / name / name
        file.write_bytes(bytes(file.stat().st_size))
        again = open_store(tmp_path / name, {}, PLACES, 2, "float16")
        assert not again.new and again.get(0) is None
        again.put(0, values, 31999.0)
        assert again.get(0)[1] == 31999.0


def test_another_process_writes_what_this_one_reads(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s", {}, PLACES, 2, "float16")
    assert len(pickle.dumps(store)) < 2000, "the files are mapped again, not copied"
    process = get_context("fork").Process(target=put_from_elsewhere, args=(store,))
    process.start()
    process.join()
    found, note = store.get(2)
    assert found.shape == (4, 2) and (found == 7).all() and note == 1.5


def test_what_an_earlier_run_kept_is_taken_up_if_it_is_of_the_same_key(tmp_path: Path) -> None:
    open_store(tmp_path / "s", {"weights": "a"}, PLACES, 2, "float16").put(0, np.ones((1, 2), np.float16), 0)
    again = open_store(tmp_path / "s", {"weights": "a"}, PLACES, 2, "float16")
    assert not again.new and again.has([0])
    for key, places, width in (({"weights": "b"}, PLACES, 2), ({"weights": "b"}, PLACES + 1, 2)):
        other = open_store(tmp_path / "s", key, places, width, "float16")
        assert other.new and not other.kept().size


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError):
        open_store(tmp_path / "s", {}, np.array([10**15]), 512, "float16")


# ---- waveforms


def waveforms(folder: Path, places: int = 4000) -> WaveformStore:
    return WaveformStore(open_store(folder / "w", {}, np.array([places]), 1, "int16"))


@given(arrays.arrays(np.int16, st.integers(1, 300)))
def test_16_bit_audio_comes_back_to_the_bit(samples: np.ndarray) -> None:
    waveform = samples.astype(np.float32) / 32768
    kept, step = in_16_bits(waveform)
    np.testing.assert_array_equal(kept * np.float32(step), waveform)


@given(arrays.arrays(np.float32, st.integers(1, 300), elements=st.floats(-8, 8, width=32)))
def test_other_audio_is_rounded_to_its_peak_in_16_bits(waveform: np.ndarray) -> None:
    kept, step = in_16_bits(waveform)
    peak = float(np.abs(waveform).max())
    assert np.abs(kept * np.float32(step) - waveform).max() <= peak / 32767 * 0.51 + 1e-30


def test_a_waveform_is_loaded_once_and_is_the_same_each_time(tmp_path: Path) -> None:
    loads = []

    def load() -> np.ndarray:
        loads.append(1)
        return np.random.default_rng(0).normal(size=3000).astype(np.float32)

    store = waveforms(tmp_path)
    first, second = store.waveform(0, load), store.waveform(0, load)
    np.testing.assert_array_equal(first, second)
    assert len(loads) == 1 and first.dtype == np.float32
    np.testing.assert_allclose(first, load(), atol=float(np.abs(first).max()) / 60000)


def test_a_recording_longer_than_its_manifest_says_is_heard_all_the_same(tmp_path: Path) -> None:
    store = waveforms(tmp_path, places=100)
    assert len(store.waveform(0, lambda: np.ones(3000, np.float32))) == 3000
