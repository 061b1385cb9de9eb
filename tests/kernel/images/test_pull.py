"""Pulls from Debian's registry."""

import asyncio
import json
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wharf.apitypes.jsonmessage import Progress
from wharf.errors import EngineError, NotFound

pytestmark = pytest.mark.kernel


def file(name: str, content: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.mode = mode
    return info, content


def run_program(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("options", [(), ("--dest-compress-format=zstd", "--format=oci"), ("--format=oci",)])
def test_a_pulled_image_is_what_was_pushed(
    options: tuple[str, ...], open_house: Any, push: Any, save_image: Any, tar_layer: Any
) -> None:
    layers = [tar_layer([file("a/one", b"1" * 70_000), file("b")]), tar_layer([file("a/.wh.one"), file("a/two")])]
    reference = push(save_image("pushed:1", layers), f"team/app{len(options)}:1", *options)

    async def run() -> None:
        lines: list[Progress] = []
        async with open_house() as house:
            image = await house.images.pull(reference, report=lines.append)
            assert image.config.config.cmd == ["sh"]
            assert len(image.layers) == 2
            await house.snapshots.create("c", image.layers)
            async with house.snapshots.of("c").mounted() as root:
                assert sorted(path.name for path in (root / "a").iterdir()) == ["two"]
            again: list[Progress] = []
            await house.images.pull(reference, report=again.append)
            assert any(line.status.startswith("Status: Image is up to date") for line in again)
            assert [line.status for line in again].count("Already exists") == 2
            (summary,) = await house.images.list({})
            assert summary.repo_tags == [reference]
            assert summary.repo_digests[0].startswith(reference.rpartition(":")[0] + "@sha256:")
            assert house.images.get(summary.repo_digests[0]).id == image.id
            assert house.leftovers() == house.partial() == []
        texts = [line.status for line in lines]
        assert texts[0].startswith("Pulling from team/app")
        assert texts.count("Pull complete") == 2
        assert texts[-1] == f"Status: Downloaded newer image for {reference}"
        async with open_house() as house:  # a new daemon on the same data-root
            assert house.images.get(reference).id == image.id

    asyncio.run(run())


def test_concurrent_pulls_share_the_work(open_house: Any, push: Any, save_image: Any, tar_layer: Any) -> None:
    layers = [tar_layer([file(f"shared{n}", b"s" * 200_000)]) for n in range(4)]
    one = push(save_image("x:1", [*layers, tar_layer([file("one")])]), "share:one")
    two = push(save_image("x:2", [*layers, tar_layer([file("two")])]), "share:two")

    async def run() -> None:
        async with open_house() as house:
            images = await asyncio.gather(*(house.images.pull(name) for name in (one, two, one, two)))
            assert len({image.id for image in images}) == 2
            assert images[0].layers[:4] == images[1].layers[:4]
            assert len([name for name in (house.root / "overlay2").iterdir() if name.name.isdecimal()]) == 6
            assert house.leftovers() == house.partial() == []

    asyncio.run(run())


def test_a_cancelled_pull_leaves_no_layer(open_house: Any, push: Any, save_image: Any, tar_layer: Any) -> None:
    noise = random.Random(1).randbytes(30_000_000)
    reference = push(save_image("x:3", [tar_layer([file("big", noise)]), tar_layer([file("small")])]), "cancelled:1")

    async def run() -> None:
        async with open_house() as house:
            begun = asyncio.Event()

            def report(line: Progress) -> None:
                if line.status == "Downloading":
                    begun.set()

            pull = asyncio.create_task(house.images.pull(reference, report=report))
            await begun.wait()
            pull.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pull
            assert house.leftovers() == []
            assert len(house.images) == 0
            assert (await house.images.pull(reference)).size == 30_000_001
            assert house.leftovers() == house.partial() == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("{registry}/no/such:1", NotFound, "not found"),
        (
            "127.0.0.1:9/x:1",
            EngineError,
            'Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused',
        ),
    ],
)
def test_what_cannot_be_pulled(name: str, kind: type[EngineError], text: str, open_house: Any, registry: str) -> None:
    async def run() -> None:
        async with open_house() as house:
            with pytest.raises(kind, match="manifest for .* not found: manifest unknown|" + text.replace("(", "\\(")):
                await house.images.pull(name.format(registry=registry))
            assert house.leftovers() == house.partial() == []

    asyncio.run(run())


def test_the_platform_is_chosen_from_a_list(
    open_house: Any, push: Any, save_image: Any, tar_layer: Any, tmp_path: Path
) -> None:
    reference = push(save_image("x:4", [tar_layer([file("a")])]), "one:platform")

    async def run() -> None:
        async with open_house() as house:
            with pytest.raises(NotFound, match="does not match the specified platform: wanted linux/s390x"):
                await house.images.pull(reference, platform="linux/s390x")
            assert len(house.images) == 0

    asyncio.run(run())


def test_a_real_tree_arrives_as_gnu_tar_would_unpack_it(
    open_house: Any, push: Any, save_image: Any, tmp_path: Path
) -> None:
    """A tree with links, odd modes, times, attributes and a sparse file, as GNU tar packs it."""
    source = tmp_path / "tree"
    source.mkdir()
    subprocess.run(
        "mkdir -p a/b 'sp ace' deep/$(printf 'n%.0s' $(seq 200)); echo hi > a/f; ln a/f a/hard; ln -s ../../etc a/link;"
        "ln a/link a/hardlink-to-link; chmod 4755 a/f; mkfifo a/pipe; mknod a/null c 1 3; mknod a/blk b 7 0;"
        "truncate -s 5M sparse; echo end >> sparse; touch -d '1999-01-01 00:00:00.123456789' a/f 'sp ace';"
        "chmod 1777 'sp ace';"
        "chown 12345:54321 a/f; echo x > 'sp ace/ünïcode'; cp /bin/true cap; setcap cap_net_raw+ep cap || true;"
        "setfattr -n user.mark -v yes cap || true; chown -h 7:8 a/link; chmod 700 a",
        shell=True,
        cwd=source,
        check=True,
    )
    layer = tmp_path / "layer.tar"
    options = ["--xattrs", "--xattrs-include=*", "--sparse", "--format=posix", "--numeric-owner"]
    subprocess.run(["tar", "-C", str(source), *options, "-cf", str(layer), "."], check=True)
    reference = push(save_image("x:5", [layer.read_bytes()]), "tree:1")

    async def run() -> None:
        async with open_house() as house:
            image = await house.images.pull(reference)
            (name,) = house.snapshots.layers.directories(image.layers)
            found = house.root / "overlay2" / name
            compare = ["tar", "-C", str(found), "--xattrs", "--numeric-owner", "-df", str(layer)]
            assert run_program(*compare) == ""
            assert (found / "sparse").stat().st_blocks * 512 < 1_000_000
            assert (found / "a/f").stat().st_ino == (found / "a/hard").stat().st_ino

    asyncio.run(run())


def test_save_and_load_give_the_same_image(
    open_house: Any, save_image: Any, tar_layer: Any, tmp_path: Path, stream: Callable[[Path], Any]
) -> None:
    archive = save_image("saved:1", [tar_layer([file("a")]), tar_layer([file("b", b"b" * 5000)])])

    async def run() -> None:
        saved = tmp_path / "saved.tar"
        async with open_house("first") as house:
            (image,) = await house.images.load(stream(archive))
            with saved.open("wb") as output:
                async for chunk in house.images.save(["saved:1"]):
                    output.write(chunk)
        listed = run_program("tar", "-tf", str(saved))
        assert "manifest.json" in listed and "oci-layout" in listed
        inspected = run_program("skopeo", "inspect", "--config", f"docker-archive:{saved}")
        assert json.loads(inspected)["config"]["Cmd"] == ["sh"]
        async with open_house("second") as house:
            (copy,) = await house.images.load(stream(saved))
            assert copy.id == image.id
            assert house.images.get("saved:1").layers == image.layers

    asyncio.run(run())
