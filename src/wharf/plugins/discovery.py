"""Where plugins are: sockets, and files that name an address. Reads a few small files at each question, keeps nothing.

As dockerd looks: first for `NAME.sock` (or `NAME/NAME.sock`) in the directory of sockets, then for `NAME.spec` (an URL)
and `NAME.json` in those of specifications.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from wharf.errors import EngineError, InvalidArgument

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_LARGEST: Final = 1 << 16  # bytes of a file that names an address


@dataclass(frozen=True, slots=True)
class Tls:
    """How an address is secured; files are PEM."""

    verify: bool = True
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a plugin answers."""

    name: str
    url: str  # "unix:///path", "tcp://host:port", "http://…" or "https://…"
    tls: Tls | None = None

    @property
    def socket(self) -> str:
        """The path of its socket; "" for one on a network."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""


@dataclass(frozen=True, slots=True)
class Roots:
    """The directories that are looked through, in this order."""

    sockets: tuple[Path, ...] = (Path("/run/docker/plugins"),)
    specs: tuple[Path, ...] = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))

    def find(self, name: str) -> Address | None:
        """The plugin of this name. Raises EngineError for a file that names no address."""
        if not _NAME.fullmatch(name):
            return None
        for root in self.sockets:
            for path in (root / f"{name}.sock", root / name / f"{name}.sock"):
                if _is_socket(path):
                    return Address(name, f"unix://{path}")
        for root in self.specs:
            for path in _spec_files(root, name):
                if path.is_file():
                    return _read(path)
        return None

    def names(self) -> Sequence[str]:
        """All plugins that are somewhere here, sorted. Directories that are not there have none."""
        found = {name for root in self.sockets for name in _names(root, (".sock",))}
        return sorted(found | {name for root in self.specs for name in _names(root, (".spec", ".json"))})


def _spec_files(root: Path, name: str) -> Iterator[Path]:
    for suffix in (".spec", ".json"):
        yield root / f"{name}{suffix}"
        yield root / name / f"{name}{suffix}"


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _names(root: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    try:
        entries = list(os.scandir(root))
    except OSError:
        return
    for entry in entries:
        stem, dot, suffix = entry.name.rpartition(".")
        if f"{dot}{suffix}" in suffixes and _NAME.fullmatch(stem):
            yield stem
        elif any((root / entry.name / f"{entry.name}{one}").exists() for one in suffixes):
            yield entry.name


def _read(path: Path) -> Address:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode().strip()
        return parse_json(path.stem, text) if path.suffix == ".json" else parse_spec(path.stem, text)
    except (OSError, ValueError) as error:
        raise EngineError(f"plugin {path.stem}: {path}: {error}") from None


def parse_spec(name: str, text: str) -> Address:
    """A file with nothing but an URL. Raises InvalidArgument."""
    url = urlsplit(text)
    is_path = url.scheme == "unix" and not url.netloc and url.path.startswith("/")
    if not is_path and not (url.scheme in ("tcp", "http", "https") and url.hostname):
        raise InvalidArgument(f"plugin {name}: unknown protocol: {text}")
    return Address(name, text)


def parse_json(name: str, text: str) -> Address:
    """A file with address and TLS. Raises InvalidArgument, ValueError for what is no JSON."""
    value: Any = json.loads(text)
    if not isinstance(value, dict) or not isinstance(value.get("Addr"), str):
        raise InvalidArgument(f"plugin {name}: no address in its specification")
    address = parse_spec(name, value["Addr"])
    tls = value.get("TLSConfig")
    if not isinstance(tls, dict):
        return address
    files = [tls.get(member, "") for member in ("CAFile", "CertFile", "KeyFile")]
    if not all(isinstance(file, str) for file in files):
        raise InvalidArgument(f"plugin {name}: its TLSConfig does not name files")
    return Address(name, address.url, Tls(not tls.get("InsecureSkipVerify"), *files))
