"""`speech-tl hear`: files to listen to, pictures, a page, and what each was put through; nothing half-written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import load_audio, save_audio
from speech_tl.cli import _run
from speech_tl.data.augment import Augmenter, AugmentOptions, Conditions, Gain, Noise, Telephone
from speech_tl.data.augment.levels import snr_db
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from speech_tl.recipe import augment_options
from speech_tl.reporting.preview import hear
from speech_tl.reporting.spectrogram import spectrogram_db
from tests.data.augment.made import noise_folder
from tests.small import made_corpus, rows_of, written

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_corpus(tmp_path_factory.mktemp("corpus"))


def test_each_example_has_sounds_and_a_picture_and_a_place_on_the_page(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    noise = noise_folder(tmp_path / "noise", [2.0] * 5)
    effects = ["--augment", f"noise.folders={noise}", "--augment", "noise.snr_db=5", "--augment", "telephone"]
    assert _run(["hear", str(corpus), *effects, "--count", "3", "--out", str(tmp_path / "heard")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 4 and told[-1].endswith("index.html")
    page = (tmp_path / "heard" / "index.html").read_text()
    for number, line in enumerate(told[:3], 1):
        name = f"{number:02d}"
        assert re.fullmatch(rf".*{name}-heard.flac: noise\d.wav at 5.0 dB SNR, telephone", line)
        recorded, heard = (load_audio(tmp_path / "heard" / f"{name}-{what}.flac") for what in ("recorded", "heard"))
        assert len(recorded) == len(heard) and not np.allclose(recorded, heard, atol=1e-3)
        assert (tmp_path / "heard" / f"{name}.png").read_bytes().startswith(PNG)
        assert line.partition(": ")[2] in page and f'src="{name}-heard.flac"' in page
    assert "http" not in page.replace("http-equiv", "")


def test_what_is_heard_is_what_training_would_hear(corpus: Path, tmp_path: Path) -> None:
    options = Conditions(noise=Noise(generated=["pink"], snr_db=7))
    examples = hear(Manifest.read(corpus), options, tmp_path / "out", count=2, seed=4)
    chain = Augmenter(options).chain("train", Manifest.read(corpus), seed=4)
    for example in examples:
        again = chain(example.recorded, 16000, (4, 0, example.number), example.utterance)
        np.testing.assert_array_equal(example.heard, again)
    written_once = load_audio(tmp_path / "out" / "01-heard.flac")
    recorded = load_audio(tmp_path / "out" / "01-recorded.flac")
    assert snr_db(recorded, written_once - recorded, 16000) == pytest.approx(7, abs=0.3), "16 bits and no more"


def test_markup_in_a_text_stays_text(corpus: Path, tmp_path: Path) -> None:
    rows = [row | {"text": "<script>alert(1)</script>"} for row in rows_of(corpus)]
    hear(Manifest.read(written(tmp_path / "m.csv", rows)), Conditions(gain=Gain()), tmp_path / "out", count=1)
    assert "<script>alert" not in (tmp_path / "out" / "index.html").read_text()


def test_effects_recipes_and_keys_can_be_given(tmp_path: Path) -> None:
    assert augment_options(["telephone", "gain.gain_db=3"]) == AugmentOptions(
        telephone=Telephone(), gain=Gain(gain_db=3)
    )
    script = tmp_path / "mine.py"
    script.write_text(
        "from speech_tl import Recipe\nfrom speech_tl.data.augment import AugmentOptions, Gain\n"
        "recipe = Recipe(name='mine', augment=AugmentOptions(gain=Gain(gain_db=2)))\n"
    )
    assert augment_options([str(script), "augment.gain.share=0.5"]).gain == Gain(gain_db=2, share=0.5)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([], "nothing to hear: no effect is on"),
        (["telephon"], "no effect or recipe is called telephon; did you mean telephone?"),
        (["noise"], "noise needs a source"),
        (["noise.snr=5"], "did you mean augment.noise.snr_db?"),
        (["noise.folders=nowhere"], "noise.folders: nowhere: no such manifest"),
    ],
)
def test_what_cannot_be_heard_is_one_line(
    wanted: list[str], told: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    options = [part for value in wanted for part in ("--augment", value)]
    assert _run(["hear", str(corpus), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and told in lines[0]
    assert not list(tmp_path.iterdir())


def test_silent_speech_is_named_and_nothing_is_written(corpus: Path, tmp_path: Path) -> None:
    save_audio(tmp_path / "quiet.wav", np.zeros(8000, np.float32), 16000)
    manifest = Manifest.read(
        written(tmp_path / "m.csv", [*rows_of(corpus)[:1], rows_of(corpus)[0] | {"audio": "quiet.wav"}])
    )
    with pytest.raises(BadInput, match=r"quiet.wav: silent, so that no signal-to-noise ratio"):
        hear(manifest, Conditions(noise=Noise(generated=["white"])), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    tone = np.sin(2 * np.pi * 2000 * np.arange(16000) / 16000).astype(np.float32)
    tone[:8000] = 0
    picture = spectrogram_db(tone, 16000)
    assert picture.shape == (201, 100) and picture.max() <= 0 and picture.min() == -80
    assert picture[:, 75].argmax() == 50 and picture[:, 20].max() == -80
    assert (spectrogram_db(np.zeros(1000, np.float32), 16000) == -80).all()
