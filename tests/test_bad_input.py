"""A user's mistakes: one line that names the thing, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from speech_tl.audio import save_audio
from speech_tl.cli import _run
from speech_tl.text import write_atomically
from tests.data.augment.made import noise_folder
from tests.small import broken_audio, made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

FAULTS = ["missing", "empty", "truncated", "unreadable", "folder", "silent"]

Refused = Callable[..., str]


class Shop:
    """What a case is made from: a good model, corpus and recipe to spoil one thing of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = tiny_ctc(folder / "model")
        self.manifest = made_corpus(folder / "corpus")
        self.recipe = recipe_yaml(folder / "recipe.yaml", self.model, self.manifest)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Run a command and hold it to the promise; returns its one line."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, names: tuple[str, ...] = ()) -> str:
        before = everything_below(tmp_path)
        code = _run([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        lines = [line for line in shown.err.splitlines() if line.strip() and not line.endswith(" ...")]
        assert code == 2, shown
        assert len(lines) == 1 and lines[0].startswith("speech-tl: "), shown.err
        assert shown.out == ""
        for name in names:
            assert name in lines[0], lines[0]
        assert everything_below(tmp_path) == before
        return lines[0]

    return run


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def adapt(shop: Shop, *overrides: str) -> list[str]:
    return ["adapt", str(shop.recipe), *overrides, "--out", "run"]


# ---- manifests


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("audio,text,split\n", "no rows"),
        ("sound,text\na.wav,hello\n", "no column 'audio'"),
        ("audio,split\na.wav,train\n", "no column 'text'"),
        ("audio,text,duration\na.wav,hello,long\n", "duration is 'long'"),
        ("audio,text\na.wav,hello,dear\n", "quotes"),
    ],
    ids=["empty", "header only", "no audio column", "no text", "no number", "unquoted"],
)
@pytest.mark.parametrize("verb", ["adapt", "evaluate"])
def test_a_manifest_that_cannot_be_used(shop, refused, tmp_path, verb, content, said):
    manifest = tmp_path / "mine.csv"
    manifest.write_text(content)
    evaluate = ["evaluate", "--model", shop.model, "--data", manifest, "--out", "run"]
    command = adapt(shop, f"data.root={manifest}") if verb == "adapt" else evaluate
    refused(*command, names=("mine.csv", said))


def test_a_manifest_that_is_not_there(shop, refused):
    refused(*adapt(shop, "data.root=nowhere.csv"), names=("nowhere.csv",))
    refused("check", "nowhere.csv", names=("nowhere.csv",))
    refused("evaluate", "--model", shop.model, "--data", "nowhere.csv", names=("nowhere.csv",))


def test_no_data_at_all(shop, refused):
    refused(*adapt(shop, "data.root=null"), names=("data.root",))


def test_a_column_to_group_by_is_missed_before_anything_is_trained(shop, refused):
    refused(*adapt(shop, "scoring.by=[gendre]"), names=("scoring.by gendre", "did you mean gender"))
    evaluate = ("evaluate", "--model", shop.model, "--data", shop.manifest)
    refused(*evaluate, "--by", "gendre", names=("--by gendre", "did you mean gender"))


def test_a_split_that_is_not_there(shop, refused):
    evaluate = ("evaluate", "--model", shop.model, "--data", shop.manifest)
    refused(*evaluate, "--split", "tset", names=("tset", "there are: dev, test, train"))


def test_a_filter_that_leaves_nothing(shop, refused):
    refused(*adapt(shop, "data.where.gender=x"), names=("gender = x", "there are: f, m"))


def test_a_split_without_usable_rows(shop, refused, tmp_path):
    rows = [row | {"text": "" if row["split"] == "dev" else row["text"]} for row in rows_of(shop.manifest)]
    manifest = written(tmp_path / "nodev.csv", rows)
    refused(*adapt(shop, f"data.root={manifest}"), names=("nodev.csv", "split dev"))


def test_a_speaker_in_train_and_test(shop, refused, tmp_path):
    manifest = written(tmp_path / "same.csv", [row | {"speaker": "ann"} for row in rows_of(shop.manifest)])
    refused(*adapt(shop, f"data.root={manifest}"), names=("same.csv", "ann", "data.allow_speaker_overlap=true"))


def test_an_accent_and_a_language_that_are_not_there(shop, refused, tmp_path):
    rows = [row | {"accent": "Scottish English|Glasgow", "language": "wo"} for row in rows_of(shop.manifest)]
    manifest = written(tmp_path / "accents.csv", rows)
    there = ("accents.csv", "accent = Scotish English", "there are: Glasgow, Scottish English", "did you mean Scottish")
    refused(*adapt(shop, f"data.root={manifest}", "data.where.accent=Scotish English"), names=there)
    whisper = tiny_whisper(tmp_path / "whisper")
    refused(*adapt(shop, f"data.root={manifest}", f"model={whisper}"), names=("language=wo", "model.language=CODE"))


# ---- noise and rooms


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        ("nowhere", ("noise.folders: noise", "no such manifest")),
        ("no audio", ("noise.folders: noise", "holds no manifest", "audio file")),
        ("silent", ("noise.folders: ", "quiet.wav", "nothing to be heard", "take it out of noise")),
        ("broken", ("noise.folders: ", "broken.wav")),
        ("no test", ("noise.folders: noise", "nothing for test", "split=test")),
    ],
)
def test_noise_that_cannot_be_used(shop, refused, tmp_path, fault, names):
    if fault != "nowhere":
        (tmp_path / "noise").mkdir()
        (tmp_path / "noise" / "notes.md").write_text("no sound")
    if fault in ("silent", "broken"):
        noise_folder(tmp_path / "noise", [1.0, 1.0])
    if fault == "silent":
        save_audio(tmp_path / "noise" / "quiet.wav", np.zeros(16000, np.float32), 16000)
    if fault == "broken":
        (tmp_path / "noise" / "broken.wav").write_text("not audio")
    if fault == "no test":
        noise_folder(tmp_path / "noise", [1.0] * 3, ["train"] * 3)
    ladder = ["ladder.utterances=2"] if fault == "no test" else []
    refused(*adapt(shop, "augment.noise.folders=noise", *ladder), names=names)


def test_a_ladder_without_noise_and_a_range_upside_down(shop, refused):
    refused(*adapt(shop, "ladder.utterances=5"), names=("a ladder needs noise", "ladder.noise.folders=DIR"))
    refused(*adapt(shop, "augment.gain.gain_db=[5, 1]"), names=("augment.gain.gain_db", "5 is above 1"))


def test_silent_speech_that_noise_is_asked_for(shop, refused, tmp_path):
    silent = broken_audio(tmp_path / "broken")["silent"]
    manifest = written(tmp_path / "m.csv", [rows_of(shop.manifest)[0] | {"audio": str(silent)}])
    hear = ("hear", manifest, "--augment", "noise.generated=[white]", "--out", "heard")
    refused(*hear, names=("silent.wav", "no signal-to-noise ratio"))


# ---- hypotheses of another recogniser


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("few.csv", "id,text\na,x\n", ("few.csv", "no hypothesis for 1 of 2 utterances", "b.wav")),
        ("more.csv", "id,text\na,x\nb,x\nc,x\n", ("more.csv", "3 hypotheses, 2 utterances", "lack c")),
        ("other.csv", "id,text\nx1,x\nx2,x\n", ("other.csv", "lack x1, x2")),
        ("twice.csv", "id,text\na,x\nb,x\na,y\n", ("twice.csv", "line 4", "id a for the second time")),
        ("empty.csv", "id,text\n", ("empty.csv", "holds no hypothesis")),
        ("nothing.trn", "", ("nothing.trn", "holds no utterance")),
        ("columns.csv", "file,words\na,x\n", ("columns.csv", "no column", "file, words")),
        ("cyrillic.csv", "id,text\na,привет\n".encode("cp1251"), ("cyrillic.csv", "line 2", "UTF-8")),
        ("wide.jsonl", '{"id": "a"}'.encode("utf-16-le"), ("wide.jsonl", "line 1", "UTF-8")),
        ("notes.docx", "x", ("notes.docx", "'.docx'", ".jsonl")),
        ("missing.csv", None, ("missing.csv", "no such file")),
        ("words.ctm", "a 1 0 1 hi\n", ("words.ctm", "no word of recording b")),
    ],
)
def test_a_hypotheses_file_that_cannot_be_used(refused, tmp_path, name, content, names):
    (tmp_path / "said.csv").write_text("audio,text\na.wav,hello\nb.wav,you\n")
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    refused("evaluate", "--hypotheses", name, "--data", "said.csv", "--out", "out", names=names)


def test_hypotheses_without_references_and_references_without_text(refused, tmp_path):
    (tmp_path / "h.csv").write_text("id,text\na,x\n")
    (tmp_path / "noise.csv").write_text("audio,label\na.wav,rain\n")
    refused("evaluate", "--hypotheses", "h.csv", names=("h.csv holds no references", "--data"))
    refused("evaluate", "--hypotheses", "h.csv", "--data", "noise.csv", names=("noise.csv", "no column 'text'"))
    (tmp_path / "said.csv").write_text("audio,text\na.wav,hello\n")
    silence = ("evaluate", "--hypotheses", "h.csv", "--data", "said.csv", "--silence")
    refused(*silence, names=("--silence", "said.csv", "have text"))


def test_a_normaliser_of_ones_own_that_is_not_there(shop, refused, tmp_path):
    refused(*adapt(shop, "scoring.normaliser=my_rules:clean"), names=("my_rules:clean", "no module my_rules"))
    evaluate = ("evaluate", "--model", shop.model, "--data", shop.manifest)
    refused(*evaluate, "--normaliser", "textwrap:indentt", names=("textwrap has no indentt", "did you mean indent"))


def test_evaluations_that_are_not_of_one_test_set(refused, tmp_path):
    for name, ids in (("one", "ab"), ("two", "ab"), ("three", "ac")):
        rows = [f"{letter},x,{letter}" for letter in ids]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,hypothesis,reference", *rows]) + "\n")
    refused("compare", "one.csv", "three.csv", names=("one.csv and three.csv are not of the same test set", "c"))
    refused("compare", "one.csv", "two.csv", "three.csv", names=("one.csv and three.csv", "only three.csv has c"))
    refused("compare", "one.csv", "two.csv", "one.csv", names=("one.csv is given twice",))


# ---- audio


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_but_broken_audio(shop, refused, tmp_path, fault):
    broken = broken_audio(tmp_path / "broken")[fault]
    rows = [row | {"audio": str(broken)} for row in rows_of(shop.manifest)]
    if fault == "silent":  # train is only looked at by its headers
        rows = [row | {"split": "test"} for row in rows] + [
            row for row in rows_of(shop.manifest) if row["split"] != "test"
        ]
    manifest = written(tmp_path / "broken.csv", rows)
    refused(*adapt(shop, f"data.root={manifest}"), names=("broken.csv", "no usable"))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "silent"])
def test_one_recording_that_cannot_be_transcribed(shop, refused, tmp_path, fault):
    broken = broken_audio(tmp_path / "broken")[fault]
    refused("transcribe", "--model", shop.model, broken, names=(f"{fault}.wav",))


def test_a_pattern_that_matches_nothing_and_a_format_nobody_knows(shop, refused, tmp_path):
    refused("transcribe", "--model", "no-such-model", "talks/*.wav", names=("talks/*.wav",))
    audio = rows_of(shop.manifest)[0]["audio"]
    refused("transcribe", "--model", shop.model, audio, "--format", "str", names=("'str'", "did you mean srt"))


# ---- recipes


def test_a_recipe_nobody_ships(refused):
    refused("adapt", "quickstrat", names=("quickstrat", "did you mean quickstart"))
    refused("recipes", "show", "quickstrat", names=("quickstrat", "did you mean quickstart"))


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("training.learning_rat=1e-4", ("training.learning_rat", "did you mean training.learning_rate")),
        ("learning_rate=1e-4", ("learning_rate", "did you mean training.learning_rate")),
        ("trainin.max_steps=3", ("trainin.max_steps", "did you mean training.max_steps")),
        ("training.max_steps=many", ("training.max_steps", "'many'")),
        ("training.max_steps=0", ("training.max_steps", "0")),
        ("training.batch_seconds=-1", ("training.batch_seconds", "-1")),
        ("training.precision=bf17", ("training.precision", "bf16")),
        ("data.min_duration_s=50", ("min_duration_s", "max_duration_s")),
        ("strategy=ful", ("strategy", "ful")),
        ("scoring.normaliser=englisch", ("englisch", "english")),
        ("scoring.by=gender", ("scoring.by", "gender")),
        ("training.max_steps", ("training.max_steps", "key=value")),
        ("training=fast", ("training", "fast")),
        ("training.max_steps=[1", ("training.max_steps", "cannot be read")),
    ],
)
def test_an_override_that_does_not_fit(shop, refused, override, names):
    refused(*adapt(shop, override), names=names)


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("a.py", "x = 1\n", ("a.py", "recipe = Recipe(...)")),
        ("b.py", "recipe = Recipe(\n", ("b.py", "line")),
        ("c.py", "import no_such_package\n", ("c.py", "line 1", "no_such_package")),
        ("d.py", "from speech_tl import Recipe\nrecipe = Recipe(name='x', sed=1)\n", ("d.py", "sed")),
        ("e.yaml", "- a\n- b\n", ("e.yaml", "no recipe")),
        ("f.yaml", "name: x\nseeed: 1\n", ("f.yaml", "seeed")),
        ("g.yaml", "name: [x\n", ("g.yaml", "not YAML")),
        ("h.txt", "name: x\n", ("h.txt", ".py")),
    ],
)
def test_a_recipe_file_that_holds_none(refused, tmp_path, name, content, names):
    (tmp_path / name).write_text(content)
    refused("adapt", name, names=names)


# ---- models


def test_a_model_folder_without_configuration(shop, refused, tmp_path):
    (tmp_path / "bare").mkdir()
    refused(*adapt(shop, "model=bare"), names=("model folder bare", "config.json"))
    refused("evaluate", "--model", "bare", "--data", shop.manifest, names=("model folder bare", "config.json"))
    refused("transcribe", "--model", "bare", rows_of(shop.manifest)[0]["audio"], names=("model folder bare",))


def test_a_whole_run_given_as_a_model(shop, refused, tmp_path):
    shutil.copytree(shop.model, tmp_path / "before" / "model")
    refused(*adapt(shop, "model=before"), names=("did you mean before/model",))


def test_a_model_of_another_task(shop, refused, tmp_path):
    from transformers import BertConfig

    BertConfig().save_pretrained(tmp_path / "bert")
    refused(*adapt(shop, "model=./bert"), names=("./bert", "bert model", "Whisper"))


def test_a_model_that_is_not_there(shop, refused, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(*adapt(shop, "model=./models/mine"), names=("./models/mine", "does not exist"))
    refused(*adapt(shop, "model=starter-wav2vec"), names=("did you mean starter-wav2vec2",))
    refused(*adapt(shop, "model=nobody/has-this"), names=("nobody/has-this", "Hub"))
    refused(*adapt(shop, f"model={shop.recipe}"), names=("recipe.yaml", "is a file"))


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_damaged_model_folder(shop, refused, tmp_path, damaged):
    shutil.copytree(shop.model, tmp_path / "mine")
    whole = (tmp_path / "mine" / damaged).read_bytes()
    (tmp_path / "mine" / damaged).write_bytes(whole[: len(whole) // 2])
    refused(*adapt(shop, "model=./mine"), names=("./mine", "damaged"))


# ---- where to write


def test_an_output_folder_in_use(shop, refused, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    refused(*adapt(shop), names=("run is in use", "--resume", "--out"))
    refused(*adapt(shop), "--resume", names=("nothing to resume in run",))


def test_another_recipe_than_the_one_to_resume(shop, refused, tmp_path):
    saved = yaml.safe_load(shop.recipe.read_text()) | {"seed": 7}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(saved))
    refused(*adapt(shop), "--resume", names=("run was started with",))


@pytest.mark.parametrize("out", ["taken", "taken/run"])
def test_a_file_where_the_output_folder_should_be(shop, refused, tmp_path, out):
    (tmp_path / "taken").write_text("a file")
    refused("adapt", shop.recipe, "--out", out, names=("taken", "is a file"))
    audio = rows_of(shop.manifest)[0]["audio"]
    refused("transcribe", "--model", shop.model, audio, "--out", out, names=("taken",))
    evaluate = ("evaluate", "--model", shop.model, "--data", shop.manifest)
    refused(*evaluate, "--out", out, names=("taken", "is a file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_an_output_folder_without_permission(shop, refused, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    refused("adapt", shop.recipe, "--out", "locked/run", names=("locked", "permission"))


def test_a_disk_that_is_too_small_for_the_checkpoints(shop, refused, monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    refused(*adapt(shop), names=("no space left for run", "MB are free"))


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real file system of 800 kB."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_while_training(shop, refused, small_disk, monkeypatch):
    refused("adapt", shop.recipe, "--out", small_disk / "run", names=("no space left for", "are free"))
    assert not (small_disk / "run").exists()

    usage = shutil.disk_usage("/")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**12))
        write_atomically(small_disk / "ballast", bytes(500_000))
        wanted = ["adapt", str(shop.recipe), "--out", str(small_disk / "run")]
        refused_late = _run(wanted)
    assert refused_late == 2
    assert not (small_disk / "run" / "report.json").exists()

    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert _run([*wanted, "--resume"]) == 0
    assert (small_disk / "run" / "report.json").is_file()


# ---- the command itself


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["adopt"], ("adopt",)),
        (["evaluate", "--data", "m.csv"], ("--model",)),
        (["adapt"], ("recipe",)),
        (["adapt", "quickstart", "--hurry"], ("--hurry",)),
        (["recipes", "burn"], ("burn", "list, show or copy")),
        (["recipes", "copy"], ("copy needs a name",)),
        (["compare", "here", "there"], ("here",)),
        (["compare", "here"], ("two or more", "here")),
        (["evaluate", "--model", "m"], ("--data",)),
        (["evaluate", "--model", "m", "--hypotheses", "h.csv"], ("--model", "--hypotheses")),
        (["evaluate", "--hypotheses", "h.csv", "--batch-seconds", "9"], ("--batch-seconds",)),
        (["evaluate", "--model", "m", "--data", "d", "--batch-seconds", "0"], ("--batch-seconds",)),
        (["evaluate", "--hypotheses", "h.csv", "--engine", "torch"], ("--engine",)),
        (["evaluate", "--model", "m", "--data", "d", "--engine", "tensor"], ("--engine tensor", "ctranslate2")),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_command_that_does_not_exist_that_way(refused, command, names):
    refused(*command, names=names)


def test_a_name_that_no_file_system_takes(refused):
    refused("check", "a" * 5000, names=("aaa ...: File name too long",))
    refused("evaluate", "--hypotheses", "a" * 5000 + ".csv", "--data", "x.csv", names=("File name too long",))
    refused("adapt", "a" * 5000 + ".yaml", names=("aaa",))
