"""N-gram language models: made from texts, written and read as ARPA files, asked for the next word. Floor 0."""

from __future__ import annotations

from speech_tl.text.ngrams.model import END, START, UNKNOWN, NGrams, open_ngrams

__all__ = ["END", "START", "UNKNOWN", "NGrams", "open_ngrams"]
