import io
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.snapshots.tarstream import DamagedArchive, Entry, TarReader, number, parse_pax

KINDS = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "fifo": tarfile.FIFOTYPE,
}
name = st.text(st.characters(exclude_characters="\0/\n", exclude_categories=["Cs"]), min_size=1, max_size=90)
path = st.lists(name.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4).map("/".join)


def member(values: dict[str, Any]) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(values["name"])
    info.type = KINDS[values["kind"]]
    info.mode, info.uid, info.gid, info.mtime = values["mode"], values["uid"], values["gid"], values["mtime"]
    info.linkname = values["link"] if values["kind"] in ("symlink", "hardlink") else ""
    data = values["data"] if values["kind"] == "file" else b""
    info.size = len(data)
    return info, data


members = st.lists(
    st.fixed_dictionaries(
        {
            "name": path,
            "kind": st.sampled_from(sorted(KINDS)),
            "mode": st.integers(0, 0o7777),
            "uid": st.integers(0, 2**31),
            "gid": st.integers(0, 2**31),
            "mtime": st.integers(0, 2**33),
            "link": path,
            "data": st.binary(max_size=1500),
        }
    ).map(member),
    max_size=5,
)


def read_all(data: bytes, size: int) -> list[tuple[Entry, bytes]]:
    source = io.BytesIO(data)
    reader = TarReader(lambda count: source.read(min(count, size)))
    return [(entry, b"".join(bytes(piece) for piece in reader.data())) for entry in reader]


@given(members, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.integers(1, 2000))
def test_archives_of_python_in_any_pieces(wanted: list[tuple[tarfile.TarInfo, bytes]], format: int, size: int) -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=format) as tar:
        for info, data in wanted:
            tar.addfile(info, io.BytesIO(data))
    found = read_all(output.getvalue(), size)
    assert len(found) == len(wanted)
    for (entry, data), (info, content) in zip(found, wanted, strict=True):
        assert entry.name.rstrip(b"/") == info.name.encode().rstrip(b"/")
        assert KINDS[entry.kind] == info.type
        assert (entry.mode, entry.uid, entry.gid) == (info.mode, info.uid, info.gid)
        assert entry.mtime == info.mtime * 1_000_000_000
        assert data == content
        if info.linkname:
            assert entry.link == info.linkname.encode()


@given(st.binary(max_size=3000), st.integers(0, 2000), st.binary(min_size=1, max_size=30))
def test_damage_is_an_error_of_ours(data: bytes, at: int, noise: bytes) -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("ü" * 80)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    damaged = bytearray(output.getvalue())
    damaged[at : at + len(noise)] = noise
    try:
        read_all(bytes(damaged), 4096)
    except DamagedArchive:
        pass


@pytest.mark.parametrize("length", [1, 511, 513, 1000])
def test_an_archive_that_ends_early(length: int) -> None:
    info = tarfile.TarInfo("x")
    info.size = 5000
    with pytest.raises(DamagedArchive, match="EOF"):
        read_all((info.tobuf() + bytes(5000))[:length], 100)


@given(st.integers(-(2**80), 2**80))
def test_big_numbers(value: int) -> None:
    field = bytearray(value.to_bytes(12, "big", signed=True))
    field[0] = 0xFF if value < 0 else 0x80
    assert number(bytes(field)) == value


@pytest.mark.parametrize(("field", "value"), [(b"0000644\0", 0o644), (b"   17 \0\0", 15), (b"\0" * 8, 0)])
def test_octal_numbers(field: bytes, value: int) -> None:
    assert number(field) == value


@pytest.mark.parametrize("data", [b"5 a=b\n", b"6 a=b", b"x a=b\n", b"6 abb\n", b"99999999999999 a=b\n", b"0 \n"])
def test_pax_headers_that_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedArchive):
        parse_pax(data)


def test_pax_headers() -> None:
    assert parse_pax(b"6 a=b\n13 key=v=w\nx\n") == {b"a": b"b", b"key": b"v=w\nx"}


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"hello world\n" * 100, 'invalid tar header: "o world" is not a number'),
        (b"\x0e\xfe" * 600, "invalid tar header: a field of 8 bytes that are no text is not a number"),
    ],
)
def test_rubbish_is_described_in_plain_words(archive: bytes, words: str) -> None:
    stream = io.BytesIO(archive)
    with pytest.raises(DamagedArchive) as caught:
        list(TarReader(stream.read))
    assert str(caught.value) == words
