"""The host as a router: what is switched on for containers must not let strangers through.

A host that did not forward packets before us goes on forwarding none but those of our bridges. The table is shared by
all engines on the host, its set says whose bridges there are; it goes with the last of them, and forwarding with it.
"""

from typing import Final

from wharf.linux import sysctl
from wharf.linux.nftables import Nftables, NftablesError

TABLE: Final = "ip wharf_forwarding"
_SETTING: Final = "net/ipv4/ip_forward"


def guard(bridge: str) -> str:
    """Commands that let the packets of one more bridge through, and those of nobody else. Pure."""
    return f"""
add table {TABLE}
add set {TABLE} bridges {{ type ifname; }}
add chain {TABLE} forward {{ type filter hook forward priority 0; policy drop; }}
flush chain {TABLE} forward
add rule {TABLE} forward iifname @bridges accept
add rule {TABLE} forward oifname @bridges accept
add element {TABLE} bridges {{ "{bridge}" }}
"""


def begin(nftables: Nftables | None, bridge: str) -> bool:
    """Lets the host route for a bridge. Returns whether strangers are kept out, which takes a firewall.

    Raises OSError, NftablesError.
    """
    guarded = nftables is not None and (sysctl.read(_SETTING) == "0" or is_guarded(nftables))
    if nftables is not None and guarded:
        # The guard first: there is no moment without it.
        nftables.run(guard(bridge))
    sysctl.ensure(_SETTING, "1")
    return guarded


def end(nftables: Nftables, bridge: str) -> None:
    """The bridge is gone. After the last one the host is as it was. Raises OSError, NftablesError."""
    if not is_guarded(nftables):
        return
    try:
        nftables.run(f'delete element {TABLE} bridges {{ "{bridge}" }}\n')
    except NftablesError:
        pass  # it was opened before somebody else's bridge made the host a router
    if "elements" not in nftables.run(f"list set {TABLE} bridges"):
        sysctl.ensure(_SETTING, "0")
        nftables.run(f"delete table {TABLE}\n")


def is_guarded(nftables: Nftables) -> bool:
    """Whether it was one of us who made the host forward packets."""
    return f"table {TABLE}\n" in nftables.run("list tables ip") + "\n"
