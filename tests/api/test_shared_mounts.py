"""On a host that shares its mounts, as systemd makes it, with what must not survive a reboot on another file system."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine import wait_until
from harness.managed_plugin import ManagedPlugin, make_plugin
from harness.wharfd import Wharfd

STARTER = 'mkdir -p "$1" && mount -t tmpfs none "$1" && shift && exec "$@"'


class SharingWharfd(Wharfd):
    """In a mount namespace of its own, with which its mounts end."""

    def command(self) -> list[str]:
        own = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", STARTER, "sh", str(self.root / "exec")]
        return [*own, *super().command()]


@pytest.fixture
def sharing(new_wharfd: Callable[..., Wharfd]) -> Wharfd:
    return new_wharfd(kind=SharingWharfd)


def test_a_start_leaves_the_host_s_volumes_mounted(sharing: Wharfd) -> None:
    """Its shim lets go of them in its own namespace only."""
    sharing.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "fleeting")
    script = "echo there >/v/file; sleep 1000"
    sharing.docker("run", "-d", "--name", "first", "-v", "fleeting:/v", "busybox", "sh", "-c", script)
    sharing.docker("run", "-d", "--name", "second", "busybox", "sleep", "1000")
    read = ("run", "--rm", "-v", "fleeting:/v", "busybox", "cat", "/v/file")
    wait_until(lambda: sharing.docker(*read, check=False).text == "there", "the first has written")


@pytest.mark.parametrize("host", ["sharing", "wharfd"])
def test_what_a_plugin_mounts(host: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Containers see it, on hosts of both kinds, and go on seeing it when the plugin dies; its end is the plugin's."""
    engine: Wharfd = request.getfixturevalue(host)
    engine.docker("plugin", "create", "shelf", str(make_plugin(tmp_path / "shelf")))
    engine.docker("plugin", "enable", "shelf")
    plugin = ManagedPlugin(engine, "shelf")
    engine.docker("volume", "create", "-d", "shelf", "books")
    plugin.mount("/mnt/volumes/books/data")
    try:
        # The shim of a container that starts keeps none of it, and takes none of it from the host.
        engine.docker("run", "-d", "--name", "user", "-v", "books:/b", "busybox", "top")
        table = Path(f"/proc/{plugin.shim()}/mountinfo").read_text()
        assert table.count("/books/data ") == 1, "mounted once, and not again on what the directory is on"
        for _ in range(2):
            assert engine.docker("run", "--rm", "-v", "books:/b", "busybox", "cat", "/b/page").text == "mounted"
        before = plugin.pid
        os.kill(before, 9)
        wait_until(lambda: plugin.has_another_than(before), "the plugin runs again")
        assert engine.docker("run", "--rm", "-v", "books:/b", "busybox", "cat", "/b/page").text == "mounted"
        assert engine.docker("exec", "user", "cat", "/b/page").text == "mounted"
        engine.docker("rm", "-f", "user")
        engine.docker("plugin", "disable", "-f", "shelf")
        engine.docker("plugin", "enable", "shelf")
        assert engine.docker("run", "--rm", "-v", "books:/b", "busybox", "ls", "/b").text == ""
        engine.docker("volume", "rm", "books")
    finally:
        engine.docker("rm", "-f", "user", check=False)
        engine.docker("plugin", "rm", "-f", "shelf", check=False)
        engine.docker("volume", "rm", "-f", "books", check=False)
    wait_until(lambda: not plugin.leftovers(), "nothing is left of the plugin")
