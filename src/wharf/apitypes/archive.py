"""What the archive operations tell of a path, and the changes of a container."""

import base64
import stat
from datetime import UTC, datetime
from typing import Final

import msgspec

from wharf.apitypes.containers import Wire

#: Bits of Go's os.FileMode, which is how the API writes a file's kind.
_GO_KINDS: Final = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: (1 << 26) | (1 << 21),
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
_GO_BITS: Final = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


class PathStat(msgspec.Struct, frozen=True, kw_only=True):
    """The value of the header X-Docker-Container-Path-Stat."""

    name: str
    size: int
    mode: int  # Go's os.FileMode
    mtime: str  # RFC 3339 with as many digits as needed
    link_target: str = msgspec.field(name="linkTarget", default="")

    def header(self) -> str:
        """The header's text."""
        return base64.b64encode(msgspec.json.encode(self)).decode()


class FileChange(Wire, frozen=True, kw_only=True):
    """An entry of GET /containers/{name}/changes. `kind`: 0 modified, 1 added, 2 deleted."""

    path: str
    kind: int


class Committed(Wire, frozen=True, kw_only=True):
    """POST /commit."""

    id: str


def go_mode(mode: int) -> int:
    """A kernel's st_mode as Go's os.FileMode."""
    bits = sum(go for unix, go in _GO_BITS.items() if mode & unix)
    return _GO_KINDS.get(stat.S_IFMT(mode), 0) | bits | (mode & 0o777)


def go_time(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as Go writes a time in JSON: UTC, without zeros at the end of the fraction."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return f"{text}{fraction}Z"
