"""How many names hotwords find, and how many they invent: `python -m tests.benchmarks.hotwords MODEL`.

    [--split heldout|dev] [--weights 0.5 1 1.5 2] [--prompt] [--sentences 3] [--lm LM] [--voice en-us]

espeak-ng speaks sentences with 30 names that no text of the starters holds, three of each name, and as many everyday
sentences without any name (`--sentences`: fewer of each). Recall is the share of the names spoken that are written in
their sentence; precision the share of the names written that were spoken. `--split dev` has other names and other
sentences, to choose the weight on. `--prompt` shows a Whisper the names as a prompt, too.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from data_scripts.sentences import everyday_sentences
from speech_tl.audio import load_audio
from speech_tl.decoding.decode import decode_waveforms
from speech_tl.models.load import load_model
from speech_tl.models.options import DecodingOptions

NAMES: dict[str, str] = {
    "heldout": (
        "Abernathy Balthasar Calloway Delacroix Esmeralda Fitzgerald Galbraith Hawthorne Ignatius Jankowski Kowalski "
        "Lindqvist Montgomery Nakamura Okonkwo Pemberton Quintero Rasmussen Santiago Thornton Underwood Valentino "
        "Wadsworth Yamamoto Zimmerman Castellano Bergstrom Donatello Featherstone Marchetti"
    ),
    "dev": (
        "Albertson Bonaparte Carmichael Davenport Escobar Fontaine Goldberg Henderson Ingleby Jefferson Kaufmann "
        "Livingston Mortensen Novotny Oppenheim Petrovic Rothschild Stefanovic Tarkington Vandenberg Winchester "
        "Yevgeny Zapata Castiglione Blackwood Drummond Fairweather Mendelsohn Hollister Templeton"
    ),
}

CARRIERS = {
    "heldout": ("please call {} this evening", "i met {} at the station", "the letter is from {} and her sister"),
    "dev": ("we should ask {} about the price", "{} will be here at seven", "my neighbour {} has a garden"),
}

SEED = 7


def main(arguments: Sequence[str]) -> int:
    """Print a line for each weight."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hotwords", description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--split", default="heldout", choices=NAMES)
    parser.add_argument("--weights", type=float, nargs="+", default=[None], help="by default the family's own")
    parser.add_argument("--prompt", action="store_true")
    parser.add_argument("--sentences", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--lm", type=Path)
    parser.add_argument("--voice", default="en-us")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model, names = load_model(given.model), NAMES[given.split].split()
    carriers = CARRIERS[given.split][: given.sentences]
    said = [(carrier.format(name.lower()), name.lower()) for name in names for carrier in carriers]
    said += [(sentence, "") for sentence in islice(everyday_sentences(SEED, given.split), len(said))]
    with tempfile.TemporaryDirectory() as folder:
        waveforms = [_spoken(text, given.voice, Path(folder), model.sample_rate) for text, _ in said]
        listed = Path(folder) / "names.txt"
        listed.write_text("\n".join(names) + "\n")
        plain = DecodingOptions(beam=50 if given.lm else 1, lm=given.lm, workers=0)
        print("| | recall | precision |\n|:--|--:|--:|")
        print(_line("without hotwords", said, decode_waveforms(model, waveforms, plain), names))
        glossary = f"Glossary: {', '.join(names)}." if given.prompt else None
        for weight in given.weights:
            options = plain.model_copy(update={"hotwords": listed, "hotword_weight": weight, "prompt": glossary})
            title = "hotwords" if weight is None else f"weight {weight:g}"
            print(_line(title, said, decode_waveforms(model, waveforms, options), names), flush=True)
    return 0


def _spoken(text: str, voice: str, folder: Path, sample_rate: int):
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text], check=True)
    return load_audio(path, sample_rate)


def _line(title: str, said: Sequence[tuple[str, str]], texts: Sequence[str], names: Sequence[str]) -> str:
    """Recall and precision of names, in a table's line."""
    known = {name.lower() for name in names}
    found = invented = 0
    for (_, name), text in zip(said, texts, strict=True):
        written = [word for word in re.findall(r"[\w']+", text.lower()) if word in known]
        found += name in written
        invented += len([word for word in written if word != name])
    spoken = sum(bool(name) for _, name in said)
    precision = f"{found / (found + invented):.1%}" if found + invented else "none written"
    return f"| {title} | {found / spoken:.1%} ({found} of {spoken}) | {precision} ({invented} invented) |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
