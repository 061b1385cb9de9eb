"""Engines for the tests from outside. All of these tests need root and real namespaces."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import images
from harness.dockerd import Dockerd
from harness.engine import missing, wait_until
from harness.managed_plugin import ManagedPlugin, NewPlugin, make_plugin
from harness.registry import Registry
from harness.wharfd import Wharfd

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root, or without a program they need, they are skipped by name."""
    lacking = missing(["docker", "nsenter", "unshare", "ip", "busybox"])
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kernel)
            if lacking:
                item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(lacking)}"))
            if item.get_closest_marker("peer") and missing(["dockerd"]):
                item.add_marker(pytest.mark.skip(reason="not installed: dockerd"))


@pytest.fixture(scope="session")
def busybox_archive() -> bytes:
    return images.busybox()


@pytest.fixture(scope="session")
def shared_wharfd(busybox_archive: bytes) -> Iterator[Wharfd]:
    with Wharfd().loaded(busybox_archive) as engine:
        yield engine


@pytest.fixture
def wharfd(shared_wharfd: Wharfd) -> Iterator[Wharfd]:
    """A running wharfd with a busybox image. Shared with other tests; what a test made is removed after it."""
    yield shared_wharfd
    assert shared_wharfd.running, shared_wharfd.log_tail()
    shared_wharfd.remove_all()


@pytest.fixture
def new_wharfd(busybox_archive: bytes) -> Iterator[Callable[..., Wharfd]]:
    """Makes daemons for tests that stop, kill or configure them."""
    made: list[Wharfd] = []

    def make(*flags: str, image: bool = True, kind: type[Wharfd] = Wharfd) -> Wharfd:
        engine = kind(*flags)
        made.append(engine)
        engine.start()
        if image:
            engine.docker("load", input=busybox_archive)
        return engine

    try:
        yield make
    finally:
        for engine in made:
            engine.close()


@pytest.fixture
def new_plugin(wharfd: Wharfd, tmp_path: Path) -> Iterator[NewPlugin]:
    """Makes plugins; they are removed after the test, which leaves nothing of them."""
    made: list[ManagedPlugin] = []

    def create(name: str = "shelf", **config: Any) -> ManagedPlugin:
        wharfd.docker("plugin", "create", name, str(make_plugin(tmp_path / name, **config)))
        made.append(ManagedPlugin(wharfd, name))
        return made[-1]

    yield create
    wharfd.remove_all()
    for plugin in made:
        wharfd.docker("plugin", "rm", "-f", plugin.name, check=False)
        wait_until(lambda plugin=plugin: not plugin.leftovers(), f"nothing is left: {plugin.leftovers()}")
        assert not plugin.directory.exists()
    for name in wharfd.docker("volume", "ls", "-q").text.split():
        wharfd.docker("volume", "rm", "-f", name, check=False)


@pytest.fixture(scope="module")
def registry(shared_wharfd: Wharfd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry on the loopback of the engine's namespace."""
    if lacking := missing(["docker-registry", "skopeo"]):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    with Registry(shared_wharfd.network, tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="session")
def shared_dockerd(busybox_archive: bytes) -> Iterator[Dockerd]:
    with Dockerd().loaded(busybox_archive) as engine:
        yield engine


@pytest.fixture
def dockerd(shared_dockerd: Dockerd) -> Iterator[Dockerd]:
    """Debian's dockerd with the same busybox image."""
    yield shared_dockerd
    shared_dockerd.remove_all()
