"""What --userns of the command line asks the engine for."""

import os
from collections.abc import Mapping

_MODES = ("auto", "keep-id", "map", "container")


def is_mode(text: str) -> bool:
    """Whether the engine may know it; what is behind the colon the engine checks."""
    name, colon, rest = text.partition(":")
    return text in ("", "host") or (name in _MODES and bool(rest) == bool(colon) and text != "container")


def asked(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`keep-id` names the user who runs the command, unless it says whom: behind sudo that is who called it."""
    name, _, rest = text.partition(":")
    if name != "keep-id" or "host-uid=" in rest or not hasattr(os, "getuid"):
        return text
    uid, gid = os.getuid(), os.getgid()
    if uid == 0 and environment.get("SUDO_UID", "").isdecimal() and environment.get("SUDO_GID", "").isdecimal():
        uid, gid = int(environment["SUDO_UID"]), int(environment["SUDO_GID"])
    return f"{name}:{','.join(filter(None, (rest, f'host-uid={uid}', f'host-gid={gid}')))}"
