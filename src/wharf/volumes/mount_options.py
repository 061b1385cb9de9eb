"""The options `type`, `device` and `o` of a local volume as the arguments of mount(2). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from wharf.linux import syscall

#: Words of `o` that are flags: which they set, or clear.
_FLAGS: Final[Mapping[str, tuple[bool, int]]] = {
    "ro": (True, syscall.MS_RDONLY),
    "rw": (False, syscall.MS_RDONLY),
    "suid": (False, syscall.MS_NOSUID),
    "nosuid": (True, syscall.MS_NOSUID),
    "dev": (False, syscall.MS_NODEV),
    "nodev": (True, syscall.MS_NODEV),
    "exec": (False, syscall.MS_NOEXEC),
    "noexec": (True, syscall.MS_NOEXEC),
    "sync": (True, syscall.MS_SYNCHRONOUS),
    "async": (False, syscall.MS_SYNCHRONOUS),
    "remount": (True, syscall.MS_REMOUNT),
    "mand": (True, syscall.MS_MANDLOCK),
    "nomand": (False, syscall.MS_MANDLOCK),
    "dirsync": (True, syscall.MS_DIRSYNC),
    "atime": (False, syscall.MS_NOATIME),
    "noatime": (True, syscall.MS_NOATIME),
    "diratime": (False, syscall.MS_NODIRATIME),
    "nodiratime": (True, syscall.MS_NODIRATIME),
    "relatime": (True, syscall.MS_RELATIME),
    "norelatime": (False, syscall.MS_RELATIME),
    "strictatime": (True, syscall.MS_STRICTATIME),
    "nostrictatime": (False, syscall.MS_STRICTATIME),
    "bind": (True, syscall.MS_BIND),
    "rbind": (True, syscall.MS_BIND | syscall.MS_REC),
}
#: File systems whose server is named in `o`, where the kernel wants its number.
_NETWORKED: Final = frozenset({"nfs", "nfs3", "nfs4", "cifs", "smb3"})
_SECRET: Final = re.compile(r"(password2?=)[^,]*")


@dataclass(frozen=True, slots=True)
class MountCall:
    """One mount(2)."""

    device: str
    fstype: str
    flags: int = 0
    data: str = ""
    loop: bool = False  # `device` is a file that becomes a block device first

    @property
    def server(self) -> str:
        """The `addr=` of a file system of another machine, or ""."""
        words = self.data.split(",") if self.fstype in _NETWORKED else []
        return next((word.removeprefix("addr=") for word in words if word.startswith("addr=")), "")

    def with_server(self, address: str) -> "MountCall":
        """The same with a number for the server's name."""
        words = [f"addr={address}" if word.startswith("addr=") else word for word in self.data.split(",")]
        return replace(self, data=",".join(words))

    def describe(self, target: str) -> str:
        """The call in dockerd's words, without passwords."""
        flags = f", flags: {self.flags:#x}" if self.flags else ""
        data = _SECRET.sub(r"\1********", self.data)
        return f"mount {self.device}:{target}{flags}{', data: ' if data else ''}{data}"


def parse(options: Mapping[str, str]) -> MountCall | None:
    """What `options` ask for; None for a volume that is a plain directory."""
    if not options.get("device"):
        return None
    call = MountCall(options["device"], options.get("type", ""))
    data = []
    flags = 0
    for word in options.get("o", "").split(","):
        if word == "loop":
            call = replace(call, loop=True)
        elif word in _FLAGS:
            sets, flag = _FLAGS[word]
            flags = flags | flag if sets else flags & ~flag
        elif word and word != "defaults":
            data.append(word)
    return replace(call, flags=flags, data=",".join(data))
