"""Agreement with NIST's sclite and sc_stats on fixed sets: with what they said once, and live where installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from speech_tl.scoring.matched_pairs import matched_pairs
from tests.scoring.made import evaluation
from tests.scoring.sclite_set import SpokenSet, spoken_set

SIDES = ("first", "second")
DEBIANS = "/usr/lib/sctk/bin"  # Debian's package sctk keeps its programs there

# What sclite and sc_stats of SCTK 2.4.10 say: words, substitutions, deletions, insertions with errors far apart; words
# and errors with errors close together; segments and Z of the matched pairs with errors far apart.
APART = {"first": (2315, 191, 86, 94), "second": (2315, 161, 87, 75)}
CLOSE = {"first": (2315, 662), "second": (2315, 558)}
MATCHED = (503, 2.735)


def program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=DEBIANS)


needs_sctk = pytest.mark.skipif(
    not (program("sclite") and program("sc_stats")), reason="no sclite and sc_stats (Debian: apt-get install sctk)"
)


def sctk(spoken: SpokenSet, folder: Path) -> tuple[dict[str, tuple[int, ...]], int, float]:
    """What the programs say: counts of each side, number of segments, Z of first - second."""
    trn(folder / "reference", spoken.references)
    aligned, counts = b"", {}
    for side in SIDES:
        hypothesis = trn(folder / side, getattr(spoken, side))
        inputs = ["-r", str(folder / "reference"), "trn", "-h", str(hypothesis), "trn", side, "-i", "rm"]
        subprocess.run([program("sclite"), *inputs, "-o", "rsum", "sgml"], check=True, capture_output=True)
        aligned += Path(f"{hypothesis}.sgml").read_bytes()
        line = next(text for text in Path(f"{hypothesis}.raw").read_text().splitlines() if "Sum" in text)
        _, words, _, substitutions, deletions, insertions, *_ = map(int, re.findall(r"\d+", line))
        counts[side] = (words, substitutions, deletions, insertions)
    subprocess.run(
        [program("sc_stats"), "-p", "-t", "mapsswe", "-v", "-r", "rsum", "-n", "both"],
        input=aligned,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    found = (folder / "both.stats.mapsswe").read_text()
    segments, z = re.search(r"# segs: (\d+).*Z Stat: (-?[\d.]+)", found).groups()
    return counts, int(segments), float(z)


def trn(path: Path, texts: list[str]) -> Path:
    """Write texts with made-up speakers and numbers, as sclite reads them."""
    path.write_text("".join(f"{text} (s{number % 12:02d}_u{number:03d})\n" for number, text in enumerate(texts)))
    return path


def counted(spoken: SpokenSet, side: str) -> tuple[int, int, int, int]:
    found = evaluation(spoken.pairs(side)).score
    return found.words, found.substitutions, found.deletions, found.insertions


def judged(spoken: SpokenSet) -> tuple[int, float]:
    first, second = (evaluation(spoken.pairs(side)).utterances for side in SIDES)
    found = matched_pairs(first, second)
    return found.segments, -found.z


def test_counts_are_sclites_where_one_alignment_is_best() -> None:
    spoken = spoken_set(apart=True)
    assert {side: counted(spoken, side) for side in SIDES} == APART


def test_errors_are_sclites_also_where_several_alignments_are_best() -> None:
    spoken = spoken_set(apart=False)
    for side in SIDES:
        words, *errors = counted(spoken, side)
        assert (words, sum(errors)) == CLOSE[side]


def test_matched_pairs_are_sc_stats() -> None:
    segments, z = judged(spoken_set(apart=True))
    assert segments == MATCHED[0] and z == pytest.approx(MATCHED[1], abs=0.0006)


@needs_sctk
def test_the_figures_above_are_what_the_programs_say(tmp_path: Path) -> None:
    counts, segments, z = sctk(spoken_set(apart=True), tmp_path)
    assert counts == APART and (segments, z) == MATCHED
    counts, segments, z = sctk(spoken_set(apart=False), tmp_path)
    assert {side: (found[0], sum(found[1:])) for side, found in counts.items()} == CLOSE
    ours = judged(spoken_set(apart=False))
    assert ours[0] == pytest.approx(segments, abs=3) and ours[1] == pytest.approx(z, abs=0.1)
