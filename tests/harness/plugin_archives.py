"""Archives for POST /plugins/create: small plugins that are not meant to run, and things that are no plugins."""

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from harness.engine import API, Answer, Engine, wait_until

Member = tuple[str, bytes | None, Mapping[str, Any]]  # name, content, and members of its TarInfo

DIRECTORY: Final = {"type": tarfile.DIRTYPE, "mode": 0o755}
CONFIG: Final = {
    "description": "for tests",
    "documentation": "https://example.com",
    "entrypoint": ["/bin/p", "--flag"],
    "env": [{"name": "A", "value": "1", "settable": ["value"]}, {"name": "B"}],
    "interface": {"types": ["docker.volumedriver/1.0"], "socket": "p.sock"},
    "linux": {"capabilities": ["CAP_SYS_ADMIN"], "devices": [{"path": "/dev/fuse"}]},
    "mounts": [{"name": "m", "source": "/tmp", "destination": "/t", "type": "bind", "settable": ["source"]}],
    "network": {"type": "host"},
    "propagatedmount": "/mnt",
}


def archive(members: Sequence[Member]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content, about in members:
            info = tarfile.TarInfo(name)
            for key, value in about.items():
                setattr(info, key, value)
            info.size = len(content or b"")
            tar.addfile(info, io.BytesIO(content or b""))
    return data.getvalue()


def plugin(*more: Member, config: object = CONFIG) -> bytes:
    """The archive of a plugin, with more members."""
    document = config if isinstance(config, bytes) else json.dumps(config).encode()
    return archive(
        [
            ("config.json", document, {}),
            ("rootfs", None, DIRECTORY),
            ("rootfs/bin", None, DIRECTORY),
            ("rootfs/bin/p", b"#!/bin/nobody", {"mode": 0o4755, "uid": 7}),
            *more,
        ]
    )


def create(engine: Engine, name: str, data: bytes) -> Answer:
    return engine.request(
        "POST", f"{API}/plugins/create?name={name}", data, headers={"Content-Type": "application/x-tar"}
    )


def names(engine: Engine) -> list[str]:
    return sorted(one["Name"] for one in engine.request("GET", f"{API}/plugins").json)


def remove_all(engine: Engine) -> None:
    for name in names(engine):
        assert engine.request("DELETE", f"{API}/plugins/{name}?force=1").status == 200


@contextmanager
def none_stays(engine: Engine) -> Iterator[Engine]:
    """The engine, which has no plugin after the block."""
    try:
        yield engine
    finally:
        remove_all(engine)


@contextmanager
def none_is_left(engine: Engine) -> Iterator[Engine]:
    """As none_stays(), for a wharfd: nor is anything of one on its disk."""
    with none_stays(engine):
        yield engine
    wait_until(lambda: on_disk(engine) == set(), "nothing is left of plugins")


def rootfs(engine: Engine, name: str) -> Path:
    """Where the file system of a plugin is on the host."""
    id = str(engine.request("GET", f"{API}/plugins/{name}/json").json["Id"])
    return engine.root / "data/plugins" / id / "rootfs"


def on_disk(engine: Engine) -> set[str]:
    """What there is of plugins in a wharfd's data-root, but for what is being deleted and the directories for all."""
    root = engine.root / "data/plugins"
    fixed = {"content", "content/blobs", "content/blobs/sha256", "content/ingest", "tmp", "trash"}
    found: set[str] = set()
    for directory, subdirectories, files in os.walk(root):
        if Path(directory) == root / "trash":
            subdirectories.clear()
            continue
        found |= {str((Path(directory) / name).relative_to(root)) for name in (*subdirectories, *files)}
    return found - fixed
