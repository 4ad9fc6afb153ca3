"""What augmentation costs a loader's worker: `python -m tests.benchmarks augmentation`.

Seconds of audio that one worker makes ready in a second of one processor (decoding, augmentation, the model's
features), for each effect and for noise and room together, beside what a training step takes in. All are measured in
turns in one process on the same utterances, three rounds; processor seconds, so that a busy machine counts for little.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import torch

from speech_tl.data.augment import (
    Augmenter,
    AugmentOptions,
    Chain,
    Clipping,
    Codec,
    Gain,
    Noise,
    Room,
    Speed,
    Telephone,
)
from speech_tl.data.batching import Collator, SpeechDataset
from speech_tl.data.manifest import Manifest
from speech_tl.models.load import load_model

UTTERANCES, ROUNDS, STEPS = 120, 3, 4
CORPORA = Path(os.environ.get("SPEECH_TL_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))


def chains(manifest: Manifest) -> dict[str, Chain | None]:
    """What is compared: nothing, each effect, noise and room, and everything."""
    noise = Noise(folders=[str(CORPORA / "noise")])
    effects = {
        "nothing": {},
        "noise (recordings)": {"noise": noise},
        "noise (pink)": {"noise": Noise(generated=["pink"])},
        "noise (babble)": {"noise": Noise(generated=["babble"])},
        "room": {"room": Room()},
        "speed": {"speed": Speed()},
        "gain": {"gain": Gain()},
        "clipping": {"clipping": Clipping()},
        "telephone": {"telephone": Telephone()},
        "codec (Opus)": {"codec": Codec(codecs=["opus"])},
        "codec (MP3)": {"codec": Codec(codecs=["mp3"])},
        "noise and room": {"noise": noise, "room": Room()},
        "noise, room, speed, gain, telephone": {
            "noise": noise,
            "room": Room(),
            "speed": Speed(),
            "gain": Gain(),
            "telephone": Telephone(),
        },
    }
    return {name: Augmenter(AugmentOptions(**on)).chain("train", manifest) for name, on in effects.items()}


def main() -> None:
    """Print audio seconds a processor second, and how much of it is left of loading without augmentation."""
    manifest = Manifest.read(CORPORA / "speechocean762").split("train")
    model = load_model("starter-wav2vec2", texts=manifest.column("text"), device="cpu")
    torch.set_num_threads(1)
    datasets = {
        name: SpeechDataset(manifest, model, with_labels=True, augment=chain)
        for name, chain in chains(manifest).items()
    }
    rates: dict[str, list[float]] = {name: [] for name in [*datasets, "training step"]}
    for round_ in range(ROUNDS + 1):
        for name, dataset in datasets.items():
            rate = loaded_a_second(dataset, round_)
            if round_:  # the first fills caches
                rates[name].append(rate)
        rates["training step"].append(trained_a_second(datasets["nothing"], model))
    plain = statistics.median(rates["nothing"])
    print(f"{UTTERANCES} utterances, median of {ROUNDS} rounds (lowest to highest)")
    for name, found in rates.items():
        middle = statistics.median(found)
        share = "" if name == "training step" else f", {middle / plain:4.0%} of loading alone"
        print(f"{name:38s} {middle:6.0f} audio s/s ({min(found):.0f} to {max(found):.0f}){share}")


def loaded_a_second(dataset: SpeechDataset, epoch: int) -> float:
    """Audio seconds made ready in a second of one processor."""
    started = time.process_time()
    seconds = sum(dataset[index, epoch].seconds for index in range(UTTERANCES))
    return seconds / (time.process_time() - started)


def trained_a_second(dataset: SpeechDataset, model: object) -> float:
    """Audio seconds that forward and backward of the starter take in a second of one processor, 20 s at a time."""
    batches = [
        Collator(model)([dataset[index] for index in range(first, first + 6)]) for first in range(0, 6 * STEPS, 6)
    ]
    seconds = sum(batch.pop("facts").seconds for batch in batches)
    model.network.train()
    started = time.process_time()
    for batch in batches:
        model.loss(model.network, batch).backward()
        model.network.zero_grad()
    return seconds / (time.process_time() - started)


if __name__ == "__main__":
    main()
