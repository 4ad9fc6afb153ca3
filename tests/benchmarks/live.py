"""How far final words lag behind the sound, and at what WER: `python -m tests.benchmarks.live --model FOLDER`.

Clips are joined to one recording with pauses of 0.2 to 1.2 s, as in the benchmark of long recordings. Time is
simulated: the sound runs at its own pace, and decoding takes as long as the CPU worked for it. So a machine with other
work gives about the same figures, and a minute of sound takes as long as its decoding.

The lag of a word is from its end in the sound to the moment when it is final. Where a word ends is taken from its clip:
its share of the clip's speech, by its characters. The offline WER is that of `transcribe` on the same recording; the
interval of the difference is a paired bootstrap over speakers (or clips, where one speaks), errors being those of the
clip in whose words they are.

`--hours H` does another thing: it gives a session H hours of that recording, again and again, as fast as they are
decoded, and looks at the memory.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from speech_tl.audio import load_audio, save_audio
from speech_tl.live.recognising import LiveRecogniser, new_session
from speech_tl.live.session import Message
from speech_tl.scoring.alignment import chunks_of
from speech_tl.scoring.significance import blocks_by_speaker, draw_rates, judge
from speech_tl.text import get_normaliser
from speech_tl.transcribing.recogniser import Word, load_recogniser, spread
from speech_tl.transcribing.segments import speech_frames
from speech_tl.transcribing.transcribe import transcribe
from speech_tl.transcribing.vad import FRAME_S
from tests.benchmarks.serving import print_thirds

RATE = 16000
BLOCK_S = 0.1


def joined(
    corpora: Path, name: str, split: str, minutes: float, seed: int = 0
) -> tuple[np.ndarray, list[Word], list[tuple[str, str]]]:
    """A recording, its reference words with their times, and the (text, speaker) of each clip."""
    with (corpora / name / "manifest.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if not split or row["split"] == split]
    rng = random.Random(seed)
    rng.shuffle(rows)
    parts, words, clips, length = [], [], [], 0
    for row in rows:
        clips.append((row["text"], row.get("speaker", "")))
        clip = load_audio(corpora / name / row["audio"], RATE)
        active = np.flatnonzero(speech_frames(clip, RATE))
        begin_s, end_s = (active[0] * FRAME_S, (active[-1] + 1) * FRAME_S) if len(active) else (0.0, len(clip) / RATE)
        words += spread(row["text"], length / RATE + begin_s, length / RATE + end_s)
        pause = np.zeros(round(rng.uniform(0.2, 1.2) * RATE), np.float32)
        parts += [clip, pause]
        length += len(clip) + len(pause)
        if length > minutes * 60 * RATE:
            break
    noise = 3e-4 * np.random.default_rng(seed).standard_normal(length)
    return (np.concatenate(parts) + noise).astype(np.float32), words, clips


def simulated(recogniser, waveform: np.ndarray, step_s: float) -> tuple[list[tuple[Message, float]], float, list[int]]:
    """Each message with the time at which it comes, the CPU seconds of all, and resident bytes along the way."""
    session, live = new_session(recogniser, step_s), LiveRecogniser(recogniser)
    told, now_s, work_s, given = [], 0.0, 0.0, 0
    memory, process = [], psutil.Process()
    block = round(BLOCK_S * RATE)
    while not session.is_done:
        while given < len(waveform) and (given + block) / RATE <= now_s:
            session.add(waveform[given : given + block])
            given += block
        if given >= len(waveform) and not session.is_over:
            session.end()
        begun = time.process_time()
        request = session.next_request()
        if request is None:
            now_s = max(now_s, (given + block) / RATE)
            continue
        messages = session.take(request, live.words(request))
        took_s = time.process_time() - begun
        now_s += took_s
        work_s += took_s
        told += [(message, now_s) for message in messages]
        memory.append(process.memory_info().rss)
    return told, work_s, memory


def hours(recogniser, waveform: np.ndarray, hours: float, step_s: float) -> None:
    """So many hours of a recording through one session, as fast as they are decoded: memory, and what is held."""
    session, live = new_session(recogniser, step_s), LiveRecogniser(recogniser)
    process, memory, words, begun = psutil.Process(), [], 0, time.monotonic()
    block = round(BLOCK_S * RATE)
    place, given_s = 0, 0.0
    while not session.is_done:
        if given_s < hours * 3600:
            part = waveform[place : place + block]
            session.add(part)
            place, given_s = (place + block) % (len(waveform) // block * block), given_s + len(part) / RATE
        else:
            session.end()
        while (request := session.next_request()) is not None:
            told = session.take(request, live.words(request))
            words += sum(len(message.words) for message in told if message.kind == "final")
            memory.append(process.memory_info().rss)
    took_s = time.monotonic() - begun
    print(f"{given_s / 3600:g} hours in {took_s:.0f} s: {words} words, decoded {len(memory)} times")
    print_thirds("memory", memory)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--corpus", default="ljspeech_part")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--step", type=float, default=1.0)
    parser.add_argument("--hours", type=float, default=0.0, help="memory in so many hours, and nothing else")
    parser.add_argument("--show", action="store_true", help="print where live and offline differ from the reference")
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("SPEECH_TL_CORPORA", "../shared/corpora")))
    given = parser.parse_args()
    recogniser = load_recogniser(given.model)
    waveform, reference, clips = joined(given.corpora, given.corpus, given.split, given.minutes)
    print(f"{given.corpus} {given.split}: {len(waveform) / RATE:.0f} s, {len(reference)} words")
    if given.hours:
        hours(recogniser, waveform, given.hours, given.step)
        return
    told, work_s, memory = simulated(recogniser, waveform, given.step)
    print_thirds("memory", memory)
    check(told)
    finals = [(word, now_s) for message, now_s in told if message.kind == "final" for word in message.words]
    normalise = get_normaliser("english")
    live_text = " ".join(word.text for word, _ in finals)
    with tempfile.TemporaryDirectory() as folder:
        file = save_audio(Path(folder) / "joined.flac", waveform, RATE)
        begun = time.process_time()
        offline_text = transcribe(recogniser.model, file, join=True).text
        offline_s = time.process_time() - begun
    sentences = [normalise(text) for text, _ in clips]
    live_errors, offline_errors = (errors(sentences, normalise(text)) for text in (live_text, offline_text))
    units = [len(sentence.split()) for sentence in sentences]
    live_wer, offline_wer = (sum(wrong) / sum(units) for wrong in (live_errors, offline_errors))
    speakers = [speaker for _, speaker in clips]
    blocks = blocks_by_speaker(speakers if len(set(speakers)) > 1 else [None] * len(clips))
    change = live_wer - offline_wer
    worse = [a - b for a, b in zip(live_errors, offline_errors, strict=True)]
    low, high = judge(draw_rates(worse, units, blocks), change, blocks.count).ci95
    print(
        f"WER live {live_wer:.2%}, offline {offline_wer:.2%} of {sum(units)} words: {100 * change:+.2f} points "
        f"(95 % interval {100 * low:+.2f} to {100 * high:+.2f}, over {blocks.description})"
    )
    print(f"CPU seconds: live {work_s:.0f}, offline {offline_s:.0f}")
    lags = lags_s(reference, finals)
    print(
        f"lag of {len(lags)} words: mean {statistics.mean(lags):.2f} s, median {statistics.median(lags):.2f} s, "
        f"p95 {statistics.quantiles(lags, n=20)[-1]:.2f} s"
    )
    if given.show:
        print(live_text, "\n----\n", offline_text, "\n----\n", " ".join(sentences))


def check(told: list[tuple[Message, float]]) -> None:
    """A final word never changes: an utterance is what became final in it."""
    for number in {message.utterance for message, _ in told}:
        own = [message for message, _ in told if message.utterance == number]
        finals = [word for message in own if message.kind == "final" for word in message.words]
        whole = [message for message in own if message.kind == "utterance"]
        assert len(whole) == 1 and list(whole[0].words) == finals


def errors(sentences: list[str], text: str) -> list[int]:
    """The errors in the words of each sentence, where all of them were recognised as one text."""
    owners = [number for number, sentence in enumerate(sentences) for _ in sentence.split()]
    found, place = [0] * len(sentences), 0
    for chunk in chunks_of(" ".join(sentences), text):
        for offset in range(0 if chunk.kind == "equal" else max(len(chunk.said), len(chunk.heard))):
            found[owners[min(place + min(offset, max(0, len(chunk.said) - 1)), len(owners) - 1)]] += 1
        place += len(chunk.said)
    return found


def lags_s(reference: list[Word], finals: list[tuple[Word, float]]) -> list[float]:
    """Of the words that were recognised."""
    bare = lambda text: "".join(c for c in text.lower() if c.isalnum())  # noqa: E731
    pairs = matched([bare(word.text) for word in reference], [bare(word.text) for word, _ in finals])
    return [finals[b][1] - reference[a].end_s for a, b in pairs]


def matched(one: list[str], other: list[str]) -> list[tuple[int, int]]:
    """Places of the words that two texts share, in order."""
    import difflib

    blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return [(block.a + i, block.b + i) for block in blocks for i in range(block.size)]


if __name__ == "__main__":
    main()
