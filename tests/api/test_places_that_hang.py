"""A file system that does not answer, as those of servers and of other programs may, is in nobody else's way."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine import API, wait_until
from harness.wharfd import Wharfd
from wharf.linux import syscall

FUSE = Path("/dev/fuse")
pytestmark = pytest.mark.skipif(not FUSE.exists(), reason="this kernel has no FUSE")
#: More than any pool of threads has.
MANY = 40


class Hanging:
    """A file system whose program never says a word. The kernel makes all wait who want to know what is in it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._program = os.open(FUSE, os.O_RDWR)
        data = f"fd={self._program},rootmode=40000,user_id=0,group_id=0"
        syscall.mount("hanging", str(place), "fuse", 0, data)

    def end(self) -> None:
        """Who waits is told that nobody will answer."""
        if self._program >= 0:
            os.close(self._program)
            self._program = -1

    def gone(self) -> None:
        self.end()
        subprocess.run(["umount", "-l", self.place], check=True)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Hanging]:
    place = tmp_path / "hanging"
    place.mkdir()
    found = Hanging(place)
    yield found
    found.gone()


def test_who_binds_of_it_or_has_a_volume_there_waits_alone(
    new_wharfd: Callable[..., Wharfd], hanging: Hanging, tmp_path: Path
) -> None:
    engine = new_wharfd()
    options = ("-o", "type=none", "-o", "o=bind", "-o", f"device={hanging.place}/volume")
    engine.docker("volume", "create", *options, "there")
    engine.docker("create", "--name", "with-volume", "-v", "there:/v", "busybox", "true")
    (tmp_path / "bound").mkdir()
    refused: list[int] = []

    def bind(number: int) -> None:
        host = {"Binds": [f"{hanging.place}/{number}:/x:ro,rslave"]}
        answer = engine.request("POST", f"{API}/containers/create", {"Image": "busybox", "HostConfig": host})
        refused.append(answer.status)

    def start() -> None:
        refused.append(engine.request("POST", f"{API}/containers/with-volume/start").status)

    waiting = [threading.Thread(target=bind, args=(number,)) for number in range(MANY)]
    waiting.append(threading.Thread(target=start))
    try:
        for thread in waiting:
            thread.start()
        for mount in ("local:/v", f"{tmp_path}/bound:/v:ro", f"{tmp_path}/made:/v"):
            engine.docker("run", "--rm", "-v", mount, "busybox", "ls", "/v", timeout=30)
        engine.docker("volume", "ls", timeout=20)
        engine.docker("ps", "-a", timeout=20)
        engine.docker("volume", "rm", "local", timeout=20)
        assert refused == []
    finally:
        hanging.end()
        for thread in waiting:
            thread.join()
    assert len(refused) == MANY + 1 and set(refused) <= {400, 500}
    engine.docker("rm", "with-volume")


def test_who_clones_a_volume_there_waits_alone(new_wharfd: Callable[..., Wharfd], hanging: Hanging) -> None:
    engine = new_wharfd(image=False)
    options = ("-o", "type=none", "-o", "o=bind", "-o", f"device={hanging.place}")
    engine.docker("volume", "create", *options, "there")
    told: list[int] = []

    def clone() -> None:
        told.append(engine.request("POST", f"{API}/volumes/there/clone?name=new").status)

    thread = threading.Thread(target=clone)
    thread.start()
    try:
        wait_until(lambda: any((engine.root / "data/volumes/.removed").glob("*/new")), "the copy has begun")
        engine.docker("volume", "ls", timeout=20)
        assert told == []
    finally:
        hanging.end()
        thread.join()
    assert told == [500]
    assert engine.docker("volume", "ls", "-q").text == "there"
    engine.docker("volume", "rm", "there")


def test_the_engine_ends_and_comes_back_meanwhile(new_wharfd: Callable[..., Wharfd], hanging: Hanging) -> None:
    engine = new_wharfd()
    bound = ("-v", f"{hanging.place}/sub:/x")
    client = engine.docker_process("run", "--rm", *bound, "busybox", "true")
    engine.docker("run", "-d", "--restart", "always", "busybox", "sleep", "600")
    assert engine.stop(timeout=60) == 0
    client.communicate()
    engine.start()
    engine.docker("run", "--rm", "busybox", "true", timeout=30)
