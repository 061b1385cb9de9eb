"""Debian's docker-registry on the loopback of a network namespace."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.engine import wait_until
from harness.netns import NetworkNamespace

CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""


#: The password of "me" where one must log in, and what a registry keeps of it (bcrypt).
PASSWORD = "pass"
_HTPASSWD = "me:$2y$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K"


class Registry:
    """Runs while the block does. `root` is a directory that it may fill. With `login` only "me" may use it."""

    def __init__(
        self, network: NetworkNamespace, root: Path, address: str = "127.0.0.1:5000", *, login: bool = False
    ) -> None:
        self.network = network
        self.root = root
        self.address = address
        config = root / "config.yml"
        text = CONFIG.format(root=root / "storage", address=address)
        if login:
            (root / "htpasswd").write_text(f"{_HTPASSWD}\n")
            text += f"auth: {{htpasswd: {{realm: here, path: {root / 'htpasswd'}}}}}\n"
        config.write_text(text)
        self._process = subprocess.Popen(
            network.command(["docker-registry", "serve", str(config)]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _answers(self) -> bool:
        host, _, port = self.address.partition(":")
        probe = f"printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 {host} {port}"
        return "HTTP/1." in self.network.run("sh", "-c", probe, check=False)

    def push(self, archive: Path, name: str) -> str:
        """Copies an image archive into it; the name under which engines can pull it."""
        target = f"{self.address}/{name}"
        self.network.run(
            "skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"docker-archive:{archive}", f"docker://{target}",
            timeout=300,
        )  # fmt: skip
        return target

    def blobs(self) -> list[Path]:
        return list((self.root / "storage").rglob("blobs/sha256/*/*/data"))

    def suite(self) -> str:
        """The suite of Debian that this machine runs, since its mirrors are at hand."""
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("VERSION_CODENAME="):
                return line.partition("=")[2].strip('"')
        return "stable"

    def __enter__(self) -> Self:
        try:
            wait_until(lambda: self._process.poll() is not None or self._answers(), "docker-registry answers")
            assert self._process.poll() is None, "docker-registry has ended"
        except AssertionError:
            self._process.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)
