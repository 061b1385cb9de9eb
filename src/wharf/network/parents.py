"""The devices that macvlan and ipvlan networks are made on: found, made where they are ours to make, and removed."""

import os
import re
from typing import Final

from wharf.errors import EngineError
from wharf.linux import links, netlink
from wharf.linux.netlink import Link, RouteSocket
from wharf.network.device import ALIAS, is_ours

_LAST_TAG: Final = 4094
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}")


class ParentUsers:
    """Which networks of this engine are on which device: one that we made goes with the last of them."""

    def __init__(self) -> None:
        self._networks: dict[str, set[str]] = {}

    def add(self, device: str, network: str) -> None:
        self._networks.setdefault(device, set()).add(network)

    def remove(self, device: str, network: str) -> bool:
        """Whether that was the last one."""
        rest = self._networks.pop(device, set()) - {network}
        if rest:
            self._networks[device] = rest
        return not rest


def parse_vlan(name: str) -> tuple[str, int]:
    """Device and tag of `eth0.10`; the tag may be one that cannot be. Raises EngineError, in dockerd's words."""
    device, *tags = name.split(".")
    if not tags:
        raise EngineError(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    if len(tags) > 1:
        form = "name.vlan_id, ex. eth0.10 for vlan 10"
        raise EngineError(f"required interface name format is: {form}, instead received {name}")
    if not _NUMBER.fullmatch(tags[0]):
        raise EngineError(f"unable to parse a valid vlan id from: {tags[0]} (ex. eth0.10 for vlan 10)")
    return device, int(tags[0])


def ensure(routes: RouteSocket, name: str, driver: str, *, own: bool) -> Link:
    """The device, which is made if it is an 802.1Q part of another (`eth0.10`), or our own.

    Raises EngineError, OSError.
    """
    link = routes.link(name)
    if link is None:
        _make_own(routes, name) if own else _make_vlan(routes, name)
        link = routes.link(name)
    if link is None:
        raise EngineError(f"the parent interface {name} went away while it was made")
    if link.loopback:
        raise EngineError(f"loopback interface is not a valid {driver} parent link")
    if own and link.alias != ALIAS:
        _mark(routes, name)  # a daemon that died meanwhile has made it, and did not come to this
    if not link.up:
        routes.request(links.set_up(link.index))
    return link


def _make_vlan(routes: RouteSocket, name: str) -> None:
    device, tag = parse_vlan(name)
    parent = routes.link(device)
    if parent is None:
        raise EngineError(f"-o parent interface was not found on the host: {device}")
    if not 0 < tag <= _LAST_TAG:
        raise EngineError(f"vlan id must be between 1-{_LAST_TAG}, received: {tag}")
    try:
        routes.request(links.new_vlan(name, parent.index, tag))
    except OSError as error:
        raise EngineError(f"failed to create {name} vlan link: {words_of(error)}") from None
    _mark(routes, name)


def _make_own(routes: RouteSocket, name: str) -> None:
    """A device without anything behind it: containers on it reach one another and nobody else.

    Where the kernel has no such thing, one end of a cable whose other end nobody holds does as well.
    """
    try:
        routes.request(links.new_dummy(name))
    except OSError:
        routes.request(links.new_pair(name, _other_end(name)))
        _mark(routes, _other_end(name))
    _mark(routes, name)


def _other_end(name: str) -> str:
    return f"{name[:-1]}_"


def _mark(routes: RouteSocket, name: str) -> None:
    """Says that it is ours, and brings it up."""
    if (link := routes.link(name)) is not None:
        routes.request(links.set_alias(link.index, ALIAS), links.set_up(link.index))


def words_of(error: OSError) -> str:
    """As dockerd words a fault of the kernel."""
    return os.strerror(error.errno or 0).lower()


def remove(routes: RouteSocket, name: str) -> None:
    """Deletes it if we made it. Raises OSError."""
    link = routes.link(name)
    if link is not None and is_ours(link) and link.kind in ("vlan", "dummy", "veth"):
        routes.request(netlink.delete_link(link.index))
