"""From a container's requests for devices to what each of them adds, with what only the host knows filled in."""

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from wharf.apitypes.containers import DeviceRequest
from wharf.engine.cdi import registry, requests
from wharf.engine.cdi.registry import Registry
from wharf.errors import EngineError
from wharf.spec.cdi import ContainerEdits, DeviceNode, Spec

_FAILED: Final = "CDI device injection failed"
_TESTS: Final = (("c", stat.S_ISCHR), ("b", stat.S_ISBLK), ("p", stat.S_ISFIFO))


def resolved(asked: Sequence[DeviceRequest], directories: Sequence[Path]) -> tuple[ContainerEdits, ...]:
    """The edits of all devices that are asked for. Blocks. Raises EngineError, in dockerd's words."""
    found = registry.read(directories)
    return tuple(map(_filled, edits(requests.names(asked, found, by_name=bool(directories)), found)))


def edits(names: Iterable[str], found: Registry) -> list[ContainerEdits]:
    """Those of the devices, and before them, once, those of the descriptions that they are in. Raises EngineError."""
    names = list(names)
    if unknown := [name for name in names if name not in found.offers]:
        raise EngineError(f"{_FAILED}: unresolvable CDI devices {', '.join(unknown)}")
    result: list[ContainerEdits] = []
    begun: list[Spec] = []
    for offer in (found.offers[name] for name in names):
        if not any(offer.spec is spec for spec in begun):
            begun.append(offer.spec)
            result.append(offer.spec.container_edits)
        result.append(offer.device.container_edits)
    if any(one.net_devices for one in result):
        raise EngineError(f"{_FAILED}: network devices are not supported by this engine yet")
    return result


def _filled(one: ContainerEdits) -> ContainerEdits:
    return msgspec.structs.replace(one, device_nodes=[_node(node) for node in one.device_nodes])


def _node(node: DeviceNode) -> DeviceNode:
    """The node with type and numbers; what the description leaves out is as on the host."""
    kind = node.type.replace("u", "c")
    if kind == "p" or (kind and node.major is not None):
        return msgspec.structs.replace(node, type=kind)
    path = node.host_path or node.path
    try:
        status = Path(path).stat()
    except OSError as error:
        raise EngineError(f'{_FAILED}: failed to stat CDI host device "{path}": {error.strerror}') from None
    there = next((kind for kind, test in _TESTS if test(status.st_mode)), "")
    if not there or kind not in ("", there):
        raise EngineError(f'{_FAILED}: CDI host device "{path}" is not a device node{kind and " of type " + kind}')
    number = status.st_rdev
    return msgspec.structs.replace(node, type=there, major=os.major(number), minor=os.minor(number))
