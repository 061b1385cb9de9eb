"""Layers and containers on the disk: what overlayfs shows, and what a crash leaves."""

import asyncio
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from wharf.errors import Conflict, NoSuchImage, NotFound

pytestmark = pytest.mark.kernel


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


@pytest.fixture
def archive(save_image: Any, tar_layer: Any) -> Path:
    lower = [
        member("tmp", tarfile.DIRTYPE, mode=0o1777),
        (member("etc/passwd"), b"root"),
        (member("etc/gone"), b"x"),
        (member("opaque/below"), b"x"),
        (member("replaced/file"), b"x"),
        member("up", tarfile.SYMTYPE, "../../../../../../etc"),
        member("abs", tarfile.SYMTYPE, "/etc/passwd"),
        member("loop", tarfile.SYMTYPE, "loop"),
        member("pipe", tarfile.FIFOTYPE),
    ]
    upper = [
        member("etc/.wh.gone"),
        member("opaque/.wh..wh..opq"),
        (member("opaque/above"), b"y"),
        member(".wh.replaced"),
        member("replaced", tarfile.DIRTYPE, mode=0o755),
        (member("replaced/new"), b"y"),
        (member("tmp/x"), b"z"),
    ]
    path: Path = save_image("stack:1", [tar_layer(lower), tar_layer(upper)])
    return path


@pytest.mark.parametrize("driver", ["overlay2", "vfs"])
def test_a_stack_is_shown_alike_by_every_driver(driver: str, open_house: Any, archive: Path, stream: Any) -> None:
    async def run() -> None:
        async with open_house(driver=driver) as house:
            (image,) = await house.images.load(stream(archive))
            await house.snapshots.create("c", image.layers)
            read = house.snapshots.of("c").read_file
            for path, content in {
                "/etc/passwd": b"root",
                "etc/passwd": b"root",
                "/abs": b"root",
                "/up/passwd": b"root",
                "/up/../etc/passwd": b"root",
                "/etc/gone": None,
                "/etc": None,
                "/opaque/below": None,
                "/opaque/above": b"y",
                "/replaced/file": None,
                "/replaced/new": b"y",
                "/loop": None,
                "/pipe": None,
                "/no/such": None,
                "/etc/passwd/x": None,
            }.items():
                assert read(path) == content, path
            async with house.snapshots.of("c").mounted() as root:
                assert sorted(path.name for path in (root / "etc").iterdir()) == ["passwd"]
                assert sorted(path.name for path in (root / "opaque").iterdir()) == ["above"]
                assert sorted(path.name for path in (root / "replaced").iterdir()) == ["new"]
                # The upper layer has no entry for tmp of its own: the mode is that of below.
                assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
                (root / "etc/gone").write_text("again")
            assert read("/etc/gone") == b"again"
            with pytest.raises(Conflict):
                await house.snapshots.create("c", image.layers)
            await house.snapshots.remove("c")
            await house.snapshots.remove("c")
            with pytest.raises(NotFound):
                house.snapshots.of("c")

    asyncio.run(run())


def test_no_mount_is_seen_by_the_host(open_house: Any, archive: Path, stream: Any) -> None:
    async def run() -> None:
        async with open_house() as house:
            (image,) = await house.images.load(stream(archive))
            await house.snapshots.create("c", image.layers)
            async with house.snapshots.of("c").mounted():
                assert str(house.root) not in Path("/proc/self/mountinfo").read_text()

    asyncio.run(run())


def test_what_a_crash_left_is_swept(open_house: Any, archive: Path, stream: Any) -> None:
    async def run() -> None:
        async with open_house() as house:
            (image,) = await house.images.load(stream(archive))
            await house.snapshots.create("kept", image.layers)
        overlay = house.root / "overlay2"
        (overlay / "tmp/half").mkdir()
        (overlay / "tmp/half/file").write_text("x")
        (overlay / "99").mkdir()
        (overlay / "containers/.half/diff").mkdir(parents=True)
        (house.root / "tmp/load-x").mkdir()
        (house.root / "content/blobs/sha256" / ("f" * 64)).write_text("nobody's")
        async with open_house() as house:
            assert house.leftovers() == []
            assert sorted(path.name for path in (overlay / "containers").iterdir()) == ["kept"]
            assert not (house.root / "content/blobs/sha256" / ("f" * 64)).exists()
            assert house.snapshots.of("kept").read_file("/etc/passwd") == b"root"

    asyncio.run(run())


def test_a_layer_that_is_lost_is_unpacked_again(open_house: Any, archive: Path, stream: Any) -> None:
    async def run() -> None:
        async with open_house() as house:
            (image,) = await house.images.load(stream(archive))
            (name,) = house.snapshots.layers.directories(image.layers[:1])
        shutil.rmtree(house.root / "overlay2" / name)
        async with open_house() as house:
            (again,) = await house.images.load(stream(archive))
            await house.snapshots.create("c", again.layers)
            assert house.snapshots.of("c").read_file("/etc/passwd") == b"root"

    asyncio.run(run())


def test_removal_of_names_and_images(open_house: Any, archive: Path, stream: Any) -> None:
    async def run() -> None:
        async with open_house() as house:
            images = house.images
            (image,) = await images.load(stream(archive))
            short = image.id.removeprefix("sha256:")[:12]
            await images.tag("stack:1", "other/name", "2")
            with pytest.raises(Conflict, match="must be forced\\) - image is referenced in multiple repositories"):
                await images.remove(short)
            assert [item.untagged for item in await images.remove("other/name:2")] == ["other/name:2"]
            house.users[image.id] = [("c" * 64, True)]
            with pytest.raises(Conflict, match=r"cannot be forced\) - image is being used by running container c{12}"):
                await images.remove(short, force=True)
            with pytest.raises(Conflict, match=r'repository reference "stack:1" \(must force\) - container c{12} is'):
                await images.remove("stack:1")
            house.users[image.id] = [("c" * 64, False)]
            await house.snapshots.create("c" * 64, image.layers)
            items = await images.remove("stack:1", force=True)
            assert items[0].untagged == "stack:1" and items[1].deleted == image.id and len(items) == 2
            with pytest.raises(NoSuchImage, match="No such image: stack:1"):
                images.get("stack:1")
            # The container still stands on its layers, and lets them go with it.
            assert house.snapshots.of("c" * 64).read_file("/etc/passwd") == b"root"
            house.users.clear()
            await house.snapshots.remove("c" * 64)
            await images.prune({})
            assert house.layer_names() == [] and house.leftovers() == []
            assert not [path for path in (house.root / "overlay2").iterdir() if path.name.isdecimal()]

    asyncio.run(run())


def test_prune_and_filters(open_house: Any, save_image: Any, tar_layer: Any, stream: Any) -> None:
    async def run() -> None:
        async with open_house() as house:
            images = house.images
            for name, labels in (("one:1", {"a": "b"}), ("two:1", {}), ("", {"c": ""})):
                layer = tar_layer([(member("f"), name.encode() + b"-")])
                await images.load(stream(save_image(name, [layer], Labels=labels)))

            async def shown(**filters: list[str]) -> list[str]:
                return sorted(one.repo_tags[0] for one in await images.list(filters))

            assert await shown() == ["<none>:<none>", "one:1", "two:1"]
            assert await shown(dangling=["true"]) == ["<none>:<none>"]
            assert await shown(label=["a"]) == await shown(label=["a=b"]) == ["one:1"]
            assert await shown(reference=["t*"]) == ["two:1"]
            freed = await images.prune({})
            assert freed.images_deleted and freed.space_reclaimed == 1
            house.users[images.get("one:1").id] = [("c", False)]
            await images.prune({"dangling": ["false"]})
            assert await shown() == ["one:1"]

    asyncio.run(run())
