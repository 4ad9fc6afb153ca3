"""How well `speech-tl segment` finds utterances in long recordings: `python -m tests.benchmarks.segments [CORPORA]`.

Real read speech (librispeech_mini, its train and dev speakers; CORPORA is the folder that holds it, else the one that
SPEECH_TL_CORPORA names): all utterances of a speaker in one recording, with pauses of 0.3 to 0.9 s between them, and
their texts, a line each; by `starter-wav2vec2`, which has heard machines only. The text is also made wrong: two
sentences that nobody says are put in, and three of some ten are taken out. The truth is where each utterance is first
and last within 35 dB of its loudest moment (a breath is audible, and no speech); segments keep 0.25 s around speech by
intention.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from speech_tl.audio import load_audio, save_audio

RATE = 16000
PAUSE_S = (0.3, 0.9)
WITHIN_DB = 35.0
ADDED = ((3, 5), (8, 2))  # (place in the text, which sentence of the next speaker)
TAKEN_OUT = (0, 5, 8)


@dataclass
class Recording:
    """Utterances in a row.

    Attributes:
        waveform: float32 `(samples,)`.
        texts: of each utterance.
        truth_s: where the speech of each begins and ends.
    """

    waveform: np.ndarray
    texts: list[str]
    truth_s: list[tuple[float, float]]


@dataclass
class Found:
    """What became of the utterances of several recordings.

    Attributes:
        asked: utterances that were spoken and are in the text.
        kept: of those.
        unspoken_kept: sentences kept that nobody says.
        start_errors_s, end_errors_s: of those kept; positive is late.
    """

    asked: int = 0
    kept: int = 0
    unspoken_kept: int = 0
    start_errors_s: list[float] = field(default_factory=list)
    end_errors_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """One line."""
        return f"{self.kept:3d} of {self.asked:3d}  {self.unspoken_kept:8d}  " + "  ".join(
            f"{np.median(np.abs(errors)):6.2f} {np.quantile(np.abs(errors), 0.9):6.2f} {np.max(np.abs(errors)):6.2f}"
            for errors in (self.start_errors_s, self.end_errors_s)
        )


def recordings(corpora: Path, speakers: int | None = None) -> list[Recording]:
    """One recording of each train and dev speaker of librispeech_mini."""
    folder = corpora / "librispeech_mini"
    spoken: dict[str, list[dict[str, str]]] = defaultdict(list)
    with open(folder / "manifest.csv", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] in ("train", "dev"):
                spoken[row["speaker"]].append(row)
    return [
        in_a_row([load_audio(folder / row["audio"], RATE) for row in rows], [row["text"] for row in rows])
        for rows in list(spoken.values())[:speakers]
    ]


def in_a_row(waveforms: list[np.ndarray], texts: list[str], seed: int = 0) -> Recording:
    """Utterances one after the other, a pause before each and after the last."""
    rng = np.random.default_rng(seed)
    parts, truth_s, at = [], [], 0
    for waveform in waveforms:
        pause = np.zeros(round(rng.uniform(*PAUSE_S) * RATE), dtype=np.float32)
        first, last = speech_edges(waveform)
        truth_s.append(((at + len(pause) + first) / RATE, (at + len(pause) + last) / RATE))
        parts += [pause, waveform]
        at += len(pause) + len(waveform)
    parts.append(np.zeros(round(PAUSE_S[1] * RATE), dtype=np.float32))
    return Recording(np.concatenate(parts), texts, truth_s)


def speech_edges(waveform: np.ndarray) -> tuple[int, int]:
    """First and last sample, to 8 ms, of what is within `WITHIN_DB` of the loudest moment (32 ms)."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 512)[::128]
    powers_db = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud = np.flatnonzero(powers_db > powers_db.max() - WITHIN_DB)
    return int(loud[0]) * 128 + 256, int(loud[-1]) * 128 + 256


def found_in(model: object, made: list[Recording], folder: Path, *, added: bool, taken_out: bool) -> Found:
    """Segment every recording with its text, made wrong or not."""
    from speech_tl.transcribing.segmenting import segment

    result = Found()
    for number, recording in enumerate(made):
        lines = list(enumerate(recording.texts))
        if added:
            others = made[(number + 1) % len(made)].texts
            for place, which in ADDED:
                lines.insert(place, (-1, others[which]))
        if taken_out:
            lines = [line for line in lines if line[0] not in TAKEN_OUT]
        audio, script = folder / f"{number}.wav", folder / f"{number}.txt"
        save_audio(audio, recording.waveform, RATE)
        script.write_text("\n".join(text for _, text in lines), encoding="utf-8")
        owner = {text: place for place, text in lines}
        result.asked += sum(place >= 0 for place, _ in lines)
        for utterance in segment(model, audio, script, by="line", longest_s=30.0).kept:
            place = owner.get(utterance.text)
            if place is None:  # cut at a long pause within
                continue
            if place < 0:
                result.unspoken_kept += 1
                continue
            result.kept += 1
            result.start_errors_s.append(utterance.start_s - recording.truth_s[place][0])
            result.end_errors_s.append(utterance.end_s - recording.truth_s[place][1])
    return result


def main(folder: str | None = None) -> None:
    """Print the table."""
    from speech_tl.models.load import load_model

    beside = Path(__file__).resolve().parents[3] / "shared" / "corpora"
    corpora = Path(folder or os.environ.get("SPEECH_TL_CORPORA", beside))
    if not (corpora / "librispeech_mini" / "manifest.csv").is_file():
        sys.exit(f"no librispeech_mini/manifest.csv in {corpora}: set SPEECH_TL_CORPORA or give the folder")
    model = load_model("starter-wav2vec2", device="cpu")
    made = recordings(corpora)
    seconds = sum(len(recording.waveform) for recording in made) / RATE
    print(f"{len(made)} recordings, {seconds / 60:.1f} min, {sum(len(one.texts) for one in made)} utterances")
    print("text                  kept       unspoken  start: median, 90 %, max  end: median, 90 %, max (s)   time")
    with tempfile.TemporaryDirectory() as scratch:
        for name, added, taken_out in (
            ("as spoken", False, False),
            ("2 sentences too many", True, False),
            ("3 sentences too few", False, True),
            ("both", True, True),
        ):
            began = time.perf_counter()
            found = found_in(model, made, Path(scratch), added=added, taken_out=taken_out)
            print(f"{name:20s}  {found}   {(time.perf_counter() - began) / seconds:.3f} of the audio's", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
