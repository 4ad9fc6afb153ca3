"""A study whose runs are jobs of a Ray cluster: side by side, one row each, gone on with by the same command."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.recipe import recipe_from_yaml
from speech_tl.scaling.jobs import Lost, jobs_on
from speech_tl.study import Study, Variant, run_study
from tests.small import made_corpus, recipe_yaml
from tests.tiny import tiny_ctc

SCRIPT = """
from pathlib import Path
from speech_tl.recipe import recipe_from_yaml
from speech_tl.study import Study, Variant

study = Study(
    name="mini",
    recipe=recipe_from_yaml(Path({recipe!r})),
    variants={{"full": Variant(), "lora": Variant(overrides=["strategy=lora", "strategy.rank=1"])}},
    reference="full",
)
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    return recipe_yaml(folder / "recipe.yaml", tiny_ctc(folder / "model"), made_corpus(folder / "data"), max_steps=2)


def table(out: Path) -> list[dict[str, str]]:
    with (out / "table.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_study_runs_side_by_side_into_one_table(
    ray_cluster: ModuleType, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    script = tmp_path / "mini.py"
    script.write_text(SCRIPT.format(recipe=str(recipe)))
    command = ["study", str(script), "--on", "ray", "--workers", "2", "--out", str(tmp_path / "out")]
    assert _run(command) == 0, capsys.readouterr().err
    rows = table(tmp_path / "out")
    assert [(row["run"], row["status"]) for row in rows] == [("full-seed0", "done"), ("lora-seed0", "done")]
    attempts = (tmp_path / "out" / "attempts.jsonl").read_text()
    assert len(attempts.splitlines()) == 2
    capsys.readouterr()
    assert _run(command) == 0 and table(tmp_path / "out") == rows
    assert (tmp_path / "out" / "attempts.jsonl").read_text() == attempts, "nothing was run again"


# ---- commands that are lost


class Losing:
    """A node is lost so many times before a run ends."""

    def __init__(self, times: int) -> None:
        self.times, self.resumed = times, []

    def __call__(self, arguments: Sequence[str], log: Path) -> int:
        run = Path(arguments[arguments.index("--out") + 1])
        self.resumed.append("--resume" in arguments)
        run.mkdir(parents=True, exist_ok=True)
        (run / "recipe.yaml").write_text(Path(arguments[1]).read_text())
        if len(self.resumed) <= self.times:
            raise Lost("gone")
        return 2


def test_a_run_whose_node_is_lost_goes_on_elsewhere(recipe: Path, tmp_path: Path) -> None:
    study = Study(name="mini", recipe=recipe_from_yaml(recipe), variants={"full": Variant()})
    losing = Losing(2)
    with pytest.raises(BadInput, match="no run of the study succeeded"):
        run_study(study, tmp_path / "out", launch=losing)
    assert losing.resumed == [False, True, True]
    with pytest.raises(BadInput, match="its node was lost 6 times"):
        run_study(study, tmp_path / "other", launch=Losing(10))


def test_a_command_is_run_on_a_node_and_its_words_are_in_the_log(ray_cluster: ModuleType, tmp_path: Path) -> None:
    with jobs_on("ray", 1) as launch:
        assert launch(["--version"], tmp_path / "logs" / "version.log") == 0
        assert launch(["fly"], tmp_path / "logs" / "version.log") == 2
    said = (tmp_path / "logs" / "version.log").read_text()
    assert "speech-tl 0.1.0" in said and "No such command 'fly'" in said
