"""--storage-opt size, on file systems in a file that have project quotas; and what is said where there are none."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine import API, missing
from harness.wharfd import Wharfd

MAKE = {"ext4": ("-q", "-O", "project,quota", "-E", "quotatype=prjquota"), "xfs": ("-q",)}


class OnQuotas(Wharfd):
    """wharfd whose data-root is on a file system with project quotas, mounted where only it sees it."""

    def command(self) -> list[str]:
        data, image = self.root / "data", self.root / "image"
        script = f'mkdir -p {data}; mount -o loop,prjquota {image} {data}; exec "$@"'
        return ["unshare", "--mount", "--propagation", "slave", "sh", "-ec", script, "sh", *super().command()]


@pytest.fixture(params=MAKE)
def limited(request: pytest.FixtureRequest, tmp_path: Path, busybox_archive: bytes) -> Iterator[Callable[..., Wharfd]]:
    kind = request.param
    if missing([f"mkfs.{kind}"]):
        pytest.skip(f"not installed: mkfs.{kind}")
    made: list[Wharfd] = []

    def make(*flags: str) -> Wharfd:
        engine = OnQuotas(*flags)
        made.append(engine)
        image = engine.root / "image"
        with image.open("wb") as file:
            file.truncate(320 << 20)  # xfs has no smaller ones
        subprocess.run([f"mkfs.{kind}", *MAKE[kind], str(image)], check=True, capture_output=True)
        if subprocess.run(["unshare", "-m", "mount", "-o", "loop,prjquota", str(image), str(tmp_path)]).returncode != 0:
            pytest.skip(f"this kernel has no project quotas for {kind}")
        engine.start()
        engine.docker("load", input=busybox_archive)
        return engine

    try:
        yield make
    finally:
        for engine in made:
            engine.close()


def fills(engine: Wharfd, mebibytes: int, *options: str) -> bool:
    """Whether a container can write that much."""
    write = ("busybox", "dd", "if=/dev/zero", "of=/file", "bs=1M", f"count={mebibytes}")
    return engine.docker("run", "--rm", *options, *write, check=False).code == 0


def test_a_container_writes_no_more_than_it_may(limited: Callable[..., Wharfd]) -> None:
    engine = limited("--storage-opt", "overlay2.size=20m")
    small = ("--storage-opt", "size=4m")
    assert fills(engine, 3, *small) and not fills(engine, 6, *small)
    assert fills(engine, 15) and not fills(engine, 25), "the daemon's own limit"
    assert fills(engine, 30, "--storage-opt", "size=40m"), "asked for more than that"
    assert fills(engine, 30, "--storage-opt", "size=0"), "asked for no limit"
    assert not fills(engine, 6, *small, "--annotation", "wharf.userns=auto")
    # It is the writable layer that is limited, and it stays so after a restart of all.
    write = ("dd", "if=/dev/zero", "bs=6M", "count=1")
    engine.docker("run", "--rm", *small, "-v", "/data", "busybox", *write, "of=/data/file")
    engine.docker("create", "--name", "late", *small, "busybox", *write, "of=/file")
    engine.restart()
    assert engine.docker("start", "-a", "late", check=False).code != 0
    wrong = {"Image": "busybox", "HostConfig": {"StorageOpt": {"size": "much"}}}
    answer = engine.request("POST", f"{API}/containers/create", wrong)
    assert (answer.status, answer.message) == (500, "invalid size: 'much'")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "10m"}, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"),
        ({"size": "much"}, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"),
        ({"colour": "red"}, "Unknown option colour"),
    ],
)
def test_where_there_are_no_quotas_dockerd_s_words_say_so(
    wharfd: Wharfd, options: dict[str, str], message: str
) -> None:
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"StorageOpt": options}}
    answer = wharfd.request("POST", f"{API}/containers/create", body)
    assert (answer.status, answer.message) == (500, message)
    assert wharfd.docker("ps", "-aq").text == ""


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("overlay2.size=10m", "Storage option overlay2.size not supported. Filesystem does not support Project Quota"),
        ("overlay2.size=much", "invalid size: 'much'"),
        ("overlay2.colour=red", "overlay2: unknown option overlay2.colour"),
        ("size", "Unable to parse key/value option: size"),
    ],
)
def test_an_option_of_the_daemon_that_cannot_be_ends_it(option: str, why: str) -> None:
    engine = Wharfd("--storage-opt", option)
    try:
        ended = subprocess.run(
            engine.network.command(engine.command()), capture_output=True, text=True, timeout=30, check=False
        )
        assert ended.returncode != 0
        assert why in ended.stderr
    finally:
        engine.close()
