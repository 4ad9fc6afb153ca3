"""A test set: utterances that models are measured on, and how."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from speech_tl.text import Normaliser, Rate, leading_rate

if TYPE_CHECKING:
    from speech_tl.data.batching import Augmentation
    from speech_tl.data.manifest import Manifest


@dataclass(frozen=True)
class TestSet:
    """Utterances, and all that decides what an error rate on them means, but the model.

    The target's test split is one, a guard, the target's dev split, a guard's dev part, an SNR level of a noise test.

    Attributes:
        name: what it is called on the screen.
        utterances: with texts and durations.
        normaliser: of both sides of every comparison.
        language: of the speech, as far as known.
        set_to: language that a model which writes several is set to while it decodes this; None is the target's.
        augment: what the utterances are heard through; None is as recorded.
        limit: by how much the leading error rate may rise, as a fraction; None where nothing is to be protected.
        facts: for its summary.json: source, split, counts; None where nobody writes its answers down.
    """

    __test__: ClassVar[bool] = False  # of speech recognition, not of this program: pytest would collect it

    name: str
    utterances: Manifest
    normaliser: Normaliser
    language: str | None = None
    set_to: str | None = None
    augment: Augmentation | None = None
    limit: float | None = None
    facts: dict[str, Any] | None = None

    @property
    def rate(self) -> Rate:
        """The error rate that leads: "cer" for languages written without spaces, else "wer"."""
        return leading_rate(self.language, self.normaliser.name)

    def drawn(self, utterances: int | None, seed: int) -> TestSet:
        """The utterances of a validation pass: a seeded choice of at most so many, always the same; None is all."""
        if not utterances or utterances >= len(self.utterances):
            return self
        rows = sorted(random.Random(seed).sample(range(len(self.utterances)), utterances))
        return replace(self, utterances=self.utterances.select(rows))

    def at_most(self, utterances: int | None, seed: int) -> TestSet:
        """A seeded choice of so many of its utterances; None is all."""
        return replace(self, utterances=self.utterances.sample(utterances, seed))
