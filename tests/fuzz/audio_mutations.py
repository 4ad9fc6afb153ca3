"""Small recordings of every container and codec, and what accidents and attackers make of their bytes."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Mapping
from random import Random
from tempfile import TemporaryDirectory

import av
import numpy as np
import soundfile

from tests.audio.making import film, id3v2, sound

RATE = 16000
SECONDS = 0.4

SOUNDFILE = {
    "wav_pcm16": ("WAV", "PCM_16"),
    "wav_pcm24": ("WAV", "PCM_24"),
    "wav_float": ("WAV", "FLOAT"),
    "wav_ulaw": ("WAV", "ULAW"),
    "wav_ima": ("WAV", "IMA_ADPCM"),
    "wav_ms": ("WAV", "MS_ADPCM"),
    "wav_gsm": ("WAV", "GSM610"),
    "wav_g721": ("WAV", "G721_32"),
    "wavex": ("WAVEX", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aiff_ima": ("AIFF", "IMA_ADPCM"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "caf_alac": ("CAF", "ALAC_16"),
    "voc": ("VOC", "PCM_16"),
    "nist": ("NIST", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg_vorbis": ("OGG", "VORBIS"),
    "ogg_opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ircam": ("IRCAM", "PCM_16"),
    "pvf": ("PVF", "PCM_16"),
    "sd2_like_mat": ("MAT5", "PCM_16"),
    "svx": ("SVX", "PCM_16"),
}
FFMPEG = {
    "m4a_aac": ("ipod", "aac"),
    "mov_pcm": ("mov", "pcm_s16le"),
    "mov_alac": ("mov", "alac"),
    "mka_flac": ("matroska", "flac"),
    "mka_pcm": ("matroska", "pcm_s16le"),
    "webm_opus": ("webm", "libopus"),
    "webm_vorbis": ("webm", "libvorbis"),
    "adts_aac": ("adts", "aac"),
    "ac3": ("ac3", "ac3"),
    "mp2": ("mp2", "mp2"),
    "asf_wma": ("asf", "wmav2"),
    "avi_mp3": ("avi", "libmp3lame"),
    "flv_aac": ("flv", "aac"),
    "mpegts_aac": ("mpegts", "aac"),
    "nut_pcm": ("nut", "pcm_s16le"),
    "ogg_flac": ("ogg", "flac"),
    "tta": ("tta", "tta"),
    "wv": ("wv", "wavpack"),
    "wav_mp3": ("wav", "libmp3lame"),
    "mxf": ("mxf", "pcm_s16le"),
}
MANY_CHANNELS = {"mov_8": ("mov", "pcm_f32le", 8), "mka_16": ("matroska", "pcm_s16le", 16)}


def recordings() -> dict[str, bytes]:
    """One recording of each kind that the libraries here can write, by name."""
    made: dict[str, bytes] = {}
    mono, wide = sound(SECONDS), np.stack([sound(SECONDS, seed=seed) for seed in range(2)], axis=1)
    for name, (container, codec) in SOUNDFILE.items():
        stream = io.BytesIO()
        try:
            rate = 8000 if codec in ("GSM610", "G721_32") else RATE
            soundfile.write(stream, mono, rate, codec, format=container)
        except soundfile.LibsndfileError:  # this build has no such encoder
            continue
        made[name] = stream.getvalue()
    stream = io.BytesIO()
    soundfile.write(stream, wide, RATE, "PCM_16", format="WAV")
    made["wav_stereo"] = stream.getvalue()
    with TemporaryDirectory() as folder:
        for name, (container, codec) in FFMPEG.items():
            rate = {"mxf": 48000, "mpegts_aac": 48000, "ac3": 48000, "flv_aac": 44100}.get(name, RATE)
            made |= _by_ffmpeg(f"{folder}/{name}", name, sound(SECONDS, rate), container, codec, rate)
        for name, (container, codec, channels) in MANY_CHANNELS.items():
            many = np.repeat(mono[: RATE // 4, None], channels, axis=1)
            made |= _by_ffmpeg(f"{folder}/{name}", name, many, container, codec, RATE, f"{channels} channels")
    made["mp3_id3"] = id3v2(500) + made["mp3"]
    made["joined_wav"] = made["wav_pcm16"] * 2
    made["joined_ogg"] = made["ogg_vorbis"] * 2
    made["joined_flac"] = made["flac"] * 2
    made["raw_amr"] = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 20
    return made


def _by_ffmpeg(
    path: str, name: str, waveform: np.ndarray, container: str, codec: str, rate: int, layout: str = "mono"
) -> dict[str, bytes]:
    layout = {"8 channels": "7.1", "16 channels": "hexadecagonal"}.get(layout, layout)
    try:
        film(path, [(waveform, codec, 0.0)], container=container, rate=rate, layout=layout)
    except (av.error.FFmpegError, ValueError):  # this build has no such encoder
        return {}
    with open(path, "rb") as file:
        return {name: file.read()}


# ---- mutations: what becomes of bytes


def _flips(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    for _ in range(random.choice((1, 2, 8, 64))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data


def _head_flips(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    for _ in range(random.choice((1, 2, 4))):
        data[random.randrange(min(128, len(data)))] = random.randrange(256)
    return data


def _cut(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    return data[: random.randrange(len(data))]


def _length_field(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    """A number of 2, 4 or 8 bytes becomes an extreme one, most often in the head."""
    size = random.choice((2, 4, 4, 8))
    reach = len(data) if random.random() < 0.3 else min(256, len(data))
    at = random.randrange(max(1, reach - size))
    bits = 8 * size
    value = random.choice((0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1, random.getrandbits(bits)))
    data[at : at + size] = value.to_bytes(size, random.choice(("little", "big")))
    return data


def _chunk_order(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    """Pieces change places, from where names of four letters begin where there are such."""
    marks = [found.start() for found in _NAMES.finditer(data)] or list(range(0, len(data), 16))
    first, second, third = sorted(random.choices(marks, k=3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


_NAMES = re.compile(rb"[A-Za-z]{4}")


def _repeat(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    at, size = random.randrange(len(data)), random.choice((4, 16, 100, 1000))
    return data[:at] + data[at : at + size] * random.choice((2, 10, 200)) + data[at:]


def _splice(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    other = random.choice(others)
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


def _foreign_head(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    size = random.choice((4, 12, 44, 100))
    return bytearray(random.choice(others)[:size]) + data[size:]


def _blank(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    at, size = random.randrange(len(data)), random.choice((4, 64, 1000))
    data[at : at + size] = random.choice((b"\0", b"\xff")) * min(size, len(data) - at)
    return data


def _zeros_behind(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    return data[: random.randrange(4, len(data))] + bytes(random.choice((1000, 100_000)))


def _junk_before(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    return bytearray(random.randbytes(random.choice((1, 4, 200)))) + data


def _wav_fields(data: bytearray, random: Random, others: list[bytes]) -> bytearray:
    """A wav's format, channels, rate, frame size or bits; of another file, the same places."""
    at, code, values = random.choice(_WAV_FIELDS)
    if len(data) >= at + 4:
        struct.pack_into(code, data, at, random.choice(values))
    return data


_WAV_FIELDS = (
    (20, "<H", (0, 1, 2, 3, 6, 7, 0x11, 0x31, 0x50, 0x55, 0xFF, 0x161, 0xFFFE, 0xFFFF)),
    (22, "<H", (0, 1, 2, 3, 8, 16, 64, 255, 1024, 65535)),
    (24, "<I", (0, 1, 2, 999, 1000, 8000, 192_000, 1 << 24, 0x7FFFFFFF, 0xFFFFFFFF)),
    (32, "<H", (0, 1, 3, 65535)),
    (34, "<H", (0, 1, 7, 8, 24, 32, 64, 65535)),
)

MUTATIONS: tuple[Callable[[bytearray, Random, list[bytes]], bytearray], ...] = (
    _flips,
    _head_flips,
    _cut,
    _length_field,
    _chunk_order,
    _repeat,
    _splice,
    _foreign_head,
    _blank,
    _zeros_behind,
    _junk_before,
    _wav_fields,
)


def mutated(made: Mapping[str, bytes], case: int, seed: int = 0) -> tuple[str, bytes]:
    """The case's name and bytes: kinds in turn, one to three mutations, all by `seed` and `case` alone."""
    random = Random(f"{seed} {case}")
    names = sorted(made)
    name = names[case % len(names)]
    data, others = bytearray(made[name]), [made[one] for one in names]
    done = []
    for _ in range(random.choice((1, 1, 2, 3))):
        mutation = random.choice(MUTATIONS)
        if len(data) > 8:
            data = bytearray(mutation(data, random, others))
            done.append(mutation.__name__.strip("_"))
    return f"case {case} of seed {seed}: {name}, {' '.join(done)}", bytes(data)
