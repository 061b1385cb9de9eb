"""A lease: what a server has lent to a client, and when it has to be asked again. Pure; times are seconds."""

import re
import struct
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from wharf.network.dhcp import message as dhcp
from wharf.network.dhcp.message import Message

FOREVER: Final = 0xFFFFFFFF
#: A server that wants to be asked more often than this is not listened to.
SHORTEST: Final = 10
#: Between two attempts in one phase, if there is as much left of it (RFC 2131, 4.4.5).
_PAUSE: Final = 60
#: Most servers of names: resolvers ask no more (resolv.conf(5)).
_MOST_NAME_SERVERS: Final = 3
_LABEL: Final = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_LONGEST_DOMAIN: Final = 253


class Phase(Enum):
    BOUND = auto()
    RENEWING = auto()  # its server is asked
    REBINDING = auto()  # everybody is asked
    EXPIRED = auto()


@dataclass(frozen=True, slots=True)
class Lease:
    """Kept in the container's record. Addresses are text."""

    address: str
    prefix_length: int
    router: str  # "" for none
    server: str
    server_mac: str  # where its answer came from: the server, or the relay that knows the way
    began: float  # since the boot, when it was asked for: no container outlives that
    lasts: int
    renews: int  # after `began`
    rebinds: int
    name_servers: list[str] = field(default_factory=list)
    domain: str = ""
    host_name: str = ""  # that the client gave
    only: bool = False  # the user asked for this address: no other will do

    def phase(self, now: float) -> Phase:
        age = now - self.began
        if age < 0:
            return Phase.EXPIRED  # asked for by another clock (an older wharfd's): nobody knows
        if self.lasts == FOREVER or age < self.renews:
            return Phase.BOUND
        if age < self.rebinds:
            return Phase.RENEWING
        return Phase.REBINDING if age < self.lasts else Phase.EXPIRED

    def wait(self, now: float) -> float | None:
        """How long until it is asked for again, after an attempt in this phase; None for ever."""
        if self.lasts == FOREVER:
            return None
        age = now - self.began
        if age < self.renews:
            return self.renews - age
        left = max((self.rebinds if age < self.rebinds else self.lasts) - age, 0)
        return min(left, max(_PAUSE, left / 2))

    def left(self, now: float) -> int:
        """Whole seconds that it still has, at least 1; FOREVER."""
        return FOREVER if self.lasts == FOREVER else max(int(self.began + self.lasts - now), 1)


def granted(ack: Message, server_mac: bytes, began: float) -> Lease:
    """The lease that a server has confirmed. Raises ValueError for one that no client can have."""
    interface = _interface(ack)
    lasts = seconds(ack, dhcp.LEASE_TIME)
    server = address(ack, dhcp.SERVER_ID)
    if lasts is None or server is None:
        raise ValueError("a lease without an end, or without a server")
    if lasts < SHORTEST:
        raise ValueError(f"a lease of {lasts} s: less than {SHORTEST} s are of no use")
    renews, rebinds = _times(ack, lasts)
    router = address(ack, dhcp.ROUTER)
    known = router is not None and router in interface.network and router != interface.ip
    return Lease(
        address=str(interface.ip),
        prefix_length=interface.network.prefixlen,
        router=str(router) if known else "",
        server=str(server),
        server_mac=server_mac.hex(":"),
        began=began,
        lasts=lasts,
        renews=renews,
        rebinds=rebinds,
        name_servers=[str(one) for one in addresses(ack, dhcp.NAME_SERVERS) if _is_somebody(one)][:_MOST_NAME_SERVERS],
        domain=_domain(ack),
    )


def addresses(message: Message, option: int) -> list[IPv4Address]:
    """What does not fill an address is left out."""
    value = message.options.get(option, b"")
    return [IPv4Address(value[at : at + 4]) for at in range(0, len(value) - 3, 4)]


def address(message: Message, option: int) -> IPv4Address | None:
    """The first one."""
    return next(iter(addresses(message, option)), None)


def seconds(message: Message, option: int) -> int | None:
    value = message.options.get(option, b"")
    return int(struct.unpack("!I", value)[0]) if len(value) == 4 else None


def _interface(ack: Message) -> IPv4Interface:
    mask = address(ack, dhcp.SUBNET_MASK)
    if mask is None:
        raise ValueError("an address without a subnet mask")
    found = IPv4Interface(f"{ack.given}/{mask}")  # raises ValueError for a mask that is none
    if str(found.netmask) != str(mask) or found.network.prefixlen == 0:
        raise ValueError(f"not a subnet mask: {mask}")
    if not _is_somebody(found.ip) or (found.network.prefixlen < 31 and found.ip in _edges(found)):
        raise ValueError(f"not an address of a machine: {found}")
    return found


def _edges(interface: IPv4Interface) -> tuple[IPv4Address, IPv4Address]:
    return interface.network.network_address, interface.network.broadcast_address


def _is_somebody(one: IPv4Address) -> bool:
    """Whether it can be a machine's on a wire."""
    return not (one.is_loopback or one.is_multicast or one.is_reserved or one.is_unspecified or one.packed[0] == 0)


def _times(ack: Message, lasts: int) -> tuple[int, int]:
    """When to renew and when to ask everybody: as told, if that makes sense, else RFC 2131's shares (4.4.5)."""
    usual = lasts // 2, lasts * 7 // 8
    renews = seconds(ack, dhcp.RENEWAL_TIME) or usual[0]
    rebinds = seconds(ack, dhcp.REBINDING_TIME) or usual[1]
    return (renews, rebinds) if SHORTEST // 5 <= renews < rebinds < lasts else usual


def _domain(ack: Message) -> str:
    """It goes to a file with a syntax of its own."""
    text = ack.options.get(dhcp.DOMAIN_NAME, b"").rstrip(b"\0.").decode("ascii", errors="replace")
    return text if len(text) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(text) else ""
