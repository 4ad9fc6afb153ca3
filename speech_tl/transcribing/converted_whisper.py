"""A Whisper in CTranslate2's format that transcribes windows of sound without torch.

What must be known of the model beside its converted weights was written down when it was converted and held against
the model itself (`usual_engine.py`); so a command that finds both need not load the model at all.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_tl.decoding.loops import Spoken, cut_with_words
from speech_tl.decoding.memory import reuse_freed_memory
from speech_tl.decoding.no_speech import without_noise
from speech_tl.models.audio_context import FULL, AudioContext
from speech_tl.models.converted import FILTERS, TOKENIZER, VOCABULARY
from speech_tl.models.converted_decoder import ConvertedDecoder
from speech_tl.models.frame_words import bytes_of, words_of_tokens
from speech_tl.models.log_mel import LogMel
from speech_tl.models.options import DecodingOptions
from speech_tl.models.whisper_prompt import end_that_fits, require_short_prompt, tokens_of_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PRECISION = "int8"

MOST_WINDOWS_S = 30.0
"""Seconds of windows in one batch: one full window, or several that are shortened. CTranslate2 gains nothing from more
on a CPU: five minutes by tiny.en on one core take 10 CPU s and 0.97 GB in batches of eight full windows, and 7.8 CPU s
and 0.36 GB one by one (`transcribe --format txt --format srt --format vtt --format json --words`)."""

USUAL_BEAM = 2
"""Hypotheses where nobody says how many. A second one is cheap in CTranslate2, which reads the weights once for both:
18.6 minutes of reading by tiny.en on one core take as many CPU seconds and go from 9.6 to 9.2 % WER, in noise from 17.7
to 16.3 % (`python -m tests.benchmarks.transcribing_peers MODEL CORPORA`); base takes 4 to 12 % more for 0.5 to 0.9
points."""


@dataclass(frozen=True)
class Facts:
    """What CTranslate2's folder does not say of a Whisper.

    Attributes:
        language, task: that it is set to; no language where each recording's is heard.
        languages, tasks: their codes and tokens; none of an English-only one.
        start, no_timestamps, end: tokens.
        longest: positions of the decoder, the prompt's among them.
        tokens_without_speech, tokens_a_second: what a clip may get, and more for each second.
        context: of its decoding, as `AudioContext.saved` has it.
        given: the context that its windows get, an `AudioContext`'s fields.
        sample_rate, n_fft, hop_length, full_frames: see `LogMel`.
    """

    language: str | None
    task: str
    languages: dict[str, int]
    tasks: dict[str, int]
    start: int
    no_timestamps: int
    end: int
    longest: int
    tokens_without_speech: int
    tokens_a_second: int
    context: dict[str, float]
    given: dict[str, Any]
    words_late_s: float
    sample_rate: int
    n_fft: int
    hop_length: int
    full_frames: int

    def saved(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


class ConvertedWhisper:
    """What `transcribe` asks of a model, see `AcousticModel`.

    Attributes:
        facts: with the language that is spoken now.
        source: as the user wrote it.
        context: tokens before the prompt, of the options' own.
        decoding_context: how much of the window its folder lets utterances have; see `Facts.given`.
    """

    has_decoder, scores_frames = True, False

    def __init__(self, folder: Path, facts: Facts, source: str, threads: int) -> None:
        """Load a converted model's folder.

        Args:
            folder: with the files `FILTERS`, `TOKENIZER` and `VOCABULARY`.
            facts: see there.
            source: for the record.
            threads: batches that are decoded at a time, each on a core.
        """
        reuse_freed_memory()
        self.facts, self.source, self.threads = facts, source, threads
        self._decoder = ConvertedDecoder(folder, PRECISION, facts.longest, threads)
        filters = np.load(folder / FILTERS).astype(np.float32)
        self._front = LogMel(filters, facts.sample_rate, facts.n_fft, facts.hop_length, facts.full_frames)
        self._names: list[str] = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        self._tokenizer = (folder / TOKENIZER).read_text(encoding="utf-8")  # the folder may be gone when it is needed
        self._context_of: tuple[str | None, list[int]] = None, []
        self.decoding(DecodingOptions())
        self.sample_rate = facts.sample_rate
        self.window_limit_s = facts.full_frames / self._front.frames_a_second

    def decoding(self, options: DecodingOptions) -> ConvertedWhisper:
        """Take the options of decoding from now on; returns self.

        Args:
            options: of which beam (`USUAL_BEAM` where nobody says), temperature, prompt and audio context matter here.

        Raises:
            BadInput: the prompt is too long.
        """
        whole = options.audio_context == "full"
        self.decoding_context = FULL if whole else AudioContext.read(self.facts.context)
        self._given = FULL if whole else AudioContext(**self.facts.given)
        said = "beam" in options.model_fields_set or options.temperature
        self._beam = options.beam if said else USUAL_BEAM
        self._temperature, self.context = options.temperature, self._context(options.prompt)
        return self

    def fitting_prompt(self, text: str) -> str:
        """See `AcousticModel`."""
        return end_that_fits(text, lambda part: len(self._encoded(part)), self.facts.longest)

    def _context(self, prompt: str | None) -> list[int]:
        """Tokens of text that it is shown as if it stood before what it writes; those of the last one are kept."""
        if self._context_of[0] != prompt:
            written = self._encoded(prompt or "")
            require_short_prompt(written, self.facts.longest, self.source)
            before = [self._names.index("<|startofprev|>"), *written] if written else []
            self._context_of = prompt, before
        return self._context_of[1]

    def _encoded(self, text: str) -> list[int]:
        return tokens_of_text(text, lambda piece: self._tokens.encode(piece, add_special_tokens=False).ids)

    @cached_property
    def _tokens(self) -> Tokenizer:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self._tokenizer)

    @property
    def language(self) -> str | None:
        """That it writes now."""
        return self.facts.language

    @property
    def chooses_language(self) -> bool:
        """Whether it writes several languages and was not told which."""
        return self.language is None

    @property
    def hears_languages(self) -> bool:
        """Whether CTranslate2 takes it for a multilingual one, which it tells by the number of tokens."""
        return bool(self._decoder.whisper.is_multilingual)

    @property
    def languages(self) -> dict[str, int]:
        """See `AcousticModel`."""
        return self.facts.languages

    @property
    def words_late_s(self) -> float:
        """See `AcousticModel`."""
        return self.facts.words_late_s

    @property
    def frame_samples(self) -> int:
        """Samples between two positions of the encoder."""
        return 2 * self.facts.hop_length

    def window_s(self, duration_s: float, context: AudioContext) -> float:
        """Seconds of the window that an utterance gets."""
        own = self._front.own_frames(int(duration_s * self.sample_rate))
        return self._front.window_frames(own, context) / self._front.frames_a_second

    @contextlib.contextmanager
    def speaking(self, language: str | None, task: str | None = None) -> Iterator[None]:
        """Within, it writes `language` and does `task`; None leaves it as it is."""
        before = self.facts
        self.facts = replace(before, language=language or before.language, task=task or before.task)
        try:
            yield
        finally:
            self.facts = before

    def language_scores(self, waveform: np.ndarray) -> dict[str, float]:
        """Log probability of each language for a window of sound `(samples,)`; heard in a window of 30 s."""
        features = self._front.windows([self._front.mel_and_silence(waveform)], self.facts.full_frames)
        found = self._decoder.language_probabilities(features)
        return {code: math.log(max(found[code], 1e-30)) for code in self.facts.languages if code in found}

    def written(self, waveforms: Sequence[np.ndarray]) -> list[Spoken]:
        """The text of each waveform `(samples,)` with its words, without loops and without text where nobody spoke."""
        clips = [self._front.mel_and_silence(waveform) for waveform in waveforms]
        windows = [self._front.window_frames(mel.shape[1], self._given) for mel, _ in clips]
        found: list[Spoken] = [("", [])] * len(clips)
        batches = self._batches(windows)

        def work(batch: list[int]) -> list[Spoken]:
            return self._of_batch([clips[place] for place in batch], windows[batch[0]])

        if len(batches) > 1 and self.threads > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                told = list(pool.map(work, batches))
        else:
            told = [work(batch) for batch in batches]
        for batch, texts in zip(batches, told, strict=True):
            for place, said in zip(batch, texts, strict=True):
                found[place] = said
        return found

    def _batches(self, windows: Sequence[int]) -> list[list[int]]:
        """Places of clips whose windows are equally long: as many as a batch may have, and one batch a thread."""
        found = []
        for frames in sorted(set(windows), reverse=True):
            places = [place for place, own in enumerate(windows) if own == frames]
            most = max(1, int(MOST_WINDOWS_S * self._front.frames_a_second / frames))
            size = min(most, -(-len(places) // self.threads))
            found += [places[first : first + size] for first in range(0, len(places), size)]
        return found

    def _of_batch(self, clips: list[tuple[np.ndarray, float]], frames: int) -> list[Spoken]:
        features, prompt = self._front.windows(clips, frames), self._prompt()
        own = [min(mel.shape[1], frames) for mel, _ in clips]
        facts, durations_s = self.facts, [count / self._front.frames_a_second for count in own]
        room = facts.longest - len(prompt)
        allowed = [min(room, facts.tokens_without_speech + int(facts.tokens_a_second * s)) for s in durations_s]
        positions = [-(-count // 2) for count in own]
        found = self._decoder.tokens_with_times(
            features, prompt, allowed, self._beam, self._temperature, positions, facts.end
        )
        said = [
            (self._text(tokens), words_of_tokens([self._names[token] for token in tokens], times, self.language))
            for tokens, times in found
        ]

        def no_speech(rows: Sequence[int]) -> list[float]:
            return self._decoder.no_speech(features[list(rows)], prompt)

        return cut_with_words(without_noise(said, durations_s, no_speech), durations_s)

    def _text(self, tokens: Sequence[int]) -> str:
        return b"".join(bytes_of(self._names[token]) for token in tokens).decode(errors="replace").strip()

    def _prompt(self) -> list[int]:
        """Text before it, start, language and task where it has several, no timestamps."""
        facts = self.facts
        chosen = [facts.languages[facts.language], facts.tasks[facts.task]] if facts.languages else []
        return [*self.context, facts.start, *chosen, facts.no_timestamps]


def usual_threads() -> int:
    """Cores that decode: as torch says, or, where that is not loaded, as it would."""
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
