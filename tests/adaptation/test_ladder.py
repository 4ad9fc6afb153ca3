"""The noise ladder of a run: the same noise on every rung, never training's, every figure in the run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from speech_tl.adaptation import AdaptationResult, adapt, plan
from speech_tl.data.augment import Augmenter, AugmentOptions, LadderNoise, LadderOptions, Noise, Room, Telephone
from speech_tl.data.augment.levels import snr_db
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.recipe import Recipe, recipe_from_yaml
from speech_tl.reporting.page import terminal_table
from speech_tl.reporting.report import Report
from speech_tl.scoring.wer import Evaluation
from tests.data.augment.made import noise_folder
from tests.small import made_corpus, recipe_yaml, written
from tests.sounds import SAMPLE_RATE
from tests.tiny import tiny_ctc


@dataclass
class Ended:
    result: AdaptationResult
    recipe: Recipe
    noise: Path

    def read(self, place: str) -> Evaluation:
        return Evaluation.read(self.result.folder / place)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run with noise in training and a ladder over a telephone."""
    folder = tmp_path_factory.mktemp("ladder")
    noise = noise_folder(folder / "noise", [2.0] * 6, ["train"] * 3 + ["dev"] + ["test"] * 2)
    saved = recipe_yaml(folder / "r.yaml", tiny_ctc(folder / "model"), made_corpus(folder / "data"), max_steps=2)
    recipe = recipe_from_yaml(saved).with_overrides(
        [
            f"augment.noise.folders={noise}",
            "augment.on_dev=true",
            "ladder.snr_db=[0, 10, -5]",
            "ladder.utterances=3",
            "ladder.telephone.mu_law=true",
        ]
    )
    return Ended(adapt(recipe, folder / "run"), recipe, noise)


def test_rungs_go_from_clean_to_the_loudest_noise(ended: Ended) -> None:
    ladder = ended.result.report.as_dict()["ladder"]
    assert [rung["name"] for rung in ladder["rungs"]] == ["clean", "no noise", "10 dB", "0 dB", "-5 dB"]
    assert [rung["snr_db"] for rung in ladder["rungs"]] == [None, None, 10, 0, -5]
    assert ladder["utterances"] == 3 and ladder["recordings"] == {"train": 3, "test": 2}
    assert set(ladder["effects"]) == {"noise", "telephone"}


def test_every_figure_can_be_computed_from_the_run_s_folder(ended: Ended) -> None:
    rungs = {rung["name"]: rung for rung in ended.result.report.as_dict()["ladder"]["rungs"]}
    for name, rung in rungs.items():
        for side in ("before", "after"):
            if name == "clean":
                whole, ids = ended.read(side), {row.id for row in ended.read("ladder/0_dB/before").utterances}
                words = sum(row.words for row in whole.utterances if row.id in ids)
                errors = sum(row.errors for row in whole.utterances if row.id in ids)
                assert (rung[side]["words"], rung[side]["wer"]) == (words, errors / words)
            else:
                evaluation = ended.read(f"ladder/{name.replace(' ', '_')}/{side}")
                assert evaluation.score.as_dict() == rung[side] and len(evaluation.utterances) == 3
                assert evaluation.data["heard"] == name
        assert rung["wer_change"]["absolute"] == rung["after"]["wer"] - rung["before"]["wer"]


def test_the_page_draws_the_ladder_and_says_what_was_heard(ended: Ended) -> None:
    page, text = ((ended.result.folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert 'id="ladder"' in page and 'class="ladder before"' in page and "−5 dB" in page
    for told in (page, text):
        assert "2 recordings that training never heard" in told and "telephone" in told
    assert "## In noise" in text and text.count("dB |") == 3
    assert Report.read(ended.result.folder / "report.json").ladder == ended.result.report.ladder


def test_the_terminal_shows_every_rung_that_has_noise_or_more(ended: Ended) -> None:
    first = [str(cell) for cell in terminal_table(ended.result.report).columns[0].cells]
    assert first[-4:] == ["no noise: WER", "10 dB: WER", "0 dB: WER", "-5 dB: WER"]


def test_a_resumed_run_decodes_no_rung_again(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    import speech_tl.adaptation.before_and_after as before_and_after

    def refused(*given: object, **conditions: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(before_and_after, "measure", refused)
    again = adapt(ended.recipe, ended.result.folder, resume=True)
    assert again.report.as_dict()["ladder"] == ended.result.report.as_dict()["ladder"]


def test_a_dry_run_tells_of_the_ladder(ended: Ended) -> None:
    assert "ladder    3 utterances at clean, no noise, 10 dB, 0 dB, -5 dB" in plan(ended.recipe)


def test_noise_is_the_same_on_every_rung_but_for_its_level(ended: Ended, tmp_path: Path) -> None:
    test = Manifest.read(made_corpus(tmp_path)).split("test")
    options = LadderOptions(noise=Noise(folders=[str(ended.noise)]), snr_db=[10, 0])
    ladder = LadderNoise(options, Augmenter(AugmentOptions())).ladder(test, sample_rate=16000, seed=1, split_seed=0)
    assert [rung.name for rung in ladder.rungs] == ["clean", "10 dB", "0 dB"]
    for index, utterance in enumerate(test):
        speech = 0.02 * utterance.load()
        added = [rung.chain(speech, SAMPLE_RATE, (1, 0, index), utterance) - speech for rung in ladder.rungs[1:]]
        np.testing.assert_allclose(added[1], added[0] * 10**0.5, atol=1e-6)
        (told,) = ladder.rungs[1].chain.heard(speech, SAMPLE_RATE, (1, 0, index), utterance)[1]
        assert told.split()[0] in ("noise4.wav", "noise5.wav"), "the recordings of the test"
        assert snr_db(speech, added[1], SAMPLE_RATE) == pytest.approx(0, abs=0.1)


def test_a_share_of_noise_in_training_is_all_noise_on_the_ladder(tmp_path: Path) -> None:
    training = Augmenter(AugmentOptions(noise=Noise(generated=["pink"], share=0.2)))
    test = Manifest.read(made_corpus(tmp_path)).split("test")
    ladder = LadderNoise(LadderOptions(snr_db=[0]), training).ladder(test, sample_rate=16000, seed=0, split_seed=0)
    for index, utterance in enumerate(test):
        told = ladder.rungs[1].chain.heard(utterance.load(), SAMPLE_RATE, (0, 0, index))[1]
        assert told == ["pink noise at 0.0 dB SNR"]


def test_other_effects_are_heard_without_noise_too(tmp_path: Path) -> None:
    options = LadderOptions(noise=Noise(generated=["white"]), room=Room(method="decay"), telephone=Telephone())
    test = Manifest.read(made_corpus(tmp_path)).split("test")
    made = LadderNoise(options, Augmenter(AugmentOptions())).ladder(test, sample_rate=16000, seed=0, split_seed=0)
    assert list(made.rungs[1].chain.steps) == ["room", "telephone"]
    assert list(made.rungs[2].chain.steps) == ["room", "noise", "telephone"]


# ---- bad input


def test_noise_that_training_hears_is_refused(ended: Ended, tmp_path: Path) -> None:
    """Another manifest of the same files, in which the test has what the training has in the first."""
    rows = [{"audio": str(ended.noise / f"noise{n}.wav"), "split": "test" if n < 2 else "train"} for n in range(6)]
    other = written(tmp_path / "other.csv", rows)
    recipe = ended.recipe.with_overrides([f"ladder.noise.folders={other}"])
    with pytest.raises(
        BadInput, match=r"^ladder: .*noise0.wav would be heard by both training and test \(and 1 more\)"
    ):
        adapt(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_ladder_needs_noise(ended: Ended, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a ladder needs noise: ladder\.noise\.folders=DIR"):
        adapt(ended.recipe.with_overrides(["augment.noise=null"]), tmp_path / "run")
    for wrong in ("ladder.snr_db=[]", "ladder.utterances=0", "ladder.snr=[0]"):
        with pytest.raises(BadInput, match="ladder.snr_db|ladder.utterances"):
            ended.recipe.with_overrides([wrong])


def test_training_without_noise_of_its_own_stops_before_anything_is_decoded(ended: Ended, tmp_path: Path) -> None:
    only_test = noise_folder(tmp_path / "noise", [1.0] * 4, ["test"] * 4)
    with pytest.raises(BadInput, match=r"nothing for train \(there are: test\)"):
        adapt(ended.recipe.with_overrides([f"augment.noise.folders={only_test}"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
