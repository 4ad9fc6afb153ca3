"""Adapted to one utterance and back: certain of it afterwards, and every weight is what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from speech_tl.audio import load_audio, save_audio
from speech_tl.cli import _run
from speech_tl.comparison import compare
from speech_tl.data.manifest import Utterance
from speech_tl.decoding.decode import conditions, decode, decode_waveforms
from speech_tl.decoding.suta import adapted, settled, suta_loss
from speech_tl.errors import BadInput
from speech_tl.models.base import AcousticModel
from speech_tl.models.load import load_model
from speech_tl.models.options import SUTA, DecodingOptions
from tests.small import made_corpus, recipe_yaml
from tests.sounds import voice
from tests.tiny import tiny_ctc, tiny_whisper

EAGER = SUTA(steps=4, learning_rate=0.02)


@pytest.fixture(scope="module", params=["layer", "group"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    return load_model(tiny_ctc(tmp_path_factory.mktemp("suta") / "m", norm=request.param), device="cpu")


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("clips")
    for number, seconds in enumerate((1.0, 2.0, 1.0, 1.6, 1.0)):
        save_audio(folder / f"{number}.wav", voice(seconds, number), 16000)
    return [Utterance(str(n), str(folder / f"{n}.wav")) for n in range(5)]


def texts(model: AcousticModel, utterances: list[Utterance], options: SUTA | None) -> list[str | None]:
    return [h.text for h in decode(model, utterances, DecodingOptions(workers=0, test_time=options))]


def everything(model: AcousticModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.network.state_dict().items()}


@pytest.mark.parametrize("feature_encoder", [False, True])
def test_every_weight_flag_and_gradient_is_what_it_was(
    model: AcousticModel, utterances: list[Utterance], feature_encoder: bool
) -> None:
    options = EAGER.model_copy(update={"feature_encoder": feature_encoder})
    parameters = dict(model.network.named_parameters())
    first = next(iter(parameters.values()))
    for parameter in parameters.values():
        parameter.requires_grad_(parameter is first)
    first.grad = torch.ones_like(first)
    before = everything(model)
    assert texts(model, utterances, options) != texts(model, utterances, None), "for this test to mean anything"
    after = everything(model)
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert [p for p in parameters.values() if p.requires_grad] == [first]
    assert torch.equal(first.grad, torch.ones_like(first))
    assert all(p.grad is None for p in parameters.values() if p is not first)
    first.grad = None
    model.network.requires_grad_(True)


def test_a_transcript_does_not_depend_on_its_neighbours(model: AcousticModel, utterances: list[Utterance]) -> None:
    together = texts(model, utterances, EAGER)
    assert together == [texts(model, [utterance], EAGER)[0] for utterance in utterances]
    assert together == texts(model, utterances[::-1], EAGER)[::-1]
    waveforms = [load_audio(utterance.audio) for utterance in utterances]
    assert decode_waveforms(model, waveforms, DecodingOptions(test_time=EAGER)) == together


def test_the_weights_are_back_after_a_fault(model: AcousticModel, utterances: list[Utterance]) -> None:
    before = everything(model)
    batch = model.collate([model.features(load_audio(utterances[0].audio))], None)
    with pytest.raises(KeyboardInterrupt), adapted(model, batch, EAGER):
        moved = everything(model)
        raise KeyboardInterrupt
    after = everything(model)
    changed = {name for name in before if not torch.equal(before[name], moved[name])}
    assert changed and all("norm" in name for name in changed) and not any("feature_ext" in name for name in changed)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_utterance_becomes_more_certain(model: AcousticModel, utterances: list[Utterance]) -> None:
    batch = model.collate([model.features(load_audio(utterances[1].audio))], None)

    def loss() -> float:
        with torch.no_grad():
            return float(suta_loss(model.frame_log_probabilities(batch)[0][0], model.blank, EAGER))

    before = loss()
    with adapted(model, batch, SUTA(steps=10, learning_rate=0.005)):
        assert loss() < before
    assert loss() == before


def test_the_loss_is_what_the_papers_say() -> None:
    """Two labels and a blank in three frames, the last one blank, by hand."""
    shares = torch.tensor([[0.1, 0.7, 0.2], [0.1, 0.3, 0.6], [0.8, 0.1, 0.1]])
    plain = SUTA(temperature=1, entropy_share=1)
    entropy = -(shares[:2] * shares[:2].log()).sum(1).mean()
    assert float(suta_loss(shares.log(), 0, plain)) == pytest.approx(float(entropy))
    classes = [[sum(float(f[i] * f[j]) for f in shares) for j in range(3)] for i in range(3)]
    wrong = sum(row[j] / sum(row) for i, row in enumerate(classes) for j in range(3) if i != j)
    confusion = SUTA(temperature=1, entropy_share=0)
    assert float(suta_loss(shares.log(), 0, confusion)) == pytest.approx(wrong / 3)
    warm = torch.softmax(shares.log() / 2, -1)
    halves = SUTA(temperature=2, entropy_share=1)
    assert float(suta_loss(shares.log(), 0, halves)) == pytest.approx(float(-(warm * warm.log())[:2].sum(1).mean()))
    silent = torch.tensor([[0.9, 0.05, 0.05]]).log()
    assert float(suta_loss(silent, 0, plain)) == 0.0, "where nothing is said there is no entropy to lower"


def test_a_command_line_says_so_in_the_record_and_compare_lists_it(tmp_path: Path) -> None:
    corpus, source = made_corpus(tmp_path / "data"), tiny_ctc(tmp_path / "m")
    evaluate = ["evaluate", "--model", str(source), "--data", str(corpus)]
    assert _run([*evaluate, "--out", str(tmp_path / "plain")]) == 0
    assert _run([*evaluate, "--out", str(tmp_path / "adapted"), "--test-time"]) == 0
    record = json.loads((tmp_path / "adapted" / "summary.json").read_text())["decoding"]
    used = str(SUTA(learning_rate=1e-3))  # what is not said is settled by the model's size, and recorded
    assert record["test_time"] == used and "10 steps at 0.001" in used
    lines = compare(tmp_path / "plain", tmp_path / "adapted")["conditions"]
    assert f"decoding.test_time: none before, {used} after" in lines
    clip = str(corpus.parent / "audio" / "00.wav")
    assert _run(["transcribe", clip, "--model", str(source), "--test-time", "--out", str(tmp_path / "out")]) == 0


def test_a_large_model_gets_the_paper_s_rate(model: AcousticModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(SUTA(), model).learning_rate == 1e-3 and settled(EAGER, model) == EAGER
    monkeypatch.setattr(model, "parameter_counts", lambda: (0, 94_000_000))
    assert settled(SUTA(), model).learning_rate == 2e-5


def test_conditions_are_silent_where_nothing_is_adapted(model: AcousticModel) -> None:
    assert "test_time" not in conditions(model, DecodingOptions())


def test_what_cannot_be_adapted_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, whisper, ctc = made_corpus(tmp_path / "data"), tiny_whisper(tmp_path / "w"), tiny_ctc(tmp_path / "m")
    evaluate = ["evaluate", "--data", str(corpus), "--language", "en", "--test-time"]
    clip = str(corpus.parent / "audio" / "00.wav")
    for command, said in (
        ([*evaluate, "--model", str(whisper)], "is for CTC models"),
        ([*evaluate, "--model", str(ctc), "--engine", "ctranslate2"], "--engine ctranslate2 has a copy"),
        ([*evaluate, "--hypotheses", str(corpus)], "--test-time is for --model"),
        (["transcribe", clip, "--model", str(whisper), "--language", "en", "--test-time"], "is for CTC models"),
    ):
        capsys.readouterr()
        assert _run(command) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert said in line
    with pytest.raises(BadInput, match="is for CTC models"):
        decode(load_model(whisper, language="en"), [Utterance("a", clip)], DecodingOptions(test_time=SUTA()))
    run = ["adapt", str(recipe_yaml(tmp_path / "r.yaml", whisper, corpus)), "decoding.test_time={}"]
    assert _run([*run, "--out", str(tmp_path / "run")]) == 2 and not (tmp_path / "run").exists()
    assert "is for CTC models" in capsys.readouterr().err
