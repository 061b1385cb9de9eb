"""Plugins when the daemon dies, the client leaves, or the disk is full: all of one, or nothing."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException

import pytest

from harness.engine import API, PATIENCE, Engine, missing, wait_until
from harness.plugin_archives import create, names, on_disk, plugin, remove_all, rootfs
from harness.registry import Registry
from harness.wharfd import Wharfd

LARGE = 6 << 20  # bytes that cannot be compressed: what is done with them takes long enough to be hit


@pytest.fixture(scope="module")
def engine() -> Iterator[Wharfd]:
    """One that is killed."""
    engine = Wharfd()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def pushed(engine: Wharfd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A plugin in a registry, in two versions that demand nothing."""
    if lacking := missing(["docker-registry"]):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    with Registry(engine.network, tmp_path_factory.mktemp("registry")) as registry:
        name = f"{registry.address}/me/p"
        for tag in ("1", "2"):
            data = plugin(("rootfs/version", tag.encode(), {}), ("rootfs/large", os.urandom(LARGE), {}), config={})
            assert create(engine, f"{name}:{tag}", data).status == 204
            engine.docker("plugin", "push", f"{name}:{tag}")
        yield name


@pytest.fixture(autouse=True)
def nothing_stays(engine: Wharfd) -> Iterator[None]:
    remove_all(engine)
    yield
    remove_all(engine)
    wait_until(lambda: not leftovers(engine), "nothing is left of plugins")


def leftovers(engine: Wharfd) -> set[str]:
    """Without what a broken download leaves for another try, for a week at most."""
    return {path for path in on_disk(engine) if not path.startswith("content/ingest/sha256-")}


def is_whole(engine: Engine, name: str) -> bool:
    found = rootfs(engine, name)
    return (found / "large").stat().st_size == LARGE and (found / "bin/p").exists()


def killed_when(engine: Wharfd, work: Callable[[], object], pattern: str) -> None:
    """Kills the daemon as soon as `work` has made what matches below data-root/plugins, or has ended."""

    def quietly() -> None:
        try:
            work()
        except (OSError, HTTPException):
            pass  # the daemon is dead

    thread = threading.Thread(target=quietly)
    thread.start()
    root, end = engine.root / "data/plugins", time.monotonic() + 60 * PATIENCE
    while thread.is_alive() and not any(root.glob(pattern)):
        assert time.monotonic() < end
        time.sleep(0.001)
    engine.kill9()
    thread.join()
    engine.start()


@pytest.mark.parametrize("moment", ["tmp/*", "tmp/*/tree/rootfs/large", "content/ingest/new-*"])
def test_a_creation_that_is_killed(engine: Wharfd, moment: str) -> None:
    data = plugin(("rootfs/large", os.urandom(LARGE), {}))
    killed_when(engine, lambda: create(engine, "p", data), moment)
    if names(engine):
        assert is_whole(engine, "p")
    else:
        wait_until(lambda: on_disk(engine) == set(), "nothing is left")
        assert create(engine, "p", data).status == 204


@pytest.mark.parametrize("moment", ["content/ingest/sha256-*", "tmp/*/rootfs/*", "*/rootfs/version"])
def test_a_pull_that_is_killed(engine: Wharfd, pushed: str, moment: str) -> None:
    def pull() -> bytes:
        return engine.request("POST", f"{API}/plugins/pull?remote={pushed}:1&name=p", []).body

    killed_when(engine, pull, moment)
    if not names(engine):
        wait_until(lambda: not leftovers(engine), "nothing is left")
        assert b"error" not in pull()  # what had come of its layer is gone on with
    assert is_whole(engine, "p")


@pytest.mark.parametrize("moment", ["tmp/*/rootfs/*", "*/next-*", "trash/*/version"])
def test_an_upgrade_that_is_killed(engine: Wharfd, pushed: str, moment: str) -> None:
    engine.request("POST", f"{API}/plugins/pull?remote={pushed}:1&name=p", [])
    upgrade = f"{API}/plugins/p/upgrade?remote={pushed}:2"
    killed_when(engine, lambda: engine.request("POST", upgrade, []), moment)
    reference = engine.request("GET", f"{API}/plugins/p/json").json["PluginReference"]
    assert reference in (f"{pushed}:1", f"{pushed}:2") and is_whole(engine, "p")
    assert rootfs(engine, "p").joinpath("version").read_text() == reference[-1]
    assert [path.name for path in rootfs(engine, "p").parent.iterdir()] == ["rootfs"]


def test_a_client_that_leaves(engine: Wharfd) -> None:
    data = plugin(("rootfs/large", os.urandom(LARGE), {}))
    with engine.connect() as connection:
        head = f"POST {API}/plugins/create?name=p HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
        connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data[: LARGE // 2])
        wait_until(lambda: bool(on_disk(engine)), "it has begun")
    wait_until(lambda: on_disk(engine) == set(), "nothing is left")
    assert names(engine) == []


def test_a_daemon_that_ends_meanwhile(engine: Wharfd, pushed: str) -> None:
    """In order: it waits for nobody."""
    process = engine.docker_process("plugin", "install", "--disable", f"{pushed}:2")
    wait_until(lambda: bool(on_disk(engine)), "it has begun")
    engine.restart()
    process.communicate()
    assert names(engine) == [] or is_whole(engine, f"{pushed}:2")


@pytest.fixture
def small() -> Iterator[Wharfd]:
    """An engine with a disk of 12 MiB."""
    small = Wharfd()
    data = small.root / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", data], check=True)
    try:
        small.start()
        yield small
        small.stop()
    finally:
        subprocess.run(["umount", data], check=True)
        small.close()


def test_a_full_disk(small: Wharfd) -> None:
    """It is told in the disk's words, and what filled it is gone."""
    # The archive, what is in it, and the blob do not fit together.
    failed = create(small, "p", plugin(("rootfs/large", os.urandom(LARGE), {})))
    assert failed.status == 500 and "no space left on device" in failed.message.lower()
    assert names(small) == []
    wait_until(lambda: on_disk(small) == set(), "the disk is as empty as before")
    assert create(small, "p", plugin()).status == 204
    remove_all(small)
