"""The devices that macvlan and ipvlan networks are made on: found, made where they are ours to make, and removed."""

import re
from typing import Final

from wharf.errors import EngineError
from wharf.linux import links
from wharf.linux.netlink import Link, RouteSocket
from wharf.network.device import ALIAS

_LAST_TAG: Final = 4094
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_VLAN: Final = re.compile(r"([^.]+)\.(.*)")


def parse_vlan(name: str) -> tuple[str, int]:
    """Device and tag of `eth0.10`. Raises EngineError, in dockerd's words."""
    match = _VLAN.fullmatch(name)
    if match is None:
        raise EngineError(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    device, tag = match.groups()
    if not _NUMBER.fullmatch(tag):
        raise EngineError(f"unable to parse a valid vlan id from: {tag} (ex. eth0.10 for vlan 10)")
    if not 0 < int(tag) <= _LAST_TAG:
        raise EngineError(f"vlan id must be between 1-{_LAST_TAG}, received: {tag}")
    return device, int(tag)


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
    if not link.up:
        routes.request(links.set_up(link.index))
    return link


def _make_vlan(routes: RouteSocket, name: str) -> None:
    device, tag = parse_vlan(name)
    parent = routes.link(device)
    if parent is None:
        raise EngineError(f"-o parent interface was not found on the host: {device}")
    try:
        routes.request(links.new_vlan(name, parent.index, tag))
    except OSError as error:
        raise EngineError(f"failed to create {name} vlan link: {(error.strerror or '').lower()}") from None
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


def remove(routes: RouteSocket, name: str) -> None:
    """Deletes it if we made it. Raises OSError."""
    link = routes.link(name)
    if link is not None and link.alias == ALIAS and link.kind in ("vlan", "dummy", "veth"):
        routes.request(links.delete_link(link.index))
