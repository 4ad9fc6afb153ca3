"""`speech-tl lm`, and decoding with what it makes: from which texts, and with which refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech_tl.audio import save_audio
from speech_tl.cli import main
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.evaluation import evaluate
from speech_tl.lm import make_lm
from speech_tl.models.options import DecodingOptions
from speech_tl.text.ngrams import open_ngrams
from tests.small import made_corpus
from tests.sounds import talking
from tests.tiny import tiny_ctc, tiny_whisper


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_corpus(tmp_path_factory.mktemp("corpus"))


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(list(map(str, arguments)))
    return int(leaving.value.code or 0)


def test_a_model_from_sentences_and_the_train_split_of_a_manifest(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("Well, hello!\n\nIt's late.\n", encoding="utf-8")
    made = make_lm([tmp_path / "more.txt", corpus], tmp_path / "lm.arpa", order=2)
    train = Manifest.read(corpus).split("train").texts("text")
    assert made.sentences == 2 + len(train)
    assert {"well", "hello", "it's"} <= open_ngrams(tmp_path / "lm.arpa").words
    noted = json.loads((tmp_path / "lm.arpa.json").read_text())
    assert (noted["order"], noted["sentences"]) == (2, made.sentences)


def test_characters_are_the_words_of_a_language_without_spaces(tmp_path: Path) -> None:
    (tmp_path / "zh.txt").write_text("你好世界\n你好\n", encoding="utf-8")
    make_lm([tmp_path / "zh.txt"], tmp_path / "zh.arpa", language="zh")
    assert open_ngrams(tmp_path / "zh.arpa").words == {"你", "好", "世", "界"}


def test_sentences_of_test_are_refused_or_dropped(corpus: Path, tmp_path: Path, capsys) -> None:
    spoken = Manifest.read(corpus).split("test").texts("text")[0]
    (tmp_path / "leak.txt").write_text(f"{spoken.upper()}!\nsomething else\n", encoding="utf-8")
    command = ["lm", tmp_path / "leak.txt", "--out", tmp_path / "lm.arpa", "--not-in", corpus]
    assert run(*command) == 2
    assert "1 sentences of dev or test are in the texts" in capsys.readouterr().err
    assert not (tmp_path / "lm.arpa").exists()
    assert run(*command, "--drop") == 0
    assert "1 sentences left out" in capsys.readouterr().err
    assert open_ngrams(tmp_path / "lm.arpa").words == {"something", "else"}


def test_a_model_that_has_read_the_test_set_is_refused_by_evaluate(corpus: Path, tmp_path: Path, capsys) -> None:
    model = tiny_ctc(tmp_path / "m")
    spoken = Manifest.read(corpus).split("test").texts("text")[0]
    (tmp_path / "leak.txt").write_text(f"{spoken}\nsomething else\n", encoding="utf-8")
    (tmp_path / "fair.txt").write_text("something else\n", encoding="utf-8")
    for name in ("leak", "fair"):
        make_lm([tmp_path / f"{name}.txt"], tmp_path / f"{name}.arpa")
    command = ["evaluate", "--model", model, "--data", corpus, "--lm"]
    assert run(*command, tmp_path / "leak.arpa") == 2
    assert "was made from 1 sentences of" in capsys.readouterr().err
    assert run(*command, tmp_path / "fair.arpa", "--beam", "4", "--out", tmp_path / "out") == 0
    decoding = json.loads((tmp_path / "out" / "summary.json").read_text())["decoding"]
    assert (decoding["beam"], decoding["lm"], decoding["lm_weight"]) == (4, "fair.arpa (3-gram, 2 words)", "0.8")
    (tmp_path / "fair.arpa.json").unlink()
    found = evaluate(model, corpus, decoding=DecodingOptions(lm=tmp_path / "fair.arpa", beam=4))
    assert "nobody noted which texts" in found.data["notes"][-1]


def test_options_that_do_not_go_together(corpus: Path, tmp_path: Path, capsys) -> None:
    model = tiny_ctc(tmp_path / "m")
    (tmp_path / "names.txt").write_text("Ann\n")
    (tmp_path / "heard.csv").write_text("id,text\n")
    clip = corpus.parent / "audio" / "00.wav"
    for arguments, message in (
        (["evaluate", "--model", model, "--data", corpus, "--lm-weight", "1"], "--lm-weight goes with --lm FILE"),
        (["transcribe", clip, "--model", model, "--word-bonus", "1"], "--word-bonus goes with --lm FILE"),
        (["transcribe", clip, "--model", model, "--hotword-weight", "1"], "--hotword-weight goes with --hotwords"),
        (["evaluate", "--hypotheses", tmp_path / "heard.csv", "--beam", "4"], "--beam is for --model"),
        (["evaluate", "--model", model, "--data", corpus, "--lm", "none.arpa"], "no language model none.arpa"),
        (["evaluate", "--model", model, "--data", corpus, "--lm", corpus, "--lm-weight", "101"], "expected 0 to 100"),
        (["lm", tmp_path / "names.txt", "--out", tmp_path / "lm.bin"], "ends in .arpa"),
        (["lm", tmp_path / "names.txt", "--out", tmp_path / "lm.arpa", "--order", "9"], "expected 1 to 6"),
        (["lm", tmp_path / "names.txt", "--out", tmp_path / "lm.arpa", "--drop"], "--drop goes with --not-in"),
    ):
        assert run(*arguments) == 2
        assert message in capsys.readouterr().err


def test_whisper_takes_no_language_model(corpus: Path, tmp_path: Path) -> None:
    whisper = tiny_whisper(tmp_path / "w", multilingual=False)
    (tmp_path / "fair.txt").write_text("something else\n", encoding="utf-8")
    make_lm([tmp_path / "fair.txt"], tmp_path / "fair.arpa")
    with pytest.raises(BadInput, match="can be fused into CTC models"):
        evaluate(whisper, corpus, decoding=DecodingOptions(lm=tmp_path / "fair.arpa"))


def test_transcribe_hears_for_names(corpus: Path, tmp_path: Path, capsys) -> None:
    model = tiny_ctc(tmp_path / "m")
    (tmp_path / "names.txt").write_text("qqq\n")
    clip = save_audio(tmp_path / "talk.wav", talking(3.0), 16000)
    texts = []
    for weight in ("0", "50"):
        command = [
            "transcribe",
            clip,
            "--model",
            model,
            "--hotwords",
            tmp_path / "names.txt",
            "--hotword-weight",
            weight,
        ]
        assert run(*command) == 0
        texts.append(capsys.readouterr().out)
    assert "qqq" not in texts[0].split() and "qqq" in texts[1].split()
