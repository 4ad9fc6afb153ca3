"""Public corpora into manifests: what the scripts in data_scripts/ share. Imports nothing heavy.

A script says what a corpus is (`Corpus`), how its folder is recognised and which rows it holds; archives, downloads,
durations, the command line and the writing of the manifest are here.
"""

from __future__ import annotations

from speech_tl.data.corpora.facts import Corpus, Download
from speech_tl.data.corpora.script import Context, Row, Script, Setting

__all__ = ["Context", "Corpus", "Download", "Row", "Script", "Setting"]
