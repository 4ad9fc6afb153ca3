"""A long recording and its text -> utterances to learn from: each with its place, its words and a confidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from speech_tl.audio import load_audio
from speech_tl.data.corpora.table import write_table
from speech_tl.errors import AudioError, BadInput
from speech_tl.text import leading_rate
from speech_tl.transcribing.alignment import MARGIN, Aligner, Piece, Placed, mean_score
from speech_tl.transcribing.boundaries import Span, settle, shorter, span
from speech_tl.transcribing.recordings import find_recordings
from speech_tl.transcribing.scores import frame_scores
from speech_tl.transcribing.script_text import By, read_pieces

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

LETTERS_PER_S = (2.0, 30.0)  # nobody speaks slower or faster
WRITABLE_SHARE = 0.8  # of the words of an utterance
SHORTEST_S, LONGEST_S = 0.4, 20.0

Progress = Callable[[float, float], None]
"""Called with (seconds of audio done, seconds in all)."""


@dataclass(frozen=True)
class Utterance:
    """One piece of a recording with its text.

    Attributes:
        text: what is said, as written.
        start_s: where it begins, in seconds; NaN where it was not found.
        end_s: where it ends.
        confidence: exp of (ln p(text) - ln p(what the model finds likeliest)) / letters, along the path: 1 where the
            model would have written just that. How high a right one is depends on the model.
        problem: why it is left out; empty when it is not.
    """

    text: str
    start_s: float = math.nan
    end_s: float = math.nan
    confidence: float = 0.0
    problem: str = ""


@dataclass
class Segmented:
    """What became of one recording.

    Attributes:
        audio: the recording.
        duration_s: its length.
        kept: utterances in order.
        left_out: those that do not match, with their problems.
    """

    audio: Path
    duration_s: float
    kept: list[Utterance] = field(default_factory=list)
    left_out: list[Utterance] = field(default_factory=list)

    def __str__(self) -> str:
        """What was kept, and what not and why, in one line."""
        kept_s = sum(utterance.end_s - utterance.start_s for utterance in self.kept)
        reasons = Counter(utterance.problem for utterance in self.left_out)
        said = "".join(f"; {count} left out: {reason}" for reason, count in reasons.most_common())
        return f"{self.audio}: {len(self.kept)} utterances, {kept_s / 60:.1f} of {self.duration_s / 60:.1f} min{said}"


def segment(
    model: AcousticModel,
    audio: str | Path,
    text: str | Path,
    *,
    by: By | None = None,
    longest_s: float = LONGEST_S,
    min_confidence: float | None = None,
    progress: Progress | None = None,
) -> Segmented:
    """Cut a recording into utterances whose text is known.

    The whole recording is held in memory (230 MB an hour).

    Args:
        model: a CTC model that can write the text's language.
        audio: the recording.
        text: what is said in it, plain UTF-8, in the order in which it is said.
        by: what an utterance is to begin with, see `read_pieces`; longer ones are cut at pauses between words.
        longest_s: no utterance is longer, in seconds.
        min_confidence: leave out what is below as well as what was not found.
        progress: told seconds of audio scored and in all.

    Raises:
        AudioError: the recording cannot be read.
        BadInput: no CTC model, a text without words it could write, or one that does not belong to the recording.
    """
    blank, delimiter = model.blank_and_delimiter()
    texts = [_words(piece, model) for piece in read_pieces(text, by)]
    pieces = [_labels(words, model) for words in texts]
    written = [number for number, piece in enumerate(pieces) if any(piece.words)]
    if not written:
        raise BadInput(f"{text}: {model.source} can write no letter of it; is it the right language?")
    waveform = load_audio(audio, model.sample_rate)
    result = Segmented(Path(audio), len(waveform) / model.sample_rate)
    aligner = Aligner(frame_scores(model, waveform, progress), blank, delimiter)
    asked = [pieces[number] for number in written]
    if not aligner.fits(asked):
        raise BadInput(f"{text}: more text than anyone could say in the {result.duration_s:.0f} s of {audio}")
    placed = dict(zip(written, aligner.locate(asked), strict=True))
    spans = _spans(texts, placed, aligner, model, longest_s)
    settled = iter(settle([one for one in spans if one.placed], waveform, model.sample_rate))
    for one in spans:
        utterance = _judged(next(settled) if one.placed else one, model, min_confidence)
        (result.left_out if utterance.problem else result.kept).append(utterance)
    if not result.kept:
        raise BadInput(f"{text} does not match {audio}: {model.source} found no sentence of it there")
    return result


def segment_to_manifest(
    model: AcousticModel,
    audio: str | Path,
    text: str | Path,
    out: str | Path,
    *,
    speaker: str = "",
    on_recording: Callable[[Segmented], None] | None = None,
    **options: object,
) -> tuple[Path, list[str]]:
    """Segment one recording, or a folder of them with a folder of texts of the same names, into `out`/manifest.csv.

    What does not match is in `out`/left_out.csv, with reasons.

    Args:
        model: as `segment`.
        audio: a recording, or a folder of them.
        text: its text, or the folder of "NAME.txt" for every NAME of a recording.
        out: folder to write into.
        speaker: who speaks, for the manifest.
        on_recording: given each result as soon as it is there.
        options: of `segment`.

    Returns:
        The manifest, and one line for each recording that failed while others did not.

    Raises:
        AudioError, BadInput: as `segment`, if it was the only recording or all of them fail.
    """
    kept: list[dict] = []
    left_out: list[dict] = []
    failures: list[BadInput] = []
    for recording, its_text in _pairs(Path(audio), Path(text)):
        try:
            result = segment(model, recording, its_text, **options)
        except (AudioError, BadInput) as error:
            failures.append(error)
            continue
        kept += [_row(result, utterance, speaker, model.language) for utterance in result.kept]
        left_out += [_row(result, utterance, speaker, model.language) for utterance in result.left_out]
        if on_recording is not None:
            on_recording(result)
    if not kept:
        raise failures[0]
    listed = Path(out) / "left_out.csv"
    listed.unlink(missing_ok=True)
    if left_out:
        write_table(listed, left_out)
    return write_table(Path(out) / "manifest.csv", kept), [str(error) for error in failures]


def refuse_options(
    audio: str | Path, text: str | Path, by: str | None, longest_s: float, min_confidence: float | None
) -> None:
    """Look at a command before a model is loaded for it.

    Raises:
        BadInput: a path that is not there, or an option out of range.
    """
    for path in (Path(audio), Path(text)):
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder; check the path")
    if by not in (None, "line", "sentence"):
        raise BadInput(f"--by {by}: expected line or sentence")
    if not 1.0 <= longest_s <= 30.0:
        raise BadInput(f"--max-seconds {longest_s:g}: expected 1 to 30")
    if min_confidence is not None and not 0.0 <= min_confidence <= 1.0:
        raise BadInput(f"--min-confidence {min_confidence:g}: expected 0 to 1")


def _pairs(audio: Path, text: Path) -> list[tuple[Path, Path]]:
    if not text.is_dir():
        if audio.is_dir():
            raise BadInput(f"{audio} is a folder, {text} is not: give a folder of texts with the recordings' names")
        return [(audio, text)]
    recordings = find_recordings([audio])
    pairs = [(recording.path, text / f"{recording.name}.txt") for recording in recordings]
    if not any(path.is_file() for _, path in pairs):
        raise BadInput(f"{text}: no text for any recording; looked for {pairs[0][1].name} and the like")
    return pairs


def _words(piece: str, model: AcousticModel) -> list[str]:
    """Words, or characters in languages written without spaces."""
    return piece.split() if leading_rate(model.language) == "wer" else list(piece.replace(" ", ""))


def _labels(words: Sequence[str], model: AcousticModel) -> Piece:
    return Piece(tuple(tuple(model.encode(word)) for word in words))


def _spans(
    texts: Sequence[Sequence[str]],
    placed: dict[int, Placed | None],
    aligner: Aligner,
    model: AcousticModel,
    longest_s: float,
) -> list[Span]:
    """The spans of all pieces in order; a piece, or part of one, that was not found is a span without places."""
    frame_s = model.frame_samples / model.sample_rate
    spans: list[Span] = []
    for number, words in enumerate(texts):
        where = placed.get(number)
        parts = shorter(span(words, where.words, frame_s), longest_s, frame_s) if where else [_unplaced(words)]
        for part in parts:
            found = len(parts) == 1 or aligner.margin(_labels(part.words, model), part.placed) >= MARGIN
            spans.append(part if found else _unplaced(part.words))
    return spans


def _unplaced(words: Sequence[str]) -> Span:
    return Span(tuple(words), (), math.nan, math.nan)


def _judged(one: Span, model: AcousticModel, min_confidence: float | None) -> Utterance:
    """A span as an utterance, with what speaks against it."""
    joint = " " if leading_rate(model.language) == "wer" else ""
    text = joint.join(one.words)
    if not one.placed:
        return Utterance(text, problem="not found in the recording")
    confidence = math.exp(mean_score(one.placed))
    return Utterance(text, one.start_s, one.end_s, confidence, _problem(one, confidence, min_confidence))


def _problem(one: Span, confidence: float, min_confidence: float | None) -> str:
    letters = sum(word.letters for word in one.placed)
    slowest, fastest = LETTERS_PER_S
    if sum(word.letters > 0 for word in one.placed) < WRITABLE_SHARE * len(one.placed):
        return "words that the model cannot write"
    if one.duration_s < SHORTEST_S:
        return f"shorter than {SHORTEST_S:g} s"
    if not slowest <= letters / one.duration_s <= fastest:
        return "too slow or too fast for speech"
    if min_confidence is not None and confidence < min_confidence:
        return f"confidence below {min_confidence:g}"
    return ""


def _row(result: Segmented, utterance: Utterance, speaker: str, language: str | None) -> dict:
    place = {} if math.isnan(utterance.start_s) else {"start": utterance.start_s, "end": utterance.end_s}
    length = {"duration": utterance.end_s - utterance.start_s, "confidence": utterance.confidence} if place else {}
    about = {"audio": result.audio, "text": utterance.text, "speaker": speaker, "language": language or ""}
    return {**about, **place, **length, "problem": utterance.problem}
