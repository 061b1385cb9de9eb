import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.plugins.offering import connected, host_path, implemented, offered
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.errors import EngineError
from wharf.spec.plugin_config import PluginConfig, PluginInterface

ID = "a" * 64
PLACES = PluginPlaces(Path("/data"), Path("/run"))


def record(propagated: str = "", **interface: object) -> PluginRecord:
    config = PluginConfig(propagated_mount=propagated, interface=PluginInterface(**interface))  # type: ignore[arg-type]
    return PluginRecord(ID, "p:latest", config, "", "", "")


@pytest.mark.parametrize(
    ("propagated", "path", "place"),
    [
        ("", "/data/v", "rootfs/data/v"),
        ("/mnt/volumes", "/mnt/volumes/v/data", "propagated-mount/v/data"),
        ("/mnt/volumes", "/mnt/volumes", "propagated-mount"),
        ("/mnt/volumes/", "/mnt//volumes/./v/", "propagated-mount/v"),
        ("/mnt/volumes", "/mnt/volumesX/v", "rootfs/mnt/volumesX/v"),
        ("/mnt/volumes", "/mnt/volumes/../../etc", "rootfs/etc"),
        ("/mnt/volumes", "/../../../etc", "rootfs/etc"),
        ("/", "/v", "propagated-mount/v"),
        ("mnt", "/mnt/v", "propagated-mount/v"),
    ],
)
def test_where_a_path_of_the_plugin_is_on_the_host(propagated: str, path: str, place: str) -> None:
    assert host_path(record(propagated), PLACES, path) == f"/data/{ID}/{place}"


@given(st.text(alphabet="/.ab", max_size=12), st.text(alphabet="/.ab", max_size=20))
def test_it_is_never_outside(propagated: str, path: str) -> None:
    found = host_path(record(propagated), PLACES, path)
    assert found.startswith((f"/data/{ID}/rootfs", f"/data/{ID}/propagated-mount"))
    assert ".." not in found.split("/")


def test_what_plugins_implement() -> None:
    assert implemented(record(types=("docker.volumedriver/1.0", "docker.metricscollector/1.0"))) == {"VolumeDriver"}
    assert implemented(record(types=("other.volumedriver/1.0",))) == frozenset()
    assert implemented(record(types=("docker.volumedriver/1.0",), protocol_scheme="some.protocol/v1")) == frozenset()


def test_links_of_the_plugin_lead_nowhere(tmp_path: Path) -> None:
    places = PluginPlaces(tmp_path, tmp_path / "run")
    plugin = offered(record("/mnt"), places, None)
    shown = places.propagated_mount(ID)
    (shown / "real").mkdir(parents=True)
    (shown / "link").symlink_to("/etc")
    (shown / "real/page").write_text("own")
    with plugin.held(plugin.on_host("/mnt/real")) as name:
        (shown / "real").rename(shown / "other")
        assert Path(name, "page").read_text() == "own"
    with pytest.raises(OSError, match="full"), plugin.held(plugin.on_host("/mnt/other")):
        raise OSError("full")  # is no fault of the path
    for path in ("/mnt/link", "/mnt/link/ssh", "/mnt/nothing"):
        with pytest.raises(EngineError, match="the host cannot use"), plugin.held(plugin.on_host(path)):
            pass


def test_the_socket_is_in_its_directory_and_is_one(tmp_path: Path) -> None:
    # Longer than what a socket's address has room for.
    deep, outside = tmp_path / ("d" * 100), tmp_path / "outside"
    deep.mkdir()

    async def test() -> None:
        server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), outside)
        os.link(outside, deep / "socket")
        (deep / "link").symlink_to(outside)
        (deep / "file").touch()
        async with server:
            _, writer = await connected(deep, "socket")
            writer.close()
            for name in ("link", "file", "../outside", "nothing", str(outside)):
                with pytest.raises(OSError):
                    await connected(deep, name)

    asyncio.run(test())
