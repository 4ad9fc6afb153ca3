"""CPU runs where Unix modules and calls are missing, as on Windows: adapt, transcribe, evaluate and check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from speech_tl.training import memory
from tests.small import ROOT, made_corpus, recipe_yaml
from tests.tiny import tiny_ctc

UNIX_MODULES = (
    "resource",
    "fcntl",
    "pwd",
    "grp",
    "termios",
    "tty",
    "pty",
    "readline",
    "syslog",
    "nis",
    "spwd",
    "crypt",
)
UNIX_CALLS = (
    "pread", "preadv", "pwrite", "sched_getaffinity", "sched_setaffinity", "fork", "forkpty", "killpg", "getpgid",
    "setpgid", "setsid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysconf", "mkfifo", "nice", "wait3",
    "wait4", "posix_fadvise", "posix_fallocate", "fchmod", "chown", "statvfs", "fstatvfs", "getloadavg", "getpriority",
)  # fmt: skip

HIDDEN = f"""
import os, select, signal, sys
from pathlib import Path

folder = Path(sys.argv[1])
# What other packages do about it is their business.
import accelerate, datasets, jiwer, librosa, peft, pydantic, scipy.signal, torch, torchaudio, typer
from transformers import EarlyStoppingCallback, Trainer, Wav2Vec2ForCTC, WhisperForConditionalGeneration
for name in {UNIX_MODULES!r}:
    sys.modules[name] = None
for name in {UNIX_CALLS!r}:
    if name != "statvfs" and hasattr(os, name):  # with it `shutil.disk_usage` does what it does elsewhere without
        delattr(os, name)
for name in ("poll", "epoll"):
    if hasattr(select, name):
        delattr(select, name)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGQUIT", "alarm", "setitimer"):
    if hasattr(signal, name):
        delattr(signal, name)

from speech_tl.cli import _run

clip = str(next((folder / "data" / "audio").iterdir()))
model = str(folder / "run" / "model")
data = str(folder / "data" / "manifest.csv")
for command in (
    ["adapt", str(folder / "recipe.yaml"), "--dry-run"],
    ["adapt", str(folder / "recipe.yaml"), "--out", str(folder / "run")],
    ["transcribe", "--model", model, clip],
    ["evaluate", "--model", model, "--data", data],
    ["check", data],
    ["doctor"],
):
    code = _run(command)
    print(command[0], code, flush=True)
    assert code in (0, 1), command
"""


def test_a_run_without_unix_modules(tmp_path: Path) -> None:
    data = made_corpus(tmp_path / "data")
    recipe_yaml(tmp_path / "recipe.yaml", tiny_ctc(tmp_path / "ctc"), data, max_steps=1, eval_steps=1)
    command = [sys.executable, "-c", HIDDEN, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert (tmp_path / "run" / "report.html").is_file()
    assert [line for line in done.stdout.splitlines() if line.startswith(("adapt", "transcribe", "evaluate"))] == [
        "adapt 0",
        "adapt 0",
        "transcribe 0",
        "evaluate 0",
    ]


def test_no_module_of_ours_needs_a_unix_module_or_call_unguarded() -> None:
    """A guard is a `try`, an `if`, or `getattr`; what runs in no test of a platform is at least seen here."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {what}"
        for folder in ("speech_tl", "recipes", "data_scripts")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, what in unguarded(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, found


def unguarded(tree: ast.AST, guarded: bool = False) -> list[tuple[int, str]]:
    """(line, name) of every import of a Unix module, and use of a Unix call, outside any `try`, `if` or `hasattr`."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and not guarded:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [(node.lineno, name) for name in names if name in UNIX_MODULES]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and not guarded:
            if node.value.id == "os" and node.attr in UNIX_CALLS:
                found.append((node.lineno, f"os.{node.attr}"))
            if node.value.id == "signal" and node.attr in ("SIGKILL", "SIGHUP", "SIGALRM", "alarm"):
                found.append((node.lineno, f"signal.{node.attr}"))
        inside = guarded or isinstance(node, ast.Try | ast.If | ast.IfExp)
        found += unguarded(node, inside)
    return found


def test_the_peak_of_memory_is_known_without_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = memory.peak_memory_bytes("cpu")
    monkeypatch.setitem(sys.modules, "resource", None)
    assert 0.2 * usual < memory.peak_memory_bytes("cpu") < 1.1 * usual
