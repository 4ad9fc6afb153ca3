"""What data, paths and models hold is shown as text: nothing of it steers a terminal, no bracket is markup."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from speech_tl.cli import _run
from speech_tl.screen import Screen
from tests.small import ROOT, made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
HOSTILE = "\x1b]0;mine\x07\x1b[2J\x9b31m\u202e[red] :smile:"
SPELT = r"\u001b]0;mine\u0007\u001b[2J\u009b31m\u202e[red] :smile:"
MARKUP = "[/red]"

Command = Callable[..., str]


class Place:
    """A folder whose name, tables, audio and model are hostile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"dir[old] {HOSTILE}"
        self.model = tiny_ctc(self.folder / f"model {HOSTILE}")
        rows = rows_of(made_corpus(self.folder / "corpus"))
        rows = [row | {"speaker": f"{row['speaker']} {HOSTILE} {MARKUP}"} for row in rows]
        bad = [rows[0] | {"audio": f"gone {HOSTILE}.wav"}, rows[1] | {"text": "", "split": HOSTILE}]
        bad.append(rows[2] | {"split": MARKUP})
        self.manifest = written(self.folder / "m.csv", rows)
        self.broken = written(self.folder / "broken.csv", [*rows, *bad])
        self.audio = self.folder / f"one {HOSTILE}.wav"
        shutil.copy(rows[0]["audio"], self.audio)
        self.recipe = recipe_yaml(self.folder / "recipe.yaml", self.model, self.manifest)
        said = [{"id": f"u{n}", "reference": "one two", "speaker": f"{HOSTILE} {MARKUP} {n % 2}"} for n in range(6)]
        self.texts = [
            written(
                self.folder / f"{name} {HOSTILE}.csv", [row | {"hypothesis": f"one {HOSTILE} {word}"} for row in said]
            )
            for name, word in (("a", "two"), ("b", "too"), ("c", MARKUP))
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("place"))


@pytest.fixture
def shown(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command; what it shows, which steers nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")

    def run(*arguments: object, code: int = 0) -> str:
        got = _run([str(argument) for argument in arguments])
        found = capsys.readouterr()
        page = found.out + found.err
        assert got == code, page
        assert not STEERING.search(page), repr(STEERING.search(page))
        return page

    return run


def unwrapped(page: str) -> str:
    """Without the white space and lines of a table, which folds what is long."""
    return re.sub(r"[\s│┃]", "", page)


def test_check(place, shown):
    page = shown("check", place.broken, "--model", place.model, "--write-clean", f"clean{HOSTILE}.csv", code=1)
    assert f"dir[old] {SPELT}" in page and f"gone {SPELT}.wav: no such file" in page and MARKUP in page
    assert f"Clean manifest: clean{SPELT}.csv" in page


def test_evaluate_and_its_groups(place, shown):
    page = shown(
        "evaluate", "--model", place.model, "--data", place.manifest, "--by", "speaker", "--out", f"o{HOSTILE}"
    )
    assert f"decoding {place.folder.parent}/dir[old] {SPELT}/m.csv" in page and f"Wrote o{SPELT}" in page
    assert "[red]" in page and ":smile:" in page and MARKUP in page.replace("\n", "").replace(" ", "")


def test_compare_and_rank(place, shown, tmp_path):
    for number, texts in enumerate(place.texts):
        assert "[red]" in shown("evaluate", "--hypotheses", texts, "--by", "speaker", "--out", f"e{number} {HOSTILE}")
    sides = [tmp_path / f"e{number} {HOSTILE}" for number in range(3)]
    page = shown("compare", *sides[:2], "--by", "speaker", "--out", "two")
    assert unwrapped(f"a {SPELT}.csv compared with") in unwrapped(page)
    page = shown("compare", *sides, "--by", "speaker", "--out", "three")
    assert unwrapped(f"e0 {SPELT}") in unwrapped(page)
    for report in ("two", "three"):
        text = (tmp_path / report / "report.md").read_text()
        assert not STEERING.search(text) and "\\[red\\]" in text


def test_a_summary_s_own_words_are_no_markup(place, shown, tmp_path):
    shown("evaluate", "--hypotheses", place.texts[0], "--out", "a")
    shown("evaluate", "--hypotheses", place.texts[1], "--out", "b")
    for side in ("a", "b"):
        path = tmp_path / side / "summary.json"
        hostile = f"`<b>x</b>` | {HOSTILE} {MARKUP}\n# heading"
        names = {"normaliser": hostile, "normaliser_hash": hostile, "normaliser_reason": hostile}
        path.write_text(json.dumps(json.loads(path.read_text()) | names))
    page = shown("compare", "a", "b", "--out", "out")
    assert MARKUP in page and "[red]" in page
    text = (tmp_path / "out" / "report.md").read_text()
    assert not STEERING.search(text) and "\n# heading" not in text
    outside_code = re.sub("`[^`]*`", "", text)
    assert "<b>" not in outside_code.replace("\\<b", "")
    html = (tmp_path / "out" / "report.html").read_text()
    assert "<b>x" not in html and "&lt;b&gt;x" in html


def test_transcribe(place, shown, tmp_path):
    shutil.copy(place.audio, f"two {HOSTILE}.wav")
    page = shown("transcribe", place.audio, f"two {HOSTILE}.wav", "--model", place.model)
    assert f"one {SPELT}.wav\t" in page
    shown("transcribe", place.audio, "--model", place.model, "--out", f"o{HOSTILE}", "--format", "srt")


def test_json_on_the_terminal_is_what_it_was(place, capsys):
    assert _run(["transcribe", str(place.audio), "--model", str(place.model), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["audio"] == str(place.audio)


def test_adapt_hear_and_their_plans(place, shown, tmp_path):
    shown("adapt", place.recipe, "--dry-run", "--verbose")
    page = shown("hear", place.manifest, "--augment", "telephone", "--count", "1", "--out", f"h{HOSTILE}")
    assert f"h{SPELT}/" in page
    page = shown("adapt", place.recipe, "scoring.by=[speaker]", "--out", f"run{HOSTILE}")
    assert f"run{SPELT}/report.html" in page
    for text in (tmp_path / f"run{HOSTILE}").rglob("*.md"):
        assert not STEERING.search(text.read_text()), text


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "NAME.csv"],
        ["evaluate", "--model", "NAME", "--data", "x.csv"],
        ["evaluate", "--model", "starter-wav2vec2", "--data", "NAME/NAME"],
        ["evaluate", "--hypotheses", "NAME.csv"],
        ["compare", "NAME", "NAME2"],
        ["transcribe", "NAME.wav", "--model", "starter-wav2vec2"],
        ["segment", "NAME.wav", "NAME.txt", "--model", "starter-wav2vec2"],
        ["adapt", "NAME"],
        ["adapt", "quickstart", "NAME=1"],
        ["adapt", "quickstart", "data.root=NAME.csv"],
        ["study", "NAME"],
        ["hear", "NAME.csv", "--augment", "NAME"],
        ["record", "--out", "o", "--sentences", "NAME.txt"],
        ["recipes", "copy", "NAME"],
        ["corpora", "NAME"],
        ["NAME"],
        ["check", "--NAME"],
    ],
    ids=" ".join,
)
def test_mistakes_in_every_command(shown, arguments):
    page = shown(*(word.replace("NAME", f"no\nspeech-tl: done {HOSTILE}{MARKUP}") for word in arguments), code=2)
    lines = [line for line in page.splitlines() if not line.endswith("...")]
    assert len(lines) == 1, page


def test_names_that_are_no_text(place, tmp_path):
    """A file's name may hold bytes that are no UTF-8; a real process, for the streams of a test take anything."""
    name = os.fsencode(tmp_path) + b"/bad\xff\x9b.wav"
    shutil.copy(place.audio, name)
    command = [sys.executable, "-m", "speech_tl.cli", "transcribe", os.fsdecode(name), "--model", "starter-wav2vec2"]
    done = subprocess.run([*command, str(place.audio)], cwd=ROOT, capture_output=True)
    assert done.returncode == 0 and b"\\udcff" in done.stdout, done.stderr


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Screen, io.StringIO]]:
    """A screen that is a terminal."""
    from rich.console import Console

    file = io.StringIO()
    yield Screen(Console(file=file, force_terminal=True, width=300)), file


def test_a_progress_bar_s_title_and_note(monkeypatch):
    with terminal(monkeypatch) as (screen, file):
        with screen.progress(f"decoding {MARKUP} {HOSTILE}") as update:
            update(1, 2, note=f"{MARKUP} {HOSTILE}")
        screen.line(f"{MARKUP} {HOSTILE}")
    page = file.getvalue()
    own = re.compile(r"\x1b\[(\?25[lh]|[\d;]*[mKA])|\r|\n")  # colours, and what moves a bar
    assert not STEERING.search(own.sub("", page)), repr(own.sub("", page))
    assert MARKUP in page and "[red] :smile:" in page


def test_a_corpus_script_s_lines(tmp_path, capsys):
    from speech_tl.data.corpora.script import _say

    _say(f"x {HOSTILE}")
    assert capsys.readouterr().err == f"x {SPELT}\n"
