"""A collection on a local Ray cluster: `python -m tests.benchmarks on_ray` (2 000 files; SPEECH_TL_FILES: so many).

First the speed of two workers beside `--jobs 2` on a fifth of the files, in turns; then four workers of which one is
killed every minute, and whose transcripts are compared, byte for byte, with those of a single process. Sounds are
generated; the model is starter-wav2vec2. The cluster is up before the clock starts: it would be, where it has more than
one machine.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path

import psutil

MODEL = "starter-wav2vec2"
KILLED_EVERY_S = 60.0
TURNS = 3


def main() -> None:
    """Both, and what they found."""
    import ray

    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        place = Path(scratch)
        files = int(os.environ.get("SPEECH_TL_FILES", "2000"))
        audio_s = make_sounds(place / "sounds", files)
        speeds(place / "few", make_sounds(place / "few" / "sounds", files // 5))
        kills(place, files, audio_s)
    ray.shutdown()


def make_sounds(folder: Path, files: int) -> float:
    """So many files of 1 to 5 seconds; returns their seconds."""
    from speech_tl.audio import save_audio
    from tests.sounds import SAMPLE_RATE, voice

    lengths_s = [1.0 + number % 5 for number in range(files)]
    for number, length_s in enumerate(lengths_s):
        save_audio(folder / f"{number // 100:03d}" / f"{number:05d}.wav", voice(length_s, number), SAMPLE_RATE)
    return sum(lengths_s)


def took_s(place: Path, out: str, **how: object) -> float:
    """Seconds to transcribe all."""
    from speech_tl import transcribe

    began = time.monotonic()
    transcribe(MODEL, place / "sounds", out=place / out, **how)
    return time.monotonic() - began


def speeds(place: Path, audio_s: float) -> None:
    """Two workers beside two processes, in turns."""
    shares = []
    for turn in range(TURNS):
        processes_s = took_s(place, f"processes{turn}", jobs=2)
        workers_s = took_s(place, f"workers{turn}", jobs=2, on="ray")
        shares.append(processes_s / workers_s)
        rates = f"--jobs 2: {audio_s / processes_s:.1f} audio s/s, --on ray --jobs 2: {audio_s / workers_s:.1f}"
        print(f"{rates}, {shares[-1]:.2f} of it", flush=True)
    print(f"median: {sorted(shares)[len(shares) // 2]:.2f}")


def kills(place: Path, files: int, audio_s: float) -> None:
    """Four workers of which one is killed every minute, against one process."""
    alone_s = took_s(place, "alone")
    ended, killed = threading.Event(), []
    killer = threading.Thread(target=kill_now_and_then, args=(ended, killed))
    killer.start()
    workers_s = took_s(place, "killed", jobs=4, on="ray")
    ended.set()
    killer.join()
    one, other = (written(place / out) for out in ("alone", "killed"))
    same = sum(one[name] == other.get(name) for name in one)
    print(f"{files} files, {audio_s / 3600:.1f} h: one process {alone_s:.0f} s; 4 workers, {len(killed)} killed,")
    print(f"{workers_s:.0f} s: {len(other)} transcripts, {same} of {len(one)} the same to the byte")


def is_at_work(process: psutil.Process) -> bool:
    """Whether it is an actor that transcribes."""
    try:
        return "ray::_Actor.transcribe" in " ".join(process.cmdline())
    except psutil.Error:  # it has gone meanwhile
        return False


def kill_now_and_then(ended: threading.Event, killed: list[int]) -> None:
    """The worker that has worked for longest, every minute."""
    while not ended.wait(KILLED_EVERY_S):
        busy = [
            process
            for process in psutil.Process().children(recursive=True)  # of this cluster, not of another one's
            if is_at_work(process)
        ]
        if busy:
            oldest = min(busy, key=lambda process: process.create_time())
            oldest.kill()
            killed.append(oldest.pid)


def written(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.txt")}
