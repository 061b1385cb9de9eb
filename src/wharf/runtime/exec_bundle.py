"""What the OCI runtime is told of a further process in a running container: its process.json. Pure.

Whatever nobody asks for is as the container's own process has it, which its config.json says.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wharf.runtime.users import User


class _Process(msgspec.Struct, frozen=True):
    user: dict[str, Any]
    env: list[str] = []
    cwd: str = "/"
    capabilities: dict[str, list[str]] = {}
    noNewPrivileges: bool = False
    rlimits: list[dict[str, Any]] = []
    oomScoreAdj: int | msgspec.UnsetType = msgspec.UNSET
    apparmorProfile: str | msgspec.UnsetType = msgspec.UNSET


class _Config(msgspec.Struct, frozen=True):
    process: _Process


_read: Final = msgspec.json.Decoder(_Config).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """What a further process has of its own."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    user: User | None = None  # None is the container's
    capabilities: tuple[str, ...] | None = None  # None are the container's
    tty: bool = False
    console_size: tuple[int, int] = (0, 0)  # height, width


def home_of(config: bytes) -> str:
    """$HOME of the container's own process."""
    for text in _read(config).process.env:
        name, _, value = text.partition("=")
        if name == "HOME":
            return value
    return "/"


def process_json(config: bytes, spec: ExecSpec) -> bytes:
    """The process.json of `spec` in the container whose config.json is `config`."""
    own = _read(config).process
    user = own.user
    if spec.user is not None:
        user = {"uid": spec.user.uid, "gid": spec.user.gid, "additionalGids": spec.user.additional_gids}
        if "umask" in own.user:
            user["umask"] = own.user["umask"]
    allowed = own.capabilities.get("bounding", []) if spec.capabilities is None else spec.capabilities
    # What execve would do when it leaves root; who asks for all capabilities means all.
    usable = allowed if user["uid"] == 0 or spec.capabilities is not None else []
    process: dict[str, Any] = {
        "args": spec.args,
        "env": spec.env,
        "cwd": spec.cwd,
        "user": user,
        "terminal": spec.tty,
        "capabilities": {"bounding": allowed, "effective": usable, "permitted": usable},
        "noNewPrivileges": own.noNewPrivileges,
        "rlimits": own.rlimits,
    }
    if spec.tty and all(spec.console_size):
        process["consoleSize"] = {"height": spec.console_size[0], "width": spec.console_size[1]}
    for name in ("oomScoreAdj", "apparmorProfile"):  # the profile of a privileged one, too, as dockerd
        if (value := getattr(own, name)) is not msgspec.UNSET:
            process[name] = value
    return msgspec.json.encode(process)
