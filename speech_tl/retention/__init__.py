"""How a model keeps what it knew: a file for each method. A new one is added here."""

from __future__ import annotations

from speech_tl.retention.distill import Distill
from speech_tl.retention.ewc import EWC
from speech_tl.retention.interpolate import Interpolate
from speech_tl.retention.l2_sp import L2SP
from speech_tl.retention.replay import Replay

__all__ = ["EWC", "L2SP", "Distill", "Interpolate", "Replay"]
