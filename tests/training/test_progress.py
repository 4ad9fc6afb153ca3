"""Counts and the log that outlive a kill."""

from __future__ import annotations

import time
from pathlib import Path

from speech_tl.data.batching import BatchFacts
from speech_tl.training.progress import TrainingFacts, read_log


def test_a_log_whose_last_line_a_kill_cut_short_is_read_up_to_it(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert read_log(tmp_path / "log.jsonl") == [{"step": 1, "loss": 2.0}]
    assert read_log(tmp_path / "nothing.jsonl") == []


def test_the_clock_runs_only_between_resume_and_pause() -> None:
    facts = TrainingFacts()
    facts.resume()
    time.sleep(0.03)
    facts.pause()
    stopped = facts.seconds
    time.sleep(0.03)
    facts.pause()
    assert 0.03 <= stopped == facts.seconds
    facts.resume()
    time.sleep(0.03)
    assert facts.counts()["seconds"] > stopped + 0.02


def test_padding_is_a_share_of_the_padded_audio() -> None:
    facts = TrainingFacts()
    assert facts.padding_share == 0
    facts.add_batch(BatchFacts([0, 1], 6.0, 8.0, [(7, "broken")]))
    facts.add_batch(BatchFacts([2], 2.0, 2.0))
    assert facts.padding_share == 1 - 8 / 10
    assert facts.problems == {7: "broken"}


def test_counts_and_problems_come_back_from_the_log() -> None:
    facts = TrainingFacts()
    facts.restore(
        [
            {"step": 1, "audio_seconds": 5.0, "problems": {"7": "broken"}},
            {"step": 2, "audio_seconds": 9.5, "skipped_losses": 1, "problems": {"2": "missing"}},
        ]
    )
    assert (facts.audio_seconds, facts.skipped_losses) == (9.5, 1)
    facts.restore([{"step": 1, "audio_seconds": 5.0}, {"step": 1, "audio_context": {}}])
    assert facts.audio_seconds == 5.0, "an entry that is not of training says nothing of it"
    facts.restore([{"step": 2, "audio_seconds": 9.5, "skipped_losses": 1, "problems": {"7": "broken", "2": "missing"}}])
    assert facts.problems == {7: "broken", 2: "missing"}
