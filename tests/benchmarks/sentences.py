"""How many different sounds a few minutes of chosen sentences hold: `python -m tests.benchmarks.sentences`.

Diphones as espeak-ng would say the sentences, of the everyday ones that `speech-tl record` chooses from; as they come,
chosen by three letters in a row (what it does without espeak-ng), and chosen by the diphones themselves. What was
found, of 1000 sentences with 1174 diphones, after minutes of reading:

                         1 min   3 min   5 min  10 min
    as they come           230     471     611     791
    by three letters       268     517     681     868
    by diphones            307     627     799     999
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from speech_tl.recording.choosing import by_coverage, reading_s
from speech_tl.recording.sentences import everyday
from speech_tl.recording.sounds import Sounds, letter_sounds, sounds_of

MINUTES = (1, 3, 5, 10)


def covered(order: Iterable[str], diphones: dict[str, Sounds]) -> list[int]:
    """Different diphones after each of `MINUTES` of reading."""
    held: set[str] = set()
    read_s, found, waiting = 0.0, [], list(MINUTES)
    for sentence in order:
        read_s += reading_s(sentence)
        while waiting and read_s > 60 * waiting[0]:
            found.append(len(held))
            waiting.pop(0)
        if not waiting:
            break
        held |= diphones[sentence]
    return found


def main() -> None:
    """Print the table."""
    pool = everyday(max(MINUTES), "en")
    sounds, basis = sounds_of(pool, "en")
    if "espeak" not in basis:
        sys.exit("this needs espeak-ng (Debian: apt-get install espeak-ng)")
    diphones = dict(zip(pool, sounds, strict=True))
    orders = {
        "as they come": pool,
        "by three letters": by_coverage(pool, [letter_sounds(sentence) for sentence in pool]),
        "by diphones": by_coverage(pool, sounds),
    }
    print(f"{len(pool)} sentences, {len(set().union(*sounds))} diphones; different ones after minutes of reading")
    print(f"{'':18s}" + "".join(f"{f'{minutes} min':>8s}" for minutes in MINUTES))
    for name, order in orders.items():
        print(f"{name:18s}" + "".join(f"{count:8d}" for count in covered(order, diphones)))


if __name__ == "__main__":
    main()
