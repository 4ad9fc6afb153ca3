"""Examples of an augmentation to listen to: each utterance as recorded and as heard, with spectrograms, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_tl.audio import save_audio
from speech_tl.data.augment import Augmenter, Conditions
from speech_tl.data.manifest import Manifest, Utterance
from speech_tl.errors import BadInput
from speech_tl.text import require_writable, write_atomically

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Example:
    """One utterance before and after; `told` says what was done to it."""

    number: int
    utterance: Utterance
    recorded: np.ndarray
    heard: np.ndarray
    told: Sequence[str]

    @property
    def files(self) -> dict[str, str]:
        """Names of its files by what they hold."""
        name = f"{self.number:02d}"
        return {"recorded": f"{name}-recorded.flac", "heard": f"{name}-heard.flac", "spectrogram": f"{name}.png"}

    @property
    def done(self) -> str:
        """What was done, in one line."""
        return ", ".join(self.told) or "nothing (as a share of the utterances stays as it is)"


def hear(manifest: Manifest, options: Conditions, out: str | Path, *, count: int = 5, seed: int = 0) -> list[Example]:
    """Write a few utterances as training would hear them.

    Args:
        manifest: where utterances are drawn from; all of it is there for babble.
        options: the effects.
        out: folder for NN-recorded.flac, NN-heard.flac, NN.png and index.html.
        count: how many utterances.
        seed: of the choice and of all chance.

    Returns:
        The examples, in the order of their files.

    Raises:
        BadInput: no effect is on, noise or rooms that cannot be used, an utterance that is silent or unreadable; no
            file is written then.
    """
    if not options.effects():
        raise BadInput("nothing to hear: no effect is on; e.g. --augment telephone, or --augment noise.folders=DIR")
    require_writable(out)
    chain = Augmenter(options).chain("train", manifest, sample_rate=SAMPLE_RATE, seed=seed)
    assert chain is not None, "there are effects"
    examples = []
    for number, utterance in enumerate(manifest.sample(count, seed), 1):
        recorded = utterance.load(SAMPLE_RATE)
        heard, told = chain.heard(recorded, SAMPLE_RATE, (seed, 0, number), utterance)
        examples.append(Example(number, utterance, recorded, heard, told))
    folder = Path(out)
    for example in examples:
        _write(example, folder)
    write_atomically(folder / "index.html", _page(manifest, examples))
    return examples


def _write(example: Example, folder: Path) -> None:
    """The sound and the picture of one example."""
    from speech_tl.reporting.spectrogram import spectrograms

    save_audio(folder / example.files["recorded"], example.recorded, SAMPLE_RATE)
    save_audio(folder / example.files["heard"], example.heard, SAMPLE_RATE)
    pictures = {"as recorded": example.recorded, f"as heard: {example.done}": example.heard}
    write_atomically(folder / example.files["spectrogram"], spectrograms(pictures, SAMPLE_RATE))


def _page(manifest: Manifest, examples: Sequence[Example]) -> str:
    """All examples on one page, beside their files."""
    from speech_tl.reporting.html import rendered

    return rendered("hearing.html", "link", None, "wer", source=manifest.source, examples=examples)
