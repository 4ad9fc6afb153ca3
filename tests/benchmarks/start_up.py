"""From the command to the end of the first training step on 100 000 rows: `python -m tests.benchmarks start_up`.

Every row is a file of its own (real clips, copied under other names). Our side is a whole `adapt`: it reads and checks
the manifest, scores 50 test utterances with the untouched model, and 50 dev utterances before the first step. The plain
side loads the table, computes features by `map`, and takes its first step; it measures nothing. It writes 250 kB of
features a row, so it is run on fewer rows, twice, and reckoned up to all of them by what the further rows took.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from speech_tl.screen import Screen, Update
from tests.benchmarks.frame import Row, Setting, Side, in_own_process, peak_memory, told
from tests.benchmarks.material import Rows, speech, write_manifest

ROWS, FEW_ROWS = 100_000, 10_000
PLAIN_ROWS = (4_000, 12_000)
MEASURED = 50
MODEL = "starter-wav2vec2"
AT_LEAST, BYTES_A_ROW = 20, 1000


def run(setting: Setting) -> list[Row]:
    """The ratio with durations in the manifest and without, and what a row costs in memory."""
    rows = copied(speech(setting.corpora, "train", setting.part(ROWS), setting.seed), setting.scratch / "audio")
    few, blind = rows[: setting.part(FEW_ROWS)], [row | {"duration": ""} for row in rows]
    first, second = (one(plain, rows[: setting.part(count)], setting) for count in PLAIN_ROWS)
    reckoned_s = reckoned(first, second, len(rows))
    small = one(ours, few, setting)
    known = [one(ours, rows, setting) for _ in range(setting.repeats)]
    unknown = [one(ours, blind, setting)]
    what = f"command to first training step, {len(rows)} rows"
    against = f"plain `load_dataset` and `map`: {reckoned_s:.0f} s, reckoned from {shown(first)} and {shown(second)}"
    return [
        ratio(what, against, known, reckoned_s),
        ratio(f"{what}, durations not in the manifest", against, unknown, reckoned_s),
        memory(f"{what}: memory", small, known),
    ]


def reckoned(first: Side, second: Side, rows: int) -> float:
    """Seconds of the plain side on `rows`: those of the larger run, and the further rows at what they took there."""
    counts = [side.facts["rows"] for side in (first, second)]
    a_row_s = (second.seconds - first.seconds) / (counts[1] - counts[0])
    return second.seconds + (rows - counts[1]) * a_row_s


def shown(side: Side) -> str:
    """A plain run in words."""
    return f"{side.seconds:.1f} s on {side.facts['rows']:.0f}"


def ratio(what: str, against: str, sides: list[Side], plain_s: float) -> Row:
    """How many times as early our first step ends."""
    ratios = [plain_s / side.seconds for side in sides]
    ended = {name: statistics.median(side.facts[name] for side in sides) for name in ("checked", "before")}
    took = statistics.median(side.seconds for side in sides)
    measured = (
        f"{statistics.median(ratios):.1f} times ({min(ratios):.1f} to {max(ratios):.1f}); {took:.1f} s: the data are "
        f"checked after {ended['checked']:.1f} s, before is measured after {ended['before']:.1f} s"
    )
    return Row(what, against, f">= {AT_LEAST} times", measured, statistics.median(ratios) >= AT_LEAST)


def memory(what: str, small: Side, large: list[Side]) -> Row:
    """What each further row adds to the peak."""
    peak = statistics.median(side.peak_memory for side in large)
    a_row = (peak - small.peak_memory) / (large[0].facts["rows"] - small.facts["rows"])
    told_ = f"{a_row:.0f} bytes a row; peak {small.peak_memory / 1e6:.0f} and {peak / 1e6:.0f} MB"
    return Row(what, f"{small.facts['rows']:.0f} rows", f"<= {BYTES_A_ROW} bytes a row", told_, a_row <= BYTES_A_ROW)


def copied(rows: Rows, folder: Path) -> Rows:
    """The rows, each with a file of its own."""
    made = []
    for number, row in enumerate(rows):
        path = folder / f"{number // 1000:03d}" / f"{number:06d}{Path(row['audio']).suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(row["audio"], path)
        made.append(row | {"audio": str(path)})
    return made


def one(side: Callable[..., Side], rows: Rows, setting: Setting) -> Side:
    """One side on some rows, from before its process starts, in a folder of its own."""
    place = setting.scratch / "run"
    place.mkdir()
    measured = [row for split in ("dev", "test") for row in speech(setting.corpora, split, MEASURED, setting.seed)]
    write_manifest(place / "manifest.csv", [*rows, *measured])
    found = in_own_process(partial(side, place, rows, setting, time.time()))
    found.facts["rows"] = float(len(rows))
    print(f"  {side.__name__:5s} {told(found)}", flush=True)
    shutil.rmtree(place)
    return found


# ---- the two sides


class FirstStep(Exception):
    """The first training step has ended."""


class Clock(Screen):
    """Notes when each stage ended, in seconds since `began`, and stops the run after its first training step."""

    def __init__(self, began: float) -> None:
        """`began` is when the command was given."""
        super().__init__()
        self.began, self.ended = began, {}

    @contextmanager
    def progress(self, title: str) -> Iterator[Update]:
        """A stage of the run."""

        def update(done: float, total: float, note: str = "") -> None:
            if title == "training" and done >= 1:
                raise FirstStep

        try:
            yield update
        finally:
            self.ended[title.split(":")[0]] = time.time() - self.began


def ours(place: Path, rows: Rows, setting: Setting, began: float) -> Side:
    """`adapt` from the start of its process to the end of its first step."""
    from speech_tl.adaptation import adapt
    from speech_tl.recipe import Recipe

    screen = Clock(began)
    recipe = {
        "name": "start",
        "model": {"source": MODEL},
        "data": {"root": str(place / "manifest.csv")},
        "training": {"epochs": 3, "batch_seconds": 30.0, "precision": "float32"},
    }
    try:
        adapt(Recipe.model_validate(recipe), place / "run", screen=screen)
    except FirstStep:
        ended = {"checked": screen.ended["checking the data"], "before": screen.ended["before"]}
        return Side(screen.ended["training"], peak_memory=peak_memory("cpu"), facts=ended)
    raise AssertionError("training ended before its first step")


def plain(place: Path, rows: Rows, setting: Setting, began: float) -> Side:
    """The plain side likewise."""
    from tests.benchmarks.plain import Plan, start_up

    ended = {name: time.time() - began for name, _ in start_up(Plan(MODEL, rows, setting.device), whisper=False)}
    return Side(ended["first step"], peak_memory=peak_memory("cpu"), facts={"mapped": ended["map"]})
