"""On a host that shares its mounts, as systemd makes it, with what must not survive a reboot on another file system."""

from collections.abc import Iterator

import pytest

from harness.wharfd import Wharfd

STARTER = 'mkdir -p "$1" && mount -t tmpfs none "$1" && shift && exec "$@"'


class SharingWharfd(Wharfd):
    """In a mount namespace of its own, with which its mounts end."""

    def command(self) -> list[str]:
        own = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", STARTER, "sh", str(self.root / "exec")]
        return [*own, *super().command()]


@pytest.fixture
def sharing(busybox_archive: bytes) -> Iterator[Wharfd]:
    engine = SharingWharfd()
    try:
        engine.start()
        engine.docker("load", input=busybox_archive)
        yield engine
    finally:
        engine.close()


def test_a_start_leaves_the_host_s_volumes_mounted(sharing: Wharfd) -> None:
    """Its shim lets go of them in its own namespace only."""
    sharing.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "fleeting")
    script = "echo there >/v/file; sleep 1000"
    sharing.docker("run", "-d", "--name", "first", "-v", "fleeting:/v", "busybox", "sh", "-c", script)
    sharing.docker("run", "-d", "--name", "second", "busybox", "sleep", "1000")
    assert sharing.docker("run", "--rm", "-v", "fleeting:/v", "busybox", "cat", "/v/file").text == "there"
