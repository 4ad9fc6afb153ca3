"""docs/deploy: the Dockerfile's steps on what it copies, and files that name each other rightly."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from speech_tl.cli import app

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
OPTIONS = {name for one in typer.main.get_command(app).commands["serve"].params for name in one.opts}
OFFLINE = {
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_NO_INDEX": "1",
}  # pip reads "0" as --no-build-isolation


def instructions(name: str) -> list[str]:
    """What follows an instruction of the Dockerfile, each time it occurs."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


def test_what_the_dockerfile_copies_is_enough_to_install_and_start(tmp_path: Path):
    pytest.importorskip("hatchling", reason="not installed (extra [test])")
    source, target = tmp_path / "src", tmp_path / "installed"
    source.mkdir()
    for line in instructions("COPY"):
        *given, place = line.split()
        for name in given:
            here = ROOT / name
            if here.is_dir():
                shutil.copytree(here, source / place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(here, source / place)
    step = next(line for line in instructions("RUN") if '"./[serve]"' in line)
    where = {**os.environ, **OFFLINE, "PIP_TARGET": str(target)}
    python = f"'{sys.executable}' -m pip"
    done = subprocess.run(
        step.replace("python -m pip", python), shell=True, cwd=source, env=where, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    program, *given = json.loads(instructions("ENTRYPOINT")[0])
    installed = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, str(target / "bin" / program), *given, "--help"]
    shown = subprocess.run(command, env=installed, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "--model" in shown
    assert (target / "speech_tl" / "serving" / "demo.html").is_file()


def test_hadolint_has_nothing_to_say():
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if hadolint is None:
        pytest.skip("hadolint is not installed (extra [test])")
    done = subprocess.run([hadolint, "--no-color", str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_every_option_exists():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    unit = (DEPLOY / "speech_tl.service").read_text(encoding="utf-8")
    given = [*compose["services"]["speech_tl"]["command"], *json.loads(instructions("ENTRYPOINT")[0])]
    given += [*json.loads(instructions("CMD")[0]), *re.search("^ExecStart=(.+)$", unit, re.MULTILINE).group(1).split()]
    asked = {word for word in given if word.startswith("--")}
    assert asked and asked <= OPTIONS


def test_the_files_name_each_other():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    ours = compose["services"]["speech_tl"]
    context = (DEPLOY / ours["build"]["context"]).resolve()
    assert context == ROOT and (context / ours["build"]["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    caddy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    port = instructions("EXPOSE")[0]
    assert f"reverse_proxy speech_tl:{port} " in caddy and f":{port}/healthz" in instructions("HEALTHCHECK.*?CMD")[0]
    name = ours["command"][ours["command"].index("--allow-host") + 1]
    assert caddy.startswith(f"{name} {{")


def test_the_service_is_one_that_systemd_takes(tmp_path: Path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    unit = tmp_path / "speech_tl.service"
    text = (DEPLOY / "speech_tl.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/speech_tl/bin/speech-tl", shutil.which("true")))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
