"""Codecs, containers and oddities: what we decode is what FFmpeg decodes, as long and the same sound."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from speech_tl.audio import load_audio, probe, save_audio, stream_audio
from tests.audio.making import (
    RATE,
    damaged,
    film,
    id3v2,
    joined,
    patched,
    pcm_chunk_at,
    sound,
    wav,
)

TIMED = ("-af", "aresample=async=1:first_pts=0")
MOST_OFF_S = 0.03


@dataclass(frozen=True)
class Case:
    """A file, and how FFmpeg is to be asked about it.

    Attributes:
        make: writes it, given the folder.
        track: which of the audio tracks.
        flags: of FFmpeg, before the file.
        timed: whether timestamps matter, so that FFmpeg must be told to fill gaps.
        parts: FFmpeg stops in the middle of such a file, and is asked about these, one after the other.
        codec: of the encoder, where not every build of PyAV has it.
        channels: to ask for, where they change midway.
    """

    make: Callable[[Path], Path]
    track: int = 0
    flags: tuple[str, ...] = ()
    timed: bool = False
    parts: Callable[[Path], list[Path]] | None = None
    codec: str | None = None
    channels: int | None = None


def saved(name: str, waveform: np.ndarray | None = None, rate: int = RATE) -> Callable[[Path], Path]:
    return lambda folder: save_audio(folder / name, sound(rate=rate) if waveform is None else waveform, rate)


def written(name: str, subtype: str, format: str | None = None, channels: int = 1) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        waveform = np.stack([sound(seed=number) for number in range(channels)], axis=1)
        return wav(folder / name, waveform, subtype, **({"format": format} if format else {}))

    return make


def filmed(name: str, codec: str, start_s: float = 0.0, rate: int = RATE, **options) -> Callable[[Path], Path]:
    return lambda folder: film(folder / name, [(sound(rate=rate), codec, start_s)], rate=rate, **options)


def with_data_size(value: Callable[[int], int], riff: Callable[[int], int] = lambda size: size):
    def make(folder: Path) -> Path:
        path = wav(folder / "size.wav")
        size, at = path.stat().st_size, pcm_chunk_at(path)
        return patched(path, {at: value(size - at - 4), 4: riff(size - 8)})

    return make


def with_tail(tail: bytes, samples: int = 4 * RATE, subtype: str = "PCM_16") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = wav(folder / "tail.wav", sound()[:samples], subtype)
        path.write_bytes(path.read_bytes() + tail)
        return path

    return make


def without_xing(folder: Path) -> Path:
    """A variable bit rate and no header that says how long it is; loud only in its second half."""
    waveform = sound(6.0) * np.repeat([0.02, 1.0], 3 * RATE).astype(np.float32)
    path = film(
        folder / "vbr.mp3",
        [(waveform, "libmp3lame", 0.0)],
        options={"write_xing": "0", "id3v2_version": "0"},
        codec_options={"q": "4"},
    )
    return path


def with_tags(folder: Path) -> Path:
    path = save_audio(folder / "tags.mp3", sound(), RATE)
    path.write_bytes(id3v2() + path.read_bytes() + b"TAG" + bytes(125))
    return path


def two(suffix: str, second_s: float = 3.0, rate: int = RATE, channels: int = 1) -> Callable[[Path], list[Path]]:
    """Two recordings, the second perhaps at another rate or with more channels."""

    def make(folder: Path) -> list[Path]:
        first = save_audio(folder / f"first{suffix}", sound(), RATE)
        second = folder / f"second{suffix}"
        waveform = np.repeat(sound(second_s, rate, seed=1)[:, None], channels, axis=1)
        if suffix == ".mp3" or channels == 1:
            save_audio(second, waveform[:, 0], rate)
        else:
            soundfile.write(second, waveform, rate, "OPUS" if suffix == ".opus" else None, format=None)
        return [first, second]

    return make


def both(make: Callable[[Path], list[Path]]) -> Callable[[Path], Path]:
    def one(folder: Path) -> Path:
        parts = make(folder)
        return joined(folder / f"joined{parts[0].suffix}", *parts)

    return one


def twice(suffix: str) -> Callable[[Path], list[Path]]:
    return lambda folder: [save_audio(folder / f"once{suffix}", sound(), RATE)] * 2


def two_adts(folder: Path) -> list[Path]:
    return [film(folder / f"{seed}.aac", [(sound(3.0, seed=seed), "aac", 0.0)], container="adts") for seed in (0, 1)]


def rate_change(folder: Path) -> Path:
    one = film(folder / "0.aac", [(sound(3.0), "aac", 0.0)], container="adts")
    other = film(folder / "1.aac", [(sound(3.0, 24000, 1), "aac", 0.0)], rate=24000, container="adts")
    return joined(folder / "rates.aac", one, other)


def channel_change(folder: Path) -> Path:
    one = film(folder / "0.aac", [(sound(3.0), "aac", 0.0)], container="adts")
    other = film(folder / "1.aac", [(sound(3.0, seed=1), "aac", 0.0)], layout="stereo", container="adts")
    return joined(folder / "channels.aac", one, other)


def flac_without_count(folder: Path) -> Path:
    path = save_audio(folder / "count.flac", sound(), RATE)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    return path


def flac_with_picture(folder: Path) -> Path:
    path = save_audio(folder / "cover.flac", sound(), RATE)
    data = path.read_bytes()
    cover = struct_picture(20_000)
    first_end = 42
    block = bytes([6]) + len(cover).to_bytes(3, "big") + cover
    path.write_bytes(data[:first_end] + block + data[first_end:])
    return path


def struct_picture(size: int) -> bytes:
    mime = b"image/png"
    head = (3).to_bytes(4, "big") + len(mime).to_bytes(4, "big") + mime + bytes(4) + bytes(16)
    return head + size.to_bytes(4, "big") + bytes(size)


def two_tracks(folder: Path) -> Path:
    tracks = [(sound(3.0, 48000), "libopus", 0.0), (sound(4.0, 48000, 1), "libopus", 0.0)]
    return film(folder / "tracks.mkv", tracks, rate=48000, default=1)


def wrong_name(folder: Path) -> Path:
    return film(folder / "video.m4a", [(sound(), "aac", 0.0)]).rename(folder / "song.wav")


def eight(name: str, codec: str) -> Callable[[Path], Path]:
    return lambda folder: film(folder / name, [(sound(), codec, 0.0)], layout="7.1")


def cut_mp3(folder: Path) -> Path:
    """A piece of a few frames became zeros, as a bad sector leaves it."""
    return damaged(save_audio(folder / "hurt.mp3", sound(), RATE), length=1000, zeros=True)


def hurt(make: Callable[[Path], Path], length: int = 300) -> Callable[[Path], Path]:
    return lambda folder: damaged(make(folder), length=length)


CASES = {
    "wav 16 bit": Case(written("a.wav", "PCM_16")),
    "wav 24 bit stereo": Case(written("a.wav", "PCM_24", channels=2)),
    "wav 8 bit": Case(written("a.wav", "PCM_U8")),
    "wav float": Case(written("a.wav", "FLOAT")),
    "wav mu-law": Case(written("a.wav", "ULAW")),
    "wav A-law": Case(written("a.wav", "ALAW")),
    "wav GSM": Case(written("a.wav", "GSM610")),
    "wav IMA ADPCM": Case(written("a.wav", "IMA_ADPCM")),
    "wav MS ADPCM": Case(written("a.wav", "MS_ADPCM")),
    "wav extensible": Case(written("a.wav", "PCM_16", "WAVEX", channels=3)),
    "wav RF64": Case(written("a.wav", "PCM_16", "RF64")),
    "w64": Case(written("a.w64", "PCM_16", "W64")),
    "aiff": Case(written("a.aiff", "PCM_16", "AIFF")),
    "au": Case(written("a.au", "PCM_16", "AU")),
    "caf": Case(written("a.caf", "PCM_16", "CAF")),
    "wav data size 0": Case(with_data_size(lambda _: 0, lambda _: 0)),
    "wav data size unknown": Case(with_data_size(lambda _: 0xFFFFFFFF)),
    "wav data size too small": Case(with_data_size(lambda size: size // 3), flags=("-ignore_length", "1")),
    "wav both sizes too small": Case(
        with_data_size(lambda size: size // 3, lambda size: size // 3), flags=("-ignore_length", "1")
    ),
    "wav data size too big": Case(with_data_size(lambda size: 3 * size)),
    "wav with chunks behind": Case(with_tail(b"LIST\x0a\x00\x00\x00INFOIABCDE" + b"odd \x03\x00\x00\x00abc\0")),
    "wav with odd length and chunk": Case(with_tail(b"\0LIST\x04\x00\x00\x00INFO", 40_001, "PCM_U8")),
    "wav with mp3 inside": Case(filmed("a.wav", "libmp3lame", container="wav")),
    "wav 8 channels": Case(written("a.wav", "PCM_16", channels=8)),
    "flac": Case(saved("a.flac")),
    "flac without sample count": Case(flac_without_count),
    "flac with cover": Case(flac_with_picture),
    "flac joined": Case(both(two(".flac")), parts=two(".flac")),
    "flac joined at another rate": Case(both(two(".flac", rate=22050)), parts=two(".flac", rate=22050)),
    "flac joined with itself": Case(both(twice(".flac")), parts=twice(".flac")),
    "ogg vorbis": Case(saved("a.ogg")),
    "ogg vorbis joined": Case(both(two(".ogg")), parts=two(".ogg")),
    "ogg vorbis joined in stereo": Case(both(two(".ogg", channels=2)), parts=two(".ogg", channels=2)),
    "ogg vorbis joined with itself": Case(both(twice(".ogg")), parts=twice(".ogg")),
    "ogg opus": Case(saved("a.opus")),
    "ogg opus joined": Case(both(two(".opus")), parts=two(".opus")),
    "ogg with picture": Case(
        filmed("a.ogv", "libopus", rate=48000, container="ogg", picture_s=6.0, picture="libtheora"), codec="libtheora"
    ),
    "mp3 with Xing": Case(saved("a.mp3")),
    "mp3 without Xing": Case(without_xing),
    "mp3 with tags": Case(with_tags),
    "mp3 joined": Case(both(two(".mp3"))),
    "mp3 damaged": Case(cut_mp3),
    "m4a": Case(filmed("a.m4a", "aac")),
    "m4a 8 channels": Case(eight("a.m4a", "aac")),
    "m4a with a lossless codec": Case(filmed("a.m4a", "alac")),
    "m4a damaged": Case(hurt(filmed("a.m4a", "aac")), timed=True),
    "mp4 fragmented": Case(
        filmed("a.mp4", "aac", options={"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"})
    ),
    "mp4 with a longer picture": Case(filmed("a.mp4", "aac", picture_s=8.0)),
    "mp4 late sound": Case(filmed("a.mp4", "aac", 1.0, picture_s=6.0), timed=True),
    "3gp": Case(filmed("a.3gp", "aac")),
    "amr": Case(filmed("a.amr", "libopencore_amrnb", rate=8000), codec="libopencore_amrnb"),
    "webm with a longer picture": Case(filmed("a.webm", "libopus", rate=48000, picture_s=8.0, picture="libvpx")),
    "webm late sound": Case(filmed("a.webm", "libopus", 1.0, rate=48000, picture_s=6.0, picture="libvpx"), timed=True),
    "mkv second track is default": Case(two_tracks, track=1),
    "mkv with a gap": Case(filmed("a.mkv", "libopus", rate=48000, gap=(1.5, 1.25)), timed=True),
    "mkv with a gap in AAC": Case(filmed("a.mkv", "aac", rate=48000, gap=(2.0, 2.0)), timed=True),
    "mkv 8 channels": Case(eight("a.mkv", "pcm_s16le")),
    "mkv with MP3": Case(filmed("a.mkv", "libmp3lame", rate=44100)),
    "aac": Case(filmed("a.aac", "aac", container="adts")),
    "aac joined": Case(both(two_adts)),
    "aac rate change": Case(rate_change),
    "aac channel change": Case(channel_change, channels=2),
    "wma": Case(filmed("a.wma", "wmav2"), timed=True),
    "wmv": Case(filmed("a.wmv", "wmav2", rate=44100, picture_s=6.0, picture="wmv2", container="asf"), timed=True),
    "ac3": Case(filmed("a.ac3", "ac3", rate=48000)),
    "avi with MP3": Case(filmed("a.avi", "libmp3lame", picture_s=4.0), timed=True),
    "avi with PCM": Case(filmed("a.avi", "pcm_s16le", picture_s=6.0)),
    "flv": Case(filmed("a.flv", "libmp3lame", rate=44100, picture_s=6.0, picture="flv")),
    "mpegts": Case(filmed("a.ts", "aac", picture_s=6.0, picture="mpeg2video"), timed=True),
    "mpegts damaged": Case(hurt(filmed("a.ts", "aac", container="mpegts"), 2000), timed=True),
    "mp2": Case(filmed("a.mp2", "mp2")),
    "wavpack": Case(filmed("a.wv", "wavpack", container="wv")),
    "wrong suffix": Case(wrong_name),
}


UNTOLD = ("aac rate change", "mp3 damaged")
"""Files whose length shows only in decoding."""


def test_the_table_is_long() -> None:
    assert len(CASES) >= 40


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """The program, which only the tests need."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("no ffmpeg to compare with (Debian: apt-get install ffmpeg)")
    return program


def by_ffmpeg(ffmpeg: str, case: Case, path: Path) -> np.ndarray:
    """What FFmpeg hears at 16 kHz, the mean of its channels `(samples,)`."""
    channels = case.channels or probe(path).channels
    command = [ffmpeg, "-v", "quiet", *case.flags, "-i", str(path), "-map", f"0:a:{case.track}", "-vn"]
    command += [*(TIMED if case.timed else ()), "-ac", str(channels), "-ar", str(RATE), "-f", "f32le", "-"]
    heard = subprocess.run(command, capture_output=True, check=False).stdout
    return np.frombuffer(heard, np.float32).reshape(-1, channels).mean(axis=1)


@pytest.mark.parametrize("name", CASES)
def test_decoded_as_ffmpeg_decodes(tmp_path: Path, ffmpeg: str, name: str) -> None:
    case = CASES[name]
    if case.codec:
        try:
            av.codec.Codec(case.codec, "w")
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"PyAV cannot write {case.codec} here")
    path = case.make(tmp_path)
    heard = load_audio(path)
    theirs = np.concatenate([by_ffmpeg(ffmpeg, case, part) for part in (case.parts or (lambda _: [path]))(tmp_path)])
    assert len(heard) / RATE == pytest.approx(len(theirs) / RATE, abs=MOST_OFF_S)
    middle = min(len(heard), len(theirs)) // 2
    for half in (slice(0, middle), slice(middle, 2 * middle)):
        assert correlation(heard[half], theirs[half]) > 0.99
    streamed = np.concatenate(list(stream_audio(path, block_s=1.0)))
    assert len(streamed) == pytest.approx(len(heard), abs=2)
    if name not in UNTOLD:
        assert probe(path).duration_s == pytest.approx(len(heard) / RATE, abs=0.15)
    piece = load_audio(path, start_s=1.5, end_s=2.5)
    assert len(piece) == RATE
    assert correlation(piece, heard[round(1.5 * RATE) : round(2.5 * RATE)], 0.01) > 0.99


def correlation(ours: np.ndarray, theirs: np.ndarray, most_off_s: float = MOST_OFF_S) -> float:
    """Of what the two have in common, at the best shift of up to `most_off_s`."""
    size, most = min(len(ours), len(theirs)), round(most_off_s * RATE)
    ours, theirs = ours[:size], theirs[:size]
    length = 1 << (2 * size + 2 * most).bit_length()
    spectrum = np.fft.rfft(np.pad(theirs, most), length) * np.conj(np.fft.rfft(ours, length))
    shift = int(np.fft.irfft(spectrum, length)[: 2 * most + 1].argmax()) - most
    ours, theirs = ours[max(0, -shift) : size - max(0, shift)], theirs[max(0, shift) : size + min(0, shift)]
    return float(np.dot(ours, theirs) / (np.linalg.norm(ours) * np.linalg.norm(theirs) + 1e-12))
