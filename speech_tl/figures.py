"""What the parts of a report have in common: typed attributes, and the plain values that report.json holds. Floor 0."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict

from speech_tl.text import Rate


class Figures(BaseModel):
    """A part of a report.

    What a report of an earlier version lacks has a default; what it holds beside the fields is read and kept. A part
    can be asked by key, as report.json can: `report["target"]["wer_change"]` is `report.target.wer_change`.
    """

    model_config = ConfigDict(extra="allow")

    def __getitem__(self, name: str) -> Any:
        """An attribute by its name in report.json."""
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        """Whether report.json has such a key: what was never given has none."""
        return name in self.model_fields_set

    def get(self, name: str, default: Any = None) -> Any:
        """As a dictionary's: `default` where report.json has no such key."""
        return getattr(self, name) if name in self else default

    def as_dict(self) -> dict[str, Any]:
        """As it stands in report.json: plain values, of what was given and not of what is a default."""
        return plain(self.model_dump(exclude_unset=True))


class Rates(Figures):
    """Both error rates as fractions (0.25 = 25 %); None where there is nothing to be wrong about."""

    wer: float | None
    cer: float | None = None

    def rate(self, rate: Rate) -> float | None:
        """One of the two."""
        return self.wer if rate == "wer" else self.cer


class Sides(Figures):
    """A count before and after."""

    before: int
    after: int


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinity become None, arrays' scalars Python's, anything else its text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, bool, int)) else str(value)
