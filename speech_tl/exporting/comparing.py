"""An export and its source on the same clips: the same loops cut, the same normaliser, the error rates side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.data.test_set import TestSet
from speech_tl.decoding import loops
from speech_tl.decoding.decode import Progress
from speech_tl.decoding.measuring import measure
from speech_tl.errors import BadInput
from speech_tl.evaluation import checkpoints_language
from speech_tl.exporting.clips import Clips, rules_for
from speech_tl.exporting.target import Transcriber
from speech_tl.models.options import DecodingOptions
from speech_tl.scoring.wer import Evaluation, score

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

DECODING = DecodingOptions(audio_context="full")
"""Greedy and, for a Whisper, in windows of 30 s: the other programs have no shorter ones."""


@dataclass(frozen=True)
class Written:
    """What one of both wrote.

    Attributes:
        evaluation: scored.
        cpu_seconds: processor time of decoding, of all threads, loading of audio in it.
    """

    evaluation: Evaluation
    cpu_seconds: float


@dataclass(frozen=True)
class Comparison:
    """What both wrote, utterance by utterance."""

    source: Written
    export: Written

    @property
    def rate(self) -> str:
        """The error rate that leads: "cer" for languages without spaces."""
        return self.source.evaluation.rate

    @property
    def rates(self) -> tuple[float, float]:
        """Of the source and of the export, as fractions."""
        return tuple(getattr(side.evaluation.score, self.rate) for side in (self.source, self.export))

    @property
    def loss(self) -> float:
        """By how much the export's is higher."""
        before, after = self.rates
        return after - before

    @property
    def unlike(self) -> int:
        """Utterances of which they write another normalised text."""
        pairs = zip(self.source.evaluation.utterances, self.export.evaluation.utterances, strict=True)
        return sum(ours.hypothesis != theirs.hypothesis for ours, theirs in pairs)

    def line(self) -> str:
        """For the screen."""
        before, after = self.rates
        counted = self.source.evaluation.score
        return (
            f"{self.rate.upper()} {before:.2%} -> {after:.2%} ({100 * self.loss:+.2f} points) on {counted.utterances} "
            f"clips of {counted.words} words; {self.unlike} texts differ"
        )

    def as_dict(self) -> dict[str, Any]:
        """For export.json."""
        before, after = self.rates
        evaluation = self.source.evaluation
        return {
            self.rate: {"source": before, "export": after, "change": self.loss},
            "utterances": evaluation.score.utterances,
            "words": evaluation.score.words,
            "texts_that_differ": self.unlike,
            "normaliser": evaluation.normaliser,
            "normaliser_hash": evaluation.normaliser_hash,
            "clips": evaluation.data,
            "cpu_seconds": {
                "source": round(self.source.cpu_seconds, 2),
                "export": round(self.export.cpu_seconds, 2),
            },
        }


def by_source(model: AcousticModel, clips: Clips, progress: Progress) -> Written:
    """What the model itself writes; `progress` is told seconds of audio done and in all.

    Raises:
        BadInput: no clip can be read, or their texts hold no word.
    """
    rules = rules_for(clips, checkpoints_language(model, clips.utterances))
    facts = clips.facts | {"language": rules.language}
    started = time.process_time()
    test_set = TestSet("clips", clips.utterances, rules, rules.language, facts=facts)
    found = measure(model, test_set, DECODING, progress=progress)
    seconds = time.process_time() - started
    if getattr(found.score, found.rate) is None:
        raise BadInput(f"{clips.facts['source']}: the texts of its clips hold no words to compare by; choose others")
    return Written(found, seconds)


def by_export(
    model: AcousticModel, transcribe: Transcriber, clips: Clips, source: Written, progress: Progress
) -> Comparison:
    """What an export writes, beside what its source wrote.

    Args:
        model: the source.
        transcribe: the export, loaded by its program.
        clips: what the source heard.
        source: what it wrote; clips that it could not read are in no figure.
        progress: told utterances done and in all.
    """
    unread = set(source.evaluation.data.get("left_out", []))
    heard = [utterance for utterance in clips.utterances if utterance.id not in unread]
    texts, durations_s = [], []
    started = time.process_time()
    for utterance in heard:
        waveform = utterance.load(model.sample_rate)
        texts.append(transcribe(waveform))
        durations_s.append(len(waveform) / model.sample_rate)
        progress(len(texts), len(heard))
    seconds = time.process_time() - started
    if model.has_decoder:  # the source's loops were cut, too
        texts = [found.text for found in loops.without_loops([loops.Written(text) for text in texts], durations_s)]
    rules = rules_for(clips, checkpoints_language(model, clips.utterances))
    return Comparison(source, Written(score(heard, texts, rules, data=source.evaluation.data), seconds))
