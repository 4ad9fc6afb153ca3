"""Capitals and marks of the training texts: does the checkpoint write what they lack, and shall they be given it?

Whisper writes both; most training texts have none, and a model that learns from them stops writing them without a word
of warning, which a score of normalised text does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech_tl.data.manifest import Manifest, TextStyleOption
from speech_tl.decoding.decode import Progress, decode
from speech_tl.models.options import DecodingOptions
from speech_tl.text.style import USUAL, Style

if TYPE_CHECKING:
    from speech_tl.models.base import AcousticModel

CLIPS = 20
"""So many training utterances show how the checkpoint writes."""

CAPITALS, MARKS = "capitals", "final marks"


@dataclass(frozen=True)
class StyleGap:
    """What the training texts have of capitals and final marks, and what the checkpoint writes.

    Attributes:
        texts: the training texts'.
        written: the checkpoint's for `CLIPS` of them; None where they lack nothing or the model could not write it.
        learnable: whether the model's labels could hold capitals and marks.
    """

    texts: Style
    written: Style | None
    learnable: bool

    @property
    def lost(self) -> list[str]:
        """What the checkpoint usually writes and the texts lack."""
        if self.written is None:
            return []
        sides: Sequence[tuple[str, float | None, float | None]] = (
            (CAPITALS, self.texts.capitals, self.written.capitals),
            (MARKS, self.texts.final_marks, self.written.final_marks),
        )
        return [
            name
            for name, has, writes in sides
            if has is not None and writes is not None and writes >= USUAL and has < writes / 2
        ]

    def told(self) -> str:
        """Both in a sentence's beginning; "" where nothing is lost."""
        if not self.lost or self.written is None:
            return ""
        what = " or ".join(self.lost)
        none = not any({CAPITALS: self.texts.capitals, MARKS: self.texts.final_marks}[name] for name in self.lost)
        return (
            f"the training texts have {'no' if none else 'few'} {what} ({_shares(self.texts, self.lost)}), "
            f"the checkpoint writes them ({_shares(self.written, self.lost)} of {self.written.texts} clips)"
        )

    def facts(self) -> dict[str, Any]:
        """For report.json."""
        sides = {"texts": self.texts, "checkpoint": self.written}
        found = {
            name: side and {"clips": side.texts, "capitals": side.capitals, "final_marks": side.final_marks}
            for name, side in sides.items()
        }
        return {**found, "lost": self.lost}


def style_gap(
    model: AcousticModel, train: Manifest, decoding: DecodingOptions, seed: int, progress: Progress | None = None
) -> StyleGap:
    """Compare the texts of `train` with what `model`, untrained, writes for some of them.

    Nothing is decoded where most texts have capitals and marks, or where the model's characters cannot write them.
    """
    texts = Style.of(train.texts("text"))
    lacks = texts.final_marks < USUAL or (texts.capitals is not None and texts.capitals < USUAL)
    if not (lacks and len(train) and model.writes_style()):
        return StyleGap(texts, None, model.labels_keep_style)
    clips = train.sample(CLIPS, seed)
    written = Style.of(hypothesis.text for hypothesis in decode(model, clips, plainly(decoding), progress))
    return StyleGap(texts, written, model.labels_keep_style)


def check_style(model: AcousticModel, manifest: Manifest) -> str | None:
    """What `speech-tl check --model` says of the train rows of a manifest, or of all where it has no splits."""
    train = manifest.split("train") if any(manifest.texts("split")) else manifest
    return TextStyle.of("as_is", style_gap(model, train, DecodingOptions(), 0), str, anew=False).note


@dataclass(frozen=True)
class TextStyle:
    """What a run does about it.

    Attributes:
        gap: what was found.
        restores: whether the training texts get capitals and marks.
        note: for the report and the screen; None where there is nothing to say.
    """

    gap: StyleGap
    restores: bool = False
    note: str | None = None

    def facts(self, option: TextStyleOption) -> dict[str, Any]:
        """For report.json, under data.text_style; how many texts were restored is added to them."""
        return {"option": option, **self.gap.facts(), "restored": 0}

    @classmethod
    def of(cls, option: TextStyleOption, gap: StyleGap, normaliser: Callable[[str], str], *, anew: bool) -> TextStyle:
        """What `data.text_style` comes to.

        Args:
            option: as the recipe has it.
            gap: from `style_gap`.
            normaliser: one that keeps case and marks wants the texts as they are.
            anew: whether there is no checkpoint that could write.
        """
        told = gap.told()
        if option == "restore" and (anew or not gap.learnable):
            why = "no checkpoint that could write them" if anew else "no capitals or marks in a CTC model's labels"
            return cls(gap, note=f"data.text_style=restore has no effect: there are {why}")
        if option == "restore":
            return cls(gap, True, f"{told}: the texts are given them" if told else None)
        if not told or anew:
            return cls(gap)
        stops = f"{told}: a model that learns from them stops writing them"
        if not gap.learnable:
            return cls(gap, note=f"{stops}, as a CTC model's labels have neither")
        if option == "as_is" or normaliser("A b.") != normaliser("a b"):
            return cls(gap, note=f"{stops}; data.text_style=restore keeps them")
        return cls(gap, True, f"{told}: the texts are given them (data.text_style=as_is leaves the texts alone)")


def plainly(decoding: DecodingOptions, audio_context: str = "full") -> DecodingOptions:
    """Decoding greedily and by the network itself: an engine would be converted for these clips only."""
    return decoding.greedy().of_the_sound().model_copy(update={"engine": "torch", "audio_context": audio_context})


def _shares(style: Style, names: Sequence[str]) -> str:
    """ "0 % / 0 %": what `names` asks for."""
    values = {CAPITALS: style.capitals, MARKS: style.final_marks}
    return " / ".join(f"{100 * (values[name] or 0.0):.0f} %" for name in names)
