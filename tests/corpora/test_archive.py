"""Archives: plain members are read, anything that could do harm is refused."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tracemalloc
from pathlib import Path
from typing import Literal

import pytest

from probekit.corpora import archive
from probekit.corpora.archive import read_members
from probekit.corpora.checksum import digest_members
from probekit.errors import CorpusError

GOOD = {"top/data/a.skel": b"one", "top/data/deep/b.skel": b"two", "top/README": b"x"}


def pack(folder: Path, members: dict[str, bytes], *special: tarfile.TarInfo) -> Path:
    path = folder / "a.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
        for info in special:
            packed.addfile(info)
    return path


def test_reads_matching_members_without_top_folder(tmp_path: Path) -> None:
    members = read_members(pack(tmp_path, GOOD), "data/*.skel")
    assert members == {"data/a.skel": b"one", "data/deep/b.skel": b"two"}


def test_digest_is_of_paths_and_contents_only() -> None:
    digest = digest_members({"a": b"1", "b": b"2"})
    assert digest == digest_members({"b": b"2", "a": b"1"})
    assert (
        len(
            {digest, digest_members({"a": b"1", "b": b"3"}), digest_members({"a": b"1", "c": b"2"})}
        )
        == 3
    )


def linked(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("top/data/x.skel")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize("name", ["/etc/passwd", "top/../../x", "../x", "top/data/../a.skel"])
def test_members_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="leads out of the archive"):
        read_members(pack(tmp_path, {**GOOD, name: b"x"}), "data/*.skel")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not a plain file"):
        read_members(pack(tmp_path, GOOD, linked(kind)), "data/*.skel")


def test_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path, {"top/data/a.skel": b"1", "other/data/a.skel": b"2"})
    with pytest.raises(CorpusError, match="comes twice"):
        read_members(path, "data/*.skel")


@pytest.mark.parametrize("limit", ["LARGEST", "LARGEST_ARCHIVE"])
def test_too_large_is_refused(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, limit, 5)
    with pytest.raises(CorpusError, match="implausibly large"):
        read_members(pack(tmp_path, GOOD), "data/*.skel")


def test_damaged_and_unmatched(tmp_path: Path) -> None:
    path = pack(tmp_path, {"top/data/a.skel": bytes(range(256)) * 400})
    with pytest.raises(CorpusError, match="no member that matches"):
        read_members(path, "*.txt")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CorpusError, match="not a whole tar archive"):
        read_members(path, "data/*.skel")
    path.write_bytes(b"hello")
    with pytest.raises(CorpusError, match="not a whole tar archive"):
        read_members(path, "data/*.skel")


def pax(size: int, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A header that announces `size` bytes of extended header, or of a long name."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT) if size < 8**11 else info.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def member(name: str = "top/data/a.skel") -> bytes:
    info = tarfile.TarInfo(name)
    info.size = 3
    return info.tobuf(tarfile.GNU_FORMAT) + padded(b"one")


LONG = [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
RECORD = b"30 comment=aaaaaaaaaaaaaaaaaa\n"


@pytest.mark.parametrize("kind", LONG)
def test_a_header_that_inflates_is_not_read(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", 1) as packed:
        packed.write(pax(3 * 2**30, kind))
        for _ in range(64):
            packed.write(bytes(2**20))
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match="implausibly large"):
            read_members(path, "data/*.skel")
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_many_headers_and_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "HEADERS", 2**20)
    monkeypatch.setattr(archive, "MOST_MEMBERS", 50)
    comment = b"%d comment=" % 500_011 + b"a" * 500_000
    header = pax(len(comment) + 1) + padded(comment + b"\n")
    path = tmp_path / "a.tar"
    path.write_bytes(header * 3 + member() + bytes(1024))
    with pytest.raises(CorpusError):
        read_members(path, "data/*.skel")
    path.write_bytes(b"".join(member(f"top/x{i}") for i in range(60)) + bytes(1024))
    with pytest.raises(CorpusError, match="implausibly large"):
        read_members(path, "data/*.skel")
    path.write_bytes((pax(len(RECORD)) + padded(RECORD)) * 3_000 + member() + bytes(1024))
    with pytest.raises(CorpusError):
        read_members(path, "data/*.skel")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_way_of_packing(mode: Literal["w", "w:gz", "w:bz2", "w:xz"], tmp_path: Path) -> None:
    path = tmp_path / "a"
    with tarfile.open(path, mode) as packed:
        info = tarfile.TarInfo("top/data/a.skel")
        info.size = 3 * 2**20
        packed.addfile(info, io.BytesIO(b"x" * info.size))
    assert read_members(path, "data/*.skel") == {"data/a.skel": b"x" * 3 * 2**20}


def test_a_name_without_end_is_shortened_in_messages(tmp_path: Path) -> None:
    path = pack(tmp_path, {"top/../" + "x" * 100_000: b"1"})
    with pytest.raises(CorpusError, match="leads out") as error:
        read_members(path, "data/*.skel")
    assert len(str(error.value)) < 400


def test_flipped_and_cut_archives_are_an_error_or_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    content = (pax(len(RECORD)) + padded(RECORD)) + member() + bytes(1024)
    draw = random.Random(0)
    for _ in range(400):
        changed = bytearray(
            content[: draw.randrange(512, len(content))] if draw.random() < 0.3 else content
        )
        for _ in range(draw.randrange(1, 4)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        path.write_bytes(changed)
        try:
            read_members(path, "*")
        except CorpusError as error:
            assert "\n" not in str(error)
