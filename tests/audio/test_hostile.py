"""Files that were made to break something: one line within a second, flat memory, no other file read, no crash."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_tl.audio import AudioSource, glance_s, load_audio, probe, stream_audio
from speech_tl.audio.channels import mixed
from speech_tl.errors import AudioError
from tests.audio.making import film, sound, wav
from tests.small import ROOT

RATE = 16000
BIG = 60_000_000


def fmt(rate: int = RATE, channels: int = 1, bits: int = 16, codec: int = 1) -> bytes:
    frame = channels * bits // 8
    return b"fmt " + struct.pack(
        "<IHHIIHH", 16, codec, channels & 0xFFFF, rate, rate * frame & 0xFFFFFFFF, frame & 0xFFFF, bits
    )


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def data(count: int = 32_000) -> bytes:
    return b"data" + struct.pack("<I", count) + np.random.default_rng(0).bytes(count)


def refused(source: AudioSource) -> AudioError:
    """Every way of reading it says no, in one line, within a second of the processor's time."""
    for read in (probe, load_audio, lambda path: list(stream_audio(path))):
        began = time.process_time()
        with pytest.raises(AudioError) as caught:
            read(source)
        assert time.process_time() - began < 1.0
        assert str(caught.value).isprintable()
    assert not isinstance(source, Path) or glance_s(source) is None
    return caught.value


ABSURD = {
    "1 Hz": riff(fmt(rate=1), data()),
    "0 Hz": riff(fmt(rate=0), data()),
    "999 Hz": riff(fmt(rate=999), data()),
    "2 GHz": riff(fmt(rate=0x7FFFFFFF), data()),
    "4 GHz": riff(fmt(rate=0xFFFFFFFF), data()),
    "no channel": riff(fmt(channels=0), data()),
    "1000 channels": riff(fmt(channels=1000), data(200_000)),
    "65535 channels": riff(fmt(channels=65535), data(65535 * 4)),
    "unknown codec": riff(fmt(codec=0x4242), data()),
    "0 bits": riff(fmt(bits=0), data()),
    "no format": riff(data()),
    "cut in the head": riff(fmt(), data())[:20],
}


@pytest.mark.parametrize("name", ABSURD)
def test_headers_that_claim_what_no_recording_is(tmp_path, name):
    path = tmp_path / "a.wav"
    path.write_bytes(ABSURD[name])
    refused(path)
    refused(ABSURD[name])


@pytest.mark.parametrize("width", [36, 31, 20])
def test_a_flac_that_claims_many_samples_is_decoded_as_far_as_it_goes_and_refused(tmp_path, width):
    path = wav(tmp_path / "a.flac", format="FLAC")
    content = bytearray(path.read_bytes())
    both = int.from_bytes(content[18:26], "big") >> 36 << 36 | (1 << width) - 1
    content[18:26] = both.to_bytes(8, "big")
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"cut short|hours long"):
        load_audio(path)


ENDLESS = {
    "RIFF": b"RIFF",
    "RIFF WAVE": b"RIFF\0\0\0\0WAVE",
    "fmt": riff(fmt()),
    "ID3": b"ID3\4\0\0\0\0\0\0",
    "MPEG": b"\xff\xfb\x90\x00",
    "ADTS": b"\xff\xf1\x50\x80",
    "OggS": b"OggS\0\2",
    "fLaC": b"fLaC\0\0\0\x22",
    "Matroska": b"\x1a\x45\xdf\xa3",
    "mp4": b"\0\0\0\x18ftypM4A ",
    "AIFF": b"FORM\0\0\0\0AIFF",
    "AU": b".snd",
    "CAF": b"caff\0\1\0\0",
    "nothing": b"",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_zeros_without_end_behind_a_beginning(tmp_path, name):
    path = tmp_path / "a.wav"
    path.write_bytes(ENDLESS[name])
    os.truncate(path, BIG)
    refused(path)


CROWDED = {
    "chunks": riff(fmt()) + b"aaaa\0\0\0\0" * 2_000_000,
    "chunks behind the sound": riff(fmt(), data(3200)) + b"aaaa\0\0\0\0" * 2_000_000,
    "ID3 tags": b"ID3\4\0\0\0\0\0\0" * 1_000_000,
    "FLAC beginnings": b"fLaC\0\0\0\x22" * 2_000_000,
    "joined recordings": riff(fmt(), data(200)) * 60_000,
}


@pytest.mark.parametrize("name", CROWDED)
def test_more_chunks_tags_or_parts_than_any_recording_has(tmp_path, name):
    path = tmp_path / "a.wav"
    path.write_bytes(CROWDED[name])
    assert "more than" in str(refused_by_decoders(path))


def refused_by_decoders(path: Path) -> AudioError:
    """As `refused`; a glance at the head may well be content."""
    glance_s(path)
    return refused(path.read_bytes())


def test_a_tag_that_claims_to_have_no_length_does_not_hold_up(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, sound(1.0), RATE, format="MP3")
    path.write_bytes(path.read_bytes() + b"APETAGEX" + bytes(24))
    began = time.process_time()
    assert len(load_audio(path)) == pytest.approx(RATE, abs=1200)
    assert time.process_time() - began < 1.0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_or_a_device_is_no_file(tmp_path):
    pipe, link = tmp_path / "pipe.wav", tmp_path / "zero.wav"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    assert "named pipe" in str(refused(pipe))
    assert "device" in str(refused(link))


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.wav\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 49170 RTP/AVP 0\n",
    ],
    ids=["concat", "hls", "sdp"],
)
@pytest.mark.parametrize("suffix", [".wav", ".m3u8"])
def test_a_list_of_other_files_is_no_recording(tmp_path, text, suffix):
    wav(tmp_path / "other.wav")
    path = tmp_path / f"list{suffix}"
    path.write_text(text)
    refused(path)


READ_ALL = """
import sys
from speech_tl.audio import load_audio, probe, stream_audio
from speech_tl.errors import AudioError
for path in sys.argv[1:]:
    for channel in (None, 3):
        try:
            print(probe(path).channels, len(load_audio(path, channel=channel)), sum(map(len, stream_audio(path))))
        except AudioError as error:
            print(error.kind)
"""


def test_very_many_channels_do_not_end_the_process(tmp_path):
    made = []
    for channels, layout in ((8, "7.1"), (16, "hexadecagonal"), (24, "22.2")):
        many = np.repeat(sound(1.0)[:, None], channels, axis=1)
        for container, codec in (("mov", "pcm_s16le"), ("matroska", "pcm_f32le"), ("matroska", "flac")):
            if codec == "flac" and channels > 8:
                continue
            path = tmp_path / f"{channels}.{container}.{codec}"
            made.append(film(path, [(many, codec, 0.0)], container=container, layout=layout))
    for channels in (8, 16, 64):
        path = tmp_path / f"{channels}.wav"
        soundfile.write(path, np.repeat(sound(1.0)[:, None], channels, axis=1), RATE)
        made.append(path)
        wrong = bytearray(path.read_bytes())
        wrong[wrong.index(b"data") + 7] = 0x7F  # the length: FFmpeg reads what libsndfile would not
        made.append(tmp_path / f"{channels}.wrong.wav")
        made[-1].write_bytes(wrong)
    command = [sys.executable, "-c", READ_ALL, *map(str, made)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * len(made) and not done.stderr
    for line in lines:
        channels, whole, streamed = map(int, line.split())
        assert channels in (8, 16, 24, 64) and whole == streamed == RATE


def test_channels_are_mixed_in_little_memory_however_long_the_silence_after_the_first_word():
    held = most = 0
    silence = np.zeros((RATE, 2), np.float32)

    def blocks():
        nonlocal held, most
        for number in range(2000):
            held += 1
            most = max(most, held)
            yield np.random.default_rng(number).normal(0, 0.1, (RATE, 2)).astype(np.float32) if number < 5 else silence

    for _ in mixed(blocks(), RATE, lambda choice: None):
        held -= 1
    assert most < 200


def test_no_more_is_decoded_than_can_be_used(tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(1200 * 8000, np.int16), 8000)
    began = time.process_time()
    with pytest.raises(AudioError, match=r"1200 s long; at most 30 s") as caught:
        load_audio(path, longest_s=30.0)
    assert time.process_time() - began < 0.3 and caught.value.kind == "too_long"
    assert len(load_audio(path, 8000, 100.0, 110.0, longest_s=30.0)) == 80_000
    untold = tmp_path / "raw.mp3"  # without a header that says how long it is
    soundfile.write(untold, np.tile(sound(4.0), 15), RATE, format="MP3")
    content = untold.read_bytes()
    untold.write_bytes(content[content.index(b"\xff", content.index(b"LAME")) :])
    with pytest.raises(AudioError, match=r"at most 30 s"):
        load_audio(untold, longest_s=30.0)


def test_a_part_can_be_streamed(tmp_path):
    path = wav(tmp_path / "a.flac", sound(8.0), format="FLAC")
    part = np.concatenate(list(stream_audio(path, None, 1.0, start_s=2.5, end_s=6.25)))
    assert np.array_equal(part, load_audio(path, None, 2.5, 6.25))


CHECK = """
import resource, sys
from speech_tl.data.check import check_manifest
from speech_tl.data.manifest import Manifest
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = check_manifest(Manifest.read(sys.argv[1]), max_duration_s=float(sys.argv[2]))
print(dict(result.counts), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("longest_s", ["30", "inf"])
def test_check_looks_at_the_length_first_and_needs_little_memory(tmp_path, longest_s):
    pytest.importorskip("resource")
    soundfile.write(tmp_path / "silence.flac", np.zeros(3600 * 8000, np.int16), 8000)
    command = [sys.executable, "-c", CHECK, str(tmp_path), longest_s]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    counts, megabytes = re.fullmatch(r"(.*) (\d+)\n", done.stdout).groups()
    assert counts == ("{'too_long': 1}" if longest_s == "30" else "{'silent': 1}"), done.stderr
    assert int(megabytes) < 60
