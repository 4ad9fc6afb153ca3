"""How long a million rows take to load, and how much memory: `python -m tests.benchmarks.manifest_rows [ROWS]`."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_rows(path: Path, rows: int) -> None:
    """A manifest of `rows` made-up utterances by 5 000 speakers."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("audio,text,speaker,accent,language,gender,split,duration,age\n")
        for row in range(rows):
            split = "test" if row % 50 == 0 else "train"
            stream.write(
                f'corpus/speaker{row % 5000:05d}/clip_{row:09d}.flac,"well, this is sentence number {row} of the long '
                f'corpus",{row % 5000:05d},mandarin,en,female,{split},{1 + row % 14}.25,{row % 80}\n'
            )


def measure(path: str) -> None:
    """Load, use every kind of access, and print seconds and peak memory."""
    began = time.perf_counter()
    from speech_tl.data.manifest import Manifest, ensure_splits

    manifest = Manifest.read(path)
    print(f"{len(manifest):,} rows loaded in {time.perf_counter() - began:.1f} s, peak {peak_mb():.0f} MB")
    began = time.perf_counter()
    assert manifest[len(manifest) - 1].columns["speaker"] == f"{(len(manifest) - 1) % 5000:05d}"
    for index in range(0, len(manifest), max(1, len(manifest) // 10_000)):
        manifest[index]
    print(f"10,000 rows read one by one in {time.perf_counter() - began:.2f} s")
    for name, work in (
        ("where and split", lambda: manifest.where({"gender": "female"}).split("test")),
        ("durations", manifest.durations_s),
        ("dev carved by speaker", lambda: ensure_splits(manifest, 0)),
        ("fingerprint", manifest.fingerprint),
    ):
        began = time.perf_counter()
        work()
        print(f"{name}: {time.perf_counter() - began:.2f} s, peak {peak_mb():.0f} MB")


def peak_mb() -> float:
    """Peak resident memory of this process in MB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int = 1_000_000) -> None:
    """Write a manifest and measure it in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "manifest.csv")
        write_rows(made, rows)
        subprocess.run([sys.executable, "-m", "tests.benchmarks.manifest_rows", "--measure", str(made)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:2]))
