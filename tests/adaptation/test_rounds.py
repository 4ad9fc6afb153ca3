"""Self-training in rounds: what is kept is learnt from, dev picks the round, a killed run ends as one that was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from speech_tl import adaptation
from speech_tl.adaptation import adapt, plan, worker_processes
from speech_tl.adaptation.rounds import Rounds
from speech_tl.cli import _run
from speech_tl.data.manifest import Manifest
from speech_tl.decoding.decode import decode
from speech_tl.models.load import load_model
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.scoring.dev_choice import choice, chosen_by
from speech_tl.scoring.wer import score
from speech_tl.text import get_normaliser
from tests.small import any_dev_chooses, made_corpus, recipe_yaml, rows_of, written
from tests.tiny import tiny_ctc, tiny_whisper

EASY = ("unlabelled.min_agreement=0", "unlabelled.keep_share=0.75")

pytestmark = pytest.mark.usefixtures("dev_chooses")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and two models; of train the first half has transcripts in half.csv, nothing has in none.csv."""
    folder = tmp_path_factory.mktemp("shop")
    data = made_corpus(folder / "data")
    rows = rows_of(data)
    trained = [row for row in rows if row["split"] == "train"]
    for name, known in (("half", 4), ("none", 0)):
        bare = [row["audio"] for row in trained[known:]]
        table = [row | {"text": "" if row["audio"] in bare else row["text"]} for row in rows]
        written(folder / f"{name}.csv", table)
    written(folder / "tested.csv", [row for row in rows if row["split"] != "train"])
    others = [{name: value for name, value in row.items() if name not in ("text", "split")} for row in trained]
    written(folder / "others.csv", others)
    recipe_yaml(folder / "ctc.yaml", tiny_ctc(folder / "ctc"), data, learning_rate=0.02, max_steps=2)
    recipe_yaml(folder / "whisper.yaml", tiny_whisper(folder / "whisper", tokens=64), data, max_steps=1, eval_steps=1)
    return folder


def recipe(shop: Path, data: str, *overrides: str, family: str = "ctc") -> Recipe:
    base = recipe_from_yaml(shop / f"{family}.yaml")
    return base.with_overrides([f"data.root={shop / data}", "unlabelled={}", *overrides])


def labels(run: Path, number: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "rounds" / str(number) / "labels.jsonl").read_text().splitlines()]


def hypotheses(run: Path) -> dict[str, str]:
    lines = (run / "after" / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["hypothesis_raw"] for row in map(json.loads, lines)}


def test_labelled_and_unlabelled_together(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[list[tuple[str, str]]] = []
    tested: list[int] = []
    train, evaluate = worker_processes.train, adaptation.before_and_after.measure

    def seen(model: Any, utterances: Any, *rest: Any, **options: Any) -> Any:
        learnt.append(list(zip(utterances.column("id"), utterances.column("text"), strict=True)))
        return train(model, utterances, *rest, **options)

    def counted(model: Any, test_set: Any, *rest: Any, **options: Any) -> Any:
        tested.append(len(test_set.utterances))
        return evaluate(model, test_set, *rest, **options)

    monkeypatch.setattr(worker_processes, "train", seen)
    monkeypatch.setattr(adaptation.before_and_after, "measure", counted)
    result = adapt(recipe(shop, "half.csv", *EASY, "strategy=lora"), tmp_path / "run")
    assert tested == [4, 4], "test is decoded twice, whatever the rounds"
    assert [len(rows) for rows in learnt] == [4, 7, 7]
    for number in (1, 2):
        written_now = labels(tmp_path / "run", number)
        assert len(written_now) == 4 and all(row["reason"] == "share" for row in written_now if not row["kept"])
        kept = [(row["id"], row["hypothesis"]) for row in written_now if row["kept"]]
        assert learnt[number] == learnt[0] + kept and len(kept) == 3
        surest = sorted(written_now, key=lambda row: -row["confidence"])[:3]
        assert {row["id"] for row in surest} == {row["id"] for row in written_now if row["kept"]}
    told = result.report.as_dict()["training"]["pseudo_labels"]
    assert [row["round"] for row in told["rounds"]] == [0, 1, 2] and [row.get("kept") for row in told["rounds"]] == [
        None,
        3,
        3,
    ]
    best = min(told["rounds"], key=lambda row: choice(row["dev_wer"], row["dev_cer"], "wer"))
    assert told["chosen"] == best["round"] and result.report.as_dict()["training"]["best_dev_wer"] == best["dev_wer"]
    assert all(row.get("labels_wer") is None for row in told["rounds"]), "half.csv has no texts to tell it by"
    page = (tmp_path / "run" / "report.md").read_text()
    assert "## Pseudo-labels" in page and "3 of 4" in page
    assert "rounds/N/labels.jsonl" in (tmp_path / "run" / "report.html").read_text()
    log = (tmp_path / "run" / "training" / "log.jsonl").read_text()
    assert log == (tmp_path / "run" / "rounds" / str(best["round"]) / "training" / "log.jsonl").read_text()
    assert (tmp_path / "run" / "adapter").is_dir()
    left = sorted(path.name for path in (tmp_path / "run" / "rounds" / "1").iterdir())
    assert left == ["labels.jsonl", "training"] and not list((tmp_path / "run" / "rounds").rglob("checkpoint-*"))
    assert result.report.as_dict()["data"]["unlabelled"]["utterances"] == 4
    assert "- without transcripts: 4 utterances" in (tmp_path / "run" / "model" / "README.md").read_text()
    assert "of speech without transcripts" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("family", ["ctc", "whisper"])
def test_nothing_labelled_at_all(family: str, shop: Path, tmp_path: Path) -> None:
    """The first labels are those that the checkpoint writes; texts that happen to be there tell how wrong they are."""
    options = ["unlabelled.ignore_text=true", "unlabelled.rounds=1", "unlabelled.min_agreement=0"]
    options += ["unlabelled.keep_share=1", "strategy=head_only", "data.test_limit=1"]
    if family == "whisper":
        options.append("model=starter-whisper")  # random weights write nothing
    run = recipe(shop, "data/manifest.csv", *options, family=family)
    result = adapt(run, tmp_path / "run")
    told = result.report.as_dict()["training"]["pseudo_labels"]
    assert [row["round"] for row in told["rounds"]] == [1] and told["chosen"] == 1
    train = Manifest.read(shop / "data", split="train")
    checkpoint = load_model(run.model.source, language="en")
    written_now = labels(tmp_path / "run", 1)
    found = decode(checkpoint, train, confidence=True)
    assert [row["hypothesis"] for row in written_now] == [one.text for one in found]
    assert [row["confidence"] for row in written_now] == pytest.approx([one.confidence for one in found], abs=1e-4)
    kept = [place for place, row in enumerate(written_now) if row["kept"]]
    known = score(train.select(kept), [written_now[place]["hypothesis"] for place in kept], get_normaliser("english"))
    assert told["rounds"][0]["labels_wer"] == known.score.wer
    assert "WER of the labels" in (tmp_path / "run" / "report.md").read_text()
    assert result.report.as_dict()["data"]["utterances"]["train"] == 0 and not (tmp_path / "run" / "adapter").exists()


def test_other_speech_without_splits_and_texts_beside_a_test_set_of_one_s_own(shop: Path, tmp_path: Path) -> None:
    others = f"unlabelled.root={shop / 'others.csv'}"
    result = adapt(recipe(shop, "tested.csv", others, *EASY, "unlabelled.rounds=1"), tmp_path / "run")
    told = result.report.as_dict()["training"]["pseudo_labels"]["rounds"]
    assert [(row["utterances"], row["kept"], row["labels_wer"]) for row in told] == [(8, 6, None)]
    assert result.report.as_dict()["data"]["unlabelled"]["source"] == str(shop / "others.csv")


def test_agreement_hears_what_is_left_again_in_noise(shop: Path, tmp_path: Path) -> None:
    overrides = ["unlabelled.rounds=1", "unlabelled.keep_share=1", "unlabelled.min_agreement=0.99"]
    adapt(recipe(shop, "half.csv", *overrides, "unlabelled.noise.snr_db=[-10,-10]"), tmp_path / "run")
    loud = labels(tmp_path / "run", 1)
    assert all(0 <= row["agreement"] < 0.99 and row["reason"] == "agreement" for row in loud)
    adapt(recipe(shop, "half.csv", *overrides, "unlabelled.noise.snr_db=[80,80]"), tmp_path / "quiet")
    assert all(row["agreement"] == 1 and row["kept"] for row in labels(tmp_path / "quiet", 1))


def test_rounds_that_keep_nothing_end_and_the_labelled_model_stays(shop: Path, tmp_path: Path) -> None:
    result = adapt(recipe(shop, "half.csv", "unlabelled.min_confidence=1"), tmp_path / "run")
    told = result.report.as_dict()["training"]["pseudo_labels"]
    assert [row.get("kept") for row in told["rounds"]] == [None, 0] and told["chosen"] == 0
    assert any("kept nothing" in note for note in result.report.notes)


def test_a_round_that_writes_nothing_is_not_the_best() -> None:
    mute, spelling, better = ({"best_dev_wer": w, "best_dev_cer": c} for w, c in ((1.0, 1.0), (1.2, 0.5), (0.9, 0.6)))
    assert min((mute, spelling), key=lambda figures: chosen_by(figures, "wer")) is spelling
    assert min((spelling, better, {}), key=lambda figures: chosen_by(figures, "wer")) is better
    assert chosen_by({"best_dev_cer": 0.5}, "cer") == 0.5 < chosen_by({}, "cer")


def test_the_best_round_on_dev_is_the_model(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Round 1 is made the best one: its weights are those that test is decoded with."""
    train, figures = worker_processes.train, iter([0.9, 0.2, 0.5])
    saved: list[dict[str, torch.Tensor]] = []

    def told_otherwise(model: Any, *rest: Any, **options: Any) -> Any:
        trained = train(model, *rest, **options)
        trained.figures["best_dev_wer"] = next(figures)
        saved.append({name: value.clone() for name, value in model.network.state_dict().items()})
        return trained

    monkeypatch.setattr(worker_processes, "train", told_otherwise)
    result = adapt(recipe(shop, "half.csv", *EASY), tmp_path / "run")
    assert result.report.as_dict()["training"]["pseudo_labels"]["chosen"] == 1
    for network in (result.model.network, load_model(tmp_path / "run" / "model").network):
        assert all(torch.equal(value, saved[1][name]) for name, value in network.state_dict().items())
    assert not all(torch.equal(saved[1][name], saved[2][name]) for name in saved[1])


@pytest.mark.parametrize("place", ["training of round 1", "labels of round 2", "end"])
def test_a_killed_run_ends_as_one_that_was_not(
    place: str, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path
) -> None:
    run = recipe(shop, "half.csv", *EASY, "training.eval_steps=1")
    train, judged, read = worker_processes.train, Rounds._judged, adaptation.BeforeAndAfter.after
    with monkeypatch.context() as patch:

        def dying(model: Any, utterances: Any, dev: Any, options: Any, folder: Path, **rest: Any) -> Any:
            if folder.parent.name != "1":
                return train(model, utterances, dev, options, folder, **rest)

            def die(step: int, steps: int, latest: dict[str, float]) -> None:
                if step == 2:
                    raise KeyboardInterrupt

            return train(model, utterances, dev, options, folder, **(rest | {"progress": die}))

        def dead(self: Any, number: Any = None, *rest: Any) -> Any:
            if number == 2 or place == "end":
                raise KeyboardInterrupt
            return judged(self, number, *rest)

        if place == "end":
            patch.setattr(adaptation.BeforeAndAfter, "after", dead)
        elif place.startswith("labels"):
            patch.setattr(Rounds, "_judged", dead)
        else:
            patch.setattr(worker_processes, "train", dying)
        with pytest.raises(KeyboardInterrupt):
            adapt(run, tmp_path / "run")
    assert adaptation.BeforeAndAfter.after is read
    if place.startswith("training"):
        assert list((tmp_path / "run" / "rounds" / "1" / "training").glob("checkpoint-1"))
    adapt(run, tmp_path / "run", resume=True)
    assert hypotheses(tmp_path / "run") == hypotheses(straight)
    for number in (1, 2):
        assert labels(tmp_path / "run", number) == labels(straight, number)
    same, other = (load_file(folder / "model" / "model.safetensors") for folder in (tmp_path / "run", straight))
    assert all(torch.equal(same[name], other[name]) for name in other)


@pytest.fixture(scope="module")
def straight(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    with any_dev_chooses():
        adapt(recipe(shop, "half.csv", *EASY, "training.eval_steps=1"), folder)
    return folder


def test_a_dry_run_foresees_all_rounds(shop: Path) -> None:
    told = plan(recipe(shop, "half.csv", "unlabelled.rounds=3"))
    assert "4 utterances without transcripts, 3 rounds" in told and "that of 4 trainings" in told
    assert "that of 3 trainings" in plan(recipe(shop, "none.csv", "unlabelled.rounds=3"))


def test_what_cannot_be_is_refused_in_one_line(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(shop / "data" / "manifest.csv")
    same_voice = [row | {"audio": rows[0]["audio"], "speaker": rows[-1]["speaker"]} for row in rows[:2]]
    written(tmp_path / "voice.csv", [{k: v for k, v in row.items() if k != "split"} for row in same_voice])
    cases = [
        (["unlabelled.min_confidence=1", "unlabelled.ignore_text=true"], "none of 8 pseudo-labels is kept (8"),
        (["unlabelled={}"], "learnt from with its transcript already"),
        ([f"unlabelled.root={shop / 'tested.csv'}", "unlabelled.split=null"], "are also in dev"),
        ([f"unlabelled.root={shop / 'nowhere.csv'}"], "nowhere.csv"),
        ([f"unlabelled.root={tmp_path / 'voice.csv'}", "unlabelled.ignore_text=true"], "both train and test"),
        (["unlabelled.ignore_text=true", "model.from_scratch=true"], "cannot write yet"),
        (["unlabelled.min_confidense=1"], "did you mean unlabelled.min_confidence"),
        (["unlabelled.where.gender=x"], "unlabelled: "),
        (["unlabelled.ignore_text=true", "unlabelled.noise.folders=nowhere"], "unlabelled.noise.folders: nowhere"),
    ]
    for number, (overrides, said) in enumerate(cases):
        out = tmp_path / f"run{number}"
        capsys.readouterr()
        assert _run(["adapt", str(shop / "ctc.yaml"), *overrides, "--out", str(out)]) == 2, overrides
        assert said in capsys.readouterr().err.strip().splitlines()[-1]
        assert not (out / "before").exists(), "before anything is measured or trained"
