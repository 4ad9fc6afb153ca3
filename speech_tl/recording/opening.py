"""From the command's options to a session: files read, sentences chosen, and what the reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speech_tl.errors import BadInput
from speech_tl.recording.choosing import SLOT, Wanted, reading_s
from speech_tl.recording.sentences import CARRIERS, LONGEST_S, everyday, is_english, own_sentences, own_words
from speech_tl.recording.session import Session
from speech_tl.text import leading_rate


def open_session(
    out: Path,
    *,
    sentences: Path | None = None,
    words: Path | None = None,
    times: int = 5,
    minutes: float = 10.0,
    speaker: str | None = None,
    language: str | None = None,
) -> tuple[Session, list[str]]:
    """A folder to record into, with what is to be read.

    Args:
        out: the folder; one that has recordings is gone on with.
        sentences: a file with one sentence a line; by default everyday English ones.
        words: a file with words or names that must be said, one a line.
        times: how often each.
        minutes: how much speech is wanted.
        speaker: for the manifest; by default the folder's, else "me".
        language: of the sentences; by default the folder's, and English for the sentences that ship.

    Returns:
        The session, and a line for each thing that the reader should know.

    Raises:
        BadInput: a file, folder or number that cannot be used.
    """
    if not 0 < minutes <= 600:
        raise BadInput(f"--minutes {minutes:g}: expected more than 0, and at most 600")
    if not 1 <= times <= 100:
        raise BadInput(f"--times {times}: expected 1 to 100")
    read = own_sentences(sentences) if sentences else None
    wanted_words = own_words(words) if words else []
    session = Session(out, minutes=minutes, speaker=speaker, language=language)
    if read is None:
        session.language = session.language or "en"
        read = everyday(minutes, session.language), list(CARRIERS), []
    elif is_english(session.language):
        read = read[0], [*read[1], *CARRIERS], read[2]
    texts, carriers, too_long = read
    spaced = leading_rate(session.language or None) == "wer"
    session.plan(texts, carriers, Wanted(wanted_words, times, spaced=spaced))
    if session.sentence is None:
        raise BadInput(f"{out}: every sentence is recorded or was skipped; give more with --sentences")
    return session, _remarks(session, sentences, texts, carriers, too_long)


def _remarks(
    session: Session, file: Path | None, texts: Sequence[str], carriers: Sequence[str], too_long: Sequence[str]
) -> list[str]:
    """What the reader should know before reading."""
    lines = []
    if session.rows:
        lines.append(f"{session.out}: {len(session.rows)} recordings, {session.seconds / 60:.1f} min; going on there")
    if too_long:
        lines.append(f"{file}: {len(too_long)} lines take more than {LONGEST_S:g} s to read and are left out")
    there_s = session.seconds + sum(map(reading_s, session.waiting))
    if there_s < session.minutes * 60:
        lines.append(f"{file or 'the sentences'}: about {there_s / 60:.1f} min in all, less than --minutes asks for")
    held = {word for text in texts for word in session.wanted.held(text)}
    unheld = [word for word in session.missing() if word not in held]
    if unheld and not carriers:
        lines.append(
            f"no sentence holds {', '.join(unheld[:5])}{' ...' if len(unheld) > 5 else ''}: read by "
            f"themselves; lines of {file} with {SLOT} in them would carry them"
        )
    words_s = sum(reading_s(text) for text in session.waiting if session.wanted.held(text))
    if session.seconds + 2 * words_s > session.minutes * 60 and session.missing():
        lines.append(f"the wanted words and as many other sentences take about {2 * words_s / 60:.0f} min")
    return lines
