"""What the host passes on to a bridge, and from an internal one: the rules of the bridge, found by its name.

Every packet of the host goes through every base chain (40 ns for each), so there is one for all bridges: a map leads
from it to the chain of the one bridge that it concerns. The table is shared by all engines on the host, and goes with
the last bridge. Each version of IP has its own.
"""

from collections.abc import Iterable
from typing import Final

from wharf.linux.nftables import Nftables
from wharf.network.families import PREFIX, Family, table_name

TABLE: Final = f"{PREFIX}passing"
#: The maps from names of devices to what is done with packets to them, and with those from them.
_TO, _FROM = "to", "from"


def _table(family: Family) -> str:
    return f"{family.keyword} {TABLE}"


def opened(bridge: str) -> str:
    """The set of what else is reached on a bridge, in the table of all."""
    return table_name(bridge)


def _maps(*, internal: bool) -> tuple[str, ...]:
    return (_TO, _FROM) if internal else (_TO,)


def _all_there(family: Family, bridge: str) -> str:
    """Commands that make what is not there yet: the table, and a chain and a set for the bridge."""
    table, own = _table(family), table_name(bridge)
    return f"""
add table {table}
add map {table} {_TO} {{ type ifname : verdict; }}
add map {table} {_FROM} {{ type ifname : verdict; }}
add chain {table} forward {{ type filter hook forward priority filter; policy accept; }}
flush chain {table} forward
add rule {table} forward iifname vmap @{_FROM}
add rule {table} forward oifname vmap @{_TO}
add chain {table} {own}
add set {table} {opened(bridge)} {{ type inet_proto . {family.address} . inet_service; }}
"""


def put(family: Family, bridge: str, rules: Iterable[str], *, internal: bool) -> str:
    """Commands that give a bridge these rules, instead of those that it may have, with nothing opened. Pure."""
    table, own = _table(family), table_name(bridge)
    led = "".join(f'add element {table} {name} {{ "{bridge}" : jump {own} }}\n' for name in _maps(internal=internal))
    added = "".join(f"add rule {table} {own} {rule}\n" for rule in rules)
    return f"{_all_there(family, bridge)}flush chain {table} {own}\nflush set {table} {opened(bridge)}\n{added}{led}"


def drop(family: Family, bridge: str) -> str:
    """Commands that take the rules of a bridge away, whether it has any or not. Pure."""
    table, own = _table(family), table_name(bridge)
    led = "".join(
        f'add element {table} {name} {{ "{bridge}" : jump {own} }}\ndelete element {table} {name} {{ "{bridge}" }}\n'
        for name in (_TO, _FROM)
    )
    gone = f"flush chain {table} {own}\ndelete chain {table} {own}\ndelete set {table} {opened(bridge)}\n"
    return f"{_all_there(family, bridge)}{led}{gone}"


def listed(nftables: Nftables, family: Family, bridge: str, *, internal: bool) -> str:
    """What put() has made of a bridge, as the kernel has it; "" where nothing leads there. Raises NftablesError."""
    table, own = _table(family), table_name(bridge)
    maps = (nftables.run(f"list map {table} {name}") for name in _maps(internal=internal))
    if not all(f'"{bridge}" : jump {own}' in one for one in maps):
        return ""
    return "".join(nftables.run(f"list chain {table} {chain}") for chain in ("forward", own))


def end(nftables: Nftables, family: Family) -> None:
    """A bridge has gone. After the last one of this host so has the table. Raises NftablesError."""
    if "elements" not in nftables.run(f"list map {_table(family)} {_TO}"):
        nftables.run(f"delete table {_table(family)}\n")
