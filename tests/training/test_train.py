"""A run of training: resumed as if never killed, selected on dev, stopped in time, quiet."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from speech_tl.data.augment import Noise, Room, Speed
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.scoring.significance import FEWEST_UNITS
from speech_tl.training.progress import read_log
from tests.training.learning import changed, clips, learn, logged, weights, with_dropout

FAMILIES = ["ctc", "whisper"]
COUNTED = ("seconds", "validation_seconds", "epoch")


class Killed(Exception):
    """What a power cut looks like from inside."""


def killer(step: int) -> Any:
    """A progress that dies at the end of `step`, before its checkpoint."""

    def progress(done: int, steps: int, latest: dict[str, float]) -> None:
        if done == step:
            raise Killed

    return progress


def fresh(folder: Path) -> AcousticModel:
    """The model as loaded, with everything random that training has."""
    return with_dropout(load_model(folder, language="en"))


def curve(folder: Path) -> list[dict[str, Any]]:
    """log.jsonl without what a clock decides."""
    return [{k: v for k, v in entry.items() if k not in COUNTED[:2]} for entry in read_log(folder / "log.jsonl")]


# ---- the same run


@pytest.mark.parametrize("family", FAMILIES)
def test_a_killed_run_goes_on_bit_by_bit(
    family: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    run: dict[str, Any] = {"masks": 0.3, "max_steps": 8, "eval_steps": 2, "batch_seconds": 4.0}
    straight = fresh(folders[family])
    learn(straight, corpus, tmp_path / "straight", **run)
    with pytest.raises(Killed):
        learn(fresh(folders[family]), corpus, tmp_path / "killed", progress=killer(6), **run)
    assert logged(tmp_path / "killed", "loss")[-1][0] == 4
    resumed = fresh(folders[family])
    learn(resumed, corpus, tmp_path / "killed", resume=True, **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")
    assert [step for step, _ in logged(tmp_path / "straight", "loss")] == [2, 4, 6, 8]
    assert [step for step, _ in logged(tmp_path / "straight", "dev_wer")] == [0, 2, 4, 6, 8]
    assert not changed(weights(straight), weights(resumed))


@pytest.mark.parametrize("kill_at", [3, 4, 5])
def test_a_run_may_be_killed_at_any_place_of_an_epoch(
    kill_at: int, folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    run: dict[str, Any] = {"masks": 0.3, "max_steps": 6, "batch_seconds": 6.0, "gradient_accumulation_steps": 2}
    learn(fresh(folders["ctc"]), corpus, tmp_path / "straight", dev=False, **run)
    with pytest.raises(Killed):
        learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", dev=False, progress=killer(kill_at), **run)
    learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", dev=False, resume=True, workers=2, **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")


def test_a_checkpoint_that_a_kill_cut_short_is_passed_over(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    run: dict[str, Any] = {"max_steps": 4, "dev": False}
    learn(fresh(folders["ctc"]), corpus, tmp_path / "straight", **run)
    with pytest.raises(Killed):
        learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", progress=killer(4), **run)
    (tmp_path / "killed" / "checkpoint-3" / "trainer_state.json").unlink()
    learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", resume=True, **run)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")


@pytest.mark.parametrize("stop", [{"max_steps": 4}, {"max_steps": 90, "max_minutes": 1e-6}])
def test_a_run_that_had_ended_takes_no_further_step(
    stop: dict[str, Any], folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    model = fresh(folders["ctc"])
    first = learn(model, corpus, tmp_path, **stop)
    log = (tmp_path / "log.jsonl").read_text()
    again = fresh(folders["ctc"])
    second = learn(again, corpus, tmp_path, resume=True, **stop)
    assert second.figures["steps"] == first.figures["steps"]
    assert second.figures["audio_seconds"] == first.figures["audio_seconds"]
    assert not changed(weights(model), weights(again))
    assert (tmp_path / "log.jsonl").read_text() == log


def test_resuming_before_the_first_checkpoint_starts_over(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    learn(fresh(folders["ctc"]), corpus, tmp_path / "straight")
    with pytest.raises(Killed):
        learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", progress=killer(1))
    learn(fresh(folders["ctc"]), corpus, tmp_path / "killed", resume=True)
    assert curve(tmp_path / "killed") == curve(tmp_path / "straight")


def test_one_seed_is_one_run(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    models = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        models.append(fresh(folders["ctc"]))
        learn(models[-1], corpus, tmp_path / name, seed=seed, masks=0.3)
    assert curve(tmp_path / "a") == curve(tmp_path / "b") != curve(tmp_path / "c")
    assert not changed(weights(models[0]), weights(models[1]))
    assert changed(weights(models[0]), weights(models[2]))


# ---- augmentation


def test_noise_is_learnt_in_and_one_seed_is_still_one_run(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    """Whatever the workers; and speed keeps batches and labels in step."""
    effects = {"noise": Noise(generated=["pink", "babble"]), "speed": Speed(), "room": Room(method="decay")}
    runs = {"plain": {}, "noisy": {"effects": effects}, "again": {"effects": effects, "workers": 2}}
    models = {}
    for name, run in runs.items():
        models[name] = fresh(folders["ctc"])
        result = learn(models[name], corpus, tmp_path / name, dev=False, **run)
        assert not result.problems and result.figures["skipped_losses"] == 0
    assert curve(tmp_path / "noisy") == curve(tmp_path / "again") != curve(tmp_path / "plain")
    assert not changed(weights(models["noisy"]), weights(models["again"]))


def test_dev_is_heard_as_recorded_unless_it_shall_be_heard_in_noise(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech_tl.decoding import measuring

    given, decode = [], measuring.decode

    def seen(*rest: Any, augment: Any, **conditions: Any) -> Any:
        given.append(augment)
        return decode(*rest, augment=augment, **conditions)

    monkeypatch.setattr(measuring, "decode", seen)
    noise = {"noise": Noise(generated=["white"], snr_db=-10), "speed": Speed()}
    for name, effects in (("as recorded", noise), ("in noise", noise | {"on_dev": True})):
        learn(fresh(folders["ctc"]), corpus, tmp_path / name, max_steps=1, effects=effects)
    assert given[0] is None and given[1] is None
    assert given[2] is given[3] and list(given[2].steps) == ["noise"] and given[2].speed is None


# ---- selection on dev


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Dev WERs (and CERs) as given, and the weights at each look."""

    def scripted(
        model: AcousticModel, wers: list[float], cers: list[float] | None = None
    ) -> list[dict[str, torch.Tensor]]:
        seen: list[dict[str, torch.Tensor]] = []

        def look() -> dict[str, float]:
            seen.append(weights(model))
            return {"wer": wers[len(seen) - 1], "cer": cers[len(seen) - 1] if cers else 0.5}

        monkeypatch.setattr("speech_tl.training.train._dev_scorer", lambda *_: look)
        return seen

    return scripted


def test_the_weights_of_the_best_dev_wer_are_kept(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any
) -> None:
    model = load_model(folders["ctc"])
    seen = looks(model, [0.9, 0.8, 0.3, 0.5, 0.4, 0.6, 0.7])
    result = learn(model, corpus, tmp_path, max_steps=6)
    assert not changed(seen[2], weights(model))
    assert changed(seen[3], weights(model)) and changed(seen[-1], weights(model))
    assert (result.figures["best_step"], result.figures["best_dev_wer"]) == (2, 0.3)
    assert not model.network.training
    assert len(list(tmp_path.glob("checkpoint-*"))) == 2, "the best and the last"


@pytest.fixture
def enough() -> int:
    """The rule as it is: words that dev must have, beside 30 utterances."""
    return FEWEST_UNITS["wer"]


@pytest.mark.parametrize(("utterances", "words", "chooses"), [(30, 7, True), (29, 9, False), (30, 6, False)])
def test_a_small_dev_split_chooses_nothing(
    utterances: int, words: int, chooses: bool, enough: int, folders: dict[str, Path], corpus: Manifest,
    tmp_path: Path, looks: Any,
) -> None:  # fmt: skip
    model = load_model(folders["ctc"])
    seen = looks(model, [0.9, 0.8, 0.3, 0.5, 0.4, 0.6, 0.7])
    texts = [row.text if row.columns["split"] == "train" else " ".join(["no"] * words) for row in corpus]
    rows = [*range(8), *(8 + n % 2 for n in range(utterances))]
    result = learn(model, corpus.with_column("text", texts).select(rows), tmp_path, max_steps=6, patience=2)
    figures = result.figures
    if chooses:
        assert (figures["steps"], figures["kept_step"], figures["best_step"]) == (4, 2, 2)
        assert not changed(seen[2], weights(model))
        assert figures["kept_weights"] == "weights of step 2 of 4, the lowest dev WER" and not result.notes
        return
    small = f"dev has {utterances} utterances and {utterances * words} words, and a choice takes 30 and {enough}"
    assert (figures["steps"], figures["kept_step"], figures["best_step"]) == (6, 6, None), "patience is a choice too"
    assert not changed(seen[-1], weights(model)) and figures["best_dev_wer"] == 0.7
    assert figures["kept_weights"] == f"weights of step 6 of 6, the last: {small}"
    assert result.notes == [f"{small}: the last weights are kept and training.patience is not heeded"]
    assert [wer for _, wer in logged(tmp_path, "dev_wer")] == [0.9, 0.8, 0.3, 0.5, 0.4, 0.6, 0.7], "still measured"


def test_where_the_cer_leads_it_selects(folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any) -> None:
    model = load_model(folders["ctc"])
    seen = looks(model, [0.9, 0.8, 0.3, 0.5], [0.7, 0.2, 0.5, 0.6])
    result = learn(model, corpus, tmp_path, max_steps=3, rate="cer")
    assert not changed(seen[1], weights(model))
    assert (result.figures["best_step"], result.figures["best_dev_cer"]) == (1, 0.2)
    model = load_model(folders["ctc"])
    looks(model, [0.9, 0.1, 0.1], [0.5, 0.5, 0.6])
    result = learn(model, corpus, tmp_path / "worse", max_steps=2, rate="cer")
    assert result.notes == ["dev CER never became better than the untouched model's (0.500 against 0.500)"]


def test_a_model_that_writes_nothing_is_not_the_best(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any
) -> None:
    model = load_model(folders["ctc"])
    seen = looks(model, [1.9, 1.0, 1.2, 1.1], [1.1, 1.0, 0.5, 0.6])
    result = learn(model, corpus, tmp_path, max_steps=3)
    assert not changed(seen[2], weights(model))
    assert (result.figures["best_step"], result.figures["best_dev_wer"]) == (2, 1.2) and not result.notes
    assert "step 2 of 3, the lowest dev CER, since every dev WER was 100 %" in result.figures["kept_weights"]
    model = load_model(folders["ctc"])
    looks(model, [1.2, 1.0, 0.99, 1.1], [0.5, 1.0, 0.9, 0.1])
    assert learn(model, corpus, tmp_path / "words", max_steps=3).figures["best_step"] == 2, (
        "below 100 % the WER decides"
    )


def test_the_last_steps_are_looked_at_too(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any
) -> None:
    model = load_model(folders["ctc"])
    seen = looks(model, [0.9, 0.8, 0.2])
    result = learn(model, corpus, tmp_path, max_steps=5, eval_steps=3)
    assert result.figures["best_step"] == 5
    assert not changed(seen[2], weights(model))


def test_training_stops_when_dev_stays_no_better(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any
) -> None:
    model = load_model(folders["ctc"])
    looks(model, [0.9, 0.5, 0.6, 0.4, 0.5, 0.4, 0.1])
    result = learn(model, corpus, tmp_path, max_steps=50, patience=2)
    assert result.figures["steps"] == 5
    assert result.figures["best_step"] == 3


def test_patience_survives_a_kill(folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any) -> None:
    model = load_model(folders["ctc"])
    looks(model, [0.9, 0.5, 0.6, 0.6])
    with pytest.raises(Killed):
        learn(model, corpus, tmp_path, max_steps=50, patience=3, progress=killer(4))
    model = load_model(folders["ctc"])
    looks(model, [0.7, 0.7, 0.7])
    assert learn(model, corpus, tmp_path, max_steps=50, patience=3, resume=True).figures["steps"] == 4


def test_a_run_that_never_helped_dev_says_so(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, looks: Any
) -> None:
    model = load_model(folders["ctc"])
    looks(model, [0.4, 0.5, 0.6])
    assert "never became better" in learn(model, corpus, tmp_path, max_steps=2).notes[0]


def test_the_dev_wer_is_of_real_transcripts(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    import jiwer

    from speech_tl.decoding.decode import decode

    model = load_model(folders["ctc"])
    dev = corpus.split("dev")
    wanted = jiwer.wer([u.text for u in dev], [h.text for h in decode(model, dev)])
    learn(model, corpus, tmp_path, max_steps=1)
    assert logged(tmp_path, "dev_wer")[0] == (0, wanted)


def test_as_many_dev_utterances_as_asked_always_the_same(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech_tl.decoding import measuring

    corpus, decoded, decode = clips(tmp_path / "clips", train=2, dev=6), [], measuring.decode

    def seen(model: AcousticModel, utterances: Any, *rest: Any, **conditions: Any) -> Any:
        decoded.append([u.id for u in utterances])
        return decode(model, utterances, *rest, **conditions)

    monkeypatch.setattr(measuring, "decode", seen)
    learn(load_model(folders["ctc"]), corpus, tmp_path / "run", max_steps=2, dev_limit=3)
    assert len(decoded) == 3 and all(ids == decoded[0] for ids in decoded)
    assert len(set(decoded[0])) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_dev_is_decoded_with_decodings_own_attention(
    family: str, folders: dict[str, Path], corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What trains fastest keeps a number for every pair of positions: gigabytes on a batch of 30 s windows."""
    from speech_tl.decoding import measuring

    model, used, decode = load_model(folders[family], language="en"), [], measuring.decode
    usual = model.network.config._attn_implementation
    model.set_audio_context("auto", 0.0)

    def seen(model: AcousticModel, *rest: Any, **conditions: Any) -> Any:
        used.append(model.network.config._attn_implementation)
        return decode(model, *rest, **conditions)

    def learnt(network: Any, batch: Any, loss: Any = model.loss) -> Any:
        used.append(model.network.config._attn_implementation)
        return loss(network, batch)

    monkeypatch.setattr(measuring, "decode", seen)
    monkeypatch.setattr(model, "loss", learnt)
    learn(model, corpus, tmp_path / "run", max_steps=1)
    assert used == [usual, model.training_attention(), usual]


def test_a_dev_split_without_words_cannot_select(folders: dict[str, Path], tmp_path: Path) -> None:
    corpus = clips(tmp_path / "clips", dev=1)
    texts = [u.text if u.columns["split"] == "train" else "?!" for u in corpus]
    with pytest.raises(BadInput, match="dev split holds no words"):
        learn(load_model(folders["ctc"]), corpus.with_column("text", texts), tmp_path / "run")


def test_without_dev_the_last_weights_stay(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    model = load_model(folders["ctc"])
    result = learn(model, corpus, tmp_path, max_steps=3, dev=False)
    assert result.figures["best_step"] in (None, 0)
    last = load_model(folders["ctc"])
    last.network.load_state_dict(
        type(last.network).from_pretrained(tmp_path / "checkpoint-3").state_dict(), strict=False
    )
    assert not changed(weights(last), weights(model))


# ---- how long


def test_epochs_are_whole_passes(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    result = learn(load_model(folders["ctc"]), corpus, tmp_path, max_steps=None, epochs=2, eval_steps=50)
    assert result.figures["epochs"] == 2
    audio_s = float(corpus.split("train").durations_s().sum())
    assert result.figures["audio_seconds"] == pytest.approx(2 * audio_s, abs=0.1)
    assert 0 < result.figures["padding_share"] < 0.4


def test_a_time_limit_ends_with_a_look_and_a_checkpoint(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    result = learn(load_model(folders["ctc"]), corpus, tmp_path, max_steps=500, eval_steps=100, max_minutes=1e-6)
    assert result.figures["steps"] == 1
    assert [step for step, _ in logged(tmp_path, "dev_wer")] == [0, 1]
    assert [step for step, _ in logged(tmp_path, "loss")] == [1]
    assert (tmp_path / "checkpoint-1").is_dir()


def test_training_teaches(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    for family in FAMILIES:
        model = load_model(folders[family], language="en")
        learn(model, corpus, tmp_path / family, max_steps=25, eval_steps=5, dev=False, learning_rate=5e-3)
        losses = [loss for _, loss in logged(tmp_path / family, "loss")]
        assert losses[-1] < 0.7 * losses[0], family


# ---- what is left behind


def test_the_log_has_a_line_a_look_that_a_curve_can_be_drawn_from(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []
    learn(
        load_model(folders["ctc"]), corpus, tmp_path, progress=lambda done, steps, latest: heard.append((done, steps))
    )
    entries = read_log(tmp_path / "log.jsonl")
    steps = [e for e in entries if "loss" in e]
    assert [e["step"] for e in steps] == [1, 2, 3, 4]
    wanted = {"loss", "learning_rate", "grad_norm", "epoch", *COUNTED[:2], "audio_seconds", "padded_seconds"}
    assert all(wanted <= set(e) for e in steps)
    assert [e["audio_seconds"] for e in steps] == sorted(e["audio_seconds"] for e in steps)
    assert [e["step"] for e in entries if "dev_wer" in e and "dev_cer" in e] == [0, 1, 2, 3, 4]
    assert heard == [(step, 4) for step in range(1, 5)]


def test_a_broken_file_found_before_a_kill_is_still_reported_after_it(folders: dict[str, Path], tmp_path: Path) -> None:
    corpus = clips(tmp_path / "clips")
    broken = tmp_path / "clips" / "3.wav"
    broken.write_text("not audio")
    run: dict[str, Any] = {"dev": False, "batch_seconds": 20.0, "max_steps": 6}
    with pytest.raises(Killed):
        learn(fresh(folders["ctc"]), corpus, tmp_path / "run", progress=killer(5), **run)
    problems: dict[str, str] = {}
    for entry in read_log(tmp_path / "run" / "log.jsonl"):
        problems |= entry.get("problems", {})
    assert set(problems) == {"3"}
    shutil.copy(tmp_path / "clips" / "4.wav", broken)
    result = learn(fresh(folders["ctc"]), corpus, tmp_path / "run", resume=True, **run)
    assert list(result.problems) == [3] and "3.wav" in result.problems[3]


def test_training_and_decoding_are_quiet(
    folders: dict[str, Path], corpus: Manifest, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: Any
) -> None:
    for family, saving in itertools.product(FAMILIES, (False, True)):
        model = load_model(folders[family], language="en")
        learn(model, corpus, tmp_path / f"{family}{saving}", max_steps=2, patience=1, gradient_checkpointing=saving)
        model.save(tmp_path / f"{family}{saving}" / "model")
        load_model(tmp_path / f"{family}{saving}" / "model", language="en")
    assert capfd.readouterr() == ("", "")
    assert [str(w.message) for w in recwarn] == []


def test_figures_can_be_written_as_json(folders: dict[str, Path], corpus: Manifest, tmp_path: Path) -> None:
    figures = learn(load_model(folders["ctc"]), corpus, tmp_path, max_steps=2).figures
    assert json.loads(json.dumps(figures)) == figures
    assert figures["steps"] == 2 and figures["audio_seconds_per_second"] > 0
    last = read_log(tmp_path / "log.jsonl")[-1]
    assert figures["audio_seconds"] == pytest.approx(last["audio_seconds"], abs=0.1)
    took_s = figures["audio_seconds"] / figures["audio_seconds_per_second"]
    assert took_s == pytest.approx(figures["seconds"], abs=0.06)
    assert figures["peak_memory_bytes"] > 1e7
