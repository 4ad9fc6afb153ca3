"""An error that nobody expected: exit code 70, one line that says where to report it, a file with what happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from speech_tl import uncaught

ROOT = Path(__file__).parents[1]

PLANTED = """
import speech_tl.data.manifest as planted
def read(*arguments, **options):
    raise {error}
planted.Manifest.read = read
from speech_tl.cli import main
main({arguments!r})
"""


def command(tmp_path: Path, error: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`speech-tl check` in a process of its own, with a fault planted in what reads tables."""
    script = PLANTED.format(error=error, arguments=["check", "my data.csv"])
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), **environment},
    )


def test_a_fault_of_ours_exits_with_70_and_says_where_to_report_it(tmp_path):
    done = command(tmp_path, "KeyError('a\\n\\x1b[31mred')")
    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 70, done.stderr
    assert "Traceback" not in done.stderr and "\x1b" not in done.stderr
    assert line.startswith("speech-tl: internal error, KeyError") and "report it" in line
    saved = Path(re.search(r"with (\S+\.txt)", line).group(1)).read_text()
    assert "speech-tl check 'my data.csv'" in saved and "Traceback" in saved and "in read" in saved and "torch" in saved


def test_packages_that_do_not_go_together_are_said_to_be_so(tmp_path):
    done = command(tmp_path, "OSError('Could not load this library: libtorchaudio.so')")
    assert done.returncode == 70 and not list(tmp_path.glob("speech-tl-error-*"))
    assert done.stderr.strip().splitlines()[-1] == (
        "speech-tl: installed packages do not go together, OSError: Could not load this library: libtorchaudio.so: "
        "`speech-tl doctor` says what to install"
    )


def test_the_traceback_is_shown_where_it_is_asked_for(tmp_path):
    done = command(tmp_path, "RuntimeError('planted')", SPEECH_TL_TRACEBACK="1")
    assert done.returncode == 70
    assert "Traceback" in done.stderr and "RuntimeError: planted" in done.stderr


def test_a_mistake_of_the_users_and_work_done_in_part_are_none(tmp_path):
    assert command(tmp_path, "__import__('speech_tl.errors').errors.BadInput('x')").returncode == 2
    assert command(tmp_path, "__import__('speech_tl.errors').errors.PartlyDone('x')").returncode == 1
    assert command(tmp_path, "KeyboardInterrupt()").returncode == 130
    assert command(tmp_path, "__import__('speech_tl.errors').errors.Terminated()").returncode in (130, 143)
    assert not list(tmp_path.glob("speech-tl-error-*"))


def test_where_no_file_can_be_written_the_line_is_said_all_the_same(monkeypatch, tmp_path):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uncaught.tempfile, "mkstemp", full)
    assert "SPEECH_TL_TRACEBACK=1" in uncaught.report(RuntimeError("x"), ["doctor"])


def test_the_tracker_is_the_packages_own(monkeypatch):
    class Described:
        def get_all(self, name: str) -> list[str]:
            assert name == "Project-URL"
            return ["Source, https://example.org/source", "Issues, https://example.org/issues"]

    monkeypatch.setattr(uncaught.metadata, "metadata", lambda name: Described())
    assert "report it at https://example.org/issues" in uncaught.report(RuntimeError("x"), [])
