"""Which recordings each part of the data hears, and folders that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, AugmentOptions, Noise, Room
from speech_tl.data.augment.sounds import SoundBank, part_of, read_sounds
from speech_tl.data.manifest import Manifest
from speech_tl.errors import BadInput
from tests.data.augment.made import noise_folder
from tests.small import written
from tests.sounds import SAMPLE_RATE, voice


def parts(folder: Path) -> dict[str, Manifest]:
    (manifest,) = read_sounds([str(folder)], {}, "noise.folders")
    return {part: part_of(manifest, part, "noise.folders") for part in ("train", "dev", "test")}


def stretches(manifest: Manifest) -> set[tuple[str, float]]:
    return {(utterance.audio, utterance.start_s) for utterance in manifest}


def test_a_manifest_s_own_splits_hold(tmp_path: Path) -> None:
    found = parts(noise_folder(tmp_path, [1.0] * 6, ["train", "train", "test", "test", "dev", "train"]))
    assert [Path(u.audio).stem for u in found["test"]] == ["noise2", "noise3"]
    assert [Path(u.audio).stem for u in found["dev"]] == ["noise4"]


def test_dev_hears_the_training_s_noise_where_it_has_none(tmp_path: Path) -> None:
    found = parts(noise_folder(tmp_path, [1.0] * 4, ["train", "train", "test", "test"]))
    assert stretches(found["dev"]) == stretches(found["train"])
    assert not stretches(found["test"]) & stretches(found["train"])


@pytest.mark.parametrize("number", [5, 6, 9, 10, 40])
def test_without_splits_recordings_are_dealt_out_whole(number: int, tmp_path: Path) -> None:
    found = parts(noise_folder(tmp_path, [0.5] * number))
    assert not stretches(found["test"]) & (stretches(found["train"]) | stretches(found["dev"]))
    assert len(found["test"]) == max(1, round(0.2 * number)) and len(found["train"]) >= 0.6 * number
    assert parts(tmp_path)["test"].column("audio") == found["test"].column("audio"), "always the same ones"
    if number >= 10:
        assert sum(len(part) for part in found.values()) == number


def test_one_long_recording_is_cut_in_time(tmp_path: Path) -> None:
    found = parts(noise_folder(tmp_path, [40.0]))
    borders = {part: (round(m[0].start_s, 3), round(m[0].end_s, 3)) for part, m in found.items()}
    assert borders == {"train": (0, 28), "dev": (28, 32), "test": (32, 40)}
    whole = found["test"][0].load()
    bank = SoundBank(found["test"], SAMPLE_RATE)
    stretch = bank.stretch_of(found["test"][0], 8000, np.random.default_rng(0))
    assert np.isin(stretch[1000:-1000], whole).all(), "what the test hears lies in its own stretch"


def test_a_stretch_of_a_long_recording_is_read_by_seeking(tmp_path: Path) -> None:
    (manifest,) = read_sounds([str(noise_folder(tmp_path, [60.0]))], {}, "noise.folders")
    bank, whole = SoundBank(manifest, SAMPLE_RATE), manifest[0].load()
    for seed in range(5):
        stretch, source = bank.stretch(SAMPLE_RATE, np.random.default_rng(seed))
        assert source.audio == manifest[0].audio
        places = np.flatnonzero(whole == stretch[4000]) - 3200
        assert any(np.array_equal(stretch[800:], whole[at : at + SAMPLE_RATE - 800]) for at in places)
    assert not bank._kept, "a minute is not kept for a second of it"


def test_recordings_that_were_used_are_kept_but_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (manifest,) = read_sounds([str(noise_folder(tmp_path, [1.0] * 6))], {}, "noise.folders")
    monkeypatch.setattr("speech_tl.data.augment.sounds.CACHE_BYTES", 3 * 4 * SAMPLE_RATE)
    bank = SoundBank(manifest, SAMPLE_RATE)
    first = bank.whole(manifest[0])
    assert bank.whole(manifest[0]) is first
    for utterance in manifest:
        bank.whole(utterance)
    assert len(bank._kept) == 3 and bank._kept_bytes == sum(kept.nbytes for kept in bank._kept.values())


def test_the_emptiness_at_a_clip_s_ends_is_left_out(tmp_path: Path) -> None:
    clip = np.concatenate([np.zeros(4000), voice(0.5), np.zeros(40_000)]).astype(np.float32)
    save_audio(tmp_path / "a.wav", clip, SAMPLE_RATE)
    (manifest,) = read_sounds([str(tmp_path)], {}, "noise.folders")
    assert len(SoundBank(manifest, SAMPLE_RATE).whole(manifest[0])) <= SAMPLE_RATE // 2


def test_a_few_room_responses_are_dealt_out_whole(tmp_path: Path) -> None:
    (manifest,) = read_sounds([str(noise_folder(tmp_path, [0.3, 0.3, 0.3]))], {}, "room.folders")
    heard = {part: part_of(manifest, part, "room.folders", divisible=False) for part in ("train", "test")}
    assert [len(part) for part in heard.values()] == [2, 1]
    assert not stretches(heard["train"]) & stretches(heard["test"])


def test_one_room_response_can_be_learnt_from_but_not_tested_with(tmp_path: Path) -> None:
    folder = noise_folder(tmp_path, [0.3])
    augmenter = Augmenter(AugmentOptions(room=Room(folders=[str(folder)])))
    assert augmenter.chain("train") and augmenter.chain("dev")
    with pytest.raises(BadInput, match="nothing for test"):
        augmenter.chain("test")


# ---- bad input


def refusal(folder: Path, **options: object) -> str:
    with pytest.raises(BadInput) as caught:
        Augmenter(AugmentOptions(noise=Noise(folders=[str(folder)], **options))).chain("train")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_without_audio(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no sound here")
    assert refusal(tmp_path).startswith(f"noise.folders: {tmp_path}: holds no manifest")
    assert "no such manifest" in refusal(tmp_path / "nowhere")


def test_a_silent_recording_is_named(tmp_path: Path) -> None:
    noise_folder(tmp_path, [1.0, 1.0])
    save_audio(tmp_path / "quiet.wav", np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
    assert f"{tmp_path / 'quiet.wav'}: nothing to be heard" in refusal(tmp_path)


def test_a_broken_recording_is_named(tmp_path: Path) -> None:
    noise_folder(tmp_path, [1.0, 1.0])
    (tmp_path / "broken.wav").write_text("not audio")
    assert "broken.wav" in refusal(tmp_path)


def test_a_label_that_is_not_there(tmp_path: Path) -> None:
    folder = noise_folder(tmp_path, [1.0] * 4, ["train"] * 4)
    assert "no row has label = rain (there are: a, b)" in refusal(folder, where={"label": "rain"})


def test_noise_that_has_nothing_left_for_the_test(tmp_path: Path) -> None:
    folder = noise_folder(tmp_path, [1.0] * 4, ["train"] * 4)
    augmenter = Augmenter(AugmentOptions(noise=Noise(folders=[str(folder)])))
    with pytest.raises(BadInput, match=r"has nothing for test \(there are: train\)"):
        augmenter.chain("test")


def test_the_test_s_noise_under_another_name_in_training(tmp_path: Path) -> None:
    folder = noise_folder(tmp_path, [1.0, 1.0])
    (folder / "copy.wav").write_bytes((folder / "noise0.wav").read_bytes())
    rows = [
        {"audio": a, "split": s} for a, s in (("noise0.wav", "train"), ("noise1.wav", "train"), ("copy.wav", "test"))
    ]
    written(folder / "manifest.csv", rows)
    assert "copy.wav of test is the same recording as noise0.wav of train" in refusal(folder)
