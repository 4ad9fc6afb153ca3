"""Files into text: segments of many recordings share batches, each transcript is written as soon as it is complete."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.audio import glance_s, probe, stream_audio
from speech_tl.audio.remote import place
from speech_tl.errors import AudioError, BadInput
from speech_tl.transcribing.channels import asked_channel, on_channels
from speech_tl.transcribing.converted_whisper import ConvertedWhisper
from speech_tl.transcribing.formats import Layout, TranscribedSegment, Transcript, known_formats
from speech_tl.transcribing.language_detection import HEARD_S, detected_language
from speech_tl.transcribing.overlap import Joiner, add_windows, context_s, with_context
from speech_tl.transcribing.phrases import LONGEST_S as LONGEST_PHRASE_S
from speech_tl.transcribing.phrases import segments_of_windows, text_of_windows
from speech_tl.transcribing.pieces import pieces
from speech_tl.transcribing.prefetch import prefetch
from speech_tl.transcribing.processes import Processes, Work
from speech_tl.transcribing.recordings import Recording, find_recordings
from speech_tl.transcribing.results import Desk, FailedRecording, TranscriptionResult
from speech_tl.transcribing.segments import Segment, refuse_impossible
from speech_tl.transcribing.speakers import Speakers, labelled, read_speakers
from speech_tl.transcribing.vad import THRESHOLD, checked_threshold
from speech_tl.transcribing.windows import full_window_s, windows

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions

MAX_SEGMENT_S = 25.0
SORTED_S = 480.0  # segments of so many seconds are sorted by length together: more pads less, but a kill loses more
BATCHES_AT_ONCE = 2  # or segments of so many batches, where the options say how much a batch is

Progress = Callable[[float, float], None]
"""Called with (seconds of audio done, seconds in all)."""


def transcribe(
    model: AcousticModel | ConvertedWhisper | ModelName | str | Path,
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    *,
    out: str | os.PathLike | None = None,
    formats: str | Iterable[str] = ("txt",),
    options: DecodingOptions | None = None,
    max_segment_s: float | None = None,
    join: bool = False,
    channel: str | int | None = None,
    words: bool = False,
    max_line: int | None = None,
    speakers: str | os.PathLike | Speakers | None = None,
    vad_threshold: float | None = THRESHOLD,
    progress: Progress | None = None,
    on_transcript: Callable[[Transcript], None] | None = None,
    overwrite: bool = True,
    jobs: int = 1,
    on: str | None = None,
) -> TranscriptionResult:
    """Transcribe files, folders (with sub-folders) and glob patterns.

    Recordings of any length are read as a stream, and cut in pauses unless they are short; a Whisper that hears 30 s at
    a time gets them full of speech, and its words are put into segments again. The pieces of many recordings share
    batches. A recording that cannot be read is noted and the others go on.

    Args:
        model: a loaded model, or what `load_model` takes: a Hub id, a folder, a starter.
        paths: one path or several.
        out: folder for the transcripts, named as the recordings and mirroring their sub-folders; None writes nothing.
        formats: of the files in `out`: txt, srt, vtt, tsv (a manifest), json, ctm (a line a word).
        options: batch sizes, beam, precision, engine; by default those of `DecodingOptions`, and CTranslate2 in 8 bits
            for a Whisper on a CPU.
        max_segment_s: no segment is longer, 1 to 30 seconds; None is 25, and 15 for a Whisper.
        join: of a Whisper the text alone: nobody asks when words were said, and a segment is all that it heard at a
            time, up to 30 s.
        channel: 1, 2, ... (or left, right): this channel alone; "each": every channel by itself, with transcripts named
            NAME.ch1, NAME.ch2, ..., and all of them by time in NAME.conversation; None or "mix": all together.
        words: each word with its times (seconds) and probability, in the transcripts and in the formats that have room
            for it; CTC models by forced alignment, Whisper by its attention.
        max_line: cut subtitles to two lines of so many characters, at ends of sentences where there are any.
        speakers: an RTTM file of any diariser, or a folder of them: segments are labelled with, and cut between,
            speakers.
        vad_threshold: the probability, 0 to 1, at which silero-vad takes sound for speech: lower hears softer speech
            and more noise; None takes everything for speech.
        progress: told seconds of audio done and in all, after every few batches.
        on_transcript: given each transcript as soon as it is complete (and written), in order.
        overwrite: True replaces earlier transcripts in `out`; False leaves recordings alone that have all their files
            there, so that a killed run goes on where it was. Text beside its own audio is never replaced: it may be
            its reference.
        jobs: processes, each with a model of its own (`model` must be a name or folder), which share the cores; scripts
            that ask for several begin with `if __name__ == "__main__":`.
        on: "ray" or "ray://HOST[:PORT]": the processes are workers of a Ray cluster, whose nodes all see the recordings
            (and the model, where it is a folder) under the same paths.

    Returns:
        Transcripts and failures; prints as text.

    Raises:
        BadInput: a path that is not there or holds no recordings, an unknown format, a folder that cannot be written,
            turns of other recordings, or not one recording that could be transcribed (an `AudioError` if it was the
            only one).

    >>> transcribe("starter-wav2vec2", "no-such-file.wav")
    Traceback (most recent call last):
    ...
    speech_tl.errors.BadInput: no-such-file.wav: no such file or folder; check the path
    """
    if max_segment_s is not None:
        refuse_impossible(max_segment_s)
    checked_threshold(vad_threshold)
    _refuse_jobs(jobs, model, on)
    formats = known_formats(formats)
    layout = Layout(words, max_line)
    if out is not None:
        layout.checked(formats)
    desk = Desk(place(out) if out is not None else None, formats, on_transcript, layout)
    found = on_channels(find_recordings(paths), asked_channel(channel))
    if speakers is not None:
        speakers = speakers if isinstance(speakers, Speakers) else read_speakers(speakers)
        speakers.refuse_others(found)
    recordings = desk.accept(found, overwrite)
    if recordings:
        settings = _Settings(
            options,
            max_segment_s,
            join,
            layout.needs_words(formats),
            speakers,
            vad_threshold,
        )
        if on is not None:
            from speech_tl.transcribing.ray_workers import RayWorkers, transcribe_on

            workers = RayWorkers(jobs, partial(_prepared, model, settings, 1), desk, progress)
            transcribe_on(on, workers, recordings, _promised_s)
        elif jobs > 1 and len(recordings) > 1:
            seconds = [_promised_s(recording) for recording in recordings]
            Processes(jobs, partial(_prepared, model, settings, jobs), desk, progress).transcribe(recordings, seconds)
        else:
            _Run(*_loaded(model, options), settings, desk, progress).transcribe(recordings)
    return desk.checked_result()


@dataclass(frozen=True)
class ModelName:
    """A model to be loaded where it is used; see `load_model`."""

    source: str | Path
    language: str | None = None
    task: str | None = None

    def load(self) -> AcousticModel:
        """It.

        Raises:
            BadInput: as `load_model`.
        """
        from speech_tl.models.load import load_model

        return load_model(self.source, language=self.language, task=self.task)

    def known(self, options: DecodingOptions | None, threads: int | None = None) -> ConvertedWhisper | None:
        """What transcribes in its place without torch, if it did before (see `usual_engine`).

        Raises:
            BadInput: as `load_model`, as far as the name goes.
        """
        from speech_tl.models.options import DecodingOptions
        from speech_tl.transcribing.usual_engine import known_whisper

        return known_whisper(self.source, self.language, self.task, options or DecodingOptions(), threads)

    def loaded(
        self, options: DecodingOptions | None, threads: int | None = None
    ) -> tuple[AcousticModel | ConvertedWhisper, str | None]:
        """It, or what transcribes in its place; and the state of the folder from which it was loaded just now.

        Raises:
            BadInput: as `load_model`.
        """
        known, state = self.known(options, threads), self.state()
        return (self.load(), state) if known is None else (known, None)

    def state(self) -> str | None:
        """See `folder_state`."""
        from speech_tl.transcribing.usual_engine import state_of

        return state_of(self.source, self.language, self.task)


@dataclass(frozen=True)
class _Settings:
    """What a run does with its recordings; see `transcribe`."""

    options: DecodingOptions | None
    max_segment_s: float | None
    join: bool
    words: bool
    speakers: Speakers | None
    vad_threshold: float | None


def _loaded(
    model: AcousticModel | ConvertedWhisper | ModelName | str | Path,
    options: DecodingOptions | None,
    threads: int | None = None,
) -> tuple[AcousticModel | ConvertedWhisper, str | None]:
    """A model, and the state of the folder that it was loaded from just now."""
    if isinstance(model, str | Path):
        model = ModelName(model)
    return model.loaded(options, threads) if isinstance(model, ModelName) else (model, None)


def _refuse_jobs(jobs: int, model: AcousticModel | ConvertedWhisper | ModelName | str | Path, on: str | None) -> None:
    if jobs < 1:
        raise BadInput(f"jobs={jobs}: expected 1 or more processes")
    if (jobs > 1 or on is not None) and not isinstance(model, ModelName | str | Path):
        asked = f"jobs={jobs}" if on is None else f"on={on}"
        raise BadInput(f"{asked}: give the model's name or folder, each process loads its own")


def _prepared(model: ModelName | str | Path, settings: _Settings, jobs: int) -> Work:
    """In a process of its own: a loaded model that waits for recordings."""
    from speech_tl.transcribing.converted_whisper import usual_threads

    threads = max(1, usual_threads() // jobs)
    loaded = _loaded(model, settings.options, threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return lambda recordings, desk, progress: _Run(*loaded, settings, desk, progress).transcribe(recordings)


@dataclass
class _Job:
    """One recording on its way: what is known of it and how many of its segments still wait for their text."""

    recording: Recording
    segments: list[TranscribedSegment] = field(default_factory=list)
    duration_s: float = 0.0
    language: str | None = None
    language_probability: float | None = None
    language_is_known: bool = False
    waiting: int = 0
    read: bool = False
    problem: AudioError | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The windows of speech are joined into its segments."""
        self.joiner = Joiner(self.segments)

    def is_complete(self) -> bool:
        return self.problem is not None or (self.read and not self.waiting)


class _Run:
    """Reads recordings in order, decodes their segments a few batches at a time, hands in what is complete."""

    def __init__(
        self,
        model: AcousticModel | ConvertedWhisper,
        state: str | None,
        settings: _Settings,
        desk: Desk,
        progress: Progress | None,
    ) -> None:
        from speech_tl.models.options import DecodingOptions

        self.model, self.state = model, state
        self.options = settings.options or DecodingOptions()
        self.engine_is_chosen = isinstance(model, ConvertedWhisper)
        if not self.engine_is_chosen:
            from speech_tl.decoding.decode import require_able

            require_able(model, self.options)  # also where nobody speaks
        self.sorted_s = BATCHES_AT_ONCE * self.options.batch_seconds if self.options.batch_seconds else SORTED_S
        max_segment_s = settings.max_segment_s or MAX_SEGMENT_S
        self.context_s = context_s(max_segment_s) if model.scores_frames else 0.0
        self.max_segment_s = max_segment_s - 2 * self.context_s
        self.longest_phrase_s = min(settings.max_segment_s or LONGEST_PHRASE_S, LONGEST_PHRASE_S)
        self.window_s = full_window_s(model, self.options)
        self.text_alone = model.has_decoder and settings.join and not settings.words
        self.words = settings.words
        self.speakers = settings.speakers
        self.vad_threshold = settings.vad_threshold
        self.desk = desk
        self.progress = progress
        self.jobs: deque[_Job] = deque()
        self.waiting: list[tuple[_Job, Segment]] = []
        self.waiting_s = self.done_s = self.total_s = 0.0

    def transcribe(self, recordings: list[Recording]) -> None:
        """All of them; failures are noted at the desk."""
        if self.progress is not None:
            self.total_s = sum(_promised_s(recording) for recording in recordings)
        latest = None
        for job, segment in prefetch(self._read(recordings), _seconds, self.sorted_s):
            if job is not latest:
                self.jobs.append(job)
                latest = job
            if segment is not None:
                self._enqueue(job, segment)
            else:
                job.read = True
                self._hand_in()
        self._decode(last=True)
        self.done_s = self.total_s
        self._tell()

    def _read(self, recordings: list[Recording]) -> Iterator[tuple[_Job, Segment | None]]:
        """The segments of all recordings in order, and None behind each recording's last; runs in a thread ahead."""
        for recording in recordings:
            job = _Job(recording)
            sound = stream_audio(
                recording.path, self.model.sample_rate, channel=recording.channel, on_note=job.notes.append
            )
            blocks = self._counted(job, sound)
            try:
                yield from ((job, segment) for segment in self._cut(blocks))
            except AudioError as error:
                job.problem = error  # what of it was cut already is decoded with the rest and goes nowhere
            yield job, None

    def _cut(self, blocks: Iterable[np.ndarray]) -> Iterator[Segment]:
        """What of a recording is recognised at a time."""
        rate, threshold = self.model.sample_rate, self.vad_threshold
        if self.window_s is not None:
            return windows(blocks, rate, max_window_s=self.window_s, vad_threshold=threshold)
        cut = pieces(blocks, rate, max_segment_s=self.max_segment_s, vad_threshold=threshold)
        if self.model.scores_frames:
            cut = with_context(cut, rate, self.model.frame_samples, self.context_s)
        return cut

    def _counted(self, job: _Job, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            job.duration_s += len(block) / self.model.sample_rate
            yield block

    def _enqueue(self, job: _Job, segment: Segment) -> None:
        self.waiting.append((job, segment))
        self.waiting_s += segment.end_s - segment.start_s
        job.waiting += 1
        if self.waiting_s >= self.sorted_s:
            self._decode()

    def _decode(self, last: bool = False) -> None:
        """Turn all waiting segments into text, each in the language of its recording.

        Those of a recording whose language is not settled, as too little of it was read, go on waiting unless they are
        the `last`.
        """
        from speech_tl.decoding.memory import give_memory_back

        self._hear_languages(last)
        ready = [(job, segment) for job, segment in self.waiting if job.language_is_known]
        for language in dict.fromkeys(job.language for job, _ in ready):
            part = [(job, segment) for job, segment in ready if job.language == language]
            self._choose_engine(part)
            with self.model.speaking(language):
                if self.model.scores_frames:
                    add_windows(self.model, part, self.options)
                elif not self.text_alone:
                    heard = [segment for _, segment in part]
                    found = segments_of_windows(self.model, heard, self.options, self.longest_phrase_s)
                    for (job, _), segments in zip(part, found, strict=True):
                        job.segments += segments
                else:
                    texts = text_of_windows(self.model, [segment for _, segment in part], self.options)
                    for (job, segment), text in zip(part, texts, strict=True):
                        job.segments.append(TranscribedSegment(segment.start_s, segment.end_s, text))
            for job, _ in part:
                job.waiting -= 1
        self.waiting = [(job, segment) for job, segment in self.waiting if not job.language_is_known]
        self.waiting_s = sum(segment.end_s - segment.start_s for _, segment in self.waiting)
        if ready:
            give_memory_back()
            self._hand_in()

    def _choose_engine(self, part: Sequence[tuple[_Job, Segment]]) -> None:
        """Where nobody did; before the first text."""
        from speech_tl.transcribing.usual_engine import COMPARED, usual_engine

        if not self.engine_is_chosen:
            job, first = part[0][0], [segment.waveform for _, segment in part[:COMPARED]]
            self.model, note = usual_engine(self.model, self.options, first, job.language, self.state)
            job.notes += [note] if note else []
            self.engine_is_chosen = True

    def _hear_languages(self, last: bool) -> None:
        """Settle the language of every recording of which enough is waiting."""
        for job in {id(job): job for job, _ in self.waiting if not job.language_is_known}.values():
            segments = [segment for other, segment in self.waiting if other is job]
            spoken_s = sum(segment.end_s - segment.start_s for segment in segments)
            if self.model.chooses_language and not (last or job.read or spoken_s >= HEARD_S):
                continue
            heard = detected_language(self.model, segments, self.model.sample_rate)
            job.language, job.language_probability = heard or (self.model.language, None)
            job.language_is_known = True

    def _hand_in(self) -> None:
        """Let go of the recordings at the front of the queue that are complete, so that their order is kept."""
        finished: list[tuple[Recording, Transcript]] = []
        while self.jobs and self.jobs[0].is_complete():
            job = self.jobs.popleft()
            self.done_s += job.duration_s
            audio = str(job.recording.path)
            if job.problem is not None:
                self.desk.result.failures.append(FailedRecording(audio, str(job.problem), job.problem.kind))
                continue
            language = job.language if job.language_is_known else self.model.language
            segments = self._segments(job)
            told = audio, job.duration_s, language, self.model.source, segments, job.language_probability
            finished.append((job.recording, Transcript(*told, job.recording.channel, job.notes)))
        self.desk.hand_in(finished)
        self._tell()

    def _segments(self, job: _Job) -> list[TranscribedSegment]:
        """What was said in a recording that is complete, by whom, with its words if they are wanted."""
        job.joiner.finish()
        segments, turns = job.segments, self.speakers and self.speakers.of(job.recording)
        if turns is not None:
            segments = labelled(segments, turns)
        elif self.speakers is not None:
            job.notes.append(
                f"{job.recording.path}: {self.speakers.source} has no turns of it, its speakers are not known"
            )
        if not any(segment.text for segment in segments):
            what = "nothing was recognised in it" if segments else "no speech was found in it"
            job.notes.append(f"{job.recording.path}: {what}, its transcript is empty")
        return segments if self.words else [replace(segment, words=None) for segment in segments]

    def _tell(self) -> None:
        if self.progress is None:
            return
        under_way_s = sum(job.segments[-1].end_s for job in self.jobs if job.segments)
        self.progress(min(self.done_s + under_way_s, self.total_s), self.total_s)


def _seconds(read: tuple[_Job, Segment | None]) -> float:
    return 0.0 if read[1] is None else read[1].end_s - read[1].start_s


def _promised_s(recording: Recording) -> float:
    """Seconds by the file's header; 0 where it cannot be read, which is noted when its turn comes."""
    try:
        return glance_s(recording.path) or probe(recording.path).duration_s
    except AudioError:
        return 0.0
