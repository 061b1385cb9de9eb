"""Layers that mean harm: refused with a clear error, and nothing is touched outside."""

import asyncio
import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wharf
from wharf.errors import EngineError, InvalidArgument
from wharf.linux.trees import remove_tree
from wharf.snapshots.extraction import Limits
from wharf.snapshots.unpacking import unpack

pytestmark = pytest.mark.kernel


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, target)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that no layer may change, next to the one where it is unpacked."""
    directory = tmp_path / "outside"
    directory.mkdir(mode=0o750)
    (directory / "secret").write_text("before")
    (directory / "secret").chmod(0o600)
    return directory


def picture(directory: Path) -> list[tuple[str, int, int, int, bytes]]:
    return [
        (str(path), path.lstat().st_mode, path.lstat().st_nlink, path.lstat().st_mtime_ns,
         path.read_bytes() if path.is_file() else b"")
        for path in sorted([directory, *directory.rglob("*")])
    ]  # fmt: skip


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside/new")],
        [member("a/../../outside/secret")],
        [link("out", "../outside"), member("out/new")],
        [link("out", "{outside}"), member("out/new")],
        [link("out", "{outside}"), member("out/sub", tarfile.DIRTYPE)],
        [link("out", "{outside}"), member("out/.wh.secret")],
        [link("out", "{outside}"), member("out/.wh..wh..opq")],
        [link("one", ".."), link("two", "one/outside"), member("two/new")],
        [link("loop", "loop"), member("loop/x")],
        [member("h", tarfile.LNKTYPE, "../outside/secret")],
        [member("h", tarfile.LNKTYPE, "{outside}/secret")],
        [link("out", "{outside}"), member("h", tarfile.LNKTYPE, "out/secret")],
        [member("h", tarfile.LNKTYPE, "")],
        [member("file"), member("file/below")],
        [member(".", tarfile.SYMTYPE, "{outside}")],
        [member("a" * 300)],
    ],
    ids=lambda members: ",".join(one.name[:20] for one in members),
)
def test_refused(members: list[tarfile.TarInfo], outside: Path, tmp_path: Path, tar_layer: Any) -> None:
    for one in members:
        one.linkname = one.linkname.format(outside=outside)
    root = tmp_path / "root"
    root.mkdir()
    before = picture(outside)
    with pytest.raises(EngineError, match=r"failed to register layer: ."):
        unpack(root, [tar_layer(members)], Limits())
    assert picture(outside) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]


def test_a_directory_over_a_symbolic_link_replaces_the_link(outside: Path, tmp_path: Path, tar_layer: Any) -> None:
    root = tmp_path / "root"
    root.mkdir()
    before = picture(outside)
    members = [link("out", str(outside)), member("out", tarfile.DIRTYPE, mode=0o777), member("out/new")]
    unpack(root, [tar_layer(members)], Limits())
    assert picture(outside) == before
    assert (root / "out").is_dir() and not (root / "out").is_symlink()
    assert (root / "out/new").exists()


def test_a_file_over_a_link_replaces_the_link(outside: Path, tmp_path: Path, tar_layer: Any) -> None:
    root = tmp_path / "root"
    root.mkdir()
    before = picture(outside)
    members = [link("out", str(outside / "secret")), (member("out"), b"mine")]
    unpack(root, [tar_layer(members)], Limits())
    assert picture(outside) == before
    assert not (root / "out").is_symlink() and (root / "out").read_bytes() == b"mine"


def test_names_are_taken_from_the_root(tmp_path: Path, tar_layer: Any) -> None:
    unpack(tmp_path, [tar_layer([member("/etc/x"), member("./a/./b"), member("a/../c")])], Limits())
    assert (tmp_path / "etc/x").exists() and (tmp_path / "a/b").exists() and (tmp_path / "c").exists()


def test_links_inside_the_layer_are_followed(tmp_path: Path, tar_layer: Any) -> None:
    members = [member("run", tarfile.DIRTYPE, mode=0o755), link("var-run", "/run"), member("var-run/pid")]
    unpack(tmp_path, [tar_layer(members)], Limits())
    assert (tmp_path / "run/pid").exists()


def test_devices_are_made_inside(tmp_path: Path, tar_layer: Any) -> None:
    null = member("dev/null", tarfile.CHRTYPE, mode=0o666)
    null.devmajor, null.devminor = 1, 3
    unpack(tmp_path, [tar_layer([null, member("pipe", tarfile.FIFOTYPE)])], Limits())
    assert (tmp_path / "dev/null").stat().st_rdev == os.makedev(1, 3)


def test_attributes_that_speak_to_the_kernel_are_dropped(tmp_path: Path, tar_layer: Any) -> None:
    info = member("d", tarfile.DIRTYPE, mode=0o755)
    info.pax_headers = {"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.fine": "1"}
    unpack(tmp_path, [tar_layer([info])], Limits())
    assert os.listxattr(tmp_path / "d") == ["user.fine"]


def test_too_many_entries(tmp_path: Path, tar_layer: Any) -> None:
    with pytest.raises(InvalidArgument, match="more than 10 entries"):
        unpack(tmp_path, [tar_layer([member(str(n)) for n in range(11)])], Limits(entries=10))


def zeros(count: int) -> Iterator[bytes]:
    info = tarfile.TarInfo("zeros")
    info.size = count
    yield info.tobuf(tarfile.GNU_FORMAT)
    for _ in range(count >> 20):
        yield bytes(1 << 20)


def test_too_many_bytes(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="unpacks to more than 1000000 bytes"):
        unpack(tmp_path, zeros(1 << 30), Limits(total=1_000_000))
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_cannot_fit_is_refused_before_the_disk_is_full(tmp_path: Path) -> None:
    info = tarfile.TarInfo("huge")
    info.size = 1 << 50
    with pytest.raises(InvalidArgument, match="no space left"):
        unpack(tmp_path, [info.tobuf(tarfile.GNU_FORMAT)], Limits(total=1 << 60))


@pytest.mark.parametrize("damage", [b"not a tar archive" * 100, b"\x1f\x8b\x08\0 not gzip", b""])
def test_what_is_no_archive(damage: bytes, open_house: Any, stream: Any, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(damage)

    async def run() -> None:
        async with open_house() as house:
            with pytest.raises(InvalidArgument):
                await house.images.load(stream(path))
            assert house.leftovers() == []

    asyncio.run(run())


def test_a_refused_layer_leaves_nothing_of_its_image(
    open_house: Any, save_image: Any, tar_layer: Any, stream: Any
) -> None:
    good = tar_layer([(member("fine"), b"x")])
    archive = save_image("bad:1", [good, tar_layer([member("../up")])])

    async def run() -> None:
        async with open_house() as house:
            with pytest.raises(InvalidArgument, match="outside of the layer's root"):
                await house.images.load(stream(archive))
            assert len(house.images) == 0
            assert house.leftovers() == []
            assert list((house.root / "content/blobs/sha256").iterdir()) == []

    asyncio.run(run())


def test_a_full_disk(open_house: Any, save_image: Any, tar_layer: Any, stream: Any, tmp_path: Path) -> None:
    """On a small file system of its own: the error says so, and the space is free again."""
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-o", "loop", str(image), str(small)], check=False).returncode != 0:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(small)], check=True)
    try:
        layer = tar_layer([(member("a"), bytes(9 << 20)), (member("b"), bytes(9 << 20))])
        many = tar_layer([(member(f"f{n}"), os.urandom(1) * (1 << 20)) for n in range(40)])
        archive = save_image("big:1", [layer, many])
        squeezed = tmp_path / "image.tar.gz"
        squeezed.write_bytes(gzip.compress(archive.read_bytes(), 1))

        async def run() -> None:
            async with open_house("small") as house:
                with pytest.raises(EngineError, match=r"[Nn]o space left on device"):
                    await house.images.load(stream(squeezed))
                assert house.leftovers() == []

        asyncio.run(run())
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_the_child_cannot_reach_the_network_or_the_host(tmp_path: Path) -> None:
    """What the confinement promises, looked at from inside a child that was confined in the same way."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(wharf.__file__).parent.parent)!r});"
        "import os; from pathlib import Path; from wharf.linux.confinement import confine;"
        f"status = open('/proc/self/status'); confine(Path({str(tmp_path)!r}), [0]); "
        "print(os.listdir('/'), [line for line in status.read().splitlines() if line[:4] in ('CapE', 'CapB', 'NoNe')])"
    )
    output = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert "[]" in output.stdout
    assert "CapEff:\\t0000000000000001" in output.stdout
    assert "CapBnd:\\t0000000000000001" in output.stdout
    assert "NoNewPrivs:\\t1" in output.stdout


def test_a_stream_of_many_small_pieces(tmp_path: Path, tar_layer: Any) -> None:
    data = tar_layer([(member("x"), b"abc" * 1000)])
    pieces = io.BytesIO(data)
    unpack(tmp_path, iter(lambda: pieces.read(77), b""), Limits())
    assert (tmp_path / "x").read_bytes() == b"abc" * 1000


def test_the_deepest_names(tmp_path: Path, tar_layer: Any) -> None:
    root = tmp_path / "root"
    deep = "d/" * 2000 + "file"
    try:
        root.mkdir()
        unpack(root, [tar_layer([member(deep), member("d/" * 1999 + "other"), member(deep)])], Limits())
        with pytest.raises(InvalidArgument, match="cannot replace a tree that is as deep"):
            unpack(root, [tar_layer([member("d")])], Limits())
        with pytest.raises(InvalidArgument, match="invalid name"):
            unpack(root, [tar_layer([member("d/" * 2100 + "file")])], Limits())
    finally:
        remove_tree(root)  # which pytest could not
