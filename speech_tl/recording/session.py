"""One person reading sentences: what comes next, clips and manifest as they grow, and where it goes on another day."""

from __future__ import annotations

import shlex
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from speech_tl.audio import save_audio
from speech_tl.audio.untrusted import decode_untrusted
from speech_tl.data.corpora.table import write_table
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.recording.choosing import Wanted, key, reading_list
from speech_tl.recording.listening import Heard, listen
from speech_tl.text import require_writable, write_atomically

CLIPS, MANIFEST, SKIPPED = "clips", "manifest.csv", "skipped.txt"
SHOWN = 8  # clips on the page
LONGEST_S = 30.0
LOWEST_RATE = 8000
CLIP = "the recording"


class Session:
    """A folder that fills with recordings; every change is on disk before it is told.

    Attributes:
        out: the folder: clips/0001.wav and so on, manifest.csv, skipped.txt.
        minutes: how much speech is wanted.
        basis: what the sentences' sounds were told by.
        rows: the manifest's.
        wanted: words to be said.
    """

    def __init__(self, out: Path, *, minutes: float, speaker: str | None, language: str | None) -> None:
        """Open a folder, new or with recordings.

        Raises:
            BadInput: it cannot be written, its manifest cannot be read, or it holds another speaker's recordings.
        """
        require_writable(out)
        self.out, self.minutes, self.basis = out, minutes, ""
        self.rows = _rows_there(out)
        self.language = language or _one_of(self.rows, "language") or ""
        self.speaker = speaker or _one_of(self.rows, "speaker") or "me"
        others = {row.get("speaker") or "" for row in self.rows} - {self.speaker}
        if others:
            raise BadInput(
                f"{out} holds recordings of {', '.join(sorted(others))}, not {speaker}: choose another --out"
            )
        self._skipped = _lines(out / SKIPPED)
        self._waiting: deque[str] = deque()
        self.wanted = Wanted()
        self._lock = threading.RLock()

    def plan(self, sentences: Sequence[str], carriers: Sequence[str], wanted: Wanted) -> None:
        """Choose what to read next from `sentences`, with what is recorded taken into account."""
        self.wanted = wanted
        done = [*self.texts(), *self._skipped]
        chosen, self.basis = reading_list(sentences, carriers, wanted, self.language, done)
        self._waiting = deque(chosen)

    def texts(self) -> list[str]:
        """The sentences that are recorded."""
        return [row["text"] for row in self.rows]

    @property
    def seconds(self) -> float:
        """How much is recorded."""
        return sum(float(row["duration"] or 0) for row in self.rows)

    @property
    def waiting(self) -> tuple[str, ...]:
        """What is to be read, in order."""
        return tuple(self._waiting)

    @property
    def sentence(self) -> str | None:
        """What is to be read now; None when nothing is left."""
        return self._waiting[0] if self._waiting else None

    def take(self, data: bytes, sentence: str, *, anyway: bool = False) -> tuple[Heard, bool]:
        """Judge a clip of the present sentence, and keep it when nothing is wrong with it.

        Args:
            data: a whole audio file.
            sentence: what was read, as the page has it.
            anyway: keep it whatever is wrong, unless it is silent.

        Returns:
            What was heard, and whether it was kept.

        Raises:
            AudioError: it cannot be read, or is too long to learn from.
            BadInput: it is of another sentence.
            OSError: it cannot be written.
        """
        with self._lock:
            self._require_present(sentence)
            waveform, sample_rate = decoded(data)
            heard = listen(waveform, sample_rate, sentence)
            kept = not heard.problems or (anyway and heard.usable)
            if kept:
                self._keep(waveform, sample_rate, sentence, heard)
            return heard, kept

    def skip(self, sentence: str) -> None:
        """Leave the present sentence out for good."""
        with self._lock:
            self._require_present(sentence)
            self._skipped.append(sentence)
            write_atomically(self.out / SKIPPED, "".join(f"{one}\n" for one in self._skipped))
            self._waiting.popleft()

    def again(self, name: str) -> None:
        """Drop a clip; its sentence comes next.

        Raises:
            BadInput: there is no such clip.
        """
        with self._lock:
            row = next((row for row in self.rows if Path(row["audio"]).name == name), None)
            if row is None:
                raise BadInput(f"there is no clip {name}")
            self.rows.remove(row)
            self._write()
            if self._is_ours(row["audio"]):
                row["audio"].unlink(missing_ok=True)
            self._waiting.appendleft(row["text"])

    def clip(self, name: str) -> Path | None:
        """The file of a clip of the manifest; None when there is none of that name in the folder."""
        named = (row["audio"] for row in self.rows if row["audio"].name == name)
        return next(filter(self._is_ours, named), None)

    def _is_ours(self, file: Path) -> bool:
        """Whether a file is in the folder; the manifest may name any, and only our own are given out or removed."""
        return file.resolve().is_relative_to(self.out.resolve())

    def state(self) -> dict[str, Any]:
        """What the page shows."""
        with self._lock:
            shown = self.rows[: -SHOWN - 1 : -1]
            return {
                "sentence": self.sentence,
                "words": self.wanted.held(self.sentence) if self.sentence else [],
                "recorded": len(self.rows),
                "seconds": round(self.seconds, 1),
                "minutes": self.minutes,
                "missing": sum(self.missing().values()),
                "clips": [
                    {"name": Path(row["audio"]).name, "text": row["text"], "seconds": round(float(row["duration"]), 1)}
                    for row in shown
                ],
                "folder": str(self.out),
            }

    def missing(self) -> dict[str, int]:
        """How often each wanted word is still to be recorded."""
        return dict(self.wanted.missing(self.texts()))

    def summary(self) -> str:
        """What is recorded, in one line."""
        missing = self.missing()
        words = f"; said too seldom: {', '.join(missing)}" if missing else ""
        return f"{self.out}: {len(self.rows)} recordings, {self.seconds / 60:.1f} min{words}"

    def what_next(self) -> list[str]:
        """The commands that use the recordings."""
        if not self.rows:
            return []
        return [
            f"Manifest: {self.out / MANIFEST}",
            "Next:",
            f"  {shlex.join(['speech-tl', 'check', str(self.out)])}",
            f"  {shlex.join(['speech-tl', 'adapt', 'speaker/my_voice', f'data.root={self.out}'])}",
        ]

    def _require_present(self, sentence: str) -> None:
        if sentence != self.sentence:
            raise BadInput("this page is behind: it is open elsewhere too; load it again")

    def _keep(self, waveform: Any, sample_rate: int, sentence: str, heard: Heard) -> None:
        number = 1 + max((int(Path(row["audio"]).stem) for row in self.rows if _numbered(row)), default=0)
        path = save_audio(self.out / CLIPS / f"{number:04d}.wav", waveform, sample_rate)
        row = {
            "audio": path,
            "text": sentence,
            "speaker": self.speaker,
            "language": self.language,
            "split": self._split(number, sentence),
            "duration": heard.duration_s,
            "level_db": round(heard.level_db, 1),
            "snr_db": round(heard.snr_db, 1),
            "problem": " ".join(heard.problems),
        }
        self.rows.append(row)
        try:
            self._write()
        except OSError:
            self.rows.remove(row)
            path.unlink(missing_ok=True)
            raise
        self._waiting.popleft()

    def _split(self, number: int, sentence: str) -> str:
        """Eight of ten to train, one to dev, one to test; the same sentence and a word's first time where they must."""
        same = next((row["split"] for row in self.rows if key(row["text"]) == key(sentence)), None)
        if same:
            return same
        learnt = {word for row in self.rows if row["split"] == "train" for word in self.wanted.held(row["text"])}
        if not set(self.wanted.held(sentence)) <= learnt:
            return "train"
        return {5: "dev", 0: "test"}.get(number % 10, "train")

    def _write(self) -> None:
        if self.rows:
            write_table(self.out / MANIFEST, self.rows)
        else:
            (self.out / MANIFEST).unlink(missing_ok=True)


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    """The samples `(samples,)` of a clip from a page, and their rate in Hz; decoded in a process that may die.

    Raises:
        AudioError: it cannot be read, or is longer than a clip may be.
        BadInput: it is of a rate that no microphone has.
    """
    found = decode_untrusted(data, None, longest_s=LONGEST_S + 1, name=CLIP)
    if found.sample_rate < LOWEST_RATE:
        raise BadInput(f"{CLIP} has {found.sample_rate} samples a second; expected {LOWEST_RATE} or more")
    return found.waveform, found.sample_rate


def _rows_there(out: Path) -> list[dict[str, Any]]:
    """The rows of a folder's manifest whose recordings are there."""
    if not (out / MANIFEST).is_file():
        return []
    rows = [
        {"audio": Path(one.audio), "text": one.text or "", **one.columns, "duration": one.duration_s or 0.0}
        for one in Manifest.read(out / MANIFEST)
    ]
    return [row for row in rows if row["audio"].is_file()]


def _numbered(row: dict[str, Any]) -> bool:
    return Path(row["audio"]).stem.isdigit()


def _one_of(rows: Sequence[dict[str, Any]], column: str) -> str | None:
    return next((row[column] for row in rows if row.get(column)), None)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
