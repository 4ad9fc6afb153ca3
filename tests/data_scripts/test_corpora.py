"""Every corpus script on a miniature of its release."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_scripts import (
    afrispeech,
    common_voice,
    demand,
    edacc,
    esc50,
    fleurs,
    fsdd,
    l2_arctic,
    librispeech,
    mls,
    ms_snsd,
    musan,
    openslr63,
    openslr83,
    rhasspy,
    rirs_noises,
    smc_malayalam,
    torgo,
    vctk,
    voxpopuli,
    wham,
)
from tests.data_scripts import miniatures
from tests.data_scripts.miniatures import made, tarred, zipped


def by(rows: list[dict[str, str]], column: str) -> dict[str, dict[str, str]]:
    return {row[column]: row for row in rows}


def splits(rows: list[dict[str, str]]) -> Counter[str]:
    return Counter(row["split"] for row in rows)


# ---- Common Voice


def test_common_voice_keeps_quotes_and_tabs_in_sentences(tmp_path, capsys):
    root = miniatures.common_voice(tmp_path)
    rows = made(common_voice.main, tmp_path / "out", "--source", root, "--language", "en")
    assert [row["text"] for row in rows] == [
        '"Go!" she said, "now."',
        'He said "no" to all of them',
        "A second one.",
        "A third one.",
    ]
    assert [row["split"] for row in rows] == ["train", "train", "dev", "test"]
    first = rows[0]
    assert first["speaker"] == "a" * 16 and first["gender"] == "female" and first["language"] == "en"
    assert first["duration"] == "0.501" and first["accent"] == "Scottish English|slightly nasal"
    said = capsys.readouterr().err
    assert "1 left out: no sentence" in said and "lines of train.tsv with too few cells" in said


def test_common_voice_accent_is_found_among_several_and_commas_in_brackets_are_no_border(tmp_path, capsys):
    root = miniatures.common_voice(tmp_path)
    source = ("--source", root / "en")
    scots = made(common_voice.main, tmp_path / "a", *source, "--accent", "scottish english")
    assert {row["speaker"] for row in scots} == {"a" * 16}
    india = made(
        common_voice.main, tmp_path / "b", *source, "--accent", "India and South Asia (India, Pakistan, Sri Lanka)"
    )
    assert len(india) == 1 and india[0]["gender"] == "male"
    assert len(made(common_voice.main, tmp_path / "c", *source, "--accent", "England English")) == 1
    assert common_voice.main(["--source", str(root / "en"), "--accent", "welsh", "--out", str(tmp_path / "d")]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "--accent welsh" in message and "Scottish English (2)" in message


def test_common_voice_validated_adds_nothing_of_dev_and_test(tmp_path):
    root = miniatures.common_voice(tmp_path)
    rows = made(common_voice.main, tmp_path / "out", "--source", root / "en", "--validated")
    added = [Path(row["audio"]).stem for row in rows if row["split"] == "train"][2:]
    assert added == ["common_voice_en_7"]


def test_common_voice_older_columns_unknown_language_and_archive(tmp_path, capsys):
    root = miniatures.common_voice(tmp_path)
    archive = tarred(root, tmp_path / "cv-corpus-24.0-2025-12-05.tar.gz")
    rows = made(common_voice.main, tmp_path / "out", "--source", archive, "--language", "cy")
    assert [row["text"] for row in rows] == ["Mae'n braf – iawn."] * 3
    assert float(rows[0]["duration"]) == pytest.approx(0.5, abs=0.1)  # measured: no clip_durations.tsv
    assert common_voice.main(["--source", str(root), "--language", "ga", "--out", str(tmp_path / "x")]) == 2
    assert "--language ga: not in this copy, there are: cy, en" in capsys.readouterr().err


# ---- many languages


@pytest.mark.parametrize("packed", [False, True], ids=["Google's archive", "the copy on the Hub"])
def test_fleurs(tmp_path, packed):
    root = miniatures.fleurs(tmp_path, packed)
    rows = made(fleurs.main, tmp_path / "out", "--source", root)
    assert splits(rows) == {"train": 2, "dev": 1, "test": 1}
    assert [row["text"] for row in rows][:2] == ['Dywedodd "na" wrthynt.', 'Mae "hi" yma.']
    assert rows[0]["language"] == "cy" and rows[0]["gender"] == "female" and rows[0]["duration"] == "0.5"
    assert "speaker" not in rows[0]


def test_voxpopuli_cut_into_pieces_with_accents(tmp_path):
    root = miniatures.voxpopuli_cut(tmp_path)
    (row,) = made(voxpopuli.main, tmp_path / "out", "--source", root, "--accent", "en_nl")
    assert row["text"] == "thank you" and row["speaker"] == "28214" and row["accent"] == "en_nl"
    assert row["language"] == "en" and row["split"] == "test"


def test_voxpopuli_of_the_hub(tmp_path):
    root = miniatures.voxpopuli_hub(tmp_path)
    rows = made(voxpopuli.main, tmp_path / "out", "--source", root, "--language", "nl")
    assert splits(rows) == {"train": 1, "dev": 1, "test": 1}
    assert "speaker" not in rows[0] and rows[0]["gender"] == "female"  # "None" is nobody


def test_voxpopuli_whole_sessions(tmp_path):
    root = miniatures.voxpopuli_sessions(tmp_path)
    (row,) = made(voxpopuli.main, tmp_path / "out", "--source", root)
    assert (row["start"], row["end"], row["duration"], row["text"]) == ("0.5", "1.5", "1", "dank u")


def test_mls(tmp_path):
    root = miniatures.mls(tmp_path)
    rows = made(mls.main, tmp_path / "out", "--source", root)
    assert splits(rows) == {"train": 2, "dev": 2, "test": 2}
    assert rows[0] | {"audio": ""} == {
        "audio": "",
        "text": "jak się masz",
        "speaker": "6892",
        "language": "pl",
        "gender": "male",
        "split": "train",
        "duration": "0.5",
    }
    few = made(mls.main, tmp_path / "few", "--source", tarred(root, tmp_path / "mls_polish_opus.tar.gz"), "--limited")
    assert splits(few) == {"train": 1, "dev": 2, "test": 2}


# ---- English


def test_librispeech_whole_one_part_and_an_archive_a_part(tmp_path, capsys):
    root = miniatures.librispeech(tmp_path)
    rows = made(librispeech.main, tmp_path / "out", "--source", root)
    assert splits(rows) == {"train": 2, "dev": 2}
    assert by(rows, "text")["her father's house"]["gender"] in ("female", "male")
    assert {row["speaker"]: row["gender"] for row in rows} == {"19": "female", "84": "male"}
    assert len(made(librispeech.main, tmp_path / "one", "--source", root / "dev-clean-2")) == 2
    assert len(made(librispeech.main, tmp_path / "two", "--source", root, "--part", "train-clean-5")) == 2
    archives = [
        tarred(root / part, tmp_path / f"{part}.tar.gz", f"LibriSpeech/{part}")
        for part in ("train-clean-5", "dev-clean-2")
    ]
    parts = ("--part", "train-clean-5", "dev-clean-2")
    assert len(made(librispeech.main, tmp_path / "three", "--source", *archives, *parts)) == 4
    assert librispeech.main(["--source", str(root), "--part", "train-clean-9", "--out", str(tmp_path / "x")]) == 2
    assert "did you mean train-clean-5" in capsys.readouterr().err


def test_l2_arctic_keeps_voices_and_sentences_apart(tmp_path):
    root = miniatures.l2_arctic(tmp_path)
    rows = made(l2_arctic.main, tmp_path / "out", "--source", root)
    held = [row for row in rows if row["split"] != "train"]
    train = [row for row in rows if row["split"] == "train"]
    assert {row["split"] for row in held} == {"dev", "test"} and train
    assert not {row["speaker"] for row in held} & {row["speaker"] for row in train}
    assert not {row["text"] for row in held} & {row["text"] for row in train}
    assert {row["accent"] for row in held} == {"hindi"}  # of Korean there is one voice here: it is train
    assert by(rows, "speaker")["HJK"]["accent"] == "korean" and by(rows, "speaker")["HJK"]["gender"] == "female"
    assert not [row for row in rows if "suitcase" in row["audio"]]
    again = made(l2_arctic.main, tmp_path / "again", "--source", root)
    assert [row["split"] for row in again] == [row["split"] for row in rows]


def test_l2_arctic_archive_of_archives(tmp_path):
    root = miniatures.l2_arctic(tmp_path, ("ASI", "TNI"), sentences=2)
    packed = tmp_path / "packed"
    for speaker in ("ASI", "TNI"):
        zipped(root / speaker, packed / f"{speaker}.zip", inside=speaker)
    release = zipped(packed, tmp_path / "l2arctic_release_v5.0.zip")
    rows = made(l2_arctic.main, tmp_path / "out", "--source", release)
    assert {row["speaker"] for row in rows} == {"ASI", "TNI"} and "split" not in rows[0]


def test_afrispeech_matches_audio_by_session_and_file(tmp_path, capsys):
    root = miniatures.afrispeech(tmp_path)
    rows = made(afrispeech.main, tmp_path / "out", "--source", root)
    assert splits(rows) == {"train": 2, "test": 1}
    assert len({row["audio"] for row in rows}) == 3
    assert all(row["speaker"][1:] in row["audio"] for row in rows)
    assert by(rows, "speaker")["us1"]["text"] == "Wound of s1, packed"
    assert "1 left out: accents whose audio is not in this copy" in capsys.readouterr().err
    assert rows[0]["domain"] == "clinical" and rows[0]["gender"] == "female"


def test_edacc_takes_marks_out_and_points_into_long_recordings(tmp_path, capsys):
    root = miniatures.edacc(tmp_path)
    rows = made(edacc.main, tmp_path / "out", "--source", root)
    assert splits(rows) == {"dev": 8, "test": 2}
    first = rows[0]
    assert first["text"] == "c eleven dash p one" and first["accent"] == "Scottish, Glaswegian"
    assert (first["start"], first["end"], first["duration"]) == ("0", "0.75", "0.75")
    assert rows[1]["text"] == "right okay" and rows[1]["start"] == "4"
    said = capsys.readouterr().err
    assert "noises only" in said and "not to be scored" in said and "partly in another language" in said


def test_edacc_train_is_taken_from_dev_by_conversation(tmp_path):
    inner = tarred(miniatures.edacc(tmp_path), tmp_path / "outer" / "edacc_v1.0.tar.gz")
    release = zipped(inner.parent, tmp_path / "DS_10283_4836.zip")
    rows = made(edacc.main, tmp_path / "out", "--source", release, "--train")
    assert splits(rows) == {"train": 6, "dev": 2, "test": 2}
    conversations = [{row["conversation"] for row in rows if row["split"] == name} for name in ("train", "dev", "test")]
    assert sum(map(len, conversations)) == len(set.union(*conversations))


def test_openslr83_reads_accent_gender_and_speaker_off_the_names(tmp_path, capsys):
    archives = miniatures.openslr83(tmp_path)
    rows = made(openslr83.main, tmp_path / "out", "--source", *archives)
    assert by(rows, "speaker").keys() == {"scm_02484", "scm_04310", "scf_03397", "irm_02484"}
    assert by(rows, "speaker")["scf_03397"]["gender"] == "female"
    assert rows[0]["text"] == "Well, if it's \"there\", I'll see it"
    scots = made(openslr83.main, tmp_path / "folder", "--source", tmp_path, "--accent", "scottish")
    assert len(scots) == 3
    assert openslr83.main(["--source", str(tmp_path), "--accent", "welsh", "--out", str(tmp_path / "folder")]) == 2
    assert "there are: scottish (3), irish (1)" in capsys.readouterr().err


def test_openslr83_with_the_list_of_everything_beside_some_folders(tmp_path):
    miniatures.openslr83(tmp_path)
    lines = "".join(path.read_text() for path in sorted((tmp_path / "making").glob("*/line_index.csv")))
    (tmp_path / "making" / "line_index_all.csv").write_text(f"{lines}EN1, wef_00001_00000000001, Not fetched.\n")
    assert len(made(openslr83.main, tmp_path / "out", "--source", tmp_path / "making")) == 4


def test_vctk_leaves_out_what_has_no_text_or_microphone(tmp_path, capsys):
    root = miniatures.vctk(tmp_path)
    rows = made(vctk.main, tmp_path / "out", "--source", root)
    speakers = by(rows, "speaker")
    assert speakers.keys() == {"p225", "p226", "p280", "s5"}
    assert speakers["p225"]["accent"] == "english" and speakers["p225"]["region"] == "Southern England"
    assert speakers["p280"]["region"] == "France" and speakers["s5"]["accent"] == "british"
    assert "1 left out: recordings without text" in capsys.readouterr().err
    assert by(made(vctk.main, tmp_path / "two", "--source", root, "--mic", "mic2"), "speaker").keys() == {
        "p225",
        "p226",
        "s5",
    }


def test_torgo_leaves_out_prompts_that_are_no_transcript(tmp_path):
    root = miniatures.torgo(tmp_path)
    rows = made(torgo.main, tmp_path / "out", "--source", root)
    assert [row["text"] for row in rows] == ["stick", "The quick brown fox."] * 3
    assert {row["speaker"]: (row["gender"], row["impairment"]) for row in rows} == {
        "F01": ("female", "dysarthria"),
        "FC01": ("female", "none"),
        "M03": ("male", "dysarthria"),
    }
    assert {row["speaker"] for row in made(torgo.main, tmp_path / "m", "--source", root, "--part", "M", "FC")} == {
        "M03",
        "FC01",
    }
    assert torgo.main(["--source", str(root), "--mic", "array", "--out", str(tmp_path / "x")]) == 2


def test_fsdd(tmp_path):
    rows = made(fsdd.main, tmp_path / "out", "--source", miniatures.fsdd(tmp_path))
    assert splits(rows) == {"train": 6, "test": 6} and {row["text"] for row in rows} == {"seven"}
    assert {row["speaker"]: row["accent"] for row in rows} == {
        "jackson": "american",
        "nicolas": "french",
        "yweweler": "german",
    }


# ---- other languages


def test_smc_malayalam_without_names_of_people_and_without_shared_sentences(tmp_path, capsys):
    root = miniatures.smc_malayalam(tmp_path)
    rows = made(smc_malayalam.main, tmp_path / "out", "--source", root)
    assert "Person" not in (tmp_path / "out" / "manifest.csv").read_text()
    by_split = {name: [row for row in rows if row["split"] == name] for name in ("train", "dev", "test")}
    held = by_split["dev"] + by_split["test"]
    assert not {row["speaker"] for row in held} & {row["speaker"] for row in by_split["train"]}
    assert not {row["text"] for row in held} & {row["text"] for row in by_split["train"]}
    assert len(by_split["train"]) == 10 * 4 and len(by_split["dev"]) == len(by_split["test"]) == 1
    assert rows[0]["text"].startswith("അണ്ണാൻ കുഞ്ഞും") and float(rows[0]["duration"]) == pytest.approx(0.5, abs=0.1)
    assert "2 left out: fewer than 1 votes" in capsys.readouterr().err


def test_openslr63(tmp_path):
    rows = made(openslr63.main, tmp_path / "out", "--source", *miniatures.openslr63(tmp_path))
    assert {row["gender"]: row["text"] for row in rows} == dict.fromkeys(("female", "male"), "നിങ്ങളുടെ പേരെന്താണ്?")


def test_rhasspy(tmp_path, capsys):
    root = miniatures.rhasspy(tmp_path)
    rows = made(rhasspy.main, tmp_path / "out", "--source", root)
    assert rows[0]["text"] == 'In den unteren Ebenen waren sie den "HJ" - Führern gleichgestellt.'
    assert {(row["speaker"], row["language"], row["gender"]) for row in rows} == {("kerstin", "de", "female")}
    assert "no official splits" in capsys.readouterr().err
    (root / "README.md").write_text("# Voice\n")
    assert rhasspy.main(["--source", str(root), "--out", str(tmp_path / "x")]) == 2
    assert "README.md" in capsys.readouterr().err


# ---- noise and rooms


def test_musan_takes_noise_and_on_demand_more(tmp_path):
    root = miniatures.musan(tmp_path)
    rows = made(musan.main, tmp_path / "out", "--source", root)
    assert {row["label"] for row in rows} == {"noise"} and splits(rows) == {"train": 8, "dev": 1, "test": 1}
    assert "text" not in rows[0]
    everything = made(musan.main, tmp_path / "two", "--source", tmp_path, "--kind", "noise", "speech")
    assert Counter(row["label"] for row in everything) == {"noise": 10, "speech": 5}


def test_demand_holds_whole_places_out(tmp_path):
    miniatures.demand(tmp_path)
    rows = made(demand.main, tmp_path / "out", "--source", tmp_path)
    assert splits(rows) == {"train": 2, "dev": 1, "test": 1} and all(row["audio"].endswith("ch01.wav") for row in rows)
    assert by(rows, "label")["dkitchen"]["category"] == "domestic"


def test_esc50_by_fold_and_by_licence(tmp_path, capsys):
    root = miniatures.esc50(tmp_path)
    rows = made(esc50.main, tmp_path / "out", "--source", root)
    assert splits(rows) == {"train": 6, "dev": 2, "test": 2}
    assert {row["label"] for row in made(esc50.main, tmp_path / "ten", "--source", root, "--esc10")} == {"rain"}
    assert esc50.main(["--source", str(root), "--label", "rian", "--out", str(tmp_path / "x")]) == 2
    assert "there are: rain, wind; did you mean rain?" in capsys.readouterr().err


def test_ms_snsd(tmp_path):
    rows = made(ms_snsd.main, tmp_path / "out", "--source", miniatures.ms_snsd(tmp_path))
    assert splits(rows) == {"train": 9, "dev": 1, "test": 2}
    assert {row["label"] for row in rows} == {"Babble", "AirConditioner"}


def test_wham(tmp_path):
    rows = made(wham.main, tmp_path / "out", "--source", miniatures.wham(tmp_path))
    assert [row["split"] for row in rows] == ["train", "dev", "test"]
    assert rows[0]["location"] == "12" and rows[0]["reverberation"] == "m"


def test_rirs_noises_holds_whole_rooms_out_whatever_the_folder_is_called(tmp_path):
    root = miniatures.rirs_noises(tmp_path).rename(tmp_path / "rooms")
    rows = made(rirs_noises.main, tmp_path / "out", "--source", root)
    assert Counter(row["label"] for row in rows) == {"rir": 5}
    rooms = {name: {row["room"] for row in rows if row["split"] == name} for name in ("train", "dev", "test")}
    assert all(rooms.values()) and sum(map(len, rooms.values())) == 4
    every = ("real", "simulated", "point", "isotropic")
    everything = made(rirs_noises.main, tmp_path / "all", "--source", root, "--kind", *every)
    assert Counter(row["label"] for row in everything) == {"rir": 7, "point noise": 1, "isotropic noise": 1}
