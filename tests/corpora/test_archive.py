"""Archives: plain members are read, anything that could do harm is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

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
    assert len({digest, digest_members({"a": b"1", "b": b"3"}), digest_members({"a": b"1", "c": b"2"})}) == 3


def linked(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("top/data/x.skel")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize("name", ["/etc/passwd", "top/../../x", "../x", "top/data/../a.skel"])
def test_members_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="leads out of the archive"):
        read_members(pack(tmp_path, {**GOOD, name: b"x"}), "data/*.skel")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
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
