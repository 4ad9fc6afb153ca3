"""What a person meets at the prompt before any real work: versions, help, completion, lists, the first second."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from speech_tl import __version__
from speech_tl.cli import _run, app
from speech_tl.commands.adapting import _what_next
from speech_tl.recipe import script_titles, shipped_studies
from tests.small import broken_audio, made_corpus, rows_of, written

ROOT = Path(__file__).parents[1]
VERBS = sorted(command.callback.__name__ for command in app.registered_commands)


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """`python -m speech_tl` with these arguments, from a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "speech_tl", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("arguments", [["--version"], ["adapt", "--version"], ["doctor", "--version"]])
def test_the_version_is_told_everywhere(arguments, capsys):
    assert _run(arguments) == 0
    assert capsys.readouterr().out == f"speech-tl {__version__}\n"


def test_alone_it_shows_its_help_with_whole_lines_and_is_done(capsys):
    assert _run([]) == 0
    alone = capsys.readouterr()
    assert _run(["-h"]) == 0
    assert capsys.readouterr().out == alone.out and not alone.err
    for verb in VERBS:
        (command,) = (command for command in app.registered_commands if command.callback.__name__ == verb)
        first_line = command.callback.__doc__.partition("\n")[0]
        assert f"{verb} {first_line}" in " ".join(alone.out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_knows_the_short_flag_for_help(verb, capsys):
    assert _run([verb, "-h"]) == 0
    assert f"speech-tl {verb}" in capsys.readouterr().out


def test_the_package_runs_as_a_module():
    told = in_a_process("--version")
    assert (told.returncode, told.stdout) == (0, f"speech-tl {__version__}\n")


def test_the_shell_completes_verbs_and_recipes():
    script = in_a_process(_SPEECH_TL_COMPLETE="source_bash")
    assert script.returncode == 0 and "complete" in script.stdout and "_SPEECH_TL_COMPLETE" in script.stdout
    asked = {"_SPEECH_TL_COMPLETE": "complete_bash", "COMP_WORDS": "speech-tl tra", "COMP_CWORD": "1"}
    assert in_a_process(**asked).stdout.split() == ["transcribe"]
    asked |= {"COMP_WORDS": "speech-tl adapt accent/man", "COMP_CWORD": "2"}
    assert in_a_process(**asked).stdout.split() == ["accent/mandarin_english"]


def test_studies_are_listed(capsys):
    assert _run(["study"]) == 0
    listed = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert listed == [[name, title] for name, title in script_titles(shipped_studies()).items()]
    assert len(listed) >= 4


def test_something_is_on_the_screen_within_a_second(tmp_path):
    """While torch is imported, which takes seconds; what ends sooner stays one line."""
    speech = made_corpus(tmp_path)
    arguments = ["evaluate", "--model", "starter-wav2vec2", "--data", str(speech)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "speech_tl", *arguments], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        first = process.stderr.readline()
        seen_s = time.monotonic() - started
        process.kill()
    assert first == "loading torch ...\n"
    assert seen_s < 3, f"{seen_s:.1f} s"  # one on a free machine
    mistake = in_a_process("evaluate", "--model", "starter-wav2vec2")
    assert mistake.returncode == 2 and len(mistake.stderr.splitlines()) == 1


def test_check_ends_well_with_notes_and_not_with_rows_that_cannot_be_used(tmp_path, capsys):
    rows = rows_of(made_corpus(tmp_path))
    shared = [rows[0] | {"split": "train"}, rows[0] | {"split": "test"}]
    assert _run(["check", str(written(tmp_path / "notes.csv", [*rows, *shared]))]) == 0
    assert "duplicate audio" in capsys.readouterr().err
    broken = str(broken_audio(tmp_path / "broken")["empty"])
    assert _run(["check", str(written(tmp_path / "broken.csv", [*rows, rows[0] | {"audio": broken}]))]) == 1
    assert f"1 of {len(rows) + 1} rows cannot be used" in capsys.readouterr().err.splitlines()[-1]


def test_the_doctor_speaks_on_standard_output(capsys, monkeypatch):
    from speech_tl import doctor

    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Finding("Versions", "python", "ok", "3.11")])
    assert _run(["doctor"]) == 0
    shown = capsys.readouterr()
    assert "python: 3.11" in shown.out and not shown.err


def test_suggested_commands_can_be_pasted(tmp_path):
    run = tmp_path / "my runs" / "it's (1)"
    for line in _what_next(run, "speaker/my_voice")[3:5]:
        words = shlex.split(line)
        assert words[words.index("--model") + 1] == str(run / "model")
    assert not any("my_voice" in line for line in _what_next(run, "speaker/my_voice"))
    assert any("my_voice" in line for line in _what_next(run, "accent/scottish_english"))


def test_what_was_written_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("said.csv").write_text("audio,text\na.wav,hello you\nb.wav,good day\n")
    for name in ("one", "two"):
        Path(f"{name}.csv").write_text("id,hypothesis\na,hello\nb,good day\n")
    data = ["--data", "said.csv", "--language", "en"]
    assert _run(["evaluate", "--hypotheses", "one.csv", *data, "--out", "scores"]) == 0
    assert f"Wrote {Path('scores/summary.json')} and {Path('scores/utterances.jsonl')}" in capsys.readouterr().err
    assert _run(["compare", "one.csv", "two.csv", *data, "--out", "both"]) == 0
    assert f"Report: {Path('both/report.html')}" in capsys.readouterr().err
