"""Between old and new weights: which share is chosen and on what, what is saved, what the report shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.adaptation import adapt
from speech_tl.cli import _run
from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate
from speech_tl.models.load import load_model
from speech_tl.recipe import Interpolate, Recipe, recipe_from_yaml
from speech_tl.retention import interpolate as interpolation
from speech_tl.retention.collection import Retention
from speech_tl.retention.interpolate import Between, chosen
from speech_tl.scoring.dev_choice import choice
from speech_tl.scoring.interpolation import TARGET, DevRates, SharePoint
from tests.small import made_corpus, recipe_yaml, rows_of, timeless, written
from tests.tiny import tiny_ctc, tiny_whisper

SHARES = "keep.interpolate.shares=[0.25,0.5,0.75]"

pytestmark = pytest.mark.usefixtures("dev_chooses")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target, a guard with dev and test of its own, two models, a recipe for each."""
    folder = tmp_path_factory.mktemp("shop")
    data = made_corpus(folder / "data")
    rows = rows_of(made_corpus(folder / "guard", shortest_s=2.0))
    written(folder / "undivided.csv", [{k: v for k, v in row.items() if k != "split"} for row in rows])
    written(folder / "tests.csv", [row for row in rows if row["split"] == "test"])
    for family, model in (("ctc", tiny_ctc(folder / "ctc")), ("whisper", tiny_whisper(folder / "w", tokens=64))):
        recipe_yaml(folder / f"{family}.yaml", model, data, learning_rate=0.02, eval_steps=4)
    return folder


def recipe(shop: Path, *overrides: str, family: str = "ctc") -> Recipe:
    guard = f"guards.source={shop / 'guard'}"
    return recipe_from_yaml(shop / f"{family}.yaml").with_overrides([guard, *overrides])


def network_of(folder: Path | str) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in load_model(folder, language="en").network.named_parameters()}


# ---- the rule


def points(*rows: tuple[float, float, float]) -> list[SharePoint]:
    """(share, what chooses on dev, rate of the guard)."""
    return [
        SharePoint(share=share, scores={TARGET: DevRates(leading=dev, choice=dev), "g": DevRates(leading=guard)})
        for share, dev, guard in rows
    ]


CURVE = points((0, 0.9, 0.4), (0.3, 0.7, 0.41), (0.5, 0.65, 0.5), (0.8, 0.6, 0.7), (1, 0.62, 0.8))


@pytest.mark.parametrize(
    ("limit", "share"), [(1.0, 0.8), (0.3, 0.8), (0.2999, 0.5), (0.1, 0.5), (0.09, 0.3), (0.01, 0.3), (0.005, 0.0)]
)
def test_the_lowest_rate_on_dev_that_no_guard_forbids(limit: float, share: float) -> None:
    found = chosen(CURVE, {"g": limit})
    assert found.share == share and found.limits == {"g": limit}
    assert [p.allowed for p in found.points] == [p.scores["g"].leading <= 0.4 + limit + 1e-9 for p in CURVE]


def test_of_equal_shares_the_smaller_one() -> None:
    assert chosen(points((0, 0.9, 0.4), (0.4, 0.5, 0.4), (0.6, 0.5, 0.3), (1, 0.6, 0.3)), {"g": 0.0}).share == 0.4


def test_both_ends_are_always_tried() -> None:
    assert Interpolate(shares=[0.7, 0.2]).shares == [0.0, 0.2, 0.7, 1.0]
    assert len(Interpolate().shares) == 11


# ---- the weights


def test_the_ends_are_exactly_the_two_models(shop: Path) -> None:
    old, new = load_model(shop / "ctc"), load_model(shop / "ctc")
    with torch.no_grad():
        for parameter in new.network.parameters():
            parameter.add_(torch.randn_like(parameter))
    between, third = Between(old, new), load_model(shop / "ctc")
    for share, wanted in ((1.0, new), (0.0, old)):
        between.put(share, third)
        assert all(map(torch.equal, third.network.parameters(), wanted.network.parameters()))
    between.put(0.25, third)
    for mixed, first, last in zip(*(m.network.parameters() for m in (third, old, new)), strict=True):
        torch.testing.assert_close(mixed, 0.75 * first + 0.25 * last)
    other = load_model(shop / "ctc", texts=["žena"])
    with pytest.raises(BadInput, match="different shapes"):
        Between(old, other)


# ---- whole runs


@pytest.mark.parametrize(
    ("family", "strategy"), [("ctc", "full"), ("ctc", "lora"), ("whisper", "lora")], ids=lambda value: value
)
def test_the_saved_model_lies_between_the_old_and_the_new_one(
    family: str, strategy: str, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same run without interpolation gives the new weights; the rule is made to take a share in between."""
    heard: list[str] = []
    scored, choose = interpolation._scored, interpolation.chosen

    def listen(share: float, sets: Any, *given: Any) -> Any:
        heard.extend(utterance.audio for dev in sets for utterance in dev.utterances)
        return scored(share, sets, *given)

    monkeypatch.setattr(interpolation, "_scored", listen)
    monkeypatch.setattr(interpolation, "chosen", lambda *given: choose(*given).model_copy(update={"share": 0.25}))
    run = recipe(shop, f"strategy={strategy}", "keep.interpolate.shares=[0.25]", family=family)
    result = adapt(run, tmp_path / "run")
    adapt(run.with_overrides(["keep=null"]), tmp_path / "plain")
    old, new, saved = (
        network_of(place) for place in (run.model.source, tmp_path / "plain/model", tmp_path / "run/model")
    )
    assert saved.keys() == new.keys() >= old.keys()
    moved = 0
    for name in old:
        weight = saved[name]
        torch.testing.assert_close(weight, torch.lerp(old[name], new[name], 0.25), rtol=1e-5, atol=1e-6)
        moved += bool((weight != old[name]).any())
    assert moved > 2
    found = result.report.training.interpolation.as_dict()
    assert [point["share"] for point in found["points"]] == [0, 0.25, 1]
    rows = [row for place in ("data", "guard") for row in rows_of(shop / place / "manifest.csv")]
    dev = sorted(row["audio"] for row in rows if row["split"] == "dev")
    assert sorted(heard) == sorted(3 * dev), "only dev parts decide, each once a share"
    after = [utterance.hypothesis_raw for utterance in result.guards["source"][1].utterances]
    again = evaluate(str(tmp_path / "run" / "model"), str(shop / "guard"), language="en", decoding=run.decoding)
    assert after == [utterance.hypothesis_raw for utterance in again.utterances]


def test_a_fixed_share_needs_no_guard_and_decodes_nothing(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpolation, "UNDERSTOOD", 9.0)  # the tiny model has learnt nothing yet
    monkeypatch.setattr(interpolation, "_scored", lambda *given: pytest.fail("it was decoded"))
    run = recipe_from_yaml(shop / "ctc.yaml").with_overrides(["keep.interpolate.fixed_share=0.25"])
    report = adapt(run, tmp_path / "run").report.as_dict()
    adapt(run.with_overrides(["keep=null"]), tmp_path / "plain")
    places = (run.model.source, tmp_path / "plain/model", tmp_path / "run/model")
    old, new, saved = map(network_of, places)
    for name in old:
        torch.testing.assert_close(saved[name], torch.lerp(old[name], new[name], 0.25), rtol=1e-5, atol=1e-6)
    assert any((saved[name] != old[name]).any() for name in old)
    assert report["training"]["interpolation"]["share"] == 0.25
    for page in ("report.md", "report.html"):
        assert "25.0 %" in (tmp_path / "run" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("override", "why"), [("seed=1", "hardly understands dev"), ("model.from_scratch=true", "no old weights")]
)
def test_a_fixed_share_is_left_out_where_there_is_nothing_to_keep(
    override: str, why: str, shop: Path, tmp_path: Path
) -> None:
    run = recipe_from_yaml(shop / "ctc.yaml").with_overrides(["keep.interpolate.fixed_share=0.25", override])
    report = adapt(run, tmp_path / "run").report.as_dict()
    adapt(run.with_overrides(["keep=null"]), tmp_path / "plain")
    new, saved = network_of(tmp_path / "plain/model"), network_of(tmp_path / "run/model")
    assert all(torch.equal(saved[name], new[name]) for name in new)
    assert any("not interpolated" in note and why in note for note in report["notes"])


def test_a_fixed_share_and_a_limit_are_two_rules() -> None:
    with pytest.raises(ValueError, match="leave one of them out"):
        Interpolate(fixed_share=0.5, limit=0.02)


def test_the_share_is_the_rule_s_and_the_report_shows_the_curve(shop: Path, tmp_path: Path) -> None:
    run = recipe(shop, "keep=interpolate", SHARES, "keep.interpolate.limit_share=0.5", "guards.source.limit=0")
    result = adapt(run, tmp_path / "run")
    found = result.report.training.interpolation.as_dict()
    first, last = (found["points"][place]["scores"]["source"]["wer"] for place in (0, -1))
    assert found["limits"]["source"] == pytest.approx(0.5 * max(0, last - first))
    assert found["share"] == chosen(result.report.training.interpolation.points, found["limits"]).share
    for scores in (scores for point in found["points"] for scores in point["scores"].values()):
        assert scores["choice"] == choice(scores["wer"], scores["cer"], "wer"), "a mute model is not the best"
    place = str(tmp_path / "run" / "model")
    scored = evaluate(place, str(shop / "guard"), split="dev", language="en", decoding=run.decoding)
    taken = next(point for point in found["points"] if point["share"] == found["share"])
    assert taken["scores"]["source"]["wer"] == scored.score.wer
    page, text = ((tmp_path / "run" / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "Between the old and the new weights" in page and f"chosen: {found['share']:g}" in page
    assert "## Between the old and the new weights" in text and "| chosen |" in text
    again = adapt(run, tmp_path / "run", resume=True)
    assert timeless(again.report.as_dict())["training"] == timeless(result.report.as_dict())["training"]


def test_a_run_killed_between_old_and_new_ends_as_one_that_was_not(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recipe(shop, "keep=interpolate", SHARES, "strategy=lora")
    straight = adapt(run, tmp_path / "straight")
    with monkeypatch.context() as patch:

        def die(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(Retention, "after_training", die)
        with pytest.raises(KeyboardInterrupt):
            adapt(run, tmp_path / "killed")
    resumed = adapt(run, tmp_path / "killed", resume=True)
    assert resumed.report.training.interpolation == straight.report.training.interpolation
    weights = [network_of(tmp_path / name / "model") for name in ("straight", "killed")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_old_weights_all_through_are_told(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = interpolation.chosen
    monkeypatch.setattr(interpolation, "chosen", lambda *given: choose(*given).model_copy(update={"share": 0.0}))
    run = recipe(shop, "keep=interpolate", "keep.interpolate.shares=[0.5]")
    result = adapt(run, tmp_path / "run")
    assert any("the model is the old one" in note for note in result.report.notes)
    old, saved = network_of(run.model.source), network_of(tmp_path / "run" / "model")
    assert all(torch.equal(old[name], saved[name]) for name in old)
    assert [row.hypothesis_raw for row in result.after.utterances] == [
        row.hypothesis_raw for row in result.before.utterances
    ]


REFUSED = [
    (["guards.source=null"], "chooses its share on a guard, and the recipe has none"),
    (["guards.source={shop}/tests.csv"], "guard source has no row of split dev: give guards.source.dev=MANIFEST"),
    (["guards.source={shop}/undivided.csv"], "guard source has no row of split dev"),
    (["guards.source.split=null"], "2 rows of its dev part are also in what is reported (audio/08.wav, audio/09.wav)"),
    (["guards.source.dev={shop}/tests.csv"], "guard source has no row of split dev"),
    (["guards.source.dev={shop}/nowhere.csv"], "guard source, dev part: "),
    (["guards.source.dev={shop}/undivided.csv"], "4 rows of its dev part are also in what is reported"),
    (["model.from_scratch=true"], "keep=interpolate: random weights hold nothing to keep"),
    (
        ["strategy=head_only", "strategy.lstm=4"],
        "compares with what {shop}/ctc writes, and strategy.lstm=4 begins anew",
    ),
    (["strategy=head_only", "strategy.layers=weighted"], "strategy.layers=weighted begins anew: use keep=replay"),
    (["data.root={shop}/czech.csv"], "the train texts have characters that it lacks (ž): use keep=replay"),
    (["keep.interpolate.shares=[1.5]"], "keep.interpolate.shares.0: Input should be less than or equal to 1, not 1.5"),
    (["keep.interpolate.limit=0.1", "keep.interpolate.limit_share=0.5"], "give limit (absolute) or limit_share"),
]


@pytest.mark.parametrize(("overrides", "told"), REFUSED, ids=[" ".join(case[0]) for case in REFUSED])
def test_what_cannot_work_is_one_line_before_anything_is_written(
    overrides: list[str], told: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    rows = rows_of(shop / "data" / "manifest.csv")
    written(shop / "czech.csv", [row | {"text": row["text"] + " žena"} for row in rows])
    given = ["keep=interpolate", f"guards.source={shop / 'guard'}", *(o.format(shop=shop) for o in overrides)]
    code = _run(["adapt", str(shop / "ctc.yaml"), *given, "--out", str(tmp_path / "run")])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech-tl: ")]
    assert code == 2 and len(lines) == 1 and told.format(shop=shop) in lines[0], lines
    assert not (tmp_path / "run").exists()
