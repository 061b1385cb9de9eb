"""Debian's dockerd, to compare with: in namespaces and with roots of its own."""

from pathlib import Path

from harness.engine import Engine


class Dockerd(Engine):
    """dockerd with its own containerd. Its mounts are in a mount namespace of its own, so they end with it."""

    name = "dockerd"

    def command(self) -> list[str]:
        settings = self.root / "daemon.json"
        settings.write_text("{}")
        daemon = [
            "dockerd",
            *("--data-root", str(self.root / "data")),
            *("--exec-root", str(self.root / "exec")),
            *("--pidfile", str(self.root / "pid")),
            *("--host", f"unix://{self.socket}"),
            *("--config-file", str(settings)),
            *self.flags,
        ]
        # /run is private: containerd and the network driver keep files and namespaces there by fixed names.
        script = 'mount -t tmpfs none /run && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *daemon]

    @property
    def daemons(self) -> list[int]:
        """dockerd and its containerd, for measuring their memory."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]
