"""A house of images in a temporary data-root, archives to put into it, and a real registry."""

import hashlib
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.engine import wait_until
from wharf.db.database import Database
from wharf.distribution.config import RegistryConfig
from wharf.engine.images.images import Images
from wharf.snapshots.driver import Driver
from wharf.snapshots.extraction import Limits
from wharf.snapshots.opening import open_snapshots


@dataclass
class Recorder:
    """Stands for the event bus; keeps what it is told."""

    events: list[tuple[str, str, str]] = field(default_factory=list)

    def publish(self, type: str, action: str, id: str, attributes: Mapping[str, str]) -> None:
        self.events.append((type, action, id))


@dataclass
class House:
    root: Path
    images: Images
    snapshots: Driver
    events: Recorder
    users: dict[str, list[tuple[str, bool]]]

    def leftovers(self) -> list[str]:
        """What no image owns, when the deletions in the background have had their time; without partial()."""
        deadline = time.monotonic() + 30
        while (found := self._leftovers()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def partial(self) -> list[str]:
        """What broken downloads have left, for the next to go on with."""
        return [path.name for path in (self.root / "content/ingest").glob("sha256-*")]

    def _leftovers(self) -> list[str]:
        """Unpacked layers without a record, scratch files."""
        layers = self.root / "overlay2"
        names = [str(path) for place in ("tmp", "../tmp") for path in (layers / place).iterdir()]
        known = {str(row) for row in self.layer_names()}
        names += [path.name for path in layers.iterdir() if path.name.isdecimal() and path.name not in known]
        ingest = {path.name for path in (self.root / "content/ingest").iterdir()}
        return [*names, *ingest.difference(self.partial())]

    def layer_names(self) -> list[str]:
        tops = [image.layers for image in self.images._stock.catalogue]
        return [self.snapshots.layers.get(layer).directory for layers in tops for layer in layers]


@pytest.fixture
def open_house(tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(
        name: str = "root", driver: str = "", limits: Limits | None = None, config: RegistryConfig | None = None
    ) -> AsyncIterator[House]:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        db = Database(root / "wharf.db")
        snapshots = await open_snapshots(db, root, driver, limits)
        users: dict[str, list[tuple[str, bool]]] = {}
        events = Recorder()
        images = Images(db, root, snapshots, events, config, lambda id: users.get(id, []))
        await images.open()
        try:
            yield House(root, images, snapshots, events, users)
        finally:
            await images.close()
            await snapshots.close()
            db.close()

    return opened


def _layer(members: Sequence[tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            info, content = member if isinstance(member, tuple) else (member, b"")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.fixture
def tar_layer() -> Callable[[Sequence[Any]], bytes]:
    """Makes a layer from members: TarInfo, or (TarInfo, content)."""
    return _layer


@pytest.fixture
def save_image(tmp_path: Path) -> Callable[..., Path]:
    """Writes an archive in the format of docker save."""

    def save(name: str, layers: Sequence[bytes], file: str = "image.tar", **config: Any) -> Path:
        document = {
            "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
            "os": "linux",
            "created": "2024-05-01T00:00:00Z",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], **config},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers]},
            "history": [{"created": "2024-05-01T00:00:00Z", "created_by": f"step {n}"} for n in range(len(layers))],
        }
        data = json.dumps(document).encode()
        config_name = hashlib.sha256(data).hexdigest() + ".json"
        names = [f"{n}/layer.tar" for n in range(len(layers))]
        manifest = json.dumps([{"Config": config_name, "RepoTags": [name] if name else None, "Layers": names}])
        members = [
            *zip(names, layers, strict=True),
            (config_name, data),
            ("manifest.json", manifest.encode()),
        ]
        path = tmp_path / file
        path.write_bytes(_layer([(tarfile.TarInfo(member), content) for member, content in members]))
        return path

    return save


@pytest.fixture
def stream() -> Callable[[Path], AsyncIterator[bytes]]:
    async def chunks(path: Path) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(10_000):
                yield chunk

    return chunks


def _free_port() -> int:
    """One that is nobody's, and that no connection gets by chance."""
    first, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    while _listens(port := random.randrange(max(1025, first - 10_000), first)):
        pass
    return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's docker-registry on the loopback: host:port."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("docker-registry is not installed (apt-get install docker-registry)")
    root = tmp_path_factory.mktemp("registry")
    port = _free_port()
    config = root / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _listens(port), "docker-registry listens")
        assert process.poll() is None, (root / "log").read_text()
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture
def push(registry: str) -> Callable[..., str]:
    """Pushes a saved image by skopeo; gives its reference."""

    def run(archive: Path, name: str, *options: str) -> str:
        reference = f"{registry}/{name}"
        command = ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", *options]
        subprocess.run([*command, f"docker-archive:{archive}", f"docker://{reference}"], check=True)
        return reference

    return run
