"""How our tables speak of the two versions of IP, and how they are called. Pure."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Family:
    """How nftables speaks of one version of IP."""

    version: int
    keyword: str  # of tables and expressions
    address: str  # type of an address
    loopback: str
    icmp: str


IPV4: Final = Family(4, "ip", "ipv4_addr", "127.0.0.0/8", "icmp")
IPV6: Final = Family(6, "ip6", "ipv6_addr", "::1/128", "icmpv6")
FAMILY: Final = {4: IPV4, 6: IPV6}


#: All our tables begin so.
PREFIX: Final = "wharf_"
#: How tables of all bridges go on: no bridge's own may.
SHARED: Final = ("forwarding", "passing", "sources", "user")


def table_name(bridge: str) -> str:
    """One table for each bridge: engines side by side never touch one another's."""
    written_out = r"^.|[^a-z0-9]" if bridge in SHARED else r"[^a-z0-9]"
    return PREFIX + re.sub(written_out, lambda match: f"_{ord(match[0]):x}_", bridge)
