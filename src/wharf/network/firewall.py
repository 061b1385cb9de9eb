"""The nftables table of one bridge, as text. Pure.

Base chains of other tables see the same packets: an accept here does not overrule a drop elsewhere (such as iptables'
FORWARD policy on a host where dockerd runs), a drop here is final.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network


def table_name(bridge: str) -> str:
    """One table for each bridge: engines side by side never touch one another's."""
    return "wharf_" + re.sub(r"[^a-z0-9]", lambda match: f"_{ord(match[0]):x}_", bridge)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What the table of a bridge says besides the published ports."""

    bridge: str
    subnet: IPv4Network
    inter_container: bool = True
    masquerade: bool = True
    internal: bool = False  # nothing passes between this network and any other

    @property
    def table(self) -> str:
        return f"ip {table_name(self.bridge)}"

    def replace(self, elements: Iterable[tuple[str, str]]) -> str:
        """Commands that put the table there, instead of one that may be there, with these (map, element) pairs."""
        # "add" first, because deleting what is not there would fail the transaction.
        return f"add table {self.table}\ndelete table {self.table}\n{self._definition()}\n{self.add(elements)}"

    def remove(self) -> str:
        return f"add table {self.table}\ndelete table {self.table}\n"

    def add(self, elements: Iterable[tuple[str, str]]) -> str:
        return "".join(f"add element {self.table} {name} {{ {entry} }}\n" for name, entry in elements)

    def delete(self, elements: Iterable[tuple[str, str]]) -> str:
        return "".join(
            f"delete element {self.table} {name} {{ {entry.partition(' : ')[0]} }}\n" for name, entry in elements
        )

    def _definition(self) -> str:
        bridge, subnet = f'"{self.bridge}"', self.subnet
        neighbours = "accept" if self.inter_container else "drop"
        outgoing = f"ip saddr {subnet} oifname != {bridge} masquerade" if self.masquerade and not self.internal else ""
        passing = (
            f"""
        iifname {bridge} oifname {bridge} {neighbours}
        iifname {bridge} drop"""
            if self.internal
            else f"""
        oifname {bridge} ct state established,related accept
        oifname {bridge} ct status dnat accept
        iifname {bridge} oifname {bridge} {neighbours}"""
        )
        return f"""
table {self.table} {{
    map published {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
    map published_at {{ type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }}

    chain unspoofed {{
        type filter hook prerouting priority raw; policy accept;
        # The bridge has route_localnet, for answers to local clients; nothing else may reach the loopback by it.
        iifname {bridge} ip daddr 127.0.0.0/8 drop
        iifname {bridge} ip saddr 127.0.0.0/8 drop
    }}
    chain translate {{
        meta l4proto {{ tcp, udp }} dnat ip to meta l4proto . ip daddr . th dport map @published_at
        meta l4proto {{ tcp, udp }} dnat ip to meta l4proto . th dport map @published
    }}
    chain arriving {{
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local jump translate
    }}
    chain local {{
        type nat hook output priority -100; policy accept;
        fib daddr type local jump translate
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat; policy accept;
        {outgoing}
        # A container cannot answer the loopback; and one that talks to a neighbour by the host's address must get
        # the answer by the host too.
        oifname {bridge} ip saddr 127.0.0.0/8 masquerade
        oifname {bridge} ip saddr {subnet} ct status dnat masquerade
    }}
    chain passing {{
        type filter hook forward priority filter; policy accept;{passing}
        # Who routes to a container's address by this host gets no further than its published ports.
        oifname {bridge} drop
    }}
}}
"""
