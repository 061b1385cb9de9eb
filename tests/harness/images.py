"""Images for tests, as archives for `docker load`."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nalice:x:1000:1000::/home/alice:/bin/sh\n"
)
GROUP = "root:x:0:\ndaemon:x:1:\nalice:x:1000:\nextra:x:2000:alice\n"


def busybox_program() -> Path:
    """A busybox without libraries. Debian has it at /bin/busybox in busybox-static."""
    found = shutil.which("busybox") or "/bin/busybox"
    return Path(found).resolve()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _add_directory(tar: tarfile.TarFile, name: str, mode: int = 0o755) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def busybox_layer() -> bytes:
    """A small but whole system: busybox with a link for each of its commands, users, a world-writable /tmp."""
    import subprocess

    program = busybox_program()
    commands = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "etc", "root", "home", "home/alice", "var", "usr", "usr/bin", "usr/sbin"):
            _add_directory(tar, name, 0o700 if name == "root" else 0o755)
        _add_directory(tar, "tmp", 0o1777)
        _add(tar, "bin/busybox", program.read_bytes(), 0o755)
        for command in commands:
            if command != "busybox":
                entry = tarfile.TarInfo(f"bin/{command}")
                entry.type, entry.linkname, entry.mode = tarfile.LNKTYPE, "bin/busybox", 0o755
                tar.addfile(entry)
        _add(tar, "etc/passwd", PASSWD.encode())
        _add(tar, "etc/group", GROUP.encode())
        _add(tar, "etc/not-executable", b"text\n")
    return out.getvalue()


def layer(build: Callable[[tarfile.TarFile], None]) -> bytes:
    """A layer that `build` fills."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        build(tar)
    return out.getvalue()


def archive(
    tag: str, layers: Iterable[bytes], config: dict[str, object] | None = None, *, architecture: str = ""
) -> bytes:
    """What `docker save` would write for an image with these layers; for this machine's architecture by default."""
    found = list(layers)
    diff_ids = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in found]
    image = json.dumps(
        {
            "architecture": architecture or own_architecture(),
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], **(config or {})},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "made by a test"} for _ in found],
        }
    ).encode()
    name = hashlib.sha256(image).hexdigest()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number, data in enumerate(found):
            _add(tar, f"{number}/layer.tar", data)
        _add(tar, f"{name}.json", image)
        manifest = [
            {"Config": f"{name}.json", "RepoTags": [tag], "Layers": [f"{n}/layer.tar" for n in range(len(found))]}
        ]
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    return out.getvalue()


def busybox(tag: str = "busybox:latest") -> bytes:
    return archive(tag, [busybox_layer()], {"Cmd": ["sh"]})


def own_architecture() -> str:
    import platform

    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
