"""What Whisper writes: language and prompt, labels of one utterance or of several in one window."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import WhisperForConditionalGeneration, WhisperTokenizer

from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel, Batch
from speech_tl.models.favoured import Favoured
from speech_tl.models.frame_words import SPACE, FrameWord, TokenTimes, byte_letters, words_of_tokens
from speech_tl.models.hotwords import read_hotwords
from speech_tl.models.whisper_languages import default_prompt, language_token
from speech_tl.models.whisper_prompt import end_that_fits, require_short_prompt, tokens_of_text
from speech_tl.text import language_code, leading_rate

TIMESTAMP_S = 0.02
"""Seconds from one timestamp token to the next."""

IGNORED = -100
"""Label of a position that has no loss."""


class WhisperText(AcousticModel):
    """The side of a Whisper that has to do with text.

    Attributes:
        prompt: tokens that the decoder is given: start, language and task where it has several, no timestamps.
        context: tokens before the prompt, of text that it is shown as if it stood before what it writes.
        favoured: the hotwords' tokens, where there are any.
        end: token that ends a text.
        longest_label: positions of the decoder, the prompt's among them.
        no_speech_token: stands in place of a language where nobody speaks; None where the tokenizer has none.
        first_timestamp: token of 0.00 s; those from here on are timestamps, 20 ms apart, if there are any.
        timestamp_share: share of the packed windows whose target has timestamps.
    """

    labels_keep_style = True
    timestamp_share: float = 0.0

    def __init__(
        self,
        network: WhisperForConditionalGeneration,
        tokenizer: WhisperTokenizer,
        source: str,
        language: str | None,
        task: str | None,
        sample_rate: int,
    ) -> None:
        """Set language and task for labels and for generation; None is what the checkpoint says itself."""
        super().__init__(network, source, None, sample_rate)
        self.tokenizer, self.context = tokenizer, []
        self.favoured: Favoured | None = None
        self.multilingual = bool(getattr(network.generation_config, "is_multilingual", True))
        self.longest_label = network.config.max_target_positions
        self.end = network.config.eos_token_id
        self.first_timestamp = tokenizer.get_vocab().get("<|0.00|>", network.config.vocab_size)
        names = tokenizer.get_vocab()  # <|nocaptions|> is what OpenAI's first checkpoints call it
        self.no_speech_token = names.get("<|nospeech|>", names.get("<|nocaptions|>"))
        self._set_prompt(language, task)

    def _set_prompt(self, language: str | None, task: str | None) -> None:
        """Put language and task where generation looks for them today; forced_decoder_ids are the old way."""
        settings = self.network.generation_config
        if self.multilingual:
            codes = {token.strip("<|>") for token in settings.lang_to_id}
            own_language, own_task = default_prompt(settings, self.network.config, codes)
            language = language or own_language
            if language_code(language):
                self.language, remark = language_token(language, codes, self.source)
                self.remarks = [remark] if remark else []
            settings.language, settings.task = self.language, task or own_task or self.task
            self.task = settings.task
            names = [f"<|{self.language or 'en'}|>", f"<|{self.task}|>"]
        else:
            self._refuse_other_than_english(language, task)
            self.language, names = "en", []
        settings.forced_decoder_ids = self.network.config.forced_decoder_ids = None
        self.prompt = self._tokens("<|startoftranscript|>", *names, "<|notimestamps|>")

    def _refuse_other_than_english(self, language: str | None, task: str | None) -> None:
        """An English-only checkpoint has no tokens for languages and tasks."""
        if language_code(language) not in ("", "en"):
            raise BadInput(f"model {self.source} writes English only, not language={language}; use a multilingual one")
        if task == "translate":
            raise BadInput(f"model {self.source} hears English only, so task=translate has no use: leave it out")

    @contextlib.contextmanager
    def speaking(self, language: str | None, task: str | None = None) -> Iterator[None]:
        """See `AcousticModel`."""
        language, task = language or self.language, task or self.task
        if (language, task) == (self.language, self.task):
            yield
            return
        settings = self.network.generation_config
        before = self.language, self.task, self.prompt
        said = getattr(settings, "language", None), getattr(settings, "task", None)
        self._set_prompt(language, task)
        try:
            yield
        finally:
            self.language, self.task, self.prompt = before
            settings.language, settings.task = said

    def set_prompt(self, text: str | None) -> None:
        """See `AcousticModel`; half of the decoder's positions are for it, as published."""
        self.context = []
        if text is None or not text.strip():
            return
        written = require_short_prompt(_encoded(self.tokenizer, text), self.longest_label, self.source)
        self.context = [*self._tokens("<|startofprev|>"), *written]

    def fitting_prompt(self, text: str) -> str:
        """See `AcousticModel`."""
        return end_that_fits(text, lambda part: len(_encoded(self.tokenizer, part)), self.longest_label)

    def set_hotwords(self, path: Path | None, weight: float | None) -> None:
        """See `AcousticModel`; as they are written and in lower case, which is all that some adapted models write."""
        self.favoured = None
        if path is None:
            return
        words = read_hotwords(path, self.source, lambda line: " ".join(line.split()), self._lacking)
        words = list(dict.fromkeys([*words, *(word.lower() for word in words)]))
        spellings = {tuple(self.encode(word)[:-1]) for word in words}
        if leading_rate(self.language) != "wer":  # no space before each of them
            spellings |= {tuple(self.tokenizer.encode(word, add_special_tokens=False)) for word in words}
        self.favoured = Favoured(spellings, self._letters, weight)

    def _lacking(self, line: str) -> set[str]:
        """What of a hotword is never written: a token that the checkpoint suppresses, or that stands for nothing."""
        line = " ".join(line.split())
        ids = self.encode(line)[:-1]
        lost = {line} if self.tokenizer.decode(ids).strip() != line else set()
        suppressed = set(self.network.generation_config.suppress_tokens or ())
        return lost | {self.tokenizer.decode([token]).strip() for token in ids if token in suppressed}

    @cached_property
    def _letters(self) -> torch.Tensor:
        """How many characters each token begins without the space before a word `(vocabulary,)`."""
        letters = self.token_characters.clone()
        spaced = [number for token, number in self.tokenizer.get_vocab().items() if token.startswith(SPACE)]
        letters[spaced] = (letters[spaced] - 1).clamp(min=0)
        return letters

    def _tokens(self, *names: str) -> list[int]:
        return self.tokenizer.convert_tokens_to_ids(list(names))

    def encode(self, text: str) -> list[int]:
        """Tokens of `text` with the leading space of Whisper's own training, and the end token.

        Tags that the run's normaliser drops are left out, and the names of Whisper's own tokens are text like any.
        """
        return [*_encoded(self.tokenizer, self.scored_by.without_tags(text)), self.end]

    def targets(self, labels: Sequence[Sequence[int]]) -> Batch:
        """`labels` and `decoder_input_ids` `(batch, tokens)` of rows of label ids.

        Prompt tokens are given to the decoder and have no loss; "no timestamps" is not prompted where there are some.
        """
        prompts = [self.prompt if ids[0] < self.first_timestamp else self.prompt[:-1] for ids in labels]
        rows = list(zip(prompts, labels, strict=True))
        targets = [[IGNORED] * (len(prompt) - 1) + list(ids) for prompt, ids in rows]
        given = [prompt + list(ids[:-1]) for prompt, ids in rows]
        return {"labels": _pad(targets, IGNORED), "decoder_input_ids": _pad(given, self.end)}

    def packed_labels(self, texts: Sequence[str], ends_s: Sequence[float], rng: np.random.Generator) -> list[int]:
        """The texts one after the other, and the end token.

        For `timestamp_share` of the windows each text stands between the times at which it begins and ends, as Whisper
        writes segments.
        """
        written = [self.encode(text)[:-1] for text in texts]
        if rng.random() < self.timestamp_share:
            times = [self.first_timestamp + round(end_s / TIMESTAMP_S) for end_s in [0.0, *ends_s]]
            written = [[times[i], *ids, times[i + 1]] for i, ids in enumerate(written)]
        return [*chain.from_iterable(written), self.end]

    def packing_tokens(self, text: str) -> int:
        """The text's tokens and two timestamps."""
        return len(self.encode(text)) + 1

    @property
    def packing_room(self) -> int:
        """What prompt and end token leave of the decoder's positions."""
        return self.longest_label - len(self.prompt) - 1

    @cached_property
    def token_characters(self) -> torch.Tensor:
        """How many characters each token begins `(vocabulary,)`: its bytes that do not go on with one (UTF-8)."""
        sizes = torch.zeros(self.network.config.vocab_size, dtype=torch.long)
        going_on = {letter for letter, byte in byte_letters().items() if byte & 0b1100_0000 == 0b1000_0000}
        for token, number in self.tokenizer.get_vocab().items():
            if number < self.end:
                sizes[number] = sum(character not in going_on for character in token)
        return sizes

    def _words(self, tokens: Sequence[int], times: TokenTimes) -> list[FrameWord]:
        """Tokens of a text as its words, with their times."""
        return words_of_tokens(self.tokenizer.convert_ids_to_tokens(list(tokens)), times, self.language)

    def unwritable(self, text: str) -> set[str]:
        """None: byte-level tokens write anything."""
        return set()

    def label_problem(self, text: str, duration_s: float) -> str | None:
        """Whisper's decoder has room for a fixed number of tokens, its prompt among them."""
        needed = len(self.prompt) + len(self.encode(text))
        if needed > self.longest_label:
            return f"labels longer than Whisper's {self.longest_label} tokens ({needed})"
        limit_s = self.window_limit_s
        return (
            f"audio longer than Whisper's {limit_s:g} s window ({duration_s:.1f} s)" if duration_s > limit_s else None
        )

    def training_problem(self) -> str | None:
        """A multilingual checkpoint writes the language token into every label: it must be the right one."""
        if self.language is None:
            return f"model {self.source} is multilingual: say which language it shall learn (model.language=en)"
        return None


def _pad(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """`(batch, longest)` from rows of ids."""
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)


def _encoded(tokenizer: WhisperTokenizer, text: str) -> list[int]:
    return tokens_of_text(text, lambda piece: tokenizer.encode(piece, add_special_tokens=False))
