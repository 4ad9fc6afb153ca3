"""What report.json holds, typed: every page, table and sentence of a report is made from this and nothing else.

All error rates are fractions. What earlier versions did not write is None or empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from speech_tl.data.leaks import Leaks
from speech_tl.errors import BadInput
from speech_tl.figures import Figures, Sides
from speech_tl.scoring.groups import Gap, Group
from speech_tl.scoring.interpolation import Interpolation
from speech_tl.scoring.kinds import ErrorKinds
from speech_tl.scoring.ranking import PairTest, Place
from speech_tl.scoring.significance import Change
from speech_tl.scoring.wer import Score
from speech_tl.text import Rate, read_text
from speech_tl.text.parsed import json_value

Number = int | float
"""A whole number stays one."""


class BeforeAfter(Figures):
    """One test set by the untouched and by the adapted model.

    Attributes:
        rate: which one leads: "cer" for languages written without spaces.
        wer_change, cer_change: at least that of the leading rate.
        loops: utterances in which decoding was stopped in a loop.
    """

    rate: Rate = "wer"
    before: Score
    after: Score
    wer_change: Change | None = None
    cer_change: Change | None = None
    loops: Sides | None = None

    @property
    def sides(self) -> tuple[Score, Score]:
        """Before and after."""
        return self.before, self.after

    @property
    def change(self) -> Change:
        """That of the leading rate."""
        return self.change_in(self.rate)

    def change_in(self, rate: Rate) -> Change:
        """That of either rate."""
        return (self.wer_change if rate == "wer" else self.cer_change) or Change(absolute=None)

    @property
    def rates(self) -> tuple[float | None, float | None]:
        """The leading rate before and after."""
        return self.rates_in(self.rate)

    def rates_in(self, rate: Rate) -> tuple[float | None, float | None]:
        """Either rate before and after."""
        return self.before.rate(rate), self.after.rate(rate)


class Shares(Figures):
    """Shares of some texts that have capitals (None in scripts without) and final marks."""

    capitals: float | None = None
    final_marks: float | None = None


class TextStyles(Figures):
    """How references and hypotheses are written, and whether error rates of the texts as written are comparable."""

    references: Shares
    before: Shares
    after: Shares
    comparable: bool


class Target(BeforeAfter):
    """The test set of the run."""

    style: TextStyles | None = None


class Guard(BeforeAfter):
    """Another test set: by how much its leading rate may rise, and whether it rose more."""

    limit: float | None = None
    exceeded: bool | None = None
    normaliser: str | None = None
    normaliser_hash: str | None = None
    normaliser_reason: str | None = None


class Level(Figures):
    """One level of the noise test: speech over noise in dB, None without noise."""

    name: str
    snr_db: Number | None = None


class Rung(BeforeAfter, Level):
    """The test set at one level of noise."""


class Ladder(Figures):
    """The noise test: how its sounds came about, and what was measured at each level."""

    utterances: int
    effects: dict[str, Any]
    recordings: dict[str, int]
    rungs: list[Rung]


class Shortened(Figures):
    """What windows shortened to the clip change beside the adapted model's result."""

    audio_context: Any = None
    score: Score
    wer_change: Change | None = None
    cer_change: Change | None = None
    seconds: float | None = None
    seconds_full: float | None = None
    times_faster: float | None = None

    @property
    def change(self) -> Change:
        """Of the leading rate, the only one that is tested."""
        return self.wer_change or self.cer_change or Change(absolute=None)


class Search(Figures):
    """Both models decoded greedily, and what the search changes on either side."""

    greedy: BeforeAfter
    before: Change
    after: Change


class PseudoLabelRound(Figures):
    """One round of self-training; round 0 learns from what has transcripts alone."""

    round: int
    utterances: int | None = None
    kept: int | None = None
    kept_hours: float | None = None
    left: dict[str, int] = Field({})
    dev_wer: float | None = None
    dev_cer: float | None = None
    labels_wer: float | None = None
    labels_cer: float | None = None


class PseudoLabels(Figures):
    """The rounds of self-training, and which of them made the model."""

    rounds: list[PseudoLabelRound] = Field([])
    chosen: int | None = None
    rate: Rate = "wer"


class Merging(Figures):
    """How many dev transcripts changed as an adapter was merged into the model."""

    changed: int
    utterances: int


class AudioContext(Figures):
    """How the adapted Whisper's windows are cut where it is used."""

    decoding: str | None = None


class Training(Figures):
    """What the training cost; empty where a report compares two models. Hooks add figures of their own."""

    steps: int | None = None
    epochs: Number | None = None
    seconds: Number | None = None
    audio_seconds: Number | None = None
    audio_seconds_per_second: Number | None = None
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    padding_share: Number | None = None
    peak_memory_bytes: Number | None = None
    run_seconds: Number | None = None
    phases: dict[str, Number] | None = None
    kept_weights: str | None = None
    source_seconds: Number | None = None
    best_dev_wer: float | None = None
    best_dev_cer: float | None = None
    keep: Any = None
    merging: Merging | None = None
    audio_context: AudioContext | None = None
    interpolation: Interpolation | None = None
    pseudo_labels: PseudoLabels | None = None

    def __bool__(self) -> bool:
        """Whether there was any training."""
        return bool(self.model_fields_set)


class Report(Figures):
    """A run's report, or a comparison's.

    Attributes:
        recipe: its name, or the whole resolved recipe.
        groups, gaps: by column; groups by value.
        model, decoding, data, versions: the conditions, as whoever measured noted them.
        conditions: those that are not the same before and after, a line each.
        notes: what a reader of the figures must know.
    """

    recipe: str | dict[str, Any]
    target: Target
    shortened: Shortened | None = None
    search: Search | None = None
    guards: dict[str, Guard] = Field({})
    groups: dict[str, dict[str, Group]] = Field({})
    gaps: dict[str, Gap | None] = Field({})
    errors: ErrorKinds = ErrorKinds()
    ladder: Ladder | None = None
    training: Training = Training()
    model: dict[str, Any] = Field({})
    decoding: dict[str, Any] = Field({})
    normaliser: str
    normaliser_hash: str = "unknown"
    normaliser_reason: str | None = None
    data: dict[str, Any] = Field({})
    leaks: Leaks | None = None
    conditions: list[str] = Field([])
    notes: list[str] = Field([])
    versions: dict[str, Any] = Field({})

    @classmethod
    def read(cls, path: Path) -> Report:
        """A run's report.json.

        Raises:
            BadInput: it is not one.
        """
        try:
            return cls.model_validate(json_value(read_text(path), str(path), "run the recipe again"))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise BadInput(f"{path}: {place}: {first['msg']}; expected the report of a run") from error

    @property
    def rate(self) -> Rate:
        """The rate that leads."""
        return self.target.rate

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe if isinstance(self.recipe, str) else str(self.recipe.get("name", "recipe"))


class RankedGroup(Figures):
    """One value of a column: the leading rate of each recogniser by name, with its interval.

    Holds `words`, or `characters` where the CER leads: those of the references.
    """

    words: int | None = None
    characters: int | None = None
    small: bool
    rates: dict[str, float | None]
    ci95: dict[str, tuple[float, float] | None]

    @property
    def units(self) -> int:
        """Words, or characters, of the references."""
        return self.words or self.characters or 0


class Ranking(Figures):
    """The report of several recognisers on one test set.

    Attributes:
        rate: by which they are ranked.
        ranking: best first.
        pairs: every pair's test.
        correction: of the p-values, in words.
        models, decoding: by name.
        conditions: those that are not the same for all, a line each.
    """

    rate: Rate
    ranking: list[Place]
    pairs: list[PairTest]
    correction: str
    groups: dict[str, dict[str, RankedGroup]]
    normaliser: str
    normaliser_hash: str
    models: dict[str, dict[str, Any]]
    decoding: dict[str, dict[str, Any]]
    data: dict[str, Any]
    versions: dict[str, Any]
    conditions: list[str]
