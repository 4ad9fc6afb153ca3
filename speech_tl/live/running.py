"""`speech-tl live`: sound is read in one thread, decoded in another, and shown as it becomes certain."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TextIO

from rich.cells import cell_len, set_cell_size

from speech_tl.errors import BadInput
from speech_tl.live.recognising import LiveRecogniser, new_session
from speech_tl.live.session import LiveSession, Message
from speech_tl.live.sources import Blocks, open_source
from speech_tl.text import printable
from speech_tl.transcribing.recogniser import Recogniser

__all__ = ["open_source", "run_live"]

MOST_BEHIND_S = 30.0
"""A source that can wait (a file, a pipe) waits where decoding is so far behind."""

GREY, PLAIN, CLEAR = "\x1b[90m", "\x1b[0m", "\x1b[K"


def run_live(
    recogniser: Recogniser,
    source: Blocks,
    out: TextIO,
    *,
    language: str | None = None,
    task: str | None = None,
    step_s: float = 1.0,
    as_json: bool = False,
) -> None:
    """Write what is said in `source` to `out` until it ends.

    Raises:
        BadInput: the source's file turns out to be damaged; what was said before is written.
    """
    session = new_session(recogniser, step_s)
    reader = _Reader(session, source, recogniser.sample_rate)
    live = LiveRecogniser(recogniser, language, task)
    show = _JsonLines(out) if as_json else (_Terminal(out) if out.isatty() else _Lines(out))
    while True:
        with reader.changed:
            while (request := session.next_request()) is None and not session.is_done:
                reader.changed.wait()
        if request is None:
            break
        words = live.words(request)
        with reader.changed:
            messages = session.take(request, words)
            reader.changed.notify_all()
        for message in messages:
            show.tell(message)
    if reader.problem is not None:
        raise reader.problem


class _Reader:
    """Gives a session its sound, from a thread.

    Attributes:
        changed: held by whoever uses the session.
        problem: what ended the sound before its time.
    """

    def __init__(self, session: LiveSession, source: Blocks, sample_rate: int) -> None:
        self.changed = threading.Condition()
        self.problem: Exception | None = None
        self._session, self._source, self._rate = session, source, sample_rate
        threading.Thread(target=self._run, name="sound", daemon=True).start()

    def _run(self) -> None:
        try:
            for block in self._source(self._rate):
                with self.changed:
                    self._session.add(block)
                    self.changed.notify_all()
                    self.changed.wait_for(lambda: self._session.behind_s < MOST_BEHIND_S)
        except (BadInput, OSError) as error:
            self.problem = error
        finally:
            with self.changed:
                self._session.end()
                self.changed.notify_all()


class _Lines:
    """An utterance a line, when it is over: for files and pipes."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def tell(self, message: Message) -> None:
        if message.kind == "utterance" and message.words:
            print(printable(message.text), file=self.out, flush=True)


class _JsonLines(_Lines):
    """Every message, as the server sends it."""

    def tell(self, message: Message) -> None:
        print(json.dumps(message.as_json(), ensure_ascii=False), file=self.out, flush=True)


class _Terminal(_Lines):
    """Final words in the terminal's own colour; those that may change grey behind them, as far as the line has room."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._column = 0

    def tell(self, message: Message) -> None:
        if message.kind == "final":
            self.out.write(CLEAR)
            for word in message.words:
                self._put(printable(word.text))
        elif message.kind == "partial":
            self._hint(printable(message.text))
        elif self._column:
            self.out.write(f"{CLEAR}\n")
            self._column = 0
        self.out.flush()

    def _put(self, word: str) -> None:
        width = cell_len(word)
        if self._column and self._column + 1 + width >= self._columns():
            self.out.write("\n")
            self._column = 0
        self.out.write(f" {word}" if self._column else word)
        self._column += width + bool(self._column)

    def _hint(self, text: str) -> None:
        """Written, and gone back over: what comes next clears it."""
        shown = set_cell_size(f" {text}", min(cell_len(text) + 1, max(0, self._columns() - self._column - 1)))
        back = f"\x1b[{cell_len(shown)}D" if shown else ""
        self.out.write(f"{CLEAR}{GREY}{shown}{PLAIN}{back}")

    @staticmethod
    def _columns() -> int:
        return shutil.get_terminal_size((80, 24)).columns
