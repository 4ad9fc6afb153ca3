"""Every verb of the command line, run for real on a tiny model and a few clips of speech."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.recipe import read_recipe, recipe_from_yaml, shipped_recipes
from tests.small import broken_audio, made_corpus, real_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc

ROOT = Path(__file__).parents[1]
SCRIPT = '''"""Adapt a tiny model: a recipe of one's own."""

from speech_tl.cli import run_recipe
from speech_tl.recipe import read_recipe

recipe = read_recipe({saved!r})

if __name__ == "__main__":
    run_recipe(__file__)
'''


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc(tmp_path_factory.mktemp("model") / "ctc")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real speech where it is at hand, else voices made on the spot."""
    folder = tmp_path_factory.mktemp("corpus")
    beside = Path(os.environ.get("SPEECH_TL_CORPORA", ROOT.parent / "shared" / "corpora"))
    return real_corpus(folder, beside) if (beside / "speechocean762").is_dir() else made_corpus(folder)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, model: Path, manifest: Path) -> Path:
    return recipe_yaml(tmp_path_factory.mktemp("recipe") / "recipe.yaml", model, manifest)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, recipe: Path, manifest: Path) -> Path:
    """A finished run whose data had broken files in it."""
    folder = tmp_path_factory.mktemp("run")
    rows = rows_of(manifest)
    broken = broken_audio(folder / "broken")
    bad = [rows[-1] | {"audio": str(path), "duration": "", "split": "test"} for path in broken.values()]
    data = written(folder / "data.csv", [row | {"duration": row.get("duration", "")} for row in rows] + bad)
    wanted = [f"data.root={data}", "scoring.by=[gender]", "--out", str(folder / "run")]
    assert _run(["adapt", str(recipe), *wanted]) == 0
    return folder / "run"


@pytest.fixture
def speech_tl(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run a command in an empty folder; gives (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> tuple[int, str, str]:
        code = _run([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return command


# ---- adapt


def test_adapt_leaves_the_whole_folder_and_sets_broken_files_aside(run):
    names = ["recipe.yaml", "environment.json", "excluded.jsonl", "report.json", "report.md", "report.html"]
    assert [name for name in names if not (run / name).is_file()] == []
    for part in ("before", "after"):
        assert len((run / part / "utterances.jsonl").read_text().splitlines()) == 4
    excluded = [json.loads(line) for line in (run / "excluded.jsonl").read_text().splitlines()]
    assert {row["problem"] for row in excluded} == {
        "missing", "empty", "truncated", "unreadable", "folder", "silent",
    }  # fmt: skip
    assert all(Path(row["audio"]).stem == row["problem"] for row in excluded)
    report = json.loads((run / "report.json").read_text())
    assert report["training"]["steps"] == 4 and set(report["groups"]) == {"gender"}


def test_plain_transformers_loads_the_adapted_model(run):
    from transformers import AutoModelForCTC, AutoProcessor

    AutoModelForCTC.from_pretrained(run / "model")
    AutoProcessor.from_pretrained(run / "model")


def test_resuming_a_finished_run_repeats_nothing(run, speech_tl):
    written_at = (run / "after" / "utterances.jsonl").stat().st_mtime_ns
    code, out, err = speech_tl("adapt", run / "recipe.yaml", "--resume", "--out", run)
    assert (code, out) == (0, "")
    assert f"Model:  {run / 'model'}" in err.replace("\n", "")
    assert (run / "after" / "utterances.jsonl").stat().st_mtime_ns == written_at


def test_a_recipe_script_takes_the_same_overrides(recipe, run, tmp_path, monkeypatch):
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT.format(saved=str(recipe)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), "training.max_steps=2", "--out", "by-script"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(script), run_name="__main__")
    assert left.value.code == 0
    assert _run(["adapt", str(script), "training.max_steps=2", "--out", "by-command"]) == 0
    saved = [(tmp_path / out / "recipe.yaml").read_text() for out in ("by-script", "by-command")]
    assert saved[0] == saved[1] and recipe_from_yaml(tmp_path / "by-script" / "recipe.yaml").training.max_steps == 2
    figures = [
        json.loads((tmp_path / out / "report.json").read_text())["target"] for out in ("by-script", "by-command")
    ]
    assert figures[0] == figures[1]


def test_a_dry_run_tells_what_a_run_does_and_writes_nothing(recipe, manifest, run, speech_tl, tmp_path):
    place = recipe.parent
    before = {path: path.stat().st_mtime_ns for folder in (place, manifest.parent) for path in folder.rglob("*")}
    broken = broken_audio(tmp_path / "broken")["empty"]
    rows = [*rows_of(manifest), rows_of(manifest)[-1] | {"audio": str(broken)}]
    data = written(tmp_path / "data.csv", rows)
    here = sorted(tmp_path.rglob("*"))
    wanted = ("training.max_steps=null", "training.epochs=6", f"data={data}")
    code, summary, _ = speech_tl("adapt", recipe, "--dry-run", *wanted)
    assert code == 0 and "\ndata " in summary and "learning_rate:" not in summary
    code, out, _ = speech_tl("adapt", recipe, "--dry-run", "--verbose", *wanted)
    assert code == 0
    assert yaml.safe_load(out) == recipe_from_yaml(recipe).with_overrides(
        ["training.max_steps=null", "training.epochs=6", f"data={data}"]
    ).model_dump(mode="json")
    for said in ("train   8 utterances", "test    4 utterances", "set aside 1 (1 empty)", "time      about", "memory"):
        assert said in out
    after = {path: path.stat().st_mtime_ns for folder in (place, manifest.parent) for path in folder.rglob("*")}
    assert after == before and sorted(tmp_path.rglob("*")) == here

    code, _, _ = speech_tl(
        "adapt", recipe, "training.max_steps=null", "training.epochs=6", f"data={data}", "--out", "real"
    )
    steps = json.loads((tmp_path / "real" / "report.json").read_text())["training"]["steps"]
    assert code == 0 and f"steps     {steps} (6 epochs)" in out


def test_how_a_table_was_understood_is_told_before_a_run(recipe, manifest, speech_tl, tmp_path):
    rows = rows_of(manifest)
    data = written(tmp_path / "data.csv", [*rows, rows[-1] | {"split": "spare"}])
    data.write_text(data.read_text().replace(",", ";").replace("audio", "path", 1))
    code, out, _ = speech_tl("adapt", recipe, "--dry-run", f"data={data}")
    assert code == 0
    for said in ("separated by semicolons", "'path' is read as audio", "1 row is in neither train, dev nor test"):
        assert said in out


# ---- stopped on the way


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_ctrl_c_and_kill_leave_a_run_that_resume_finishes(recipe, tmp_path):
    """First Ctrl-C, which stops at a step with a checkpoint; then a kill, which cannot; then the end.

    As from a terminal, Ctrl-C reaches the loader's worker too.
    """
    out = tmp_path / "run"
    wanted = ["adapt", str(recipe), "training.max_steps=150", "training.eval_steps=50", "training.workers=1"]
    wanted += ["--out", str(out)]

    stopped = start(wanted)
    wait_for(lambda: has_logged(out, 25), stopped)
    os.killpg(stopped.pid, signal.SIGINT)
    shown = stopped.communicate(timeout=120)[1].splitlines()
    assert stopped.returncode == 130
    assert shown[-1] == "speech-tl: interrupted; go on with the same command and --resume"
    assert not [line for line in shown if "Traceback" in line]
    stopped_at = newest_checkpoint(out)
    assert 25 <= stopped_at < 150 and not (out / "report.json").exists()

    killed = start([*wanted, "--resume"])
    wait_for(lambda: has_logged(out, stopped_at + 1), killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=120)
    assert not (out / "report.json").exists()

    assert _run([*wanted, "--resume"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["training"]["steps"] == 150
    steps = [json.loads(line)["step"] for line in (out / "training" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 150


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
def test_sigterm_is_heard_like_ctrl_c(recipe, tmp_path):
    """As a scheduler sends it, to the first process alone."""
    out = tmp_path / "run"
    wanted = ["adapt", str(recipe), "training.max_steps=5000", "training.eval_steps=1000", "training.workers=1"]
    stopped = start([*wanted, "--out", str(out)])
    wait_for(lambda: has_logged(out, 25), stopped)
    stopped.terminate()
    shown = stopped.communicate(timeout=120)[1].splitlines()
    assert stopped.returncode == 143
    assert shown[-1] == "speech-tl: terminated; go on with the same command and --resume"
    assert not [line for line in shown if "Traceback" in line]
    assert 25 <= newest_checkpoint(out) < 1000 and not (out / ".lock").exists()


def test_a_run_stopped_before_training_is_resumed_too(recipe, tmp_path, monkeypatch, capsys):
    from speech_tl import adaptation
    from speech_tl.adaptation import worker_processes

    wanted = ["adapt", str(recipe), "--out", str(tmp_path / "run")]

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(worker_processes, "train", interrupted)
        assert _run(wanted) == 130
    assert "--resume" in capsys.readouterr().err
    assert (tmp_path / "run" / "before" / "summary.json").is_file()
    assert _run([*wanted, "--resume"]) == 0

    with monkeypatch.context() as patch:
        patch.setattr(adaptation, "prepare", interrupted)
        assert _run(["adapt", str(recipe), "--out", str(tmp_path / "other")]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def start(arguments: list[str]) -> subprocess.Popen:
    """The command in a process of its own, which listens to Ctrl-C whoever started the tests."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "speech_tl.cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(happened: Callable[[], bool], process: subprocess.Popen) -> None:
    """Until it happened; the process must not end before."""
    patience = time.monotonic() + 300
    while not happened():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < patience
        time.sleep(0.02)


def has_logged(out: Path, step: int) -> bool:
    log = out / "training" / "log.jsonl"
    entries = log.read_text().splitlines() if log.is_file() else []
    return any(json.loads(line)["step"] >= step for line in entries if line.endswith("}"))


def newest_checkpoint(out: Path) -> int:
    return max(int(path.name.split("-")[1]) for path in (out / "training").glob("checkpoint-*"))


# ---- evaluate, compare


def test_evaluate_shows_and_writes_the_figures(model, manifest, speech_tl, tmp_path):
    wanted = ("evaluate", "--model", model, "--data", manifest, "--out", "scores", "--by", "gender", "--by", "speaker")
    code, out, err = speech_tl(*wanted)
    assert (code, out) == (0, "")
    summary = json.loads((tmp_path / "scores" / "summary.json").read_text())
    assert f"{100 * summary['score']['wer']:.1f} %" in err and "normaliser english" in err
    speakers = {row["speaker"] for row in rows_of(manifest) if row["split"] == "test"}
    assert len(speakers) > 1 and [s for s in speakers if f"speaker {s}" not in err] == []


def test_evaluate_scores_what_can_be_decoded_and_says_what_could_not(model, manifest, speech_tl, tmp_path):
    broken = broken_audio(tmp_path / "broken")["unreadable"]
    data = written(tmp_path / "data.csv", [*rows_of(manifest), rows_of(manifest)[-1] | {"audio": str(broken)}])
    code, _, err = speech_tl("evaluate", "--model", model, "--data", data)
    assert code == 1
    assert str(broken) in err and "1 utterances could not be decoded" in err.splitlines()[-1]


def test_compare_gives_the_runs_own_figures(run, speech_tl, tmp_path):
    code, out, err = speech_tl("compare", run / "before", run / "after", "--by", "gender", "--out", "both")
    assert (code, out) == (0, "") and "WER" in err
    own = json.loads((run / "report.json").read_text())
    again = json.loads((tmp_path / "both" / "report.json").read_text())
    assert again["target"] == own["target"] and again["groups"] == own["groups"]


def test_evaluate_and_compare_take_text_from_elsewhere(speech_tl, tmp_path):
    (tmp_path / "said.csv").write_text("audio,text,speaker\na.wav,Hello you,ann\nb.wav,Good day,bob\n")
    for name, text in (("one", "hello"), ("two", "hello you"), ("three", "yellow shoe")):
        (tmp_path / f"{name}.csv").write_text(f"id,hypothesis\na,{text}\nb,good day\n")
    data = ("--data", "said.csv", "--language", "en")
    code, out, err = speech_tl("evaluate", "--hypotheses", "one.csv", *data, "--by", "speaker", "--out", "one")
    assert (code, out) == (0, "") and "25.0 %" in err and "speaker bob" in err
    assert (tmp_path / "one" / "summary.json").is_file()
    code, out, err = speech_tl("compare", "one", "two.csv", "--data", "said.csv", "--out", "both")
    assert (code, out) == (0, "") and err.count("differs:") == 1
    assert "differs: decoding: unknown of before and after (text from elsewhere)" in err
    assert json.loads((tmp_path / "both" / "report.json").read_text())["target"]["after"]["wer"] == 0
    code, out, err = speech_tl("compare", "one.csv", "two.csv", "three.csv", *data, "--out", "all")
    assert (code, out) == (0, "") and "two.csv comes first" in err
    ranking = json.loads((tmp_path / "all" / "report.json").read_text())["ranking"]
    assert [place["name"] for place in ranking] == ["two.csv", "one.csv", "three.csv"]


def test_silence_says_how_many_clips_get_text(model, manifest, speech_tl, tmp_path):
    silent = written(
        tmp_path / "noise.csv", [{"audio": row["audio"], "split": "test"} for row in rows_of(manifest)[:3]]
    )
    code, out, err = speech_tl("evaluate", "--model", model, "--data", silent, "--silence", "--out", "out")
    figures = json.loads((tmp_path / "out" / "summary.json").read_text())["data"]["silence"]
    assert (code, out) == (0, "") and figures["clips"] == 3
    assert f"{figures['with_text']} of 3 clips without speech got text" in err


# ---- transcribe


def test_transcribe_prints_one_recording_and_nothing_else(model, manifest, speech_tl):
    audio = rows_of(manifest)[0]["audio"]
    code, out, _ = speech_tl("transcribe", "--model", model, audio)
    assert code == 0 and out.strip() and audio not in out and out.endswith("\n")
    code, as_json, _ = speech_tl("transcribe", "--model", model, audio, "--format", "json")
    assert json.loads(as_json)["text"] == " ".join(out.split())
    code, as_srt, _ = speech_tl("transcribe", "--model", model, audio, "--format", "srt")
    assert re.match(r"1\n00:00:00,\d{3} --> ", as_srt)


def test_transcribe_goes_on_after_a_bad_file_and_says_so(model, manifest, speech_tl, tmp_path):
    audio = [row["audio"] for row in rows_of(manifest)[:2]]
    broken = broken_audio(tmp_path / "broken")["empty"]
    code, out, err = speech_tl("transcribe", "--model", model, audio[0], broken, audio[1])
    assert code == 1
    assert [line.split("\t")[0] for line in out.splitlines()] == audio
    assert "empty.wav" in err and "1 of 3 recordings" in err.splitlines()[-1]


def test_transcribe_writes_every_format(model, manifest, speech_tl, tmp_path):
    shutil.copy(rows_of(manifest)[0]["audio"], tmp_path / f"talk{Path(rows_of(manifest)[0]['audio']).suffix}")
    formats = ["txt", "srt", "vtt", "tsv", "json"]
    wanted = [part for name in formats for part in ("--format", name)]
    code, out, _ = speech_tl("transcribe", "--model", model, f"talk{Path(rows_of(manifest)[0]['audio']).suffix}",
                             "--out", "texts", *wanted)  # fmt: skip
    assert (code, out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "texts").iterdir()) == sorted(f"talk.{name}" for name in formats)


# ---- check, recipes, help


def test_check_finds_what_is_wrong_and_writes_what_is_left(model, manifest, speech_tl, tmp_path):
    broken = broken_audio(tmp_path / "broken")["truncated"]
    data = written(tmp_path / "data.csv", [*rows_of(manifest), rows_of(manifest)[0] | {"audio": str(broken)}])
    code, _, err = speech_tl("check", data, "--model", model, "--write-clean", "clean.csv")
    assert code == 1 and "truncated: 1" in err and "truncated.wav" in err
    assert len(Manifest.read(tmp_path / "clean.csv")) == len(rows_of(manifest))


def test_recipes_are_listed_shown_and_copied_once(speech_tl, tmp_path):
    names = sorted(shipped_recipes())
    code, out, _ = speech_tl("recipes")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == names
    assert all(len(line.split()) > 3 for line in out.splitlines()), "a recipe without a title"
    name = next(name for name in names if "/" in name)
    code, out, _ = speech_tl("recipes", "show", name)
    assert (code, out) == (0, shipped_recipes()[name].read_text() + "\n")
    code, out, _ = speech_tl("recipes", "copy", name)
    copied = tmp_path / shipped_recipes()[name].name
    assert code == 0 and str(copied.name) in out
    assert read_recipe(str(copied)) == read_recipe(name)
    code, _, err = speech_tl("recipes", "copy", name)
    assert code == 2 and len(err.splitlines()) == 1 and copied.name in err


@pytest.mark.parametrize("verb", ["adapt", "evaluate", "compare", "transcribe", "check", "recipes", "doctor"])
def test_every_verb_has_help(speech_tl, verb):
    code, out, _ = speech_tl(verb, "--help")
    assert code == 0 and f"speech-tl {verb}" in out
