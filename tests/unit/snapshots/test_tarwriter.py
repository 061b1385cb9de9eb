"""What we write, our own reader and Python's must read."""

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from wharf.snapshots.tarstream import TarReader
from wharf.snapshots.tarwriter import END, header, padding, pax_record

part = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=150)
names = st.lists(part.filter(lambda text: text not in (".", "..")), min_size=1, max_size=4).map("/".join)
small_and_large = st.one_of(st.integers(0, 0o7777777), st.integers(0, 2**32 - 2))


@given(
    name=names,
    link=names,
    mode=st.integers(0, 0o7777),
    uid=small_and_large,
    gid=small_and_large,
    mtime=st.integers(-(2**31), 2**40),
    xattrs=st.dictionaries(st.sampled_from([b"user.a", b"security.capability"]), st.binary(max_size=300)),
    data=st.binary(max_size=1500),
)
def test_members_come_back(
    name: str,
    link: str,
    mode: int,
    uid: int,
    gid: int,
    mtime: int,
    xattrs: dict[bytes, bytes],
    data: bytes,
) -> None:
    written = header(name.encode(), "file", mode=mode, uid=uid, gid=gid, size=len(data), mtime=mtime, xattrs=xattrs)
    archive = written + data + padding(len(data)) + header(b"link", "symlink", link=link.encode()) + END
    source = io.BytesIO(archive)
    reader = TarReader(source.read)
    file, symlink = [(entry, b"".join(reader.data())) for entry in reader]
    entry = file[0]
    assert (entry.name, entry.mode, entry.uid, entry.gid) == (name.encode(), mode, uid, gid)
    assert (entry.mtime, entry.xattrs, file[1]) == (mtime * 1_000_000_000, xattrs, data)
    assert (symlink[0].kind, symlink[0].link) == ("symlink", link.encode())


@given(names)
def test_pythons_reader_agrees(name: str) -> None:
    archive = header(name.encode(), "file", mode=0o640, size=3) + b"abc" + padding(3) + END
    with tarfile.open(fileobj=io.BytesIO(archive), encoding="utf-8") as tar:
        (member,) = tar.getmembers()
        found = tar.extractfile(member)
        assert found is not None
        assert (member.name, member.mode, found.read()) == (name.rstrip("/"), 0o640, b"abc")


@given(st.integers(0, 3000))
def test_a_record_counts_itself(size: int) -> None:
    record = pax_record(b"key", b"v" * size)
    assert int(record.split(b" ")[0]) == len(record)
