"""Keeping what a model knew, in whole runs: what the report says of it, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.adaptation import adapt, plan
from speech_tl.cli import _run
from speech_tl.recipe import Recipe, recipe_from_yaml
from tests.small import made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target, a source with all splits and without the audio of the target, two models, a recipe for each."""
    folder = tmp_path_factory.mktemp("shop")
    data = made_corpus(folder / "data")
    made_corpus(folder / "source", shortest_s=2.0)
    rows = rows_of(folder / "source" / "manifest.csv")
    written(folder / "untold.csv", [{"audio": row["audio"], "split": row["split"]} for row in rows])
    written(folder / "german.csv", [row | {"language": "de"} for row in rows])
    ours = [row | {"text": row["text"] + " žena"} for row in rows_of(data)]
    written(folder / "czech.csv", ours)
    recipe_yaml(folder / "ctc.yaml", tiny_ctc(folder / "ctc"), data, learning_rate=0.02)
    recipe_yaml(folder / "whisper.yaml", tiny_whisper(folder / "whisper", tokens=64), data, max_steps=2)
    return folder


def recipe(shop: Path, *overrides: str, family: str = "ctc") -> Recipe:
    return recipe_from_yaml(shop / f"{family}.yaml").with_overrides(overrides)


def test_the_report_says_what_was_replayed(shop: Path, tmp_path: Path) -> None:
    run = recipe(shop, "keep=[replay,l2_sp]", f"keep.root={shop / 'source'}", "keep.replay.share=0.4")
    assert "source    of replay: " in plan(run) and "8 utterances" in plan(run)
    result = adapt(run, tmp_path / "run")
    training = result.report.as_dict()["training"]
    assert 0.2 < training["source_seconds"] / training["audio_seconds"] < 0.6
    assert training["keep"]["replay"]["available_utterances"] == 8 and training["keep"]["replay"]["share"] == 0.4
    assert training["keep"]["l2_sp"]["penalty"] > 0
    assert result.report.as_dict()["data"]["sources"]["replay"]["source"] == str(shop / "source")
    assert "of it source speech" in (tmp_path / "run" / "report.md").read_text()
    assert recipe_from_yaml(tmp_path / "run" / "recipe.yaml").keep == run.keep
    again = adapt(run, tmp_path / "run", resume=True).report.as_dict()["training"]
    clock = {"run_seconds", "phases"}
    assert {k: v for k, v in again.items() if k not in clock} == {k: v for k, v in training.items() if k not in clock}


def test_one_unreadable_source_file_is_left_out_of_what_is_distilled(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Its header is fine and the manifest says how long it is: only who decodes it finds out."""
    rows = [row | {"duration": "1.9"} for row in rows_of(shop / "source" / "manifest.csv") if row["split"] == "train"]
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"ID3" + b"\0" * 5000)
    source = written(tmp_path / "source.csv", [*rows, rows[0] | {"audio": str(broken)}])
    given = ["keep=distill", f"keep.root={source}", "training.max_steps=1"]
    assert _run(["adapt", str(shop / "whisper.yaml"), *given, "--out", str(tmp_path / "run")]) == 0
    assert "distill: 1 of 9 rows cannot be decoded or learnt" in capsys.readouterr().err
    assert "distill: 1 of 9 rows cannot be decoded or learnt" in (tmp_path / "run" / "report.md").read_text()
    only = written(tmp_path / "only.csv", [rows[0] | {"audio": str(broken)}])
    given[1] = f"keep.root={only}"
    assert _run(["adapt", str(shop / "whisper.yaml"), *given, "--out", str(tmp_path / "none")]) == 2
    assert "keep=distill: none of the 1 utterances of" in capsys.readouterr().err


@pytest.mark.parametrize("split", ["dev", "test", "train"])
def test_labels_too_long_are_set_aside_from_any_split_that_is_replayed(shop: Path, tmp_path: Path, split: str) -> None:
    rows = [row for row in rows_of(shop / "source" / "manifest.csv") if row["split"] == split]
    rows[0] |= {"text": "far too long for a second " * 20}
    source = written(tmp_path / "source.csv", rows)
    told = plan(recipe(shop, "keep=replay", f"keep.root={source}", f"keep.split={split}"))
    assert f"replay: 1 of {len(rows)} rows of {source} set aside; first: " in told and "labels longer" in told


def test_source_audio_without_texts_is_enough_to_distil(shop: Path, tmp_path: Path) -> None:
    run = recipe(
        shop, "keep=[distill,ewc]", f"keep.distill.root={shop / 'untold.csv'}", f"keep.ewc.root={shop / 'source'}"
    )
    told = plan(run)
    assert "source    of distill: " in told and "source    of ewc: " in told
    result = adapt(run, tmp_path / "run")
    training = result.report.as_dict()["training"]
    assert 0.1 < training["source_seconds"] / training["audio_seconds"] < 0.5
    assert training["keep"]["ewc"]["penalty"] > 0 and training["keep"]["distill"]["temperature"] == 2.0


def test_what_cannot_be_read_while_replaying_is_told(shop: Path, tmp_path: Path) -> None:
    rows = [row for row in rows_of(shop / "source" / "manifest.csv") if row["split"] == "train"]
    broken = tmp_path / "broken.wav"
    broken.write_text("this is a text\n" * 200)
    rows.append(rows[0] | {"audio": str(broken)})
    for row in rows:
        row["duration"] = "2.0"
    manifest = written(tmp_path / "source.csv", rows)
    run = recipe(shop, "keep=replay", f"keep.root={manifest}", "keep.share=0.6", "training.max_steps=12")
    result = adapt(run, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "excluded.jsonl").read_text().splitlines()]
    assert [(line["split"], line["row"], line["audio"]) for line in lines] == [("replay", 9, str(broken))]
    assert result.report.as_dict()["training"]["keep"]["replay"]["available_utterances"] == 9


REFUSED = [
    ("ctc", ["keep=replay"], "keep=replay needs source data, speech like what the model learnt from before"),
    ("ctc", ["keep=replay", "keep.root=nowhere.csv"], "keep=replay: nowhere.csv: no such manifest"),
    ("ctc", ["keep=replay", "keep.root={source}", "keep.split=train5"], "keep=replay: {source}: no row has split"),
    ("ctc", ["keep=replay", "keep.root={shop}/untold.csv"], "no column 'text'"),
    ("ctc", ["keep=replay", "keep.root={data}", "keep.split=test"], "4 utterances of {data} are also in test of the"),
    (
        "ctc",
        ["keep=replay", "keep.root={source}", "keep.split=dev", "guards.g={source}", "guards.g.split=dev"],
        "are also in guard g",
    ),
    ("ctc", ["keep=replay", "keep.root={source}", "keep.share=1"], "keep.replay.share: Input should be less than 1"),
    ("ctc", ["keep=l2_sp", "keep.weight=0"], "keep.l2_sp.weight: Input should be greater than 0, not 0"),
    ("ctc", ["keep=l2_sp", "model.from_scratch=true"], "random weights hold nothing to keep"),
    ("ctc", ["keep=l2_sp", "strategy=head_only", "strategy.fresh=true"], "everything that this strategy trains"),
    ("ctc", ["keep=l2sp"], "did you mean l2_sp?"),
    ("ctc", ["keep=[replay,replay]"], "replay stands there twice"),
    ("ctc", ["keep=l2_sp", "keep.share=0.1"], "unknown key keep.share; did you mean keep.replay.share?"),
    (
        "whisper",
        ["keep=replay", "keep.root={shop}/german.csv", "model.language=en"],
        "is in de and the model is set to",
    ),
]


@pytest.mark.parametrize(("family", "overrides", "told"), REFUSED, ids=[" ".join(case[1]) for case in REFUSED])
def test_what_cannot_work_is_one_line_before_anything_is_written(
    family: str, overrides: list[str], told: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    places = {"shop": shop, "source": shop / "source" / "manifest.csv", "data": shop / "data" / "manifest.csv"}
    given = [override.format(**places) for override in overrides]
    code = _run(["adapt", str(shop / f"{family}.yaml"), *given, "--out", str(tmp_path / "run")])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech-tl: ")]
    assert code == 2 and len(lines) == 1 and told.format(**places) in lines[0], lines
    assert not (tmp_path / "run").exists()
