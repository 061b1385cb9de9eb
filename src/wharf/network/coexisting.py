"""Beside others' firewalls: a chain for the user's own rules, and a forward policy that drops all it does not know.

An accept in our table does not overrule a drop elsewhere. Where iptables' FORWARD chain drops by policy (as dockerd and
ufw set it), two rules at its very end let the packets of a bridge through, as dockerd's own do for its bridges: rules
that the user has there are asked before them, and our table still decides. They are taken out with the bridge.
"""

import re
from typing import Final

from wharf.linux.nftables import Nftables
from wharf.network.families import PREFIX

#: What iptables (the one over nftables) calls its own.
FILTERS: Final = ("ip filter", "ip6 filter")
_CHAIN: Final = "FORWARD"
COMMENT: Final = "wharf"
_OURS: Final = re.compile(rf'[io]ifname "([^"]+)".* accept comment "{COMMENT}" # handle (\d+)')

#: firewalld's table, and the zone that our bridges have there (see `zones`).
FIREWALLD: Final = "inet firewalld"
ZONE: Final = "wharf"

#: For the rules of users. Made when it is not there; afterwards nobody but they changes it.
USER_TABLE: Final = f"inet {PREFIX}user"
_USERS: Final = f"""
add table {USER_TABLE}
add chain {USER_TABLE} forward {{ type filter hook forward priority filter - 10; policy accept; }}
"""


def make_user_table(nftables: Nftables) -> None:
    """Raises NftablesError."""
    if not nftables.has(USER_TABLE):
        nftables.run(_USERS)


def begin(nftables: Nftables, bridge: str) -> None:
    """Lets the packets of a bridge pass a policy of drop. Does nothing where there is none. Raises NftablesError."""
    for table in FILTERS:
        chain = nftables.listing(f"table {table}", handles=True)
        if drops_by_policy(chain) and not handles_of(chain, bridge):
            nftables.run(passing(table, bridge))


def end(nftables: Nftables, bridge: str) -> None:
    """Takes the rules of begin() out again. Raises NftablesError."""
    for table in FILTERS:
        if found := handles_of(nftables.listing(f"table {table}", handles=True), bridge):
            nftables.run("".join(f"delete rule {table} {_CHAIN} handle {handle}\n" for handle in found))


def passing(table: str, bridge: str) -> str:
    """Commands that append the two rules. `iptables -S` shows them, with their comment."""
    return "".join(
        f'add rule {table} {_CHAIN} {side} "{bridge}" counter accept comment "{COMMENT}"\n'
        for side in ("iifname", "oifname")
    )


def drops_by_policy(table: str) -> bool:
    """Whether the listing of a table has a FORWARD chain that drops what no rule knows."""
    return re.search(rf"chain {_CHAIN} {{[^\n]*\n\s*type filter hook forward [^\n]* policy drop;", table) is not None


def handles_of(table: str, bridge: str) -> list[int]:
    """Of our rules for a bridge, in the listing of a table."""
    return [int(handle) for name, handle in _OURS.findall(table) if name == bridge]
