"""What is changed about utterances: noise, rooms, speed, level, telephone, codecs, masks.

A recipe says which, with typed parameters (`AugmentOptions`); an `Augmenter` reads the recordings that they need; its
chains change waveforms inside the loader's workers.
"""

from __future__ import annotations

from speech_tl.data.augment.chain import Augmenter, AugmentOptions, Chain, Conditions, Draw
from speech_tl.data.augment.channel import Clipping, Codec, Gain, Telephone
from speech_tl.data.augment.ladder import Ladder, LadderNoise, LadderOptions, Rung
from speech_tl.data.augment.noise import Noise
from speech_tl.data.augment.rooms import Room
from speech_tl.data.augment.spec_augment import SpecAugment
from speech_tl.data.augment.speed import Speed

__all__ = [
    "AugmentOptions",
    "Augmenter",
    "Chain",
    "Clipping",
    "Codec",
    "Conditions",
    "Draw",
    "Gain",
    "Ladder",
    "LadderNoise",
    "LadderOptions",
    "Noise",
    "Room",
    "Rung",
    "SpecAugment",
    "Speed",
    "Telephone",
]
