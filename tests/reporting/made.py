"""A small made-up run for tests of the page: two mishearing models, speakers, clips of tones, hostile text."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from speech_tl.audio import save_audio
from speech_tl.scoring.wer import Evaluation, score
from tests.scoring.made import Said

SENTENCES = ("the cat sat on the mat", "two seas meet here", "we climbed one step up the ladder", "oh no")
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
HOSTILE_FILE = "<img src=x onerror=alert(3)>&\"'.wav"
RATE = 16000


def tone(path: Path, hz: float = 330.0, seconds: float = 0.8) -> Path:
    """A tone as a wav file."""
    times = np.arange(round(seconds * RATE)) / RATE
    return save_audio(path, (0.3 * np.sin(2 * np.pi * hz * times)).astype(np.float32), RATE)


def two_models(folder: Path, rows: int = 60, speakers: int = 12) -> tuple[Evaluation, Evaluation]:
    """A poor and a better model's answers to one test set; the last utterance's text and file name hold markup."""
    plain, odd = tone(folder / "plain.wav"), tone(folder / HOSTILE_FILE, hz=440.0)
    said = [
        Said(
            f"u{row}",
            SENTENCES[row % len(SENTENCES)],
            audio=str(plain),
            duration_s=0.8,
            columns={"speaker": f"s{row % speakers}", "gender": "fm"[row % 2]},
        )
        for row in range(rows - 1)
    ]
    said.append(
        Said(HOSTILE_FILE, f"oh {HOSTILE}", str(odd), duration_s=0.8, columns={"speaker": HOSTILE, "gender": HOSTILE})
    )
    sides = []
    for seed, rate in ((1, 0.5), (2, 0.2)):
        chance = random.Random(seed)
        heard = [" ".join(_mishear(word, rate, chance) for word in one.text.split()) for one in said]
        model = {"source": f"model-{seed}"}
        sides.append(score(said, heard, "none", model=model, decoding={"beam": 1}, heard=["same"] * len(said)))
    return sides[0], sides[1]


def _mishear(word: str, rate: float, chance: random.Random) -> str:
    """The word, another, none, or one more."""
    if chance.random() >= rate:
        return word
    return chance.choice(["uh", "", f"{word} um", "sea"])
