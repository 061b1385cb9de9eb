"""Base images from the distribution's own packages, for machines without a registry.

What comes out is an archive for `POST /images/load`.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wharf.errors import EngineError, InvalidArgument

_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EPOCH: Final = "1970-01-01T00:00:00Z"
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_BUSYBOX_FILES: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_BUSYBOX_DIRECTORIES: Final = (
    "bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "var", "var/spool",
    "var/spool/mail", "var/www",
)  # fmt: skip
_MODES: Final = {"tmp": 0o1777, "root": 0o700, "etc/shadow": 0o640}
_APT_HINT: Final = "install it with: apt-get install {}"


def make_archive(what: str, output: Path) -> str:
    """Writes an image archive and gives the image's name; `what` is `busybox` or `debian:SUITE`.

    Raises InvalidArgument for anything else, EngineError when a program is missing or fails.
    """
    name, _, suite = what.partition(":")
    if what in ("busybox", "busybox:latest"):
        with _temporary() as directory:
            layer = directory / "layer.tar"
            _write_busybox(_busybox(), layer)
            return _pack("busybox:latest", layer, ["sh"], "busybox-static", output)
    if name == "debian" and suite and suite.replace("-", "").isalnum():
        with _temporary() as directory:
            layer = directory / "layer.tar"
            _write_debian(suite, layer)
            return _pack(f"debian:{suite}", layer, ["bash"], f"mmdebstrap --variant=minbase {suite}", output)
    raise InvalidArgument(f"cannot bootstrap {what!r}: busybox and debian:SUITE (such as debian:bookworm) are known")


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wharf-bootstrap-") as directory:
        yield Path(directory)


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/bin")
    if found is None:
        raise EngineError(f"{name} is not there; " + _APT_HINT.format(package))
    return found


def _busybox() -> Path:
    """The static busybox: a dynamic one would not start alone in an image."""
    program = Path(_program("busybox", "busybox-static")).resolve()
    # PT_INTERP (3) in the program headers names a loader, which an image of one file does not have.
    data = program.read_bytes()
    if data[:5] == b"\x7fELF\x02":
        offset, size, count = (int.from_bytes(data[at : at + n], "little") for at, n in ((32, 8), (54, 2), (56, 2)))
        kinds = [int.from_bytes(data[offset + i * size : offset + i * size + 4], "little") for i in range(count)]
        if 3 in kinds:
            raise EngineError(f"{program} is not static; " + _APT_HINT.format("busybox-static"))
    return program


def _write_busybox(program: Path, layer: Path) -> None:
    applets = _run([str(program), "--list"]).decode().split()
    members: dict[str, Callable[[tarfile.TarFile, str], None]] = {}
    for directory in _BUSYBOX_DIRECTORIES:
        members[directory] = lambda tar, name: _add(tar, name, tarfile.DIRTYPE, mode=_MODES.get(name, 0o755))
    for file, text in _BUSYBOX_FILES.items():
        members[file] = lambda tar, name, text=text: _add(  # type: ignore[misc]
            tar, name, tarfile.REGTYPE, data=text.encode(), mode=_MODES.get(name, 0o644)
        )
    for applet in applets:
        members[f"bin/{applet}"] = lambda tar, name: _add(tar, name, tarfile.LNKTYPE, link="bin/busybox", mode=0o755)
    members["bin/busybox"] = lambda tar, name: _add(tar, name, tarfile.REGTYPE, data=program.read_bytes(), mode=0o755)
    members["usr/bin/env"] = lambda tar, name: _add(tar, name, tarfile.LNKTYPE, link="bin/busybox", mode=0o755)
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        # The program comes before its links, as readers of archives demand.
        for name in sorted(
            members, key=lambda name: (name.startswith(("bin/", "usr/bin/")), name != "bin/busybox", name)
        ):
            members[name](tar, name)


def _add(tar: tarfile.TarFile, name: str, kind: bytes, *, data: bytes = b"", link: str = "", mode: int) -> None:
    """One member with owner root and time 0, so that the same program gives the same image."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.size = kind, link, mode, len(data)
    member.uname = member.gname = ""
    tar.addfile(member, io.BytesIO(data))


def _write_debian(suite: str, layer: Path) -> None:
    program = _program("mmdebstrap", "mmdebstrap")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0")}
    clean = 'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/apt "$1"/var/log/dpkg.log'
    _run([program, "--variant=minbase", f"--customize-hook={clean}", suite, str(layer)], environment)
    if not layer.exists():
        raise EngineError(f"mmdebstrap made no {suite}")


def _run(command: list[str], environment: dict[str, str] | None = None) -> bytes:
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if result.returncode != 0:
        lines = result.stderr.decode(errors="replace").strip().splitlines()
        causes = [line for line in lines if line.startswith("E: ")]  # apt's way, and mmdebstrap's
        raise EngineError(f"{Path(command[0]).name} failed: " + "; ".join((causes or lines)[-3:]))
    return result.stdout


def _pack(reference: str, layer: Path, command: list[str], made_by: str, output: Path) -> str:
    """The archive around one layer, in the format of `docker save`."""
    with layer.open("rb") as file:
        diff_id = hashlib.file_digest(file, "sha256").hexdigest()
    config: dict[str, Any] = {
        "architecture": _MACHINES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": _EPOCH,
        "config": {"Env": [_PATH], "Cmd": command},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": _EPOCH, "created_by": made_by, "comment": "wharf image bootstrap"}],
    }
    document = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    config_name = f"{hashlib.sha256(document).hexdigest()}.json"
    layer_name = f"{diff_id}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [reference], "Layers": [layer_name]}]
    with tarfile.open(output, "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(layer_name)
        member.size = layer.stat().st_size
        with layer.open("rb") as file:
            tar.addfile(member, file)
        _add(tar, config_name, tarfile.REGTYPE, data=document, mode=0o644)
        _add(tar, "manifest.json", tarfile.REGTYPE, data=json.dumps(manifest).encode(), mode=0o644)
    return reference
