"""Whom containers may be on the host's other networks: themselves.

A container that may make packets by hand (NET_RAW, which Docker gives all) can write any sender on them. What the host
is to pass on, or to take itself, needs a sender that the host reaches by a bridge of ours: a container's, or what the
user has led to one by a route. So nobody outside gets packets with invented senders, no container answers in the name
of the world, and there are no packets to a port that is published in a stranger's name.

The table is shared by all engines on the host, its set says whose bridges there are; it goes with the last of them.
Each version of IP has its own. A packet that stays on its bridge is not the host's to look at, nor is it here where
br_netfilter shows it to the rules.

To ask the host's routes for each packet is dear, above all for IPv6. So the addresses that containers may get from us
are in a set that is asked first.
"""

from contextlib import suppress
from typing import Final

from wharf.linux.nftables import Nftables, NftablesError
from wharf.network.families import PREFIX, Family
from wharf.network.firewall import unspoofed
from wharf.network.subnets import Subnet

TABLE: Final = f"{PREFIX}sources"
#: Senders that have no address yet, or one that only neighbours know.
_LOCAL: Final = {4: "0.0.0.0, 169.254.0.0/16", 6: "::, fe80::/10"}


def _table(family: Family) -> str:
    return f"{family.keyword} {TABLE}"


def guard(bridge: str, family: Family) -> str:
    """Commands that watch over the containers of one more bridge. Pure."""
    table, ip = _table(family), family.keyword
    loopback = "\n".join(f"add rule {table} arriving {rule}" for rule in unspoofed(family))
    return f"""
add table {table}
add set {table} bridges {{ type iface_index; }}
add set {table} containers {{ type {family.address}; flags interval; }}
add chain {table} sent
add chain {table} arriving {{ type filter hook prerouting priority raw; policy accept; }}
flush chain {table} sent
flush chain {table} arriving
{loopback}
add rule {table} arriving iif @bridges {ip} saddr != @containers jump sent
add rule {table} sent fib saddr oif @bridges return
add rule {table} sent {ip} saddr {{ {_LOCAL[family.version]} }} return
add rule {table} sent fib daddr . iif oif exists return
add rule {table} sent drop
add element {table} bridges {{ "{bridge}" }}
"""


def addresses(subnet: Subnet) -> list[str]:
    """Ranges of what containers may have: neither the host's own address, nor the edges. Pure."""
    first, own, last = subnet.network[0], subnet.interface.ip, subnet.network[-1]
    gaps = [(low + 1, high - 1) for low, high in ((first, own), (own, last)) if int(high) - int(low) > 1]
    return [str(low) if low == high else f"{low}-{high}" for low, high in gaps]


def _containers(verb: str, subnet: Subnet, family: Family) -> str:
    ranges = ", ".join(addresses(subnet))
    return f"{verb} element {_table(family)} containers {{ {ranges} }}\n" if ranges else ""


def begin(nftables: Nftables, bridge: str, subnet: Subnet, family: Family) -> None:
    """For a bridge that is there. Puts back what somebody has taken out, and leaves alone what is whole.

    Raises NftablesError.
    """
    listed = nftables.listing(f"table {_table(family)}")
    whole = _is_whole(listed, family)
    if whole and f'"{bridge}"' in listed and all(one in listed for one in addresses(subnet)):
        return
    bridges = f'add element {_table(family)} bridges {{ "{bridge}" }}\n' if whole else guard(bridge, family)
    try:
        nftables.run(bridges + _containers("add", subnet, family))
    except NftablesError:  # it overlaps with another engine's: then the routes are asked
        nftables.run(bridges)


def end(nftables: Nftables, bridge: str, subnet: Subnet, family: Family) -> None:
    """The bridge is about to go. Raises NftablesError."""
    with suppress(NftablesError):  # the bridge has no name any more, or somebody has flushed the set
        nftables.run(f'delete element {_table(family)} bridges {{ "{bridge}" }}\n')
    with suppress(NftablesError):
        nftables.run(_containers("delete", subnet, family))
    bridges = nftables.listing(f"set {_table(family)} bridges")  # nothing where somebody has flushed it all
    # Bridges are shown by name, those that were deleted behind our back by number.
    if bridges and '"' not in bridges:
        nftables.run(f"delete table {_table(family)}\n")


def _is_whole(listed: str, family: Family) -> bool:
    # With spaces and ends of lines, which names of bridges have not.
    drops = 1 + len(unspoofed(family))
    return " jump sent\n" in listed and listed.count(" return\n") == 3 and listed.count("drop\n") == drops
