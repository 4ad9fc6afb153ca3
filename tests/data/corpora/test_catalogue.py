"""`speech-tl corpora`: every script is on the shelf, with its facts, and looking costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from speech_tl.cli import _run
from speech_tl.data.corpora.catalogue import corpora, listing, page, scripts_folder
from tests.test_package import ENVIRONMENT

NAMES = {
    "afrispeech", "common_voice", "demand", "edacc", "esc50", "fleurs", "folder", "fsdd", "l2_arctic", "librispeech",
    "mls", "ms_snsd", "musan", "openslr63", "openslr83", "rhasspy", "rirs_noises", "smc_malayalam", "speechocean762",
    "torgo", "vctk", "voxpopuli", "wham",
}  # fmt: skip


def test_every_corpus_has_a_script_and_a_test():
    assert corpora().keys() == NAMES
    tests = "".join(path.read_text() for path in Path("tests/data_scripts").resolve().glob("test_*.py"))
    for name in NAMES:
        assert (scripts_folder() / f"{name}.py").is_file() and f"{name}" in tests


@pytest.mark.parametrize("name", sorted(NAMES))
def test_facts_are_complete_and_downloads_are_checked_where_that_is_possible(name):
    corpus = corpora()[name]
    assert corpus.name == name and corpus.licence and corpus.layout and corpus.marks and corpus.splits
    assert bool(corpus.downloads) != bool(corpus.access), "either fetched, or said how to get it"
    assert (corpus.page.startswith("http") and corpus.citation) or name == "folder"
    for download in corpus.downloads:
        assert download.url.startswith("http") and download.name.endswith((".zip", ".tar.gz", ".tar.bz2"))
        kind, _, digest = (download.checksum or "md5:" + "0" * 32).partition(":")
        assert len(digest) == {"md5": 32, "sha256": 64}[kind]
    assert len({download.name for download in corpus.downloads}) == len(corpus.downloads)


def test_the_list_names_everything_and_fits_the_terminal():
    text = listing(100)
    for name, corpus in corpora().items():
        assert (
            f"\n{name} " in f"\n{text}"
            and f"data_scripts.{name} --" in text
            and f"[{corpus.met}]" in " ".join(text.split())
        )
    assert max(map(len, (line for line in text.splitlines() if "$ " not in line))) <= 100


def test_one_corpus_with_licence_citation_and_sources(capsys):
    assert _run(["corpora", "l2_arctic"]) == 0
    shown = capsys.readouterr().out
    for words in ("CC BY-NC 4.0", "Zhao et al.", "lhotse: recipes/l2_arctic.py", "fill in the form", "miniature"):
        assert words in shown
    assert shown == page(corpora()["l2_arctic"])


def test_an_unknown_corpus_is_told_the_nearest(capsys):
    assert _run(["corpora", "libreespeech"]) == 2
    assert capsys.readouterr().err == "speech-tl: corpus libreespeech not known; did you mean librispeech?\n"


def test_looking_loads_nothing_heavy():
    heavy = ["torch", "transformers", "datasets", "numpy", "pandas", "pooch", "requests", "soundfile", "pyarrow"]
    code = "import typer, sys; before = set(sys.modules)\nfrom speech_tl.cli import _run; _run(['corpora'])\n"
    code += f"print(sorted(set({heavy!r}) & (set(sys.modules) - before)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stderr == "[]\n"
