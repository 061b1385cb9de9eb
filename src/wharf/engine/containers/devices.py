"""Devices of the host that a container is given by path, and rules for those that it may use."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from wharf.apitypes.containers import DeviceMapping, HostConfig
from wharf.errors import EngineError, InvalidArgument
from wharf.runtime.bundle import Device, DeviceRule
from wharf.runtime.host import device_at, devices

_ACCESS: Final = "rwm"
_RULE: Final = re.compile(r"([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})", re.ASCII)
_LARGEST_NUMBER: Final = 2**32 - 1


def check(host: HostConfig) -> None:
    """Raises InvalidArgument for devices that cannot be asked for. Whether they are there shows at the start."""
    for mapping in host.devices:
        for path in (mapping.path_on_host, mapping.path_in_container or mapping.path_on_host):
            if not path.startswith("/"):
                raise InvalidArgument(f"{path} is not an absolute path")
        if not set(mapping.cgroup_permissions) <= set(_ACCESS):
            raise InvalidArgument(f"bad mode specified: {mapping.cgroup_permissions}")
    for text in host.device_cgroup_rules:
        parse_rule(text)


def parse_rule(text: str) -> DeviceRule:
    """`c 1:3 rwm`, with `*` for any number. Raises InvalidArgument."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid device cgroup rule format: '{text}'")
    kind, major, minor, access = match.groups()
    return DeviceRule(True, kind, _number("major", major, text), _number("minor", minor, text), access)


def _number(which: str, digits: str, text: str) -> int | None:
    if digits == "*":
        return None
    if int(digits) > _LARGEST_NUMBER:
        raise InvalidArgument(f"invalid {which} value in device cgroup rule format: '{text}'")
    return int(digits)


async def found(mappings: Iterable[DeviceMapping]) -> dict[str, tuple[Device, ...]]:
    """The nodes at each path on the host: one, or all below a directory. Raises EngineError where there is none."""
    return {mapping.path_on_host: await _nodes(mapping.path_on_host) for mapping in mappings}


async def _nodes(path: str) -> tuple[Device, ...]:
    if (device := device_at(path)) is not None:
        return (device,)
    # It may be any directory, however large.
    below = await asyncio.to_thread(devices, path) if Path(path).is_dir() else ()
    if not below:
        reason = "not a device node" if Path(path).exists() else "no such file or directory"
        raise EngineError(f'error gathering device information while adding custom device "{path}": {reason}')
    return below


def given(host: HostConfig, nodes: Mapping[str, tuple[Device, ...]]) -> Iterator[tuple[Device, DeviceRule]]:
    """The container's nodes, and what it may do with each. `nodes` are those that were found on the host."""
    for mapping in host.devices:
        inside = mapping.path_in_container or mapping.path_on_host
        for device in nodes.get(mapping.path_on_host, ()):
            rule = DeviceRule(True, device.type, device.major, device.minor, mapping.cgroup_permissions or _ACCESS)
            path = inside + device.path.removeprefix(mapping.path_on_host)
            yield replace(device, path=path, source=device.path), rule
