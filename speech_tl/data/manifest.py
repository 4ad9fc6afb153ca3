"""The manifest: a table of utterances, read lazily row by row from columns of Arrow memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from pydantic import Field, model_validator

from speech_tl.data.columns import SECONDS_COLUMNS, standard_split
from speech_tl.data.filtering import wanted_rows
from speech_tl.data.minutes import subset_of_minutes
from speech_tl.data.paths import audio_path, missing_hint
from speech_tl.data.reading import read_table
from speech_tl.data.splitting import SplitResult, ensure_splits, speaker_disjoint_split
from speech_tl.data.table import EmbeddedAudio, Table
from speech_tl.data.writing import write_manifest
from speech_tl.errors import AudioError, BadInput
from speech_tl.options import Options, Seed
from speech_tl.text import agreed, nearest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DataOptions",
    "Excluded",
    "Manifest",
    "SplitResult",
    "Utterance",
    "ensure_splits",
    "open_data",
    "speaker_disjoint_split",
    "the_language",
]

BLOCK_ROWS = 256
"""Rows that are read together where many are wanted."""

NO_CHANNEL = 0
"""`Utterance.channel` where a manifest's value is no channel: the row cannot be used, the others can."""

_OWN_FIELDS = frozenset(("id", "audio", "text", *SECONDS_COLUMNS))


@dataclass(frozen=True)
class Utterance:
    """One row of a manifest.

    Attributes:
        id: the manifest's own, else the audio path as written, with "#start" where the row has a start and "#ch2" where
            it has a channel.
        audio: absolute path (for embedded audio: its name inside the table).
        text: what is said; None where the manifest has no text.
        start_s: where it begins in the file, in seconds.
        end_s: where it ends; None for the end of the file.
        duration_s: length in seconds, as the manifest says; None when it does not.
        channel: 1, 2, ...: the channel of the file that it is on; None for all of them, `NO_CHANNEL` where the manifest
            says something else (which stays in `columns`, as all its values do).
        columns: all other columns (speaker, accent, language, gender, split, ...).
        audio_bytes: the whole encoded file, where the table embeds it.
    """

    id: str
    audio: str
    text: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    duration_s: float | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    audio_bytes: bytes | None = field(default=None, repr=False)
    channel: int | None = None

    @property
    def speaker(self) -> str | None:
        """Who speaks; None when nobody knows (an empty cell is unknown, not one shared person)."""
        return self.columns.get("speaker") or None

    def load(self, sample_rate: int | None = 16000) -> np.ndarray:
        """This utterance's own samples, float32 mono `(samples,)` at `sample_rate`.

        Raises:
            AudioError: as `speech_tl.audio.load_audio`.
        """
        from speech_tl.audio import load_audio

        self.require_channel()
        source = self.audio if self.audio_bytes is None else self.audio_bytes
        try:
            return load_audio(
                source,
                sample_rate,
                self.start_s,
                self.end_s,
                channel=self.channel,
                name=self.audio,
                longest_s=self._longest_s(),
            )
        except AudioError as error:
            raise explained(error, self.audio) from error

    def _longest_s(self) -> float | None:
        """Far more than a manifest or a header can be wrong by: a header of seconds over hours ends here."""
        return None if self.duration_s is None or self.end_s is not None else max(600.0, 4 * self.duration_s)

    def require_channel(self) -> None:
        """Refuse a channel that is no number.

        Raises:
            AudioError: of kind "channel".
        """
        if self.channel == NO_CHANNEL:
            said = f"channel is {self.columns.get('channel')!r}"
            raise AudioError(f"{self.audio}: {said}; expected 1, 2, ..., left, right, or nothing for all", "channel")


class Manifest(Sequence[Utterance]):
    """A table of utterances. Rows are made when asked for; selecting and filtering copy no columns.

    Attributes:
        source: what it was read from, for messages.
        notes: what a person should know about how it was read, one sentence each.
        faults: why rows cannot be used, as the table alone tells, by their position in the source.
        root: the folder that relative audio paths start from.
        rows: position of each utterance in the source, counted from 0.
    """

    def __init__(self, table: Table, source: str) -> None:
        """Wrap what a reader found; `Manifest.read` is the usual way in."""
        self.source = source
        self.notes = tuple(table.notes)
        self.faults = table.faults
        self.root = table.root
        self._folder = os.fspath(table.root)
        self._table = table
        self.rows = np.arange(len(table.columns["audio"])) if table.rows is None else table.rows

    @classmethod
    def read(cls, source: str | Path, *, split: str | None = None) -> Manifest:
        """Read a table of utterances.

        Args:
            source: a CSV, TSV, JSONL or Parquet file; a folder that holds manifest.csv (.tsv, .jsonl, .parquet); a
                Hugging Face dataset (saved folder; on the Hub "hf:owner/name" or "hf:owner/name:configuration"); or a
                folder of audio files with .txt files beside them.
            split: keep this split only, by any of the names that people give it.

        Raises:
            BadInput: one line that names the file and row or column.
        """
        manifest = cls(read_table(source), str(source))
        if split is None:
            return manifest
        chosen = manifest.split(split)
        if not len(chosen):
            there = ", ".join(sorted(set(filter(None, manifest.texts("split"))))) or "no column 'split'"
            raise BadInput(f"{source}: no row has split {split!r} (there are: {there})")
        return chosen

    @property
    def columns(self) -> list[str]:
        """Names of the columns, as in the source."""
        return list(self._table.columns)

    @property
    def embedded(self) -> bool:
        """Whether the audio itself lies in the table instead of in files."""
        return self._table.audio_bytes is not None

    @property
    def audio_bytes(self) -> EmbeddedAudio | None:
        """The audio inside the table, by the row's position in the source."""
        return self._table.audio_bytes

    def __len__(self) -> int:
        """How many utterances there are."""
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> Manifest: ...

    def __getitem__(self, index: int | slice) -> Utterance | Manifest:
        """One utterance, read from the table now; or a manifest of several."""
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        row = int(self.rows[index])
        return self._made(row, {name: column[row].as_py() for name, column in self._table.columns.items()})

    def __iter__(self) -> Iterator[Utterance]:
        """Utterances one at a time, in order."""
        for first in range(0, len(self), BLOCK_ROWS):
            yield from self.block(first, first + BLOCK_ROWS)

    def block(self, first: int, last: int) -> Iterator[Utterance]:
        """The utterances `first` to `last` (exclusive), at a quarter of the time that one by one takes."""
        rows = self.rows[first:last]
        if not len(rows):
            return
        lowest, highest = int(rows.min()), int(rows.max())
        near = {name: column.slice(lowest, highest - lowest + 1) for name, column in self._table.columns.items()}
        columns = [column.take(rows - lowest).to_pylist() for column in near.values()]
        for row, cells in zip(rows.tolist(), zip(*columns, strict=True), strict=True):
            yield self._made(row, dict(zip(near, cells, strict=True)))

    def column(self, name: str) -> list[Any]:
        """One column's values, in row order; "id" is made where the manifest has none.

        Raises:
            BadInput: there is no such column (lists those there are).
        """
        if name == "id" and name not in self._table.columns:
            starts = self.column("start") if "start" in self._table.columns else [None] * len(self)
            rows = zip(self.column("audio"), starts, self.texts("channel"), strict=True)
            return [_identity(audio, start_s, _channel(said)) for audio, start_s, said in rows]
        return self._taken(self._column(name)).to_pylist()

    def texts(self, name: str) -> list[str | None]:
        """A column as text, or as many None as there are rows when the manifest has no such column."""
        return self.column(name) if name in self._table.columns else [None] * len(self)

    def require_text(self) -> None:
        """Refuse a manifest that does not say what is said.

        Raises:
            BadInput: there is no column "text".
        """
        if "text" not in self._table.columns:
            there = ", ".join(self.columns)
            raise BadInput(
                f"{self.source}: no column 'text' (there are {there}); training and scoring need what is said"
            )

    def durations_s(self) -> np.ndarray:
        """Seconds of each row, float64 `(rows,)`: column duration, else end - start, else NaN."""
        durations_s = self._numbers("duration")
        return np.where(
            np.isnan(durations_s), self._numbers("end") - np.nan_to_num(self._numbers("start")), durations_s
        )

    def select(self, indices: Sequence[int] | np.ndarray) -> Manifest:
        """These rows, in this order."""
        return self._with(rows=self.rows[np.asarray(indices, dtype=np.int64)])

    def where(self, conditions: Mapping[str, Any]) -> Manifest:
        """Rows whose columns have these values, as `filtering.wanted_rows` compares them; a list means any of them.

        Raises:
            BadInput: no such column, or no row left (names the values there are).
        """
        found = self
        for name, wanted in conditions.items():
            if name == "split":
                wanted = [standard_split(str(one)) for one in (wanted if isinstance(wanted, list) else [wanted])]
            found = found.select(wanted_rows(self.source, name, wanted, found.column(name)))
        return found

    def limit_duration(self, min_s: float, max_s: float) -> Manifest:
        """Rows that last `min_s` to `max_s` seconds, and those whose duration the manifest does not say."""
        durations_s = self.durations_s()
        return self.select(np.flatnonzero(~((durations_s < min_s) | (durations_s > max_s))))

    def split(self, name: str) -> Manifest:
        """Rows of one split, by any of its usual names; none where the manifest has no such split."""
        name = standard_split(name)
        return self.select([index for index, value in enumerate(self.texts("split")) if value == name])

    def without_faults(self) -> Manifest:
        """The rows that can be used, as far as the table alone tells."""
        if not self.faults:
            return self
        return self.select([index for index, row in enumerate(self.rows.tolist()) if row not in self.faults])

    def sample(self, count: int | None, seed: int) -> Manifest:
        """At most `count` rows drawn with `seed`, in their old order; None keeps all."""
        if count is None or count >= len(self):
            return self
        return self.select(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]))

    def with_column(self, name: str, values: Sequence[Any]) -> Manifest:
        """The same rows with `values`, one a row, as column `name` (a column of that name is replaced)."""
        import pyarrow as pa

        height = len(self._table.columns["audio"])
        place = np.full(height, -1, dtype=np.int64)
        place[self.rows] = np.arange(len(self))
        spread = pa.array(list(values)).take(pa.array(place, mask=place < 0))
        return self._with(columns={**self._table.columns, name: pa.chunked_array([spread])})

    def without_column(self, name: str) -> Manifest:
        """The same rows without a column."""
        return self._with(columns={other: column for other, column in self._table.columns.items() if other != name})

    def write(self, path: str | Path) -> Path:
        """Write the rows as .csv, .tsv, .jsonl or .parquet, whole or not at all, audio relative to the new folder.

        Raises:
            BadInput: another suffix, or embedded audio.
        """
        return write_manifest(self, path)

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any row, column or value (not with the folder it lies in)."""
        digest = hashlib.sha256()
        for name in sorted(self._table.columns):
            values = self._taken(self._column(name)).to_pylist()
            digest.update(f"\x1d{name}\x1d".encode() + "\x1e".join(map(str, values)).encode("utf-8", "replace"))
        return digest.hexdigest()[:16]

    def _made(self, row: int, cells: Mapping[str, Any]) -> Utterance:
        """The utterance of a row of the table; embedded audio is read only now."""
        embedded = None if self._table.audio_bytes is None else self._table.audio_bytes[row]
        audio, start_s, channel = cells["audio"] or "", cells.get("start"), _channel(cells.get("channel"))
        return Utterance(
            id=cells.get("id") or _identity(audio, start_s, channel),
            audio=audio if embedded is not None else audio_path(self._folder, audio),
            text=cells.get("text"),
            start_s=start_s or 0.0,
            end_s=cells.get("end"),
            duration_s=_duration_s(cells),
            columns={name: value for name, value in cells.items() if name not in _OWN_FIELDS},
            audio_bytes=embedded,
            channel=channel,
        )

    def _column(self, name: str) -> pa.ChunkedArray:
        columns = self._table.columns
        name = name if name in columns else self._table.renamed.get(name, name)
        if name not in columns:
            close = nearest(name, columns)
            hint = f"; did you mean {close!r}?" if close else ""
            raise BadInput(f"{self.source}: no column {name!r} (there are {', '.join(columns)}){hint}")
        return columns[name]

    def _taken(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        whole = len(self.rows) == len(column) and bool((self.rows == np.arange(len(column))).all())
        return column if whole else column.take(self.rows)

    def _numbers(self, name: str) -> np.ndarray:
        if name not in self._table.columns:
            return np.full(len(self), np.nan)
        values = self._taken(self._table.columns[name]).to_numpy()
        return values.astype(np.float64)

    def _with(self, *, rows: np.ndarray | None = None, columns: dict[str, pa.ChunkedArray] | None = None) -> Manifest:
        rows = self.rows if rows is None else rows
        return Manifest(replace(self._table, columns=columns or self._table.columns, rows=rows), self.source)


def explained(error: AudioError, path: str) -> AudioError:
    """The error with a word about why a file may be missing, where one can be said."""
    hint = missing_hint(path) if error.kind == "missing" else ""
    return AudioError(f"{error}; {hint}", error.kind) if hint else error


def _identity(audio: str, start_s: float | None, channel: int | None) -> str:
    place = audio if start_s is None else f"{audio}#{start_s:.10g}"
    return place if channel is None else f"{place}#ch{channel}"


def _channel(said: Any) -> int | None:
    """The channel that a cell means; `NO_CHANNEL` where it means none."""
    if said is None or said == "":
        return None
    from speech_tl.audio import channel_number

    try:
        return channel_number(said)
    except ValueError:
        return NO_CHANNEL


def _duration_s(cells: Mapping[str, Any]) -> float | None:
    if cells.get("duration") is not None:
        return cells["duration"]
    return None if cells.get("end") is None else cells["end"] - (cells.get("start") or 0.0)


TextStyleOption = Literal["as_is", "restore", "auto"]

TEXT_STYLE = (
    "capitals and marks of the training texts: as_is; restore, as the checkpoint writes them for the same audio (words "
    "stay the text's); auto, where the model would stop writing them, as it usually writes by a sample of the audio"
)


class DataOptions(Options):
    """Which utterances a run uses."""

    root: str | None = Field(None, description="manifest, folder that holds one, saved dataset, or hf:owner/name")
    where: dict[str, Any] = Field({}, description="keep rows with these values, e.g. {accent: mandarin, age: 16..}")
    min_duration_s: float = Field(0.3, ge=0, description="shorter utterances are set aside")
    max_duration_s: float = Field(30.0, gt=0, description="longer ones too: memory grows with the longest")
    split_seed: Seed = Field(0, description="seed of the split and of the limits below")
    allow_speaker_overlap: bool = Field(False, description="go on although train and test share a speaker")
    language: str | None = Field(None, description="language of the speech, e.g. en")
    train_limit: int | None = Field(None, ge=1, description="at most so many utterances of train")
    train_minutes: float | None = Field(None, gt=0, description="only so many minutes of train, drawn with train_seed")
    train_seed: Seed = Field(0, description="with one seed, fewer minutes are a part of more minutes")
    dev_limit: int | None = Field(None, ge=1, description="at most so many utterances of dev")
    test_limit: int | None = Field(None, ge=1, description="at most so many utterances of test")
    text_style: TextStyleOption = Field("auto", description=TEXT_STYLE)
    cache_gb: float = Field(10.0, ge=0, description="most disk for what later epochs need not compute again; 0: none")

    @model_validator(mode="after")
    def _durations_in_order(self) -> DataOptions:
        if self.min_duration_s >= self.max_duration_s:
            raise ValueError(f"min_duration_s {self.min_duration_s} must be below max_duration_s {self.max_duration_s}")
        return self


@dataclass(frozen=True)
class Excluded:
    """A row set aside: one line of excluded.jsonl. `row` counts the source's utterances from 1."""

    id: str
    audio: str
    row: int
    split: str
    problem: str
    detail: str


def open_data(options: DataOptions, *, needs_train: bool = True) -> SplitResult:
    """Read, filter, split and limit what `options` describe; durations are left to the check, which records them.

    `needs_train` is false where there is other speech to learn from.

    Raises:
        BadInput: no root, no column text, less of train than `train_minutes`, or whatever reading, filtering and
            splitting refuse.
    """
    if not options.root:
        raise BadInput("data.root is missing: give a manifest or a folder that holds manifest.csv (data.root=PATH)")
    manifest = Manifest.read(options.root)
    manifest.require_text()
    result = ensure_splits(manifest.where(options.where), options.split_seed, needs_train=needs_train)
    if options.train_minutes is not None:
        lengths = (options.min_duration_s, options.max_duration_s)
        manifest = subset_of_minutes(result.manifest, options.train_minutes, options.train_seed, lengths)
        result = SplitResult(manifest, result.basis, result.note)
    limits = {"train": options.train_limit, "dev": options.dev_limit, "test": options.test_limit}
    if not any(limits.values()):
        return result
    splits = np.array(result.manifest.column("split"))
    kept = [  # each drawn for itself: who is tested on does not depend on how much is learnt from
        np.random.default_rng((options.split_seed, place)).permutation(np.flatnonzero(splits == name))[:limit]
        for place, (name, limit) in enumerate(limits.items())
    ]
    return SplitResult(result.manifest.select(np.sort(np.concatenate(kept))), result.basis, result.note)


def the_language(manifest: Manifest) -> str | None:
    """The manifest's language when every row that says one says the same, under whatever name."""
    if "language" not in manifest.columns:
        return None
    return agreed(manifest.column("language"))
