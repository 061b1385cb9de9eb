"""The host as a router: what is switched on for containers must not let strangers through.

A host that did not forward packets before us goes on forwarding none but those of our bridges. The table is shared by
all engines on the host, its set says whose bridges there are; it goes with the last of them, and forwarding with it.
Each version of IP has its own. A daemon that is told to leave forwarding alone still has its bridges pass the guard of
another one.
"""

from pathlib import Path
from typing import Final

from wharf.linux import sysctl
from wharf.linux.nftables import Nftables, NftablesError
from wharf.network.families import IPV4, PREFIX, Family
from wharf.network.settings import Forwarding

TABLE: Final = f"{PREFIX}forwarding"
_SETTING_V4: Final = "net/ipv4/ip_forward"
_SETTING_V6: Final = "net/ipv6/conf/all/forwarding"


def _setting(family: Family) -> str:
    return _SETTING_V4 if family is IPV4 else _SETTING_V6


def _table(family: Family) -> str:
    return f"{family.keyword} {TABLE}"


def guard(bridge: str, family: Family) -> str:
    """Commands that let the packets of one more bridge through, and those of nobody else. Pure."""
    table = _table(family)
    return f"""
add table {table}
add set {table} bridges {{ type ifname; }}
add chain {table} forward {{ type filter hook forward priority 0; policy drop; }}
flush chain {table} forward
add rule {table} forward iifname @bridges accept
add rule {table} forward oifname @bridges accept
add element {table} bridges {{ "{bridge}" }}
"""


def begin(nftables: Nftables | None, bridge: str, family: Family, how: Forwarding) -> bool:
    """Lets the host route for a bridge, where that is ours to decide. Returns whether strangers are kept out.

    That takes a firewall. Raises OSError, NftablesError.
    """
    begins = how is Forwarding.GUARDED and sysctl.read(_setting(family)) == "0"
    guarded = nftables is not None and (begins or is_guarded(nftables, family))
    if nftables is not None and guarded:
        # The guard first: there is no moment without it.
        keep(nftables, bridge, family)
    if how is not Forwarding.LEFT_ALONE:
        if family is not IPV4:
            _keep_advertised_routes()
        sysctl.ensure(_setting(family), "1")
    return guarded


def keep(nftables: Nftables, bridge: str, family: Family) -> None:
    """Sees to it that the guard is there and lets a bridge pass. Raises NftablesError."""
    listed = nftables.listing(f"table {_table(family)}")
    whole = "policy drop;" in listed and listed.count("name @bridges accept\n") == 2
    if not whole or f'"{bridge}"' not in listed:
        nftables.run(guard(bridge, family))


def _keep_advertised_routes() -> None:
    """A router ignores the advertisements of others, unless it is told to take them all the same (accept_ra 2).

    Without that, the host would lose the way out that it learnt by one. Raises OSError.
    """
    if sysctl.read(_SETTING_V6) == "1":
        return
    for entry in Path("/proc/sys/net/ipv6/conf").iterdir():
        if entry.name not in ("all", "default", "lo") and sysctl.read(f"net/ipv6/conf/{entry.name}/accept_ra") == "1":
            sysctl.ensure(f"net/ipv6/conf/{entry.name}/accept_ra", "2")


def end(nftables: Nftables, bridge: str, family: Family) -> None:
    """The bridge is gone. After the last one the host is as it was. Raises OSError, NftablesError."""
    if not is_guarded(nftables, family):
        return
    try:
        nftables.run(f'delete element {_table(family)} bridges {{ "{bridge}" }}\n')
    except NftablesError:
        pass  # it was opened before somebody else's bridge made the host a router
    if "elements" not in nftables.run(f"list set {_table(family)} bridges"):
        sysctl.ensure(_setting(family), "0")
        nftables.run(f"delete table {_table(family)}\n")


def is_guarded(nftables: Nftables, family: Family) -> bool:
    """Whether it was one of us who made the host forward packets."""
    return nftables.has(_table(family))
