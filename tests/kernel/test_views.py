"""Archives of living and hostile trees: whatever links somebody swaps meanwhile, nothing leads outside.

The views are those of containers that do not run: the confined child mounts the tree itself.
"""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.swapping import swapped
from wharf.errors import Conflict, EngineError, InvalidArgument
from wharf.linux.mounts import RootMount
from wharf.snapshots import views
from wharf.snapshots.views import Bind, View

pytestmark = pytest.mark.kernel

SECRET = b"the host's secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/data").mkdir(parents=True)
    (tmp_path / "host").mkdir()
    (tmp_path / "host/secret").write_bytes(SECRET)
    (tmp_path / "mount").mkdir()
    return tmp_path / "root"


def view(root: Path, *binds: Bind, read_only: bool = False) -> View:
    mount = RootMount("bind", str(root), "", root)
    return View(root=mount, target=root.parent / "mount", binds=binds, read_only=read_only)


async def read(seen: View, path: str) -> bytes:
    return b"".join([data async for data in await views.packed(seen, path)])


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1 << 16):
        yield data[start : start + (1 << 16)]


def archive(*names: str, kind: bytes = tarfile.REGTYPE, text: bytes = b"theirs") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            entry.size = len(text) if kind == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


def test_a_swapped_directory_never_leads_outside(root: Path) -> None:
    """In both directions, with absolute links and with those that climb.

    Copies may fail, with whatever the kernel says of a link in a path. None leads outside, and some succeed.
    """
    host = root.parent / "host"
    (root / "data/secret").write_bytes(b"own")
    done = 0

    async def attack(outside: Path) -> None:
        nonlocal done
        trap = root / "trap"
        trap.unlink(missing_ok=True)
        trap.symlink_to(outside)
        with swapped(root / "data", trap):
            for _ in range(6):
                with suppress(EngineError):
                    assert SECRET not in await read(view(root), "/data/secret")
                    done += 1
                with suppress(EngineError):
                    assert SECRET not in await read(view(root), "/data/.")
                    done += 1
                with suppress(EngineError):
                    await views.unpacked(view(root), "/data", pieces(archive("secret", "sub/secret", "new")))
                    done += 1

    for outside in (host, Path("../host"), Path("../../../../../../../../../../..") / host.relative_to("/")):
        asyncio.run(attack(outside))
    assert done
    assert [path.name for path in host.iterdir()] == ["secret"]
    assert (host / "secret").read_bytes() == SECRET


def test_links_of_the_archive_stay_inside(root: Path) -> None:
    host = root.parent / "host"
    hostile = io.BytesIO()
    with tarfile.open(fileobj=hostile, mode="w") as tar:
        for name, kind, link in (
            ("up", tarfile.SYMTYPE, f"../../{host.name}"),
            ("abs", tarfile.SYMTYPE, str(host)),
            ("hard", tarfile.LNKTYPE, "abs/secret"),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            tar.addfile(entry)
        tar.addfile(tarfile.TarInfo("up/new"))

    async def attack() -> None:
        with pytest.raises(InvalidArgument):
            await views.unpacked(view(root), "/data", pieces(hostile.getvalue()))
        with pytest.raises(InvalidArgument, match="invalid entry name"):
            await views.unpacked(view(root), "/data", pieces(archive("../../escaped")))

    asyncio.run(attack())
    assert [path.name for path in host.iterdir()] == ["secret"]
    assert not list(root.parent.glob("**/escaped"))


def test_links_inside_lead_where_they_lead_in_the_container(root: Path) -> None:
    (root / "etc").mkdir()
    (root / "data/link").symlink_to("/etc")

    async def copy() -> None:
        await views.unpacked(view(root), "/data", pieces(archive("link/file")))
        await views.unpacked(view(root), "/data/link", pieces(archive("second")))

    asyncio.run(copy())
    assert sorted(path.name for path in (root / "etc").iterdir()) == ["file", "second"]


def test_binds_of_a_container_that_does_not_run(root: Path) -> None:
    host = root.parent / "host"
    binds = Bind(str(host), "/a/b/volume"), Bind(str(host), "/fixed", read_only=True)

    async def copy() -> None:
        assert SECRET in await read(view(root, *binds), "/a/b/volume/secret")
        await views.unpacked(view(root, *binds), "/a/b/volume", pieces(archive("new")))
        with pytest.raises(views.ReadOnly):
            await views.unpacked(view(root, *binds), "/fixed", pieces(archive("new")))
        with pytest.raises(views.ReadOnly):
            await views.unpacked(view(root, *binds, read_only=True), "/data", pieces(archive("new")))

    asyncio.run(copy())
    assert (host / "new").read_bytes() == b"theirs"
    assert not list((root / "a/b/volume").iterdir())  # nothing of the mounts is left
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(root) in line]


def test_kinds_are_kept_if_asked(root: Path) -> None:
    (root / "data/directory").mkdir()
    (root / "data/file").write_text("x")

    async def copy() -> None:
        with pytest.raises(Conflict, match='cannot overwrite directory "/data/directory" with non-directory "/data"'):
            await views.unpacked(view(root), "/data", pieces(archive("directory")), keep_kinds=True)
        with pytest.raises(Conflict, match='cannot overwrite non-directory "/data/file" with directory "/data"'):
            await views.unpacked(view(root), "/data", pieces(archive("file", kind=tarfile.DIRTYPE)), keep_kinds=True)
        await views.unpacked(view(root), "/data", pieces(archive("directory")))

    asyncio.run(copy())
    assert (root / "data/directory").read_bytes() == b"theirs"


def test_owners_times_and_damage(root: Path) -> None:
    async def copy() -> None:
        await views.unpacked(view(root), "/data", pieces(archive("mine")), owner=(1234, 5678))
        with pytest.raises(InvalidArgument):
            await views.unpacked(view(root), "/data", pieces(archive("cut", text=b"x" * 100_000)[:50_000]))
        with pytest.raises(InvalidArgument):
            await views.unpacked(view(root), "/data", pieces(b"no archive at all " * 100))
        with pytest.raises(InvalidArgument, match="extraction point is not a directory"):
            await views.unpacked(view(root), "/data/mine", pieces(archive("x")))

    asyncio.run(copy())
    found = (root / "data/mine").stat()
    assert (found.st_uid, found.st_gid, found.st_mtime) == (1234, 5678, 0)


def test_modes_of_what_is_no_file(root: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, mode in (("pipe", tarfile.FIFOTYPE, 0o622), ("device", tarfile.CHRTYPE, 0o1666)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.devmajor, entry.devminor = kind, mode, 1, 3
            tar.addfile(entry)
    asyncio.run(views.unpacked(view(root), "/data", pieces(out.getvalue())))
    assert (root / "data/pipe").stat().st_mode & 0o7777 == 0o622
    assert (root / "data/device").stat().st_mode & 0o7777 == 0o1666
