"""The check: every fault found by its name, what is set aside and what is only a warning, overlaps with names."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from rich.console import Console

from speech_tl.audio import save_audio
from speech_tl.data import parallel
from speech_tl.data.check import (
    RUN_DEPTH,
    UNUSABLE,
    UNUSABLE_IN_TRAIN,
    WARNINGS,
    CheckResult,
    check_manifest,
    print_check,
    write_clean,
    write_excluded,
)
from speech_tl.data.examining import Examiner
from speech_tl.data.manifest import BLOCK_ROWS, Manifest
from speech_tl.errors import BadInput
from tests.small import written
from tests.sounds import voice

RATE = 16000
EXAMINED = Examiner._examined


def speech(seed: int, duration_s: float = 1.0) -> np.ndarray:
    """Noise that swells and fades: no two seeds alike, never clipped."""
    noise = np.random.default_rng(seed).normal(0, 0.05, round(duration_s * RATE))
    return (noise * (1.2 + np.sin(np.arange(len(noise)) / 900))).astype(np.float32)


class Letters:
    """Writes a to z and spaces, one label a character, ten labels a second."""

    def unwritable(self, text: str) -> set[str]:
        return set(text) - set("abcdefghijklmnopqrstuvwxyz ")

    def label_problem(self, text: str, duration_s: float) -> str | None:
        frames = int(duration_s * 10)
        return f"labels longer than frames ({len(text)} > {frames})" if len(text) > frames else None


def spoilt(folder: Path) -> Manifest:
    """One row for each fault and three good ones; columns audio, text, split, speaker."""
    good = save_audio(folder / "good.wav", speech(0), RATE)
    (folder / "folder.wav").mkdir()
    (folder / "empty.wav").touch()
    (folder / "unreadable.wav").write_text("no recording at all\n" * 99)
    (folder / "truncated.wav").write_bytes(good.read_bytes()[:9000])
    broken = speech(1)
    broken[7] = np.nan
    soundfile.write(folder / "nan.wav", broken, RATE, subtype="FLOAT")
    save_audio(folder / "silent.wav", np.zeros(RATE), RATE)
    save_audio(folder / "clipped.wav", np.clip(speech(2) * 40, -1, 1), RATE)
    save_audio(folder / "too_short.wav", speech(3, 0.1), RATE)
    save_audio(folder / "too_long.wav", speech(4, 6.0), RATE)
    for number, name in enumerate(("empty_text", "unwritable_characters", "label_too_long", "other", "late")):
        save_audio(folder / f"{name}.wav", speech(10 + number), RATE)
    save_audio(folder / "channel.wav", speech(5), RATE)
    save_audio(folder / "duration_differs.wav", speech(6), RATE)
    soundfile.write(folder / "opposite_phase.wav", np.stack([speech(7), -speech(7)], axis=1), RATE)
    soundfile.write(folder / "duplicate_audio.flac", soundfile.read(good, dtype="int16")[0], RATE)
    rows = ["audio,text,split,speaker,channel,duration", "good.wav,good,train,ann"]
    channels = {"channel": "2"}
    rows += [f"{kind}.wav,x {number},train,,{channels.get(kind, '')}" for number, kind in enumerate(UNUSABLE[:-1])]
    rows += ["empty_text.wav, ,train,", "unwritable_characters.wav,caf\u00e9 7,train,", "clipped.wav,c,train,"]
    rows += ["label_too_long.wav,far too many letters,train,", "label_too_long.wav,far too many letters here,test,"]
    rows += ["duplicate_audio.flac,dup,test,bob", "other.wav,Good!,dev,cid", "late.wav,late,test,ann"]
    rows += ["duration_differs.wav,d,train,,,1.7", "opposite_phase.wav,o,train,"]
    rows = [row + "," * (5 - row.count(",")) for row in rows]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return Manifest.read(folder)


@pytest.fixture(scope="module")
def spoilt_manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return spoilt(tmp_path_factory.mktemp("spoilt"))


@pytest.fixture(scope="module")
def result(spoilt_manifest: Manifest) -> CheckResult:
    return check_manifest(spoilt_manifest, model=Letters(), max_duration_s=5.0)


def kinds_of(result: CheckResult, name: str) -> set[str]:
    return {problem.kind for problem in result.problems if Path(problem.audio).name == name}


def test_every_fault_is_found_by_its_name(result: CheckResult) -> None:
    in_brackets = {"no_words", "tags"}  # see test_tags.py
    assert set(result.counts) == {*UNUSABLE, *UNUSABLE_IN_TRAIN, *WARNINGS} - in_brackets
    for kind in (*UNUSABLE, "clipped", "unwritable_characters", "duration_differs", "opposite_phase"):
        assert kind in kinds_of(result, f"{kind}.wav"), kind
    assert not {p.kind for p in result.problems if p.row == 1} - {"speaker_overlap"}
    assert all("\n" not in problem.detail for problem in result.problems)


def test_what_is_set_aside_and_what_is_only_a_warning(spoilt_manifest: Manifest, result: CheckResult) -> None:
    kept = [(Path(row.audio).stem, row.columns["split"]) for row in result.usable(spoilt_manifest)]
    assert kept == [
        ("good", "train"),
        ("unwritable_characters", "train"),
        ("clipped", "train"),
        ("label_too_long", "test"),
        ("duplicate_audio", "test"),
        ("other", "dev"),
        ("late", "test"),
        ("duration_differs", "train"),
        ("opposite_phase", "train"),
    ]
    assert [row.problem for row in result.excluded] == [*UNUSABLE, "label_too_long"]
    assert result.excluded[0].row == 2, "rows count from 1, as the source has them"


def test_overlaps_and_duplicates_are_named(result: CheckResult) -> None:
    assert result.shared_speakers == {("train", "test"): ["ann"]}
    assert result.shared_sentences == {("train", "dev"): ["good"]}
    assert result.duplicate_audio == [
        ("good.wav", "duplicate_audio.flac"),
        ("label_too_long.wav", "label_too_long.wav"),
    ]
    overlap = next(problem for problem in result.problems if problem.kind == "speaker_overlap")
    assert overlap.split == "test" and "'ann' is in train and in test" in overlap.detail


def test_one_voice_is_in_all_splits_and_no_mistake(tmp_path: Path) -> None:
    """Of one person's recordings the splits share the speaker; with another, or an unknown one, they must not."""
    for second, kinds in (("ann", []), ("bob", ["speaker_overlap"]), ("", ["speaker_overlap"])):
        rows = [("train", "ann"), ("test", "ann"), ("train", second)]
        table = [
            {"audio": f"{n}.wav", "text": f"line {n}", "split": split, "speaker": speaker, "duration": 1.0}
            for n, (split, speaker) in enumerate(rows)
        ]
        for n in range(3):
            soundfile.write(tmp_path / f"{n}.wav", voice(1.0, n), 16000)
        result = check_manifest(Manifest.read(written(tmp_path / "manifest.csv", table)))
        assert [problem.kind for problem in result.problems] == kinds
        assert result.one_voice == (second == "ann") and result.shared_speakers == {("train", "test"): ["ann"]}


def test_figures_count_usable_rows(result: CheckResult) -> None:
    assert result.utterances_by_split == {"train": 5, "dev": 1, "test": 3}
    assert result.speakers_by_split == {"train": 1, "dev": 1, "test": 2}
    assert result.hours_by_split["train"] == pytest.approx(5 / 3600)


def test_headers_find_what_headers_show(spoilt_manifest: Manifest) -> None:
    result = check_manifest(spoilt_manifest, depth="headers", max_duration_s=5.0)
    assert {"missing", "folder", "empty", "unreadable", "truncated", "too_short", "too_long"} <= set(result.counts)
    assert not {"silent", "nan", "clipped", "duplicate_audio", "unwritable_characters"} & set(result.counts)


def test_a_duration_column_spares_opening_the_files(tmp_path: Path) -> None:
    (tmp_path / "not_audio.wav").write_text("text")
    (tmp_path / "m.csv").write_text(
        "audio,split,duration\nnot_audio.wav,train,2.5\nnone.wav,train,2\nnot_audio.wav,test,2\n"
    )
    result = check_manifest(Manifest.read(tmp_path / "m.csv"), depth=RUN_DEPTH)
    assert [(p.row, p.kind) for p in result.problems] == [(2, "missing"), (3, "unreadable")]
    assert result.durations_s[0] == 2.5 and np.isnan(result.durations_s[2])


def test_depths_mixed_row_by_row_find_the_same_in_the_same_order(tmp_path: Path) -> None:
    save_audio(tmp_path / "good.wav", speech(0), RATE)
    (tmp_path / "bad.wav").write_text("no recording at all\n" * 99)
    rows = [f"{'bad' if n % 3 == 0 else 'good'}.wav,{('train', 'test', 'dev')[n % 7 % 3]},t{n}" for n in range(600)]
    (tmp_path / "m.csv").write_text("\n".join(["audio,split,text", *rows]) + "\n")
    manifest = Manifest.read(tmp_path / "m.csv")
    result = check_manifest(manifest, depth=RUN_DEPTH)
    assert [p.row for p in result.problems if p.kind == "unreadable"] == list(range(1, 601, 3))
    assert [manifest[int(i)].audio.endswith("good.wav") for i in result.clean_indices] == [True] * 400
    assert result.durations_s[result.clean_indices].tolist() == [1.0] * 400


def test_many_rows_are_looked_at_by_several_processes_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_audio(tmp_path / "good.wav", speech(0), RATE)
    rows = [f"{'none' if n % 1000 == 0 else 'good'}.wav,train,{'x' * (n % 12)}" for n in range(2 * BLOCK_ROWS + 7)]
    (tmp_path / "m.csv").write_text("\n".join(["audio,split,text", *rows]) + "\n")
    manifest = Manifest.read(tmp_path / "m.csv")
    monkeypatch.setattr(parallel, "_processors", lambda: 2)
    alone = check_manifest(manifest, model=Letters(), depth="headers")
    here = os.getpid()
    monkeypatch.setattr(parallel, "ROWS_WORTH_A_PROCESS", 100)
    with mock.patch.object(Examiner, "_examined", lambda self, *given: told_apart(here, self, *given)):
        together = check_manifest(manifest, model=Letters(), depth="headers")
    assert together.problems == alone.problems and {p.kind for p in alone.problems} >= {"missing", "label_too_long"}
    assert np.array_equal(together.durations_s, alone.durations_s, equal_nan=True)


def told_apart(here: int, examiner: Examiner, *given: object) -> object:
    """A row as usual, but never in the process of the test."""
    assert os.getpid() != here
    return EXAMINED(examiner, *given)


def test_segments_are_checked_on_their_own(tmp_path: Path) -> None:
    save_audio(tmp_path / "a.wav", np.concatenate([speech(0), np.zeros(RATE, np.float32), speech(1)]), RATE)
    (tmp_path / "m.csv").write_text("audio,start,end\na.wav,0,1\na.wav,1.1,1.9\na.wav,2,3\na.wav,2.5,9\n")
    result = check_manifest(Manifest.read(tmp_path / "m.csv"))
    assert [(p.row, p.kind) for p in result.problems] == [(2, "silent"), (4, "truncated")]
    assert result.durations_s[:3].tolist() == [1.0, 0.8, 1.0]


def test_findings_do_not_depend_on_the_workers_and_progress_is_told(
    spoilt_manifest: Manifest, result: CheckResult
) -> None:
    told: list[tuple[int, int]] = []
    alone = check_manifest(
        spoilt_manifest,
        model=Letters(),
        workers=1,
        max_duration_s=5.0,
        progress=lambda done, of: told.append((done, of)),
    )
    assert alone.problems == result.problems and alone.clean_indices.tolist() == result.clean_indices.tolist()
    assert told[-1] == (len(spoilt_manifest), len(spoilt_manifest))


def test_rows_keep_their_number_in_the_source(spoilt_manifest: Manifest) -> None:
    part = spoilt_manifest.select([8, 0])
    found = check_manifest(part)
    assert [problem.row for problem in found.problems] == [9] and found.clean_indices.tolist() == [1]


def test_clean_and_excluded_are_written(tmp_path: Path, spoilt_manifest: Manifest, result: CheckResult) -> None:
    again = check_manifest(
        Manifest.read(write_clean(spoilt_manifest, result, tmp_path / "clean.tsv")), max_duration_s=5.0
    )
    assert again.rows == 9 and not set(again.counts) & set(UNUSABLE)
    lines = write_excluded(tmp_path / "excluded.jsonl", result.excluded).read_text().splitlines()
    assert len(lines) == len(UNUSABLE) + 1  # a label that is too long; a text of tags alone has a test of its own
    assert set(json.loads(lines[0])) == {"id", "audio", "row", "split", "problem", "detail"}
    assert write_excluded(tmp_path / "none.jsonl", []).read_text() == ""


def test_nothing_usable_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("audio,text\na.wav,x\nb.wav,y\n")
    manifest = Manifest.read(tmp_path / "m.csv")
    with pytest.raises(BadInput, match=r"no usable row among 2 \(2 missing\).*a\.wav: no such file"):
        check_manifest(manifest).usable(manifest)


def test_the_page_shows_counts_and_first_offenders(result: CheckResult) -> None:
    console = Console(file=io.StringIO(), width=100)
    print_check(result, console, offenders=1)
    shown = console.file.getvalue()
    assert "missing: 1 (1 set aside)" in shown and "clipped: 1 (warning)" in shown
    assert "row 2: " in shown and "label too long: 3 (2 set aside)" in shown and "... and 2 more" in shown


def test_a_real_corpus_is_clean_and_its_splits_share_sentences(corpora: Path) -> None:
    manifest = Manifest.read(corpora / "speechocean762")
    result = check_manifest(manifest.split("test").sample(150, 0))
    assert not set(result.counts) & set(UNUSABLE) and result.utterances_by_split == {"test": 150}
    assert np.allclose(result.durations_s, manifest.split("test").sample(150, 0).durations_s(), atol=0.02)
    by_headers = check_manifest(manifest, depth="headers")
    assert not by_headers.shared_speakers and by_headers.shared_sentences[("train", "test")]
