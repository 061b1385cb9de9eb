"""`-v` and HostConfig.Binds: `source:target[:modes]`, a source without a slash names a volume. Pure."""

import posixpath
from collections.abc import Mapping
from typing import Final

from wharf.engine.containers.mount_request import PROPAGATIONS, MountRequest, target_of
from wharf.errors import InvalidArgument

#: What the words of a mode are about; a mode has at most one of each kind.
_KINDS: Final[Mapping[str, str]] = {
    "rw": "access",
    "ro": "access",
    "z": "label",
    "Z": "label",
    "nocopy": "copy",
    "consistent": "consistency",
    "cached": "consistency",
    "delegated": "consistency",
    **dict.fromkeys(PROPAGATIONS, "propagation"),
}


def read(text: str, driver: str = "") -> MountRequest:
    """One bind; `driver` is that of volumes which it makes. Raises InvalidArgument in dockerd's words."""
    wrong = f"invalid volume specification: '{text}'"
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(parts[:2]):
        raise InvalidArgument(wrong)
    source, target, mode = ("", *parts, "")[:3] if len(parts) == 1 else (*parts, "")[:3]
    if source and not mode and _are_modes(target):
        raise InvalidArgument(wrong)  # a target and its mode, which has no source
    if mode and not _are_modes(mode):
        raise InvalidArgument(f"invalid mode: {mode}")
    kind = "bind" if source.startswith("/") else "volume"
    try:
        place = target_of(target)
        return _bind(source, place, mode) if kind == "bind" else _volume(source, place, mode, driver)
    except InvalidArgument as error:
        raise InvalidArgument(f'{wrong}: invalid mount config for type "{kind}": {error}') from None


def _are_modes(text: str) -> bool:
    kinds = [_KINDS.get(word, "") for word in text.split(",")]
    return all(kinds) and len(kinds) == len(set(kinds))


def _bind(source: str, target: str, mode: str) -> MountRequest:
    words = mode.split(",")
    if "nocopy" in words:
        raise InvalidArgument("field VolumeOptions must not be specified")
    return MountRequest(
        "bind",
        posixpath.normpath(source),
        target,
        read_only="ro" in words,
        propagation=next((word for word in words if word in PROPAGATIONS), ""),
        create_source=True,
        mode=mode,
    )


def _volume(source: str, target: str, mode: str, driver: str) -> MountRequest:
    words = mode.split(",")
    if PROPAGATIONS.intersection(words):
        raise InvalidArgument("field BindOptions must not be specified")
    return MountRequest(
        "volume",
        source,
        target,
        read_only="ro" in words,
        copy="nocopy" not in words,
        driver=driver,
        mode=mode or ("z" if source else ""),
    )
