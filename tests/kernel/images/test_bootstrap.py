"""Base images from the distribution's packages."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from wharf.client.bootstrap import make_archive
from wharf.errors import EngineError, InvalidArgument

pytestmark = pytest.mark.kernel


def test_busybox(open_house: Any, stream: Any, tmp_path: Path) -> None:
    first, second = tmp_path / "one.tar", tmp_path / "two.tar"
    assert make_archive("busybox", first) == "busybox:latest"
    make_archive("busybox:latest", second)
    assert first.read_bytes() == second.read_bytes()

    async def run() -> None:
        async with open_house() as house:
            (image,) = await house.images.load(stream(first))
            assert house.images.get("busybox").id == image.id
            await house.snapshots.create("c", image.layers)
            async with house.snapshots.of("c").mounted() as root:
                assert (root / "bin/sh").stat().st_ino == (root / "bin/busybox").stat().st_ino
                assert (root / "bin/sh").stat().st_mode & 0o7777 == 0o755
                assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
                assert (root / "etc/shadow").stat().st_mode & 0o7777 == 0o640

    asyncio.run(run())


@pytest.mark.parametrize("what", ["", "debian", "debian:", "debian:a;b", "alpine", "busybox:2", "debian:../x"])
def test_what_is_not_known(what: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot bootstrap"):
        make_archive(what, tmp_path / "x")


def test_a_missing_program_is_told_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path="": None)
    with pytest.raises(EngineError, match="mmdebstrap is not there; install it with: apt-get install mmdebstrap"):
        make_archive("debian:bookworm", tmp_path / "x")
