"""One recording through the queue: its pieces go in a few at a time, its segments come out in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from speech_tl.serving.batching import Asked, Batcher
from speech_tl.serving.sound import DecodedUpload
from speech_tl.transcribing.language_detection import HEARD_S
from speech_tl.transcribing.recogniser import SpokenSegment
from speech_tl.transcribing.segments import Segment

AHEAD_S = 90.0
"""Seconds of one recording in the queue at a time: enough for its batches, and others come between."""


class Transcription:
    """One recording on its way.

    Attributes:
        language: that is written; known once the first segment is there, for models that choose one.
    """

    def __init__(self, batcher: Batcher, upload: DecodedUpload, asked: Asked) -> None:
        """`asked.language` of None is heard."""
        self._batcher, self._asked = batcher, asked
        self._recogniser = batcher.recognisers[asked.model]
        self._pieces = self._recogniser.pieces(upload.blocks())
        self.language = asked.language or self._recogniser.model.language

    async def segments(self) -> AsyncIterator[SpokenSegment]:
        """In order; what is still in the queue when this is closed is not decoded."""
        waiting: deque[tuple[Segment, asyncio.Future]] = deque()
        ahead_s, more = 0.0, True
        first = await self._first_pieces()
        try:
            while more or waiting:
                while more and ahead_s < AHEAD_S:
                    piece = first.popleft() if first else await asyncio.to_thread(next, self._pieces, None)
                    more = piece is not None
                    if piece is not None:
                        asked = replace(self._asked, language=self.language)
                        future = asyncio.wrap_future(self._batcher.submit(piece, asked))
                        waiting.append((piece, future))
                        ahead_s += piece.end_s - piece.start_s
                if waiting:
                    piece, future = waiting.popleft()
                    for segment in await future:
                        yield segment
                    ahead_s -= piece.end_s - piece.start_s
        finally:
            for _, future in waiting:
                future.cancel()

    async def _first_pieces(self) -> deque[Segment]:
        """What was read to hear the language; nothing where it is known."""
        if self._asked.language or not self._recogniser.chooses_language:
            return deque()
        first = await asyncio.to_thread(_until, self._pieces, HEARD_S)
        if first:
            heard = self._batcher.call(lambda: self._recogniser.hear_language(list(first)))
            self.language = await asyncio.wrap_future(heard)
        return first


def _until(pieces: Iterator[Segment], seconds: float) -> deque[Segment]:
    """Pieces of so many seconds, or all."""
    taken: deque[Segment] = deque()
    while sum(piece.end_s - piece.start_s for piece in taken) < seconds:
        piece = next(pieces, None)
        if piece is None:
            break
        taken.append(piece)
    return taken
