"""An export and its source on the same clips: the same loops cut, the same normaliser, the error rates side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.decoding import Progress
from speech_tl.decoding.loops import Written, without_loops
from speech_tl.errors import BadInput
from speech_tl.evaluation import checkpoints_language, evaluate_utterances
from speech_tl.exporting.clips import Clips, rules_for
from speech_tl.exporting.target import Transcriber
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.wer import Evaluation, score

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

DECODING = DecodingOptions(audio_context="full")
"""Greedy and, for a Whisper, in windows of 30 s: the other programs have no shorter ones."""


@dataclass(frozen=True)
class Comparison:
    """What both wrote.

    Attributes:
        source, export: scored.
        source_seconds, export_seconds: processor time of decoding, of all threads, loading of audio in it.
    """

    source: Evaluation
    export: Evaluation
    source_seconds: float
    export_seconds: float

    @property
    def rate(self) -> str:
        """The error rate that leads: "cer" for languages without spaces."""
        return self.source.rate

    @property
    def rates(self) -> tuple[float, float]:
        """Of the source and of the export, as fractions."""
        return getattr(self.source.score, self.rate), getattr(self.export.score, self.rate)

    @property
    def loss(self) -> float:
        """By how much the export's is higher."""
        before, after = self.rates
        return after - before

    @property
    def unlike(self) -> int:
        """Utterances of which they write another normalised text."""
        pairs = zip(self.source.utterances, self.export.utterances, strict=True)
        return sum(ours.hypothesis != theirs.hypothesis for ours, theirs in pairs)

    def line(self) -> str:
        """For the screen."""
        before, after = self.rates
        counted = self.source.score
        return (
            f"{self.rate.upper()} {before:.2%} -> {after:.2%} ({100 * self.loss:+.2f} points) on {counted.utterances} "
            f"clips of {counted.words} words; {self.unlike} texts differ"
        )

    def as_dict(self) -> dict[str, Any]:
        """For export.json."""
        before, after = self.rates
        return {
            self.rate: {"source": before, "export": after, "change": self.loss},
            "utterances": self.source.score.utterances,
            "words": self.source.score.words,
            "texts_that_differ": self.unlike,
            "normaliser": self.source.normaliser,
            "normaliser_hash": self.source.normaliser_hash,
            "clips": self.source.data,
            "cpu_seconds": {"source": round(self.source_seconds, 2), "export": round(self.export_seconds, 2)},
        }


def compare(model: AcousticModel, transcribe: Transcriber, clips: Clips, progress: Progress) -> Comparison:
    """Decode the clips with both and score what they write.

    Args:
        model: the source.
        transcribe: the export, loaded by its program.
        clips: what both hear.
        progress: told utterances done and in all, of both together.

    Raises:
        BadInput: no clip can be read, or their texts hold no word.
    """
    rules = rules_for(clips, checkpoints_language(model, clips.utterances))
    facts = clips.facts | {"language": rules.language}
    started = time.process_time()
    source = evaluate_utterances(
        model, clips.utterances, rules, DECODING, facts, lambda done, total: progress(done / total, 2)
    )
    middle = time.process_time()
    if getattr(source.score, source.rate) is None:
        raise BadInput(f"{clips.facts['source']}: the texts of its clips hold no words to compare by; choose others")
    unread = set(source.data.get("left_out", []))
    heard = [utterance for utterance in clips.utterances if utterance.id not in unread]
    written, durations_s = [], []
    for utterance in heard:
        waveform = utterance.load(model.sample_rate)
        written.append(Written(transcribe(waveform)))
        durations_s.append(len(waveform) / model.sample_rate)
        progress(1 + len(written) / len(heard), 2)
    ended = time.process_time()
    if model.has_decoder:  # the source's were cut, too
        written = without_loops(written, durations_s)
    export = score(heard, [found.text for found in written], rules, data=facts)
    return Comparison(source, export, middle - started, ended - middle)
