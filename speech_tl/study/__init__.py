"""Studies: one recipe in several ways, on several amounts of speech, with several seeds, and one table of it all."""

from __future__ import annotations

from speech_tl.study.reading import read_study
from speech_tl.study.running import run_study
from speech_tl.study.value import Study, Variant

__all__ = ["Study", "Variant", "read_study", "run_study"]
