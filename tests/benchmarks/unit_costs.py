"""What an hour of speech costs, and so what many cost: `python -m tests.benchmarks unit_costs`.

Seconds of one processor are counted, not of the clock, so that what else runs on the machine changes little. Speech is
real (speechocean762 in SPEECH_TL_CORPORA); whisper-base is measured where SPEECH_TL_MODELS holds it.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

HOURS = (1_000, 100_000, 1_000_000)
READ_S, DECODED_S, LEARNT_S = 600, 120, 80
ROW_S = 4.0
"""Of an utterance, as in speechocean762; longer ones make fewer rows."""
BYTES_A_ROW = 184
"""Memory of a row (`python -m tests.benchmarks start_up`)."""


def main() -> None:
    """Measure, then multiply."""
    from tests.benchmarks.material import speech

    corpora = Path(os.environ.get("SPEECH_TL_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
    rows = speech(corpora, "train", 400, 0)
    costs = {
        "read and resampled": cpu_s(lambda: read(taken(rows, READ_S))) / taken_s(rows, READ_S),
        "learnt from once, starter-wav2vec2": learning_s(rows),
    }
    for name, source in models().items():
        costs[f"transcribed, {name}"] = decoding_s(source, taken(rows, DECODED_S))
    sizes = {"FLAC, 16 kHz": flac_bytes(rows), "WAV, 16 kHz": 32_000.0}
    print(f"{'':40s}" + "".join(f"{hours:>14,} h" for hours in HOURS))
    for what, cost in costs.items():
        line = "".join(f"{cost * hours:>16,.0f}" for hours in HOURS)
        print(f"{what + ', processor hours':52s}{line}   ({cost * 3600:.1f} s of a processor an hour)")
    for what, size in sizes.items():
        line = "".join(f"{size * 3600 * hours / 1e12:>16,.2f}" for hours in HOURS)
        print(f"{what + ', TB':52s}{line}   ({size * 3600 / 1e6:.0f} MB an hour)")
    line = "".join(f"{3600 / ROW_S * hours * BYTES_A_ROW / 1e9:>16,.1f}" for hours in HOURS)
    print(f"{'memory of the table in each process, GB':52s}{line}")
    wire = sizes["FLAC, 16 kHz"] / costs["learnt from once, starter-wav2vec2"]
    print(f"a processor that learns takes {wire / 1e6:.3f} MB/s of FLAC from the network")


def taken(rows: list[dict], most_s: float) -> list[dict]:
    """Rows of so many seconds together."""
    found, seconds = [], 0.0
    for row in rows:
        if seconds >= most_s:
            break
        found.append(row)
        seconds += float(row["duration"])
    return found


def taken_s(rows: list[dict], most_s: float) -> float:
    """Their seconds."""
    return sum(float(row["duration"]) for row in taken(rows, most_s))


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of a processor that some work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def read(rows: list[dict]) -> None:
    """Every file, decoded and at 16 kHz."""
    from speech_tl.audio import load_audio

    for row in rows:
        load_audio(row["audio"])


def models() -> dict[str, str]:
    """Names and where they are."""
    place = Path(os.environ.get("SPEECH_TL_MODELS", Path.home() / ".cache" / "speech_tl_models"))
    found = {"starter-wav2vec2": "starter-wav2vec2", "starter-whisper": "starter-whisper"}
    return found | ({"whisper-base": str(place / "whisper-base")} if (place / "whisper-base").is_dir() else {})


def decoding_s(source: str, rows: list[dict]) -> float:
    """Seconds of a processor for a second of audio, the model in memory."""
    from speech_tl import transcribe
    from speech_tl.models.load import load_model

    model, paths = load_model(source, language="en", device="cpu"), [row["audio"] for row in rows]
    transcribe(model, paths[:2])
    return cpu_s(lambda: transcribe(model, paths)) / sum(float(row["duration"]) for row in rows)


def learning_s(rows: list[dict]) -> float:
    """The same for a second that is learnt from."""
    from tests.benchmarks import ours
    from tests.benchmarks.plain import Plan

    found: list[tuple[float, float]] = []
    for steps in (1, 1 + LEARNT_S // 20):  # what a run takes beside its steps is in both
        plan = Plan("starter-wav2vec2", taken(rows, 2 * LEARNT_S), "cpu", steps, 0)
        given, heard = ours.Ours(plan, training={"batch_seconds": 20.0, "workers": 0}), []
        seconds = cpu_s(lambda given=given, heard=heard: heard.append(ours.trained(given).audio_seconds))
        found.append((seconds, heard[0]))
    return (found[1][0] - found[0][0]) / (found[1][1] - found[0][1])


def flac_bytes(rows: list[dict]) -> float:
    """Bytes of a second."""
    import soundfile

    from speech_tl.audio import load_audio

    size = seconds = 0.0
    for row in rows[:50]:
        waveform, stream = load_audio(row["audio"]), io.BytesIO()
        soundfile.write(stream, waveform, 16_000, format="FLAC")
        size, seconds = size + len(stream.getvalue()), seconds + len(waveform) / 16_000
    return size / seconds
