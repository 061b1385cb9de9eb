"""From the record of a macvlan or ipvlan network to what the network room is told. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from wharf.engine.networks import options, placing
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError, InvalidArgument
from wharf.linux.links import IPVLAN_FLAGS, IPVLAN_MODES, MACVLAN_MODES
from wharf.network.dhcp import exchange
from wharf.network.settings import ParentSettings

PARENT: Final = "parent"
MODE: Final = {"macvlan": "macvlan_mode", "ipvlan": "ipvlan_mode"}
FLAG: Final = "ipvlan_flag"
#: Of the IPAM driver dhcp: seconds for a server to answer before a start fails.
TIMEOUT: Final = "timeout"
_LONGEST_TIMEOUT: Final = 300
_MODES: Final = {"macvlan": MACVLAN_MODES, "ipvlan": IPVLAN_MODES}
_DEFAULT_MODE: Final = {"macvlan": "bridge", "ipvlan": "l2"}


def check(record: NetworkRecord) -> None:
    """Raises EngineError (dockerd's choice), InvalidArgument."""
    settings(record)
    options.device_name(record.options.get(PARENT, ""), PARENT)
    options.interface_prefix(record.options)


def check_lending(record: NetworkRecord) -> None:
    """A network whose addresses a server on the wire lends. Raises InvalidArgument."""
    own = settings(record) if record.kind in MODE else None
    if own is None or (own.driver == "ipvlan" and own.mode != "l2"):
        raise InvalidArgument("the IPAM driver dhcp is for networks of the driver macvlan, or ipvlan in mode l2")
    if own.own_parent:
        raise InvalidArgument("the IPAM driver dhcp needs a parent (-o parent=eth0): its wire is where servers are")
    if not record.enable_ipv4:
        raise InvalidArgument("the IPAM driver dhcp lends IPv4 addresses: they cannot be switched off")
    if record.ipam.config:
        raise InvalidArgument("the IPAM driver dhcp takes no subnets: the server on the wire decides on addresses")
    if unknown := sorted((record.ipam.options or {}).keys() - {TIMEOUT}):
        raise InvalidArgument(f"unknown option of the IPAM driver dhcp: {unknown[0]}")


def _patience(record: NetworkRecord) -> float:
    text = (record.ipam.options or {}).get(TIMEOUT, "")
    if not text:
        return exchange.PATIENCE
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 0 < int(text) <= _LONGEST_TIMEOUT:
        raise InvalidArgument(
            f"invalid {TIMEOUT} of the IPAM driver dhcp: {text!r}: expected 1 to {_LONGEST_TIMEOUT} seconds"
        )
    return int(text)


def settings(record: NetworkRecord) -> ParentSettings:
    """What the network room is told of a record. Raises EngineError."""
    driver = "macvlan" if record.kind == "macvlan" else "ipvlan"
    mode = record.options.get(MODE[driver]) or _DEFAULT_MODE[driver]
    flag = record.options.get(FLAG) or "bridge"
    if mode not in _MODES[driver]:
        default = f"'{_DEFAULT_MODE[driver]}' mode is the {driver} driver default"
        raise EngineError(f"requested {driver} mode '{mode}' is not valid, {default}")
    if driver == "ipvlan" and flag not in IPVLAN_FLAGS:
        raise EngineError(f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default")
    parent = record.options.get(PARENT, "")
    return ParentSettings(
        "macvlan" if driver == "macvlan" else "ipvlan",
        parent or _own_parent(record),
        mode,
        flag,
        subnets=placing.used_subnets(record),
        mtu=options.mtu(record.options),
        # Without a device of the host there is no way anywhere, whatever was asked for.
        internal=record.internal or not parent,
        own_parent=not parent,
        advertised=record.lends and record.enable_ipv6,
        lease_patience=_patience(record) if record.lends else 0,
    )


def _own_parent(record: NetworkRecord) -> str:
    """dockerd's names for a device that the network has for itself."""
    return f"{'dm' if record.kind == 'macvlan' else 'di'}-{record.id[:12]}"


def check_neighbours(record: NetworkRecord, others: Iterable[NetworkRecord]) -> None:
    """What networks on one device cannot share. Raises EngineError.

    A device is for one ipvlan network, because all on it have one mode, and for one macvlan network in mode passthru.
    """
    own = settings(record)
    for other in others:
        if other.kind != record.kind or settings(other).parent != own.parent:
            continue
        if record.kind == "ipvlan":
            raise EngineError(f"network {_own_parent(other)} is already using parent interface {own.parent}")
        if settings(other).mode == "passthru":
            raise EngineError(
                f"macvlan network {other.id} is already using parent interface {own.parent} in mode passthru"
            )
        if own.mode == "passthru":
            raise EngineError(
                f"cannot use mode passthru, macvlan network {other.id} is already using parent interface {own.parent}"
            )
