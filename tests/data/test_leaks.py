"""What train and test share: the same samples are found whatever file they lie in, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech_tl.data.check import check_manifest
from speech_tl.data.leaks import Leak, Leaks, find_leaks, leak_notes, shared_audio
from speech_tl.data.manifest import Manifest
from tests.small import written
from tests.sounds import SAMPLE_RATE, voice


def noted(path: Path, samples: np.ndarray, **columns: object) -> dict[str, object]:
    """A file of these samples and its row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(samples * 32767).astype(np.int16), SAMPLE_RATE)
    return {"audio": path.name, "text": "we call it bear", "speaker": "", "duration": ""} | columns


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Train and test; test holds a copy in another format, one that only begins alike, and one like nothing."""
    ours, other = voice(2.0, 1), voice(2.0, 2)
    changed = ours.copy()
    changed[SAMPLE_RATE:] *= 0.5
    rows = [
        noted(tmp_path / "ours.wav", ours, split="train", speaker="ann", duration="2.03"),
        noted(tmp_path / "other.wav", other, split="train", speaker="bob", text="zero three"),
        noted(tmp_path / "short.wav", voice(0.5, 3), split="train", speaker="eve", text="one"),
        noted(tmp_path / "copy.flac", ours, split="test", speaker="ann", text="We call it BEAR!"),
        noted(tmp_path / "changed.wav", changed, split="test", speaker="ann", text="five"),
        noted(tmp_path / "new.wav", voice(3.0, 4), split="test", speaker="dan", text="six"),
        noted(tmp_path / "short_too.wav", voice(0.5, 3), split="test", speaker="", text="seven"),
        noted(tmp_path / "dev.wav", voice(2.0, 5), split="dev", speaker="liz", text="eight"),
    ]
    return Manifest.read(written(tmp_path / "manifest.csv", rows))


def leaks_of(manifest: Manifest) -> Leaks:
    check = check_manifest(manifest)
    usable = check.usable(manifest).with_column("duration", check.durations_s[check.clean_indices].tolist())
    return find_leaks(usable.split("train"), usable.split("test"), check.shared_speakers, check.shared_sentences)


def test_the_same_samples_are_found_in_another_file_and_format(manifest: Manifest) -> None:
    leaks = leaks_of(manifest)
    assert leaks.audio == Leak(count=2, first=["ours.wav = copy.flac", "short.wav = short_too.wav"], test_utterances=2)


def test_speakers_and_sentences_are_named_with_how_much_of_test_they_touch(manifest: Manifest) -> None:
    leaks = leaks_of(manifest)
    assert leaks.speakers == Leak(count=1, first=["ann"], test_utterances=2)
    assert leaks.sentences == Leak(count=1, first=["we call it bear"], test_utterances=1)
    notes = leak_notes(leaks)
    assert len(notes) == 3 and "1 speakers are in both train and test (ann)" in notes[0]
    assert "ours.wav = copy.flac, short.wav = short_too.wav" in notes[2]


def test_unknown_speakers_are_not_known_to_be_different(tmp_path: Path) -> None:
    rows = [
        noted(tmp_path / f"{n}.wav", voice(1.0, n), split=split, text=f"text {n}")
        for n, split in enumerate(["train", "test"])
    ]
    leaks = leaks_of(Manifest.read(written(tmp_path / "manifest.csv", rows)))
    assert leaks.speakers is None
    assert leaks.sentences.count == leaks.audio.count == 0
    assert leak_notes(leaks) == []


def test_train_files_of_other_lengths_are_never_opened(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    from speech_tl.data.manifest import Utterance

    opened, load = [], Utterance.load
    monkeypatch.setattr(Utterance, "load", lambda self, rate: (opened.append(self.id), load(self, rate))[1])
    durations = [2.0 if "short" not in name else 0.5 for name in manifest.column("audio")]
    known = manifest.with_column("duration", durations)
    test = known.select([3])
    assert shared_audio(known.split("train"), test) == [("ours.wav", "copy.flac")]
    assert "short.wav" not in opened and set(opened) == {"ours.wav", "other.wav", "copy.flac"}


def test_a_part_of_a_file_is_found_and_other_lengths_by_headers_are_never_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech_tl.data.manifest import Utterance

    said, long = voice(1.0, 1), np.concatenate([voice(0.5, 7), voice(1.0, 1), voice(0.5, 8)])
    rows = [
        noted(tmp_path / "long.wav", long, split="train", start="0.5", end="1.5"),
        noted(tmp_path / "nearly.wav", voice(1.01, 3), split="train", start="", end=""),
        noted(tmp_path / "said.flac", said, split="test", text="other", start="", end=""),
    ]
    manifest = Manifest.read(written(tmp_path / "manifest.csv", rows)).with_column("duration", [1.0, 1.0, 1.0])
    opened, load = [], Utterance.load
    monkeypatch.setattr(Utterance, "load", lambda self, rate: (opened.append(self.id), load(self, rate))[1])
    assert shared_audio(manifest.split("train"), manifest.split("test")) == [("long.wav#0.5", "said.flac")]
    assert "nearly.wav" not in opened, "its headers count other samples"
