"""The synthesiser: real clips by real engines, in the manifest's format, resumable, its sets apart."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from data_scripts import synthesize
from data_scripts.effects import SAMPLE_RATE, add_noise, record, trim_silence
from data_scripts.voices import missing_engines
from tests.sounds import voice

needs_engines = pytest.mark.skipif(bool(missing_engines()), reason=f"not on PATH: {', '.join(missing_engines())}")


RECORDED = [
    (0, 21226, [0.001176, 0.080109, -0.013181, -0.041079, 0.029297]),
    (1, 23448, [0.019755, 0.040992, -0.001203, -0.011496, 0.039743]),
    (2, 19839, [-0.004761, -0.060189, -0.034507, -0.006252, 0.037138]),
    (3, 18889, [0.007075, 0.034977, -0.024543, 0.004929, 0.046288]),
    (4, 23417, [-0.000000, -0.006209, -0.072780, 0.033482, 0.000329]),
    (5, 24051, [-0.000000, -0.012229, -0.031376, 0.159600, -0.056067]),
    (6, 21125, [-0.004604, -0.005873, 0.041432, 0.035873, 0.018437]),
    (7, 23688, [0.000159, 0.006196, 0.011370, 0.034283, -0.033981]),
]
"""Seed, samples and every 3000th sample of recordings of one voice: rooms, tilts, a telephone, all kinds of noise."""


def rows_of(folder: Path) -> list[dict]:
    with (folder / "manifest.csv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory, request) -> Path:
    """A few seconds of a training set, with a text file of our own."""
    folder = tmp_path_factory.mktemp("spoken")
    text = folder / "text.txt"
    text.write_text("The old mill stood by the river, and its wheel had not turned for years.\n" * 3, encoding="utf-8")
    request.getfixturevalue("small_blocks")
    assert (
        synthesize.main(["--out", str(folder / "set"), "--text", str(text), "--hours", "0.005", "--workers", "1"]) == 0
    )
    return folder / "set"


@pytest.fixture(scope="module")
def small_blocks():
    """Blocks of six clips, so that a small set stops early."""
    before, synthesize.BLOCK = synthesize.BLOCK, 6
    yield
    synthesize.BLOCK = before


@needs_engines
def test_clips_are_sound_speech_at_16_khz(spoken):
    rows = rows_of(spoken)
    assert list(rows[0]) == synthesize.COLUMNS
    assert sum(float(row["duration"]) for row in rows) >= 0.005 * 3600
    for row in rows:
        waveform, rate = soundfile.read(spoken / row["audio"])
        assert rate == SAMPLE_RATE and waveform.ndim == 1
        assert abs(len(waveform) / rate - float(row["duration"])) < 0.01
        assert 0.05 < np.abs(waveform).max() < 1.0
        assert 3 < len(row["text"]) / float(row["duration"]) < 30


@needs_engines
def test_a_second_run_keeps_what_is_there_and_makes_what_is_missing(spoken):
    first = rows_of(spoken)
    kept, lost = (spoken / row["audio"] for row in first[:2])
    written_at, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    text = spoken.parent / "text.txt"
    assert synthesize.main(["--out", str(spoken), "--text", str(text), "--hours", "0.005", "--workers", "1"]) == 0
    assert rows_of(spoken) == first
    assert kept.stat().st_mtime_ns == written_at
    assert lost.read_bytes() == content


def test_held_out_voices_and_sentences_are_apart():
    voices = {
        name: {voice for part in parts for group in part.voices for voice in group}
        for name, parts in synthesize.SETS.items()
    }
    assert not voices["train"] & (voices["heldout"] | voices["kal16"] | voices["scottish"])
    parts = {part.split: part for part in synthesize.SETS["quickstart"]}
    assert not set(parts["train"].voices[0]) & set(parts["test"].voices[0])
    assert len({part.bucket for part in parts.values()}) == 3
    assert synthesize.SETS["train"][0].bucket not in {part.bucket for part in parts.values()}


def test_noise_has_the_ratio_asked_for():
    rng = np.random.default_rng(0)
    speech = np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    noise = add_noise(speech, rng, snr_db=10.0) - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(10.0, abs=0.01)


@pytest.mark.parametrize(("seed", "samples", "wanted"), RECORDED)
def test_a_seed_still_makes_the_clips_that_the_starters_heard(seed, samples, wanted):
    """What the starters were trained on can be made again: neither the effects nor their order of chance may change."""
    heard = record(trim_silence(voice(1.0, 5)), np.random.default_rng(seed), clean_share=0.0)
    assert len(heard) == samples
    np.testing.assert_allclose(heard[3000::3000][:5], wanted, atol=2e-6)


def test_recording_never_clips_and_silence_is_trimmed():
    speech = np.concatenate([np.zeros(4000), np.random.default_rng(1).standard_normal(SAMPLE_RATE), np.zeros(4000)])
    trimmed = trim_silence(speech)
    assert len(trimmed) <= SAMPLE_RATE
    for seed in range(20):
        heard = record(trimmed, np.random.default_rng(seed), clean_share=0.3)
        assert np.isfinite(heard).all() and 0.07 < np.abs(heard).max() < 0.96


def test_missing_text_file_is_one_line_and_code_2(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(synthesize, "missing_engines", list)
    assert synthesize.main(["--out", str(tmp_path), "--text", str(tmp_path / "none.txt")]) == 2
    assert "none.txt" in capsys.readouterr().err


def test_missing_engine_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(synthesize, "missing_engines", lambda: ["flite"])
    assert synthesize.main(["--out", str(tmp_path)]) == 2
    assert "flite" in capsys.readouterr().err
