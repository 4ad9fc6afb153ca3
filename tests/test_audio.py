"""Reading and writing audio: every format, every way in which a file can be bad."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from speech_tl.audio import clipped_share, glance_s, is_silent, load_audio, probe, save_audio, stream_audio
from speech_tl.errors import AudioError, BadInput

RATE = 16000
PYAV_FORMATS = {".m4a": "aac", ".mp4": "aac", ".aac": "aac", ".webm": "libopus", ".wma": "wmav2"}


def chirp(duration_s: float, rate: int = RATE) -> np.ndarray:
    """A rising tone: every moment sounds different, so a wrong seek shows."""
    t = np.arange(round(duration_s * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (200 + 40 * t) * t)).astype(np.float32)


def write_with_pyav(path: Path, waveform: np.ndarray, rate: int) -> None:
    """Encode as m4a, webm, wma ... the way a phone or a browser would."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(PYAV_FORMATS[path.suffix], rate=rate, layout="mono")
        stream.bit_rate = 96000
        frame = av.AudioFrame.from_ndarray((waveform * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = rate
        size = 960 if path.suffix == ".webm" else 1024
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=size)
        for piece in resampler.resample(frame) + resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def loudest_hz(waveform: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(waveform))) * RATE / len(waveform))


class CountingFile(io.FileIO):
    """An open file that counts the bytes that were read from it."""

    bytes_read = 0

    def readinto(self, buffer) -> int:
        count = super().readinto(buffer)
        self.bytes_read += count
        return count

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str) -> None:
    original = chirp(2.0)
    path = save_audio(tmp_path / f"a{suffix}", original, RATE)
    loaded = load_audio(path)
    assert loaded.dtype == np.float32 and loaded.shape == original.shape
    assert np.corrcoef(loaded, original)[0, 1] > 0.99
    info = probe(path)
    assert info.duration_s == pytest.approx(2.0, abs=0.01) and info.channels == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", sorted(PYAV_FORMATS))
def test_formats_of_phones_and_browsers(tmp_path: Path, suffix: str) -> None:
    rate = 48000
    path = tmp_path / f"a{suffix}"
    write_with_pyav(path, chirp(8.0, rate), rate)
    assert len(load_audio(path)) == pytest.approx(8.0 * RATE, abs=0.1 * RATE)
    assert probe(path).duration_s == pytest.approx(8.0, abs=0.1)
    segment = load_audio(path, start_s=5.0, end_s=5.5)
    assert len(segment) == 0.5 * RATE
    assert loudest_hz(segment) == pytest.approx(200 + 2 * 40 * 5.25, abs=24)  # the tone rises by 80 Hz a second


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".opus", ".mp3"])
def test_a_segment_equals_the_same_part_of_the_whole(tmp_path: Path, suffix: str) -> None:
    path = save_audio(tmp_path / f"a{suffix}", chirp(10.0), RATE)
    whole = load_audio(path)
    segment = load_audio(path, start_s=6.25, end_s=7.5)
    assert len(segment) == round(1.25 * RATE)
    assert np.abs(segment - whole[round(6.25 * RATE) : round(7.5 * RATE)]).max() < 0.02


def test_a_vorbis_segment_is_off_by_less_than_ten_milliseconds(tmp_path: Path) -> None:
    path = save_audio(tmp_path / "a.ogg", chirp(10.0), RATE)
    whole, segment = load_audio(path), load_audio(path, start_s=6.25, end_s=7.5)
    starts = [round(6.25 * RATE) + shift for shift in range(-160, 161)]
    assert min(np.abs(segment - whole[start : start + len(segment)]).max() for start in starts) < 0.02


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".m4a"])
def test_a_seek_does_not_read_the_whole_file(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 240 * RATE).astype(np.float32)
    path = tmp_path / f"long{suffix}"
    write_with_pyav(path, noise, RATE) if suffix in PYAV_FORMATS else save_audio(path, noise, RATE)
    with CountingFile(path) as file:
        assert len(load_audio(file, start_s=200.0, end_s=201.0)) == RATE
        assert file.bytes_read < 0.25 * path.stat().st_size


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_any_rate_and_channels_become_mono_16_khz(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([chirp(1.0, rate), np.zeros(rate)], axis=1), rate)
    loaded = load_audio(path)
    assert loaded.shape == (RATE,)
    assert np.corrcoef(loaded[500:-500], chirp(1.0)[500:-500])[0, 1] > 0.99
    assert np.abs(loaded).max() == pytest.approx(0.2, abs=0.02)
    assert load_audio(path, sample_rate=None).shape == (rate,)


@pytest.mark.parametrize(("suffix", "rate"), [(".flac", 44100), (".wav", RATE), (".webm", 48000)])
def test_streaming_gives_equal_blocks_that_join_to_the_whole(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"a{suffix}"
    (write_with_pyav if suffix in PYAV_FORMATS else save_audio)(path, chirp(7.3, rate), rate)
    blocks = list(stream_audio(path, block_s=2.0))
    assert [len(block) for block in blocks[:-1]] == [2 * RATE] * 3 and 0 < len(blocks[-1]) < 2 * RATE
    joined, whole = np.concatenate(blocks), load_audio(path)
    assert abs(len(joined) - len(whole)) <= 1
    size = min(len(joined), len(whole))
    assert np.abs(joined[:size] - whole[:size]).max() < 1e-3


def test_bytes_and_open_files_are_audio_too(tmp_path: Path) -> None:
    for suffix in (".opus", ".flac", ".m4a"):
        path = tmp_path / f"a{suffix}"
        (write_with_pyav if suffix in PYAV_FORMATS else save_audio)(path, chirp(1.0), RATE)
        from_path = load_audio(path)
        assert np.array_equal(load_audio(path.read_bytes()), from_path)
        with path.open("rb") as file:
            assert np.array_equal(load_audio(file), from_path)


def nothing(path: Path) -> None: ...


def folder(path: Path) -> None:
    path.mkdir()


def no_bytes(path: Path) -> None:
    path.touch()


def no_samples(path: Path) -> None:
    soundfile.write(path, np.zeros(0), RATE)


def text(path: Path) -> None:
    path.write_text("this is no recording\n" * 200)


def nan(path: Path) -> None:
    samples = chirp(1.0)
    samples[100] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def half(path: Path) -> None:
    save_audio(path, chirp(12.0), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def half_m4a(path: Path) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for first in range(0, 10 * RATE - 1024, 1024):
            frame = av.AudioFrame.from_ndarray(chirp(10.0)[None, first : first + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("make", "suffix", "kind"),
    [
        (nothing, ".wav", "missing"),
        (folder, ".wav", "folder"),
        (no_bytes, ".wav", "empty"),
        (no_samples, ".wav", "empty"),
        (text, ".wav", "unreadable"),
        (text, ".mp3", "unreadable"),
        (nan, ".wav", "nan"),
        (half, ".wav", "truncated"),
        (half, ".flac", "truncated"),
        (half, ".ogg", "truncated"),
        (half, ".opus", "truncated"),
        (half, ".mp3", "truncated"),
        (half_m4a, ".m4a", "truncated"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path: Path, make: Callable[[Path], None], suffix: str, kind: str) -> None:
    path = tmp_path / f"bad{suffix}"
    make(path)
    for read in (load_audio, lambda bad: list(stream_audio(bad))):
        with pytest.raises(AudioError) as caught:
            read(path)
        assert caught.value.kind == kind
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).kind == kind


def test_headers_alone_show_a_cut_wav(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    half(path)
    with pytest.raises(AudioError, match="promise") as caught:
        probe(path)
    assert caught.value.kind == "truncated"
    assert len(load_audio(path, start_s=0.5, end_s=1.0)) == RATE // 2, "a part that is there can be read"


def test_a_wav_streamed_through_a_pipe_has_no_length_and_is_fine(tmp_path: Path) -> None:
    path = save_audio(tmp_path / "pipe.wav", chirp(1.0), RATE)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(load_audio(path)) == RATE


@pytest.mark.parametrize(("start_s", "end_s"), [(5.0, None), (1.0, 4.0), (5.0, 6.0)])
def test_a_segment_beyond_the_end_is_refused(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    path = save_audio(tmp_path / "a.wav", chirp(2.0), RATE)
    with pytest.raises(AudioError, match=r"2\.00 s long"):
        load_audio(path, start_s=start_s, end_s=end_s)


def test_digital_silence_loads_and_is_called_silent(tmp_path: Path) -> None:
    silence = load_audio(save_audio(tmp_path / "a.wav", np.zeros(RATE), RATE))
    assert silence.shape == (RATE,) and is_silent(silence) and is_silent(silence + 0.2)
    assert not is_silent(0.01 * chirp(1.0)), "quiet speech is not silence"


def test_clipping_is_measured() -> None:
    assert clipped_share(chirp(1.0)) == 0.0
    assert clipped_share(np.clip(8 * chirp(1.0), -1, 1)) > 0.5


def test_saving_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = save_audio(tmp_path / "a.wav", chirp(1.0), RATE)
    with pytest.raises(ValueError):
        save_audio(path, np.array(["not", "numbers"]), RATE)
    assert len(load_audio(path)) == RATE and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(BadInput, match=r"\.m4a.*\.wav"):
        save_audio(tmp_path / "a.m4a", chirp(1.0), RATE)


@pytest.mark.parametrize("corpus", ["speechocean762", "fsdd"])
def test_real_recordings_last_as_long_as_their_manifest_says(corpora: Path, corpus: str) -> None:
    lines = (corpora / corpus / "manifest.csv").read_text(encoding="utf-8").splitlines()
    columns = lines[0].split(",")
    for line in lines[1:400:57]:
        row = dict(zip(columns, line.split(","), strict=False))
        path = corpora / corpus / row["audio"]
        assert len(load_audio(path)) / RATE == pytest.approx(float(row["duration"]), abs=0.02)
        assert probe(path).duration_s == pytest.approx(float(row["duration"]), abs=0.02)


# ---- a glance at headers


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus"])
def test_a_glance_tells_what_opening_tells(tmp_path: Path, suffix: str) -> None:
    for duration_s, rate in ((0.31, RATE), (7.123, RATE), (2.5, 48000)):
        path = save_audio(tmp_path / f"a{suffix}", chirp(duration_s, rate), rate)
        assert glance_s(path) == pytest.approx(probe(path).duration_s, abs=1e-9)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "DOUBLE"])
def test_a_glance_at_wav_of_any_width_and_channels(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([chirp(1.5)] * 3, axis=1), RATE, subtype=subtype)
    assert glance_s(tmp_path / "a.wav") == 1.5


@pytest.mark.parametrize("make", [nothing, folder, no_bytes, no_samples, text])
@pytest.mark.parametrize("suffix", [".wav", ".ogg"])
def test_a_glance_at_what_is_unusual_tells_nothing(tmp_path: Path, make: Callable[[Path], None], suffix: str) -> None:
    make(tmp_path / f"odd{suffix}")
    assert glance_s(tmp_path / f"odd{suffix}") is None


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".opus"])
def test_a_glance_leaves_cut_files_to_a_closer_look(tmp_path: Path, suffix: str) -> None:
    half(tmp_path / f"cut{suffix}")
    assert glance_s(tmp_path / f"cut{suffix}") is None


def test_a_glance_leaves_compressed_wav_and_mp3_alone(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", chirp(1.0), RATE, subtype="MS_ADPCM")
    save_audio(tmp_path / "a.mp3", chirp(1.0), RATE)
    assert glance_s(tmp_path / "a.wav") is None and glance_s(tmp_path / "a.mp3") is None


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".opus"])
@pytest.mark.parametrize("duration_s", [2.0, 60.0])
def test_a_glance_is_not_taken_in_by_joined_files(tmp_path: Path, suffix: str, duration_s: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, round(duration_s * RATE)).astype(np.float32)
    one = save_audio(tmp_path / f"one{suffix}", noise, RATE).read_bytes()
    assert glance_s(tmp_path / f"one{suffix}") == pytest.approx(duration_s)
    for times in (2, 3, 5) if suffix == ".flac" else (2,):
        (tmp_path / f"many{suffix}").write_bytes(times * one)
        assert glance_s(tmp_path / f"many{suffix}") is None
        assert len(load_audio(tmp_path / f"many{suffix}")) == times * len(noise)


def test_a_glance_is_not_taken_in_by_a_length_that_is_too_small(tmp_path: Path) -> None:
    path = save_audio(tmp_path / "a.wav", chirp(2.0), RATE)
    data = bytearray(path.read_bytes())
    data[40:44] = (10_000).to_bytes(4, "little")
    path.write_bytes(data)
    assert glance_s(path) is None
