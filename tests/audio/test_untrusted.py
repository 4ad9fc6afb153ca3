"""Bytes from strangers: decoded as by us, in a child that may die, hang or want too much without harm to its parent."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from speech_tl.audio import load_audio
from speech_tl.audio.untrusted import UntrustedDecoder, decode_untrusted
from speech_tl.errors import AudioError
from tests.audio.making import sound
from tests.small import ROOT


def encoded(waveform: np.ndarray, rate: int = 16000, format: str = "OGG") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, waveform, rate, format=format)
    return stream.getvalue()


GOOD = encoded(sound(2.0), 24000)
LONG = encoded(np.zeros(2 * 3600 * 8000, np.int16), 8000, "FLAC")


@pytest.fixture(scope="module")
def decoder():
    decoder = UntrustedDecoder(longest_s=60.0)
    yield decoder
    decoder.close()


def refusal(decoder: UntrustedDecoder, data: bytes, **options) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decoder.decode(data, **options)
    assert str(caught.value).isprintable()
    return caught.value


def test_the_samples_are_those_that_this_process_would_decode(decoder):
    for rate in (16000, 24000, None):
        decoded = decoder.decode(GOOD, rate)
        assert np.array_equal(decoded.waveform, load_audio(GOOD, rate))
        assert decoded.sample_rate == (rate or 24000)
    both = np.stack([sound(1.0), -sound(1.0)], axis=1)
    turned = decoder.decode(encoded(both, format="FLAC"))
    assert "cancel" in turned.notes[0]
    assert np.array_equal(decoder.decode(encoded(both, format="FLAC"), channel=2).waveform, -turned.waveform)


def test_one_child_serves_all_and_answers_at_once(decoder):
    decoder.decode(GOOD)
    first = decoder._idle.queue[0]
    began = time.perf_counter()
    for _ in range(20):
        decoder.decode(GOOD)
    assert (time.perf_counter() - began) / 20 < 0.2, "a busy machine takes 40 ms, a new process more than 300"
    assert decoder._idle.queue[0] is first


def test_errors_are_those_of_this_process(decoder):
    for data in (b"", b"no sound", GOOD[:400]):
        with pytest.raises(AudioError) as here:
            load_audio(data, name="the recording")
        assert (str(refusal(decoder, data)), refusal(decoder, data).kind) == (str(here.value), here.value.kind)
    assert refusal(decoder, GOOD, channel=5).kind == "channel"


def test_what_is_too_long_is_refused_before_it_is_decoded(decoder):
    decoder.decode(GOOD)
    began = time.perf_counter()
    assert refusal(decoder, LONG).kind == "too_long"
    assert refusal(decoder, GOOD, longest_s=1.0).kind == "too_long"
    assert time.perf_counter() - began < 2.0


def test_what_takes_too_long_is_stopped_and_the_next_one_is_served():
    decoder = UntrustedDecoder(longest_s=1e6, time_limit_s=0.3)
    assert "took longer than 0.3 s" in str(refusal(decoder, LONG))
    decoder.time_limit_s = 20.0
    assert len(decoder.decode(GOOD).waveform) == pytest.approx(2 * 16000 * 2 / 3, abs=2)
    decoder.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_what_takes_too_much_memory_is_refused_and_the_next_one_is_served():
    decoder = UntrustedDecoder(longest_s=1e6, memory_bytes=100_000_000)
    assert "memory" in str(refusal(decoder, LONG))
    assert len(decoder.decode(GOOD).waveform)
    decoder.close()


def test_a_child_that_died_is_replaced(decoder):
    decoder.decode(GOOD)
    child = decoder._idle.queue[0]
    child._process.kill()
    child._process.wait()
    assert len(decoder.decode(GOOD).waveform)


def test_a_child_that_dies_at_work_costs_one_line():
    decoder = UntrustedDecoder(longest_s=1e6)
    decoder.decode(GOOD)
    child = decoder._idle.queue[0]
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(refusal, decoder, LONG)
        time.sleep(0.2)
        child._process.kill()
        assert "crashed" in str(answer.result())
    assert len(decoder.decode(GOOD).waveform)
    decoder.close()


def test_several_at_once_get_each_their_own():
    decoder = UntrustedDecoder(workers=2)
    lengths = [0.5, 1.0, 1.5, 2.0, 0.7, 1.2]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda s: len(decoder.decode(encoded(sound(s), format="FLAC")).waveform), lengths))
    assert found == [round(16000 * length) for length in lengths]
    decoder.close()


def test_the_child_is_light_and_ends_with_its_parent():
    code = "import sys; from speech_tl.audio import untrusted_child; import av; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
    code = (
        "import os\nfrom tests.audio.test_untrusted import GOOD, decode_untrusted\n"
        "from speech_tl.audio import untrusted\ndecode_untrusted(GOOD)\n"
        "print(untrusted._shared[0]._idle.queue[0]._process.pid, flush=True)\nos._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    pid = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the child outlives its parent")


def test_the_shared_decoder_decodes():
    assert np.array_equal(decode_untrusted(GOOD).waveform, load_audio(GOOD))
