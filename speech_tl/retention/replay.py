"""Replay: source speech is mixed into the batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from speech_tl.retention.base import RetentionHooks
from speech_tl.retention.source_speech import SourceMethod

if TYPE_CHECKING:
    from speech_tl.data.manifest import Manifest
    from speech_tl.retention.mixture import Mixture


class Replay(SourceMethod):
    """Source-domain utterances with their texts are mixed into every batch (rehearsal: Robins 1995; for languages
    learnt one after the other far ahead of EWC and distillation: CL-MASR, Della Libera et al. 2023, arXiv 2310.16931).

    The batches stay as long as without, so that the same steps hear the same seconds, of which the target has the rest.

    Attributes:
        share: of the seconds of every batch that are the source's.
    """

    needs_old_weights: ClassVar[bool] = False
    reads_texts: ClassVar[bool] = True

    name: Literal["replay"] = "replay"
    share: float = Field(0.2, gt=0, lt=1)

    @property
    def batch_share(self) -> float:
        """As asked for."""
        return self.share

    def at_work(self, source: Manifest) -> RetentionHooks:
        """The source's utterances, ready to be mixed in."""
        return _MixedIn(self, source)


class _MixedIn(RetentionHooks):
    options: Replay
    source: Manifest

    def __init__(self, options: Replay, source: Manifest) -> None:
        super().__init__(options, source)
        self.mixed_in = source

    def mixed(self, utterances: Manifest) -> Mixture:
        """With the source's behind the target's own."""
        from speech_tl.retention.mixture import Mixture

        return Mixture(utterances, self.source, self.options.share)
