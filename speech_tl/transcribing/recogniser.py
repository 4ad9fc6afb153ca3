"""A loaded model as `serve` and `live` use it: pieces of sound in, texts with times out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from speech_tl.errors import BadInput
from speech_tl.text import language_code, language_name
from speech_tl.transcribing.converted_whisper import ConvertedWhisper

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel
    from speech_tl.models.options import DecodingOptions
    from speech_tl.transcribing.formats import TranscribedSegment
    from speech_tl.transcribing.segments import Segment

LONGEST_PIECE_S = 25.0


@dataclass(frozen=True)
class Word:
    """One word, from `start_s` to `end_s` (seconds in the recording)."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class SpokenSegment:
    """What was said from `start_s` to `end_s` (seconds in the recording), with its words."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...]


class Recogniser:
    """One model, asked by one thread at a time (but for `require` and `pieces`, which only read).

    Attributes:
        model: the loaded model, or what transcribes in its place, see `usual_engine`; chosen with the first sound.
        sample_rate: Hz of all waveforms.
        hears_frames: whether it scores frames (CTC), so that a word's end is known before the sentence is over.
    """

    def __init__(
        self,
        model: AcousticModel | ConvertedWhisper,
        options: DecodingOptions | None = None,
        name: str | None = None,
        state: str | None = None,
    ) -> None:
        """What to ask.

        Args:
            model: loaded.
            options: as for `transcribe`.
            name: what messages call the model, by default its source.
            state: of the folder from which it was loaded, see `folder_state`.
        """
        from speech_tl.decoding.memory import SERVED_BYTES, FreedMemory
        from speech_tl.models.options import DecodingOptions

        self.model, self.options, self.name = model, options or DecodingOptions(), name or model.source
        self._state, self._engine_is_chosen = state, isinstance(model, ConvertedWhisper)
        self._freed = FreedMemory("cpu" if isinstance(model, ConvertedWhisper) else model.device.type, SERVED_BYTES)
        self.sample_rate = model.sample_rate
        self.hears_frames = not model.has_decoder

    def require(self, language: str | None, task: str | None) -> str | None:
        """The code of a language that a client asks for; None where none was.

        Raises:
            BadInput: the model does not write that language, or does not do that task.
        """
        model, code, codes = self.model, language_code(language), set(self.model.languages)
        if len(codes) > 1:
            from speech_tl.models.whisper_languages import language_token

            return language_token(language, codes, self.name)[0] if code else None
        if task not in (None, "transcribe"):
            raise BadInput(f"model {self.name} cannot translate: task={task} needs a multilingual Whisper")
        if code and model.language and code != language_code(model.language):
            own = language_name(model.language)
            raise BadInput(f"model {self.name} writes {own} only, not language={language}: leave it out")
        return None

    def require_prompts(self) -> None:
        """See that the model takes prompts.

        Raises:
            BadInput: it is no Whisper.
        """
        if not self.model.has_decoder:
            raise BadInput(f"model {self.name} takes no prompt, as it is no Whisper: leave it out")

    def pieces(self, blocks: Iterable[np.ndarray]) -> Iterator[Segment]:
        """What of a recording is recognised at a time."""
        from speech_tl.transcribing.pieces import pieces
        from speech_tl.transcribing.windows import full_window_s, windows

        window_s = full_window_s(self.model, self.options)
        if window_s is not None:
            return windows(blocks, self.sample_rate, max_window_s=window_s)
        return pieces(blocks, self.sample_rate, max_segment_s=LONGEST_PIECE_S)

    @property
    def chooses_language(self) -> bool:
        """Whether a recording's language must be given or heard."""
        return self.model.chooses_language

    def hear_language(self, pieces: Sequence[Segment]) -> str | None:
        """The language of a recording by its first pieces."""
        from speech_tl.transcribing.language_detection import detected_language

        heard = detected_language(self.model, pieces, self.sample_rate)
        return None if heard is None else heard[0]

    def transcribe_batch(
        self,
        pieces: Sequence[Segment],
        language: str | None = None,
        task: str | None = None,
        *,
        temperature: float = 0.0,
        prompt: str | None = None,
    ) -> list[list[SpokenSegment]]:
        """The segments of each piece, times in its recording; none where nothing was recognised.

        Words of windows have their own times; those of other pieces are shares of them, by the number of characters.
        `temperature` and `prompt` as in `DecodingOptions`; without them it is what this was made with. Of a prompt that
        is too long its end is taken.
        """
        self._choose_engine(pieces, language)
        options = self._at(temperature) if temperature else self.options
        if prompt is not None:
            options = options.model_copy(update={"prompt": self.model.fitting_prompt(prompt)})
        if self.model.has_decoder and (self._is_converted or all(piece.kept for piece in pieces)):
            found = self._with_words(pieces, language, task, options)
        else:
            found = self._texts(pieces, language, task, options)
        self._freed.bound()
        return found

    @property
    def _is_converted(self) -> bool:
        return isinstance(self.model, ConvertedWhisper)

    def _choose_engine(self, pieces: Sequence[Segment], language: str | None) -> None:
        """With the first sound, as `transcribe` does."""
        if self._engine_is_chosen:
            return
        from speech_tl.transcribing.usual_engine import COMPARED, usual_engine

        first = [piece.waveform for piece in pieces[:COMPARED]]
        self.model, remark = usual_engine(self.model, self.options, first, language, self._state)
        if remark:
            print(f"speech-tl: note: {remark}", file=sys.stderr)
        self._engine_is_chosen = True

    def _at(self, temperature: float) -> DecodingOptions:
        """The options, with a temperature in place of a search."""
        return self.options.model_copy(update={"temperature": temperature, "beam": 1})

    def _texts(
        self, pieces: Sequence[Segment], language: str | None, task: str | None, options: DecodingOptions
    ) -> list[list[SpokenSegment]]:
        """A segment for each piece."""
        from speech_tl.decoding.decode import decode_waveforms

        with self.model.speaking(language, task):
            texts = decode_waveforms(self.model, [piece.waveform for piece in pieces], options)
        return [_segments(piece, " ".join(text.split())) for piece, text in zip(pieces, texts, strict=True)]

    def _with_words(
        self, pieces: Sequence[Segment], language: str | None, task: str | None, options: DecodingOptions
    ) -> list[list[SpokenSegment]]:
        """Sentences with their words, of windows full of speech, and of whatever a conversion hears."""
        from speech_tl.transcribing.phrases import segments_of_windows

        with self.model.speaking(language, task):
            found = segments_of_windows(self.model, pieces, options)
        return [[_spoken(segment) for segment in segments if segment.text] for segments in found]

    def words_by_frames(self, waveform: np.ndarray) -> list[Word]:
        """The words of `waveform` `(samples,)`, times from its beginning by the frames that wrote them; for CTC.

        Words are runs between the label that ends a word; without such a label every character is one.
        """
        import torch

        model = self.model
        with torch.inference_mode():
            scores, frames = model.frame_log_probabilities(model.collate([model.features(waveform)], None))
        best = scores[0, : int(frames[0])].argmax(-1).tolist()
        blank, delimiter = model.blank_and_delimiter()
        frame_s = model.frame_samples / self.sample_rate
        runs: list[list[int]] = []
        begins: list[tuple[int, int]] = []
        open_word, before = False, blank
        for frame, label in enumerate(best):
            if label == delimiter:
                open_word = False
            elif label != blank:
                if not open_word or (delimiter is None and label != before):
                    runs.append([])
                    begins.append((frame, frame))
                    open_word = True
                runs[-1].extend([label] if label != before or runs[-1] == [] else [])
                begins[-1] = (begins[-1][0], frame)
            before = label
        written = [model.tokenizer.decode(run, group_tokens=False).strip() for run in runs]
        return [
            Word(text, first * frame_s, (last + 1) * frame_s)
            for text, (first, last) in zip(written, begins, strict=True)
            if text
        ]


def _spoken(segment: TranscribedSegment) -> SpokenSegment:
    words = tuple(Word(word.text, word.start_s, word.end_s) for word in segment.words or ())
    words = words or spread(segment.text, segment.start_s, segment.end_s)
    return SpokenSegment(segment.start_s, segment.end_s, segment.text, words)


def _segments(piece: Segment, text: str) -> list[SpokenSegment]:
    if not text:
        return []
    return [SpokenSegment(piece.start_s, piece.end_s, text, spread(text, piece.start_s, piece.end_s))]


def spread(text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    """The words of a text over its time, by their lengths.

    >>> [(word.text, word.start_s) for word in spread("to be sure", 0.0, 5.0)]
    [('to', 0.0), ('be', 1.5), ('sure', 3.0)]
    """
    parts = text.split()
    whole = sum(len(part) + 1 for part in parts) - 1
    words, position = [], 0
    for part in parts:
        begin, position = position, position + len(part)
        words.append(Word(part, *(start_s + (end_s - start_s) * place / whole for place in (begin, position))))
        position += 1
    return tuple(words)


def load_recogniser(
    source: str,
    *,
    language: str | None = None,
    task: str | None = None,
    options: DecodingOptions | None = None,
    name: str | None = None,
) -> Recogniser:
    """Load a model as `load_model` does, for `Recogniser`.

    Raises:
        BadInput: as `load_model`.
    """
    from speech_tl.transcribing.transcribe import ModelName

    model, state = ModelName(source, language, task).loaded(options)
    return Recogniser(model, options, name, state)
