"""What typed options have in common. Floor 0."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

LARGEST = 1e12
"""No number that is asked for by name can mean more: seconds, steps, bytes, utterances."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What starts a generator of random numbers."""


class Options(BaseModel):
    """Typed options: a key that is not there is refused, and numbers are finite and of a size that can be meant."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _can_be_meant(cls, value: Any) -> Any:
        """Of all fields at once: an infinity inside a filter, or a count of forty digits, is told at the start."""
        if wrong := _beyond(value):
            raise ValueError(wrong)
        return value


def _beyond(value: Any, key: str = "") -> str:
    """What is wrong with a number in a value; "" where nothing is. Below a `key` of the user's own, only infinities."""
    if isinstance(value, dict):
        return next(filter(None, (_beyond(inner, str(name)) for name, inner in value.items())), "")
    if isinstance(value, (list, tuple)):
        return next(filter(None, (_beyond(inner, key) for inner in value)), "")
    if isinstance(value, float) and not math.isfinite(value):
        return f"expected a finite number{f' for {key}' if key else ''}"
    if not key and isinstance(value, (int, float)) and abs(value) > LARGEST:
        return f"expected a number up to {LARGEST:g}"
    return ""
