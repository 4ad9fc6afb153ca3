"""A recogniser in a live session: how its words are heard, and when they are final."""

from __future__ import annotations

from collections.abc import Sequence

from speech_tl.live.policies import LocalAgreement, StableFrames
from speech_tl.live.session import DecodingRequest, LiveSession
from speech_tl.transcribing.recogniser import Recogniser, SpokenSegment, Word
from speech_tl.transcribing.segments import Segment


def new_session(recogniser: Recogniser, step_s: float = 1.0) -> LiveSession:
    """A session whose words become final as it suits the model."""
    policy = StableFrames if recogniser.hears_frames else LocalAgreement
    return LiveSession(recogniser.sample_rate, policy, step_s)


def as_piece(request: DecodingRequest, sample_rate: int) -> Segment:
    """What is to be decoded, as a recording of its own."""
    return Segment(0.0, len(request.waveform) / sample_rate, request.waveform)


def words_of(segments: Sequence[SpokenSegment]) -> list[Word]:
    """The words of a decoded piece."""
    return [word for segment in segments for word in segment.words]


class LiveRecogniser:
    """Words of one stream after the other, in one language that is given or heard in the first speech.

    Attributes:
        language: that is written; None until it was heard.
    """

    def __init__(self, recogniser: Recogniser, language: str | None = None, task: str | None = None) -> None:
        """`language` and `task` as `Recogniser.require` allows."""
        self.recogniser, self.task = recogniser, task
        self.language = language or recogniser.model.language

    def words(self, request: DecodingRequest) -> list[Word]:
        """The words of a request, times from its beginning."""
        recogniser = self.recogniser
        if recogniser.hears_frames:
            return recogniser.words_by_frames(request.waveform)
        piece = as_piece(request, recogniser.sample_rate)
        language = self.language
        if language is None and recogniser.chooses_language:
            language = recogniser.hear_language([piece])
            if request.last:
                self.language = language
        return words_of(recogniser.transcribe_batch([piece], language, self.task)[0])
