"""From the record of a macvlan or ipvlan network to what the network room is told. Pure."""

from collections.abc import Iterable
from typing import Final

from wharf.engine.networks import options, placing
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError
from wharf.linux.links import IPVLAN_FLAGS, IPVLAN_MODES, MACVLAN_MODES
from wharf.network.settings import ParentSettings

PARENT: Final = "parent"
MODE: Final = {"macvlan": "macvlan_mode", "ipvlan": "ipvlan_mode"}
FLAG: Final = "ipvlan_flag"
_MODES: Final = {"macvlan": MACVLAN_MODES, "ipvlan": IPVLAN_MODES}
_DEFAULT_MODE: Final = {"macvlan": "bridge", "ipvlan": "l2"}


def check(record: NetworkRecord) -> None:
    """Raises EngineError (dockerd's choice), InvalidArgument."""
    settings(record)
    options.device_name(record.options.get(PARENT, ""), PARENT)
    options.interface_prefix(record.options)


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
