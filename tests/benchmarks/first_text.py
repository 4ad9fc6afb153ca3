"""From the command to the text of a clip of ten seconds, beside faster-whisper in a script of four lines.

    python -m tests.benchmarks.first_text MODEL CORPORA [--threads 1] [--repeats 5]

MODEL is the folder of a Whisper that writes English; CORPORA the folder of the corpora, of whose ljspeech_part the clip
is cut. The model was converted by an earlier command, as was faster-whisper's; whole processes are timed, in turns.
The peers' environment is that of `transcribing_peers`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.transcribing_peers import RATE, convert, exported, peers_python, rows

SECONDS = 10

PEER = """
import sys
from faster_whisper import WhisperModel
model = WhisperModel(sys.argv[1], device="cpu", cpu_threads=int(sys.argv[3]), compute_type="int8")
found, _ = model.transcribe(sys.argv[2], language="en", vad_filter=True, beam_size=1)
print(" ".join(segment.text for segment in found))
"""


def timed(command: list[str], env: dict[str, str]) -> tuple[float, str]:
    """Seconds that a command takes, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True, env=env)
    return time.perf_counter() - began, done.stdout.strip()


def main() -> None:
    """Print each program's median, fastest and slowest run, and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "speech_tl_peers")
    asked = parser.parse_args()
    from speech_tl.audio import load_audio, save_audio

    python = peers_python(asked.peers)
    clips = rows(asked.corpora, "ljspeech_part")
    convert(asked.model, clips[0]["audio"])
    with tempfile.TemporaryDirectory() as scratch:
        peers = exported(asked.model, Path(scratch))["faster-whisper"]
        clip = Path(scratch) / "clip.wav"
        long_enough = next(row["audio"] for row in clips if float(row["duration"]) >= 10)
        save_audio(clip, load_audio(long_enough, RATE)[: SECONDS * RATE], RATE)
        env = os.environ | {"OMP_NUM_THREADS": str(asked.threads)}
        ours = [sys.executable, "-m", "speech_tl", "transcribe", str(clip), "--model", asked.model, "--language", "en"]
        theirs = [str(python), "-c", PEER, peers, str(clip), str(asked.threads)]
        pairs = [
            (timed(ours, env), timed(theirs, {key: value for key, value in env.items() if key != "PYTHONPATH"}))
            for _ in range(asked.repeats)
        ]
    for name, side in (("speech-tl transcribe", 0), ("faster-whisper", 1)):
        seconds = [pair[side][0] for pair in pairs]
        told = f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
        print(f"{name}: {told}: {pairs[0][side][1]}")
    print(f"ratio {statistics.median(a[0] / b[0] for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
