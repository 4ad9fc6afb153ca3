"""Files that lie elsewhere: s3://, gs://, hf:// and https://, read by ranges through fsspec. Floor 0.

What is read stays in blocks on this machine's disk, so that a second epoch, or the next utterance of a long recording,
asks nobody. The cache has a bound (SPEECH_TL_REMOTE_CACHE_GB, 10); blocks that were not used for longest go first.
Other schemes, and fsspec's chains of them ("zip::https"), are refused: a table says what is read, never what is run.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from speech_tl.errors import AudioError, BadInput
from speech_tl.user_cache import cache_folder

SCHEMES = ("s3", "gs", "hf", "https")
INSTALLS = {"s3": "'speech_tl[s3]'", "gs": "gcsfs", "https": "aiohttp", "hf": "huggingface_hub"}

BLOCK_BYTES = 1 << 19
"""Of one range: 16 s of 16 bit speech at 16 kHz, and not many round trips for a minute."""

TRIES, WAIT_S = 4, 0.5
"""A connection that is lost is asked again, after twice as long each time."""

CACHE_GB = 10.0
ROOM = 0.9
"""Of the bound stays full when blocks are removed, so that it is not done for each new one."""

NO_ACCESS = re.compile(
    r"credential|forbidden|access.?denied|unauthorized|gated|\b40[13]\b|signature|token", re.IGNORECASE
)

_REMOTE = re.compile(r"((s3|gs|https):/+[^/]|hf:/+[^/]+/+[^/])")  # "hf:/name" is no address
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::|:/)")
Answer = TypeVar("Answer")


class RemotePath(PurePosixPath):
    """A path elsewhere, which keeps both strokes of its scheme.

    >>> str(RemotePath("s3://bucket") / "talks" / "one.wav")
    's3://bucket/talks/one.wav'
    """

    def __str__(self) -> str:
        """As it was given."""
        scheme, mark, rest = super().__str__().partition(":/")
        return f"{scheme}://{rest.lstrip('/')}" if mark else scheme  # without: a part of a path

    def __fspath__(self) -> str:
        """The same."""
        return str(self)

    def exists(self) -> bool:
        """Whether a file lies there.

        Raises:
            BadInput: no access.
        """
        return asked(str(self), lambda files, path: files.exists(path))

    def require_writable(self) -> None:
        """Put a small file into this folder and remove it.

        Raises:
            BadInput: no access.
        """
        probe = f"{self}/.speech-tl-{os.urandom(4).hex()}"
        asked(probe, lambda files, path: files.pipe_file(path, b"?"))
        asked(probe, lambda files, path: files.rm_file(path))

    def write_bytes(self, data: bytes) -> None:
        """Put a whole file there: it is seen when it is complete.

        Raises:
            BadInput: no access.
        """
        asked(str(self), lambda files, path: files.pipe_file(path, data))


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path leads to one of `SCHEMES`.

    >>> is_remote("s3://bucket/a.wav"), is_remote("talks/a.wav"), is_remote("zip::s3://bucket/a.zip")
    (True, False, False)
    """
    return _REMOTE.match(os.fspath(path)) is not None


def place(path: str | os.PathLike) -> Path | RemotePath:
    """A path here or elsewhere.

    Raises:
        BadInput: a scheme that is not read or written.
    """
    written = os.fspath(path)
    if is_remote(written):
        return RemotePath(written)
    if written.startswith("file:/"):
        return Path("/" + written.removeprefix("file:").lstrip("/"))
    if _SCHEME.match(written) and not Path(written).exists():
        raise BadInput(f"{written}: expected a path, or one of {', '.join(f'{name}://' for name in SCHEMES)}")
    return Path(written)


def asked(url: str, question: Callable[[Any, str], Answer]) -> Answer:
    """`question(file system, path)`, asked again where a connection is lost.

    Raises:
        AudioError: nothing there, or nobody answers.
        BadInput: no access, or a library is missing.
    """
    scheme, shown = url.partition(":")[0], shown_url(url)
    wait_s = WAIT_S
    for attempt in range(TRIES):
        try:
            files = _file_system(scheme)
            return question(files, files._strip_protocol(url))
        except BadInput:
            raise
        except FileNotFoundError as error:
            raise AudioError(f"{shown}: no such file; check the path", "missing") from error
        except ImportError as error:
            raise BadInput(f"{shown}: needs another library: pip install {INSTALLS[scheme]}") from error
        except Exception as error:  # each library has errors of its own
            said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            if isinstance(error, PermissionError) or NO_ACCESS.search(said):
                raise BadInput(
                    f"{shown}: no access ({said}); give credentials as the libraries of {scheme}:// take them"
                ) from error
            if attempt == TRIES - 1:
                raise AudioError(f"{shown}: cannot be read ({said}); try again later", "unreadable") from error
        time.sleep(wait_s)
        wait_s *= 2
    raise AssertionError("the last attempt returns or raises")


def listed(url: str) -> list[str]:
    """The files below a folder elsewhere, with sub-folders, sorted.

    Raises:
        AudioError, BadInput: as `asked`.
    """
    scheme = url.partition(":")[0]
    found = asked(url, lambda files, path: [str(files.unstrip_protocol(one)) for one in files.find(path)])
    return sorted(f"{scheme}://{one.partition('://')[2]}" for one in found)


def fetched(url: str) -> bytes:
    """A whole file.

    Raises:
        AudioError, BadInput: as `asked`.
    """
    return asked(url, lambda files, path: files.cat_file(path))


def shown_url(url: str) -> str:
    """Without the signature that some bring along."""
    return url.partition("?")[0]


class RemoteFile(io.RawIOBase):
    """A file elsewhere, open for reading: ranges of it are fetched when they are asked for.

    Raises:
        AudioError, BadInput: as `asked`.
    """

    def __init__(self, url: str) -> None:
        """Ask how long it is, and which version."""
        super().__init__()
        self.name, self._url, self._at = shown_url(url), url, 0
        facts = asked(url, lambda files, path: files.info(path))
        if facts.get("type") == "directory":
            raise AudioError(f"{self.name}: a folder where an audio file was expected", "folder")
        if facts.get("size") is None:
            raise AudioError(f"{self.name}: its server does not say how long it is; copy it first", "unreadable")
        self._size = int(facts["size"])
        version = [str(facts.get(name, "")) for name in ("ETag", "etag", "LastModified", "mtime", "blob_id", "md5Hash")]
        key = hashlib.sha256("\n".join([self.name, str(self._size), *version]).encode()).hexdigest()[:32]
        self._blocks = BlockCache.usual().folder / key[:2] / key
        self._latest: dict[int, bytes] = {}  # decoders read a few bytes at a time

    def readable(self) -> bool:
        """As files do."""
        return True

    def seekable(self) -> bool:
        """As files do."""
        return True

    def tell(self) -> int:
        """As files do."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As files do."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        """As files do."""
        data = self._range(self._at, min(self._size, self._at + len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _range(self, first: int, last: int) -> bytes:
        if first >= last:
            return b""
        numbers = range(first // BLOCK_BYTES, (last - 1) // BLOCK_BYTES + 1)
        found = {number: self._latest.get(number) or self._kept(number) for number in numbers}
        for begin, end in _runs([number for number in numbers if found[number] is None]):
            found |= self._fetched(begin, end)
        self._latest = {number: found[number] for number in numbers[-4:]}
        whole = b"".join(found[number] for number in numbers)
        start = first - numbers[0] * BLOCK_BYTES
        return whole[start : start + last - first]

    def _kept(self, number: int) -> bytes | None:
        block = self._blocks / str(number)
        try:
            data = block.read_bytes()
            os.utime(block)
        except OSError:
            return None
        return data if len(data) == min(BLOCK_BYTES, self._size - number * BLOCK_BYTES) else None

    def _fetched(self, begin: int, end: int) -> dict[int, bytes]:
        """The blocks `begin` to `end`, in one request."""
        first, last = begin * BLOCK_BYTES, min(self._size, end * BLOCK_BYTES)
        data = asked(self._url, lambda files, path: files.cat_file(path, start=first, end=last))
        if len(data) != last - first:
            raise AudioError(f"{self.name}: {len(data)} bytes came where {last - first} were asked for", "truncated")
        found = {n: data[(n - begin) * BLOCK_BYTES : (n - begin + 1) * BLOCK_BYTES] for n in range(begin, end)}
        for number, block in found.items():
            BlockCache.usual().keep(self._blocks / str(number), block)
        return found


class BlockCache:
    """Blocks in a folder, together at most so many bytes, but for what other processes add at this moment."""

    _usual: BlockCache | None = None

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """What is there already counts."""
        self.folder, self.most_bytes = folder, most_bytes
        self._bytes = sum(size for _, size, _ in self._files())

    @classmethod
    def usual(cls) -> BlockCache:
        """This process's: in the user's folder for caches, and the bound.

        Raises:
            BadInput: the bound is no number.
        """
        said = os.environ.get("SPEECH_TL_REMOTE_CACHE_GB", str(CACHE_GB))
        try:
            most = int(float(said) * 1e9)
        except ValueError:
            raise BadInput(f"SPEECH_TL_REMOTE_CACHE_GB={said}: expected a number of gigabytes") from None
        folder = cache_folder() / "remote"
        if cls._usual is None or (cls._usual.folder, cls._usual.most_bytes) != (folder, most):
            cls._usual = cls(folder, most)
        return cls._usual

    def keep(self, block: Path, data: bytes) -> None:
        """Write a block, if it fits; a disk that is full keeps nothing and fails nobody."""
        if len(data) > self.most_bytes:
            return
        self._bytes += len(data)
        if self._bytes > self.most_bytes:
            self._make_room(len(data))
        with suppress(OSError):
            block.parent.mkdir(parents=True, exist_ok=True)
            unfinished = block.with_name(f".{block.name}.{os.getpid()}.{threading.get_ident()}")
            unfinished.write_bytes(data)
            unfinished.replace(block)

    def _make_room(self, size: int) -> None:
        """Remove what was not used for longest."""
        files = sorted(self._files())
        self._bytes = sum(one for _, one, _ in files) + size
        for _, one, path in files:
            if self._bytes <= min(ROOM * self.most_bytes, self.most_bytes - size):
                break
            with suppress(OSError):
                path.unlink()
                self._bytes -= one

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """(last used, bytes, path) of each."""
        for place, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):
                    found = os.stat(os.path.join(place, name))
                    yield found.st_mtime, found.st_size, Path(place, name)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """(first, one behind the last) of consecutive numbers.

    >>> list(_runs([1, 2, 3, 7]))
    [(1, 4), (7, 8)]
    """
    begin = None
    for number, following in zip(numbers, [*numbers[1:], None], strict=False):
        begin = number if begin is None else begin
        if following != number + 1:
            yield begin, number + 1
            begin = None


def _file_system(scheme: str) -> Any:
    import fsspec

    if scheme not in SCHEMES:
        raise BadInput(f"{scheme}://: expected one of {', '.join(f'{name}://' for name in SCHEMES)}")
    return fsspec.filesystem(scheme)
