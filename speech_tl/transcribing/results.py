"""What becomes of finished recordings: files in a folder, and one result object. The folder is checked first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from speech_tl.audio.remote import RemotePath
from speech_tl.errors import AudioError, BadInput
from speech_tl.text import write_atomically
from speech_tl.transcribing.formats import PLAIN, Layout, Transcript, render
from speech_tl.transcribing.recordings import Recording

WRITERS_AT_ONCE = 16


@dataclass(frozen=True)
class FailedRecording:
    """A recording without a transcript.

    Attributes:
        audio: its absolute path.
        problem: the one line that says why; it names the file.
        kind: of the `AudioError`: "unreadable", "truncated", "empty", ...
    """

    audio: str
    problem: str
    kind: str

    def __str__(self) -> str:
        """The one line."""
        return self.problem


@dataclass
class TranscriptionResult:
    """What `transcribe` made of all recordings.

    Attributes:
        transcripts: one a recording, in the order in which the recordings were found.
        failures: recordings that could not be transcribed.
        skipped: absolute paths of recordings whose transcripts were there already (`overwrite=False`).
    """

    transcripts: list[Transcript] = field(default_factory=list)
    failures: list[FailedRecording] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was said, one line a recording."""
        return "\n".join(transcript.text for transcript in self.transcripts)

    def __str__(self) -> str:
        """The text of a single recording; of several, each under its path, with what failed at the end."""
        if len(self.transcripts) == 1 and not self.failures:
            return self.text
        parts = [f"{transcript.label}\n{transcript.text}" for transcript in self.transcripts]
        return "\n\n".join([*parts, *(f"failed: {failure}" for failure in self.failures)])


@dataclass
class Desk:
    """Where finished recordings go: into files, to the caller, into the result.

    Attributes:
        out: folder for the files, or None.
        formats: of the files.
        on_transcript: called with each transcript once it is written.
        layout: of the files.
    """

    out: Path | None
    formats: tuple[str, ...]
    on_transcript: Callable[[Transcript], None] | None
    layout: Layout = PLAIN
    result: TranscriptionResult = field(default_factory=TranscriptionResult)
    _channels: dict[str, dict[int, Transcript]] = field(default_factory=dict)

    def accept(self, recordings: list[Recording], overwrite: bool) -> list[Recording]:
        """The recordings to transcribe; what the folder `out` does not allow is refused before any work."""
        if self.out is None:
            return recordings
        if not overwrite:
            is_done = {recording: self._is_done(recording) for recording in recordings}
            self.result.skipped = list(dict.fromkeys(str(one.path) for one, done in is_done.items() if done))
            recordings = [one for one, done in is_done.items() if not done]
        for recording in recordings:
            reference = self._file(recording.name, "txt")
            if "txt" in self.formats and reference.exists() and _same_folder(reference, recording.path):
                raise BadInput(
                    f"{reference}: text already lies beside {recording.path.name}, it may be its reference; "
                    "choose another folder for the transcripts"
                )
        _try_writing(self.out)
        return recordings

    def _file(self, name: str, format: str) -> Path:
        return self.out / f"{name}.{format}"

    def _is_done(self, recording: Recording) -> bool:
        """Whether its files are there; of a recording whose channels are heard one by one, those of all."""
        if not all(self._file(name, format).exists() for name in self._names(recording) for format in self.formats):
            return False
        merged = recording.conversation
        return merged is None or all(self._file(merged, format).exists() for format in self._merged_formats)

    def _names(self, recording: Recording) -> tuple[str, ...]:
        return recording.siblings or (recording.name,)

    @property
    def _merged_formats(self) -> list[str]:
        """Those of a conversation: rows of tsv and ctm are of one channel."""
        return [format for format in self.formats if format not in ("tsv", "ctm")]

    def hand_in(self, finished: Sequence[tuple[Recording, Transcript]]) -> None:
        """Write transcripts in all formats, each file whole or not at all, and tell of them in order.

        Several are written at a time: a disk that is asked to hold one file after the other makes wait for each.
        """
        if self.out is not None and finished:
            files = [(recording.name, transcript, self.formats) for recording, transcript in finished]
            merged = [found for one in finished for found in self._merge(*one)]
            files += [(name, transcript, self._merged_formats) for name, transcript in merged]
            with ThreadPoolExecutor(min(WRITERS_AT_ONCE, len(files))) as pool:
                for _ in pool.map(lambda one: self._write(*one), files):
                    pass
        for _, transcript in finished:
            self._tell(transcript)

    def take(self, result: TranscriptionResult) -> None:
        """Tell of what another desk has written already."""
        self.result.failures += result.failures
        for transcript in result.transcripts:
            self._tell(transcript)

    def _tell(self, transcript: Transcript) -> None:
        self.result.transcripts.append(transcript)
        if self.on_transcript is not None:
            self.on_transcript(transcript)

    def _merge(self, recording: Recording, transcript: Transcript) -> list[tuple[str, Transcript]]:
        """The conversation of a recording whose last channel this is, with its name."""
        merged = recording.conversation
        if merged is None:
            return []
        parts = self._channels.setdefault(merged, {})
        parts[recording.channel] = transcript
        if len(parts) < len(recording.siblings):
            return []
        del self._channels[merged]
        return [(merged, as_conversation([parts[channel] for channel in sorted(parts)]))]

    def _write(self, name: str, transcript: Transcript, formats: Sequence[str]) -> None:
        for format in formats:
            file = self._file(name, format)
            try:
                written = render(transcript, format, self.layout)
                if isinstance(file, RemotePath):
                    file.write_bytes(written.encode("utf-8", "replace"))
                else:
                    write_atomically(file, written)
            except OSError as error:
                raise _unwritable(file, error) from error

    def checked_result(self) -> TranscriptionResult:
        """The result, unless there is nothing in it but failures."""
        failures = self.result.failures
        if failures and not self.result.transcripts and not self.result.skipped:
            if len(failures) == 1:
                raise AudioError(failures[0].problem, failures[0].kind)
            raise BadInput(f"none of the {len(failures)} recordings could be transcribed; the first: {failures[0]}")
        return self.result


def as_conversation(channels: Sequence[Transcript]) -> Transcript:
    """The transcripts of a recording's channels as one, sorted by time; a channel is a speaker where none is known."""
    said = [
        segment if segment.speaker is not None else replace(segment, speaker=f"channel {transcript.channel}")
        for transcript in channels
        for segment in transcript.segments
    ]
    notes = list(dict.fromkeys(note for transcript in channels for note in transcript.notes))
    segments = sorted(said, key=lambda segment: segment.start_s)
    return replace(channels[0], segments=segments, channel=None, notes=notes)


def _same_folder(one: Path, other: Path) -> bool:
    if isinstance(one, RemotePath) or isinstance(other, RemotePath):
        return one.parent == other.parent
    return os.path.realpath(one.parent) == os.path.realpath(other.parent)


def _try_writing(folder: Path) -> None:
    """Find out before hours of work whether the folder takes files."""
    if isinstance(folder, RemotePath):
        folder.require_writable()
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(place: Path, error: OSError) -> BadInput:
    return BadInput(f"{place}: cannot be written ({error.strerror or error}); choose another folder or make room")
