"""What devices by name add to a container's run. Pure."""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from wharf.runtime.bundle import BundleSpec, Device, DeviceRule, Hook, Mount
from wharf.spec import cdi
from wharf.spec.cdi import ContainerEdits, DeviceNode

_BINDS: Final = frozenset({"bind", "rbind"})
#: As dockerd: whom a device is for is decided by who gets it, not by who owns it on the host.
_MODE: Final = 0o666


def injected(spec: BundleSpec, edits: Iterable[ContainerEdits]) -> BundleSpec:
    """The run with these edits: a later one wins over an earlier, and over what the run had.

    Device nodes have their type and numbers already.
    """
    for one in edits:
        spec = replace(
            spec,
            env=tuple({text.partition("=")[0]: text for text in (*spec.env, *one.env)}.values()),
            devices=_with_nodes(spec.devices, one.device_nodes),
            device_rules=(*spec.device_rules, *_rules(one.device_nodes)),
            mounts=_stacked(spec.mounts, list(map(_mount, one.mounts))),
            hooks=(*spec.hooks, *_hooks(one)),
            additional_gids=tuple(dict.fromkeys((*spec.additional_gids, *filter(None, one.additional_gids)))),
            intel_rdt=spec.intel_rdt if one.intel_rdt is None else one.intel_rdt,
        )
    return spec


def _with_nodes(own: tuple[Device, ...], nodes: list[DeviceNode]) -> tuple[Device, ...]:
    added = {node.path: _device(node) for node in nodes}
    return (*(device for device in own if device.path not in added), *added.values())


def _device(node: DeviceNode) -> Device:
    mode = _MODE if node.file_mode is None else stat.S_IMODE(node.file_mode)
    owner = node.uid or 0, node.gid or 0
    source = "" if node.type == "p" else node.host_path or node.path
    return Device(node.path, node.type, node.major or 0, node.minor or 0, mode, *owner, source)


def _rules(nodes: Iterable[DeviceNode]) -> Iterator[DeviceRule]:
    """Named pipes have no numbers, and need no rule."""
    for node in nodes:
        if node.type in ("b", "c"):
            yield DeviceRule(True, node.type, node.major, node.minor, node.permissions or "rwm")


def _mount(one: cdi.Mount) -> Mount:
    options = tuple(one.options)
    if one.type in ("", "bind") and not _BINDS & set(options):
        options = (*options, "bind")
    return Mount(one.container_path, one.type or "bind", one.host_path, options)


def _stacked(own: tuple[Mount, ...], added: list[Mount]) -> tuple[Mount, ...]:
    """A mount replaces one at the same place; parents come first, and the run's order stays otherwise."""
    if not added:
        return own
    places = {mount.destination for mount in added}
    kept = [mount for mount in own if mount.destination not in places]
    return tuple(sorted((*kept, *added), key=lambda mount: mount.destination.rstrip("/").count("/")))


def _hooks(edits: ContainerEdits) -> Iterator[Hook]:
    for hook in edits.hooks:
        yield Hook(hook.hook_name, hook.path, tuple(hook.args), tuple(hook.env), hook.timeout)
