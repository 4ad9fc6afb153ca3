"""Archives: only what belongs inside is written, and only when all of it is there."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from speech_tl.data.corpora import sizes
from speech_tl.data.corpora.unpacking import archives_in, unpack
from speech_tl.errors import BadInput

KINDS = ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"]


def archive(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in members.items():
                opened.writestr(name, content)
        return path
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as opened:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


def refused(path: Path, folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        unpack(path, folder)
    assert not [place for place in folder.parent.iterdir() if place != path], "something was left behind"
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


NOISE = bytes(range(256)) * 200


@pytest.mark.parametrize("name", KINDS)
def test_members_are_written_once_and_macs_own_files_are_not(tmp_path, name):
    members = {"x/a.wav": NOISE, "x/b.txt": b"hello", "__MACOSX/a.wav": b"-", "x/._b.txt": b"-"}
    packed = archive(tmp_path / name, members)
    folder = unpack(packed, tmp_path / "out")
    there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert there == {"x/a.wav": NOISE, "x/b.txt": b"hello", ".unpacked": there[".unpacked"]}
    (folder / "x" / "b.txt").write_text("changed")
    assert (unpack(packed, folder) / "x" / "b.txt").read_text() == "changed"


def test_what_a_killed_attempt_left_is_not_taken_over(tmp_path):
    packed = archive(tmp_path / "a.zip", {"a": b"1"})
    (tmp_path / ".out.unpacking").mkdir()
    (tmp_path / ".out.unpacking" / "half").write_bytes(b"-")
    folder = unpack(packed, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [".unpacked", "a"]
    assert not (tmp_path / ".out.unpacking").exists()


def test_archives_of_a_folder_are_those_that_are_meant(tmp_path):
    for name in ("b.tar.gz", "a.zip", "._a.zip", "readme.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in archives_in(tmp_path)] == ["a.zip", "b.tar.gz"]


def test_the_suffix_may_lie(tmp_path):
    packed = archive(tmp_path / "a.tar.gz", {"a": b"1"}).rename(tmp_path / "a.zip")
    assert (unpack(packed, tmp_path / "out") / "a").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize(
    "member",
    ["../evil", "x/../../evil", "/tmp/evil", "C:/evil", "..\\evil"],
    ids=["up", "up inside", "root", "drive", "\\"],
)
def test_a_member_that_leads_outside_is_refused_with_all_the_rest(tmp_path, name, member):
    packed = archive(tmp_path / name, {"fine.wav": NOISE, member: b"evil"})
    assert "outside the folder" in refused(packed, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    packed = tmp_path / "a.tar.gz"
    with tarfile.open(packed, "w:gz") as opened:
        member = tarfile.TarInfo("innocent.wav")
        member.type, member.linkname = kind, "/etc/passwd"
        opened.addfile(member)
    assert "'innocent.wav' is a link or a device" in refused(packed, tmp_path / "out")


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    packed = tmp_path / "a.tar"
    with tarfile.open(packed, "w", format=tarfile.PAX_FORMAT) as opened:
        member = tarfile.TarInfo("fine.wav")
        member.pax_headers = {"path": "fine\0.wav"}
        opened.addfile(member)
    assert "outside the folder" in refused(packed, tmp_path / "out")


def test_an_empty_archive_is_an_empty_folder(tmp_path):
    folder = unpack(archive(tmp_path / "a.zip", {}), tmp_path / "out")
    assert [path.name for path in folder.iterdir()] == [".unpacked"]


def test_a_folder_of_ones_own_is_not_taken_for_the_archive(tmp_path):
    packed = archive(tmp_path / "a.zip", {"a": b"1"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="is there and not from"):
        unpack(packed, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_links_in_a_zip_are_refused(tmp_path):
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as opened:
        member = zipfile.ZipInfo("innocent.wav")
        member.external_attr = 0o120777 << 16
        opened.writestr(member, "/etc/passwd")
    assert "is a link or a device" in refused(packed, tmp_path / "out")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.94])
def test_a_truncated_archive_is_refused(tmp_path, name, share):
    packed = archive(tmp_path / name, {f"{n}.wav": NOISE[n:] for n in range(3)})
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * share)])
    assert "truncated or damaged" in refused(packed, tmp_path / "out")


def test_a_tar_cut_between_two_members_is_refused(tmp_path):
    packed = archive(tmp_path / "a.tar", {"1.wav": bytes(512), "2.wav": bytes(512)})
    packed.write_bytes(packed.read_bytes()[:1024])
    assert "end-of-archive" in refused(packed, tmp_path / "out")


@pytest.mark.parametrize("name", [kind for kind in KINDS if kind != "a.tar"])  # which has no checksums
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flipped_byte_is_refused(tmp_path, name, share):
    letters = bytes(random.Random(0).choices(b"abcdefgh", k=30_000))  # so that packed there is much to flip
    packed = archive(tmp_path / name, {f"{n}.wav": letters for n in range(3)})
    content = bytearray(packed.read_bytes())
    content[int(len(content) * share)] ^= 0xFF
    packed.write_bytes(content)
    assert "truncated or damaged" in refused(packed, tmp_path / "out")


def test_a_password_is_asked_of_nobody(tmp_path):
    packed = archive(tmp_path / "a.zip", {"1.wav": NOISE})
    content = bytearray(packed.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    packed.write_bytes(content)
    assert "password" in refused(packed, tmp_path / "out")


def test_not_an_archive(tmp_path):
    (tmp_path / "a.zip").write_text("<html>Please log in</html>")
    assert "neither a zip nor a tar" in refused(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_too_little_room_is_seen_before_anything_is_written(tmp_path, name, monkeypatch):
    packed = archive(tmp_path / name, {"1.wav": NOISE})
    room = sizes.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(sizes.shutil, "disk_usage", lambda place: room)
    message = refused(packed, tmp_path / "out")
    assert "needs 51.2 kB" in message and "1.0 kB free" in message


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB; skipped where one may not be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command here")
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_while_unpacking(tmp_path, small_disk, monkeypatch):
    """A real file system that is full, whatever was promised before."""
    packed = archive(tmp_path / "a.zip", {f"{n}.wav": NOISE for n in range(4)})
    monkeypatch.setattr("speech_tl.data.corpora.unpacking.require_room", lambda *arguments: None)
    with pytest.raises(BadInput, match="no space left on the disk") as caught:
        unpack(packed, small_disk / "out")
    assert "a.zip" in str(caught.value) and not list(small_disk.iterdir())


def test_another_archive_of_the_same_name_is_not_taken_for_the_first(tmp_path):
    packed = archive(tmp_path / "a.zip", {"1.wav": NOISE})
    folder = unpack(packed, tmp_path / "out")
    archive(packed, {"1.wav": NOISE + NOISE})
    with pytest.raises(BadInput, match="not from"):
        unpack(packed, folder)


class Zeros(io.RawIOBase):
    """So many of them, made when they are read."""

    def __init__(self, count: int) -> None:
        self.left = count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count = min(self.left, len(buffer))
        buffer[:count] = bytes(count)
        self.left -= count
        return count


def bomb(path: Path, name: str = "zeros.wav", kind: bytes = tarfile.REGTYPE, size: int = 300 << 20) -> Path:
    """An archive of a few hundred kilobytes with one member of so many zeros."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened, opened.open(name, "w") as member:
            shutil.copyfileobj(io.BufferedReader(Zeros(size)), member, 1 << 20)
        return path
    with tarfile.open(path, {".gz": "w:gz", ".bz2": "w:bz2"}[path.suffix], compresslevel=1) as opened:
        member = tarfile.TarInfo(name)
        member.size, member.type = size, kind
        opened.addfile(member, io.BufferedReader(Zeros(size)))
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_what_would_become_a_hundred_times_as_much_is_refused_before_it_is_written(tmp_path, name):
    packed = bomb(tmp_path / name)
    began = time.process_time()
    assert "would unpack to more than" in refused(packed, tmp_path / "out")
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_as_large_as_a_corpus_is_not_read_into_memory(tmp_path, kind):
    packed = bomb(tmp_path / "a.tar.gz", kind=kind, size=200 << 20)
    began = time.process_time()
    assert "would unpack to more than" in refused(packed, tmp_path / "out")
    assert time.process_time() - began < 1.0


def test_zeros_behind_the_end_of_an_archive_are_not_read_for_ever(tmp_path):
    packed = tmp_path / "a.tar.gz"
    inner = archive(tmp_path / "b.tar", {"a.wav": NOISE}).read_bytes()
    (tmp_path / "b.tar").unlink()
    with gzip.open(packed, "wb", 1) as stream:
        stream.write(inner)
        shutil.copyfileobj(io.BufferedReader(Zeros(200 << 20)), stream, 1 << 20)
    assert "would unpack to more than" in refused(packed, tmp_path / "out")


def test_very_many_empty_files_are_refused(tmp_path):
    packed = tmp_path / "a.tar.gz"
    with gzip.open(packed, "wb", 1) as stream:
        for number in range(20_000):
            stream.write(tarfile.TarInfo(f"{number}").tobuf())
        stream.write(bytes(1024))
    assert "would unpack to more than" in refused(packed, tmp_path / "out")


def test_texts_and_silence_that_shrink_as_they_do_are_unpacked(tmp_path):
    members = {f"{number}.wav": bytes(20_000) for number in range(500)} | {"a.tsv": b"the same line again\n" * 100_000}
    for name in ("a.zip", "a.tar.gz"):
        folder = unpack(archive(tmp_path / name, members), tmp_path / f"out {name}")
        assert (folder / "a.tsv").stat().st_size == 2_000_000
