"""How far the starts of words are from the truth, in recordings whose every word has an exact place.

    python -m tests.benchmarks.word_times MODEL ... [--utterances 200] [--split heldout|dev] [--snr 20] [--out DIR]
                                          [--faster-whisper CTRANSLATE2_FOLDER] [--openai-whisper NAME_OR_FILE]
                                          [--whisper-timestamped NAME_OR_FILE]

espeak-ng's library says with which sample each word begins. Everyday sentences in several of its voices are joined
with pauses to recordings of five minutes, in a simulated room (its direct sound without delay) with its noise. Of the
words that a model writes as they were said, the distance of their starts is measured. `--split dev` has other
sentences, to tune on. Needs libespeak-ng (Debian: `apt-get install espeak-ng`); the peers where they are asked for.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soxr
from jiwer import process_words

from data_scripts.sentences import everyday_sentences
from speech_tl.audio import save_audio
from speech_tl.data.augment.levels import mixed
from speech_tl.data.augment.noise import coloured_noise
from speech_tl.data.augment.rooms import convolved, decaying_response

RATE = 16000
RECORDING_S = 300.0
VOICES = ("en-us", "en-us+m5", "en-us+f4", "en-us+Annie", "en-us+david", "en-us+paul", "en-gb", "en-gb+f2", "en-gb+m3")
PAUSE_S = (0.3, 1.2)


@dataclass(frozen=True)
class Said:
    """A word and where it begins and ends, in seconds."""

    text: str
    start_s: float
    end_s: float


# ---- what is said, and when


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    )


class Speaker:
    """espeak-ng, with the events that its command does not show."""

    END_OF_LIST, WORD, PHONEME = 0, 1, 7
    RETRIEVAL, PHONEME_EVENTS, UTF8, RATE_WORDS, PITCH = 1, 1, 1, 1, 3

    def __init__(self) -> None:
        """Load the library."""
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            sys.exit("no libespeak-ng: apt-get install espeak-ng")
        self.library = ctypes.CDLL(name)
        self.rate = self.library.espeak_Initialize(self.RETRIEVAL, 0, None, self.PHONEME_EVENTS)
        self._sound: list[np.ndarray] = []
        self._events: list[tuple[int, int, int, bytes]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = kind(self._take)
        self.library.espeak_SetSynthCallback(self._callback)

    def _take(self, sound: Sequence[int], samples: int, events: Sequence[_Event]) -> int:
        if samples:
            self._sound.append(np.ctypeslib.as_array(sound, (samples,)).copy())
        place = 0
        while events[place].type != self.END_OF_LIST:
            event = events[place]
            name = event.id.string if event.type == self.PHONEME else b""
            self._events.append((event.type, event.text_position - 1, event.sample, name))
            place += 1
        return 0

    def say(self, text: str, voice: str, words_a_minute: int, pitch: int) -> tuple[np.ndarray, list[Said]]:
        """The sound at 16 kHz, and those words whose place is told (what is spoken as one, "of the", has only one)."""
        self._sound, self._events = [], []
        self.library.espeak_SetVoiceByName(voice.encode())
        self.library.espeak_SetParameter(self.RATE_WORDS, words_a_minute, 0)
        self.library.espeak_SetParameter(self.PITCH, pitch, 0)
        spoken = text.encode() + b"\0"
        self.library.espeak_Synth(spoken, len(spoken), 0, 1, 0, self.UTF8, None, None)
        self.library.espeak_Synchronize()
        sound = np.concatenate(self._sound).astype(np.float64) / 2**15
        return soxr.resample(sound, self.rate, RATE), self._words(text, len(sound))

    def _words(self, text: str, samples: int) -> list[Said]:
        """A word ends where the next one or a pause begins."""
        places = {found.start(): found[0] for found in re.finditer(r"\S+", text)}
        borders = [
            (sample, position if kind == self.WORD else -1)
            for kind, position, sample, name in self._events
            if kind == self.WORD or (kind == self.PHONEME and name.startswith(b"_"))
        ]
        ends = [sample for sample, _ in borders[1:]] + [samples]
        return [
            Said(places[position], start / self.rate, end / self.rate)
            for (start, position), end in zip(borders, ends, strict=True)
            if position in places and end > start
        ]


def recordings(utterances: int, split: str, snr_db: float, folder: Path) -> list[tuple[Path, list[Said], str]]:
    """Recordings of `RECORDING_S` in a folder: (file, words with known places, all that is said)."""
    speaker, rng = Speaker(), np.random.default_rng(17)
    parts: list[np.ndarray] = []
    words: list[Said] = []
    texts: list[str] = []
    made: list[tuple[Path, list[Said], str]] = []
    for number, text in enumerate(islice(everyday_sentences(17, split), utterances)):
        sound, said = speaker.say(
            text, VOICES[number % len(VOICES)], int(rng.integers(140, 190)), int(rng.integers(35, 66))
        )
        offset_s = sum(map(len, parts)) / RATE
        words += [Said(word.text, word.start_s + offset_s, word.end_s + offset_s) for word in said]
        texts.append(text)
        parts += [sound * 10 ** (rng.uniform(-6, 0) / 20), np.zeros(round(rng.uniform(*PAUSE_S) * RATE))]
        if sum(map(len, parts)) >= RECORDING_S * RATE or number == utterances - 1:
            file = folder / f"{len(made)}.wav"
            save_audio(file, _in_a_room(np.concatenate(parts), snr_db, rng), RATE)
            made.append((file, words, " ".join(texts)))
            parts, words, texts = [], [], []
    (folder / "words.json").write_text(json.dumps({file.name: list(map(asdict, said)) for file, said, _ in made}))
    return made


def _in_a_room(sound: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """With the room's echoes and noise; what is direct stays where it was."""
    response = decaying_response(rng, RATE)[0]
    echoed = convolved(sound, response[int(np.argmax(np.abs(response))) :])[: len(sound)]
    noisy = mixed(echoed, coloured_noise(len(sound), "pink", rng, RATE), snr_db)
    return (noisy / np.abs(noisy).max() * 0.7).astype(np.float32)


# ---- what is written, and when


def ours(model: str) -> Callable[[Path], list[Said]]:
    """A model of speech_tl."""
    from speech_tl import load_model, transcribe

    loaded = load_model(model)

    def words(file: Path) -> list[Said]:
        (transcript,) = transcribe(loaded, file, words=True).transcripts
        return [Said(w.text, w.start_s, w.end_s) for segment in transcript.segments for w in segment.words or []]

    return words


def faster_whisper(folder: str) -> Callable[[Path], list[Said]]:
    """faster-whisper at its own defaults."""
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", cpu_threads=1)

    def words(file: Path) -> list[Said]:
        segments, _ = model.transcribe(str(file), word_timestamps=True, language="en")
        return [Said(w.word.strip(), w.start, w.end) for segment in segments for w in segment.words]

    return words


def openai_whisper(name: str) -> Callable[[Path], list[Said]]:
    """openai-whisper at its own defaults."""
    import whisper

    model = whisper.load_model(name, device="cpu")

    def words(file: Path) -> list[Said]:
        segments = model.transcribe(str(file), word_timestamps=True, language="en", fp16=False)["segments"]
        return [Said(w["word"].strip(), w["start"], w["end"]) for segment in segments for w in segment["words"]]

    return words


def whisper_timestamped(name: str) -> Callable[[Path], list[Said]]:
    """whisper-timestamped at its own defaults."""
    import whisper_timestamped

    model = whisper_timestamped.load_model(name, device="cpu")

    def words(file: Path) -> list[Said]:
        segments = whisper_timestamped.transcribe(model, str(file), language="en", verbose=None)["segments"]
        return [Said(w["text"].strip(), w["start"], w["end"]) for segment in segments for w in segment["words"]]

    return words


# ---- how far apart


def distances_ms(truth: Sequence[Said], found: Sequence[Said]) -> tuple[np.ndarray, np.ndarray]:
    """Of the words that were written as said: found minus true start and end, in milliseconds."""
    one, other = ([plain(word.text) for word in words] for words in (truth, found))
    aligned = process_words(" ".join(one), " ".join(other)).alignments[0]
    pairs = [
        (truth[chunk.ref_start_idx + step], found[chunk.hyp_start_idx + step])
        for chunk in aligned
        if chunk.type == "equal"
        for step in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    starts = np.array([found.start_s - true.start_s for true, found in pairs]) * 1000
    ends = np.array([found.end_s - true.end_s for true, found in pairs]) * 1000
    return starts, ends


def plain(word: str) -> str:
    """Letters and digits alone; never empty, so that words are counted alike."""
    return re.sub(r"[\W_]+", "", word).lower() or "-"


def measured(name: str, write: Callable[[Path], list[Said]], made: Iterable[tuple[Path, list[Said], str]]) -> str:
    """A row of the table."""
    starts, ends, words = [], [], 0
    for file, truth, _ in made:
        found = [word for word in write(file) if word.text]
        start, end = distances_ms(truth, found)
        starts.append(start)
        ends.append(end)
        words += len(truth)
    start, end = np.concatenate(starts), np.concatenate(ends)
    if not len(start):
        return f"| {name} | 0 of {words} | | | | |"
    return (
        f"| {name} | {len(start)} of {words} | {np.median(np.abs(start)):.0f} | {np.percentile(np.abs(start), 90):.0f} "
        f"| {np.median(start):+.0f} | {np.median(np.abs(end)):.0f} |"
    )


def main() -> None:
    """Print a table, a row a recogniser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--utterances", type=int, default=200)
    parser.add_argument("--split", default="heldout", choices=["heldout", "dev"])
    parser.add_argument("--snr", type=float, default=20.0, help="of the room's noise, in dB")
    parser.add_argument("--faster-whisper", metavar="FOLDER", action="append", default=[])
    parser.add_argument("--openai-whisper", metavar="NAME", action="append", default=[])
    parser.add_argument("--whisper-timestamped", metavar="NAME", action="append", default=[])
    parser.add_argument("--out", type=Path, help="keep the recordings and their words.json here")
    asked = parser.parse_args()
    writers = [(model, lambda model=model: ours(model)) for model in asked.models]
    writers += [(f"faster-whisper {Path(m).name}", lambda m=m: faster_whisper(m)) for m in asked.faster_whisper]
    writers += [(f"openai-whisper {Path(m).name}", lambda m=m: openai_whisper(m)) for m in asked.openai_whisper]
    writers += [
        (f"whisper-timestamped {Path(m).name}", lambda m=m: whisper_timestamped(m)) for m in asked.whisper_timestamped
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        made = recordings(asked.utterances, asked.split, asked.snr, folder)
        print(
            "| | words found | start: median, ms | 90 % | bias | end: median |\n|:--|--:|--:|--:|--:|--:|", flush=True
        )
        for name, load in writers:
            print(measured(name, load(), made), flush=True)


if __name__ == "__main__":
    main()
