"""The nftables rules of one bridge, for each version of IP, as text: its own table, and its part of `passing`. Pure.

Base chains of other tables see the same packets: an accept here does not overrule a drop elsewhere (such as iptables'
FORWARD policy on a host where dockerd runs), a drop here is final.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wharf.linux import marks
from wharf.network import passing
from wharf.network.families import FAMILY, IPV4, Family, table_name
from wharf.network.settings import BridgeSettings, GatewayMode
from wharf.network.subnets import Network, Subnet


def unspoofed(family: Family) -> tuple[str, ...]:
    """Rules for what comes from elsewhere than the loopback: it is neither from there, nor to there.

    Bridges have route_localnet, for answers to local clients, and published ports are translated before the kernel
    looks: without these, neighbours of the host would reach what is published on its loopback. For IPv6 there are
    none: such packets the kernel drops before it asks anybody, and no translation is for ::1 (see openings).
    """
    if family is not IPV4:
        return ()
    ip, loopback = family.keyword, family.loopback
    return f'{ip} daddr {loopback} iif != "lo" drop', f'{ip} saddr {loopback} iif != "lo" drop'


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What the rules of a bridge say besides the published ports."""

    family: Family
    bridge: str
    subnet: Network
    inter_container: bool = True
    masquerade: bool = True
    internal: bool = False  # nothing passes between this network and any other
    mode: GatewayMode = GatewayMode.NAT
    host_address: str = ""  # what containers look like outside, instead of the address of the way
    trusted: tuple[str, ...] = ()  # devices from which published ports are reached at the container's own address
    returns: bool = False  # there are ports that the host's own rules decide on
    hosted: bool = True  # the host has an address in it

    @classmethod
    def of(cls, settings: BridgeSettings, subnet: Subnet) -> "Ruleset":
        family = FAMILY[subnet.version]
        return cls(
            family,
            settings.name,
            subnet.network,
            inter_container=settings.inter_container,
            masquerade=settings.masquerade,
            internal=settings.internal,
            mode=settings.mode_of(family.version),
            host_address=settings.host_address if family is IPV4 else settings.host_address6,
            trusted=settings.trusted,
            hosted=settings.hosts(subnet),
        )

    @property
    def table(self) -> str:
        return f"{self.family.keyword} {table_name(self.bridge)}"

    def replace(self, elements: Iterable[tuple[str, str]]) -> str:
        """Commands that put the rules there, instead of those that may be there, with these (map, element) pairs."""
        passed = passing.put(self.family, self.bridge, self._passing(), internal=self.internal)
        # "add" first, because deleting what is not there would fail the transaction.
        anew = f"add table {self.table}\ndelete table {self.table}\n{self._definition()}\n"
        return f"{anew}{passed}{self.add(elements)}"

    def remove(self) -> str:
        return f"add table {self.table}\ndelete table {self.table}\n{passing.drop(self.family, self.bridge)}"

    def _place(self, name: str) -> str:
        """The full name of a map, or of the set of what is opened."""
        if name == "opened":
            return f"{self.family.keyword} {passing.TABLE} {passing.opened(self.bridge)}"
        return f"{self.table} {name}"

    def add(self, elements: Iterable[tuple[str, str]]) -> str:
        return "".join(f"add element {self._place(name)} {{ {entry} }}\n" for name, entry in elements)

    def delete(self, elements: Iterable[tuple[str, str]]) -> str:
        return "".join(
            f"delete element {self._place(name)} {{ {entry.partition(' : ')[0]} }}\n" for name, entry in elements
        )

    def _outgoing(self) -> str:
        if not self.masquerade or self.internal or self.mode is GatewayMode.ROUTED:
            return ""
        how = f"snat to {self.host_address}" if self.host_address else "masquerade"
        # What the shim sends in a neighbour's name stays so.
        which = f'{self.family.keyword} saddr {self.subnet} oifname != "{self.bridge}" meta mark != {marks.SENT:#x}'
        return f"{which} {how}"

    def _passing(self) -> Iterator[str]:
        """The rules of what is forwarded; the last ones decide on what nobody asked for."""
        bridge, ip, icmp = f'"{self.bridge}"', self.family.keyword, self.family.icmp
        neighbours = f"iifname {bridge} oifname {bridge} {'accept' if self.inter_container else 'drop'}"
        if self.internal:
            yield from (neighbours, "drop")
            return
        yield "ct state established,related accept"
        yield "ct status dnat accept"
        opened = f"meta l4proto . {ip} daddr . th dport @{passing.opened(self.bridge)} accept"
        if self.mode is GatewayMode.ROUTED:
            yield opened
            yield f"iifname != {bridge} meta l4proto {icmp} accept"
        yield neighbours
        if self.trusted:
            devices = ", ".join(f'"{name}"' for name in self.trusted)
            yield f"iifname {{ {devices} }} {opened}"
        if self.mode is not GatewayMode.NAT_UNPROTECTED:
            # Who routes to a container's address by this host gets no further than its published ports.
            yield "drop"

    def _unspoofed(self) -> str:
        """Where the host has an address, the table of all bridges says it (see sources)."""
        rules = "\n        ".join(unspoofed(self.family))
        if self.hosted or not rules:
            return ""
        return f"""
    chain unspoofed {{
        type filter hook prerouting priority raw; policy accept;
        {rules}
    }}"""

    def _returning(self) -> str:
        """Where the host's own rules decide on a published port, the shim speaks to the container in clients' names.

        What the container answers is taken for the host's (see returning). Every packet of the host passes these
        chains, so they are there only for who has such ports.
        """
        return f"""
    chain sent {{
        type filter hook output priority mangle; policy accept;
        oifname "{self.bridge}" meta mark {marks.SENT:#x} ct mark set {marks.RETURNING:#x}
    }}
    chain returning {{
        # Late: who checks that the way back is the way here, as firewalld does, must not see the mark.
        type filter hook prerouting priority 100; policy accept;
        iifname "{self.bridge}" ct mark {marks.RETURNING:#x} ct direction reply meta mark set {marks.RETURNING:#x}
    }}"""

    def _definition(self) -> str:
        bridge, subnet, ip = f'"{self.bridge}"', self.subnet, self.family.keyword
        address, loopback = self.family.address, self.family.loopback
        # The kernel cannot lead IPv6 from the loopback elsewhere; the shim forwards what comes to ::1.
        local = "" if self.family is IPV4 else f"{ip} daddr != {loopback} "
        return f"""
table {self.table} {{
    map published {{ type inet_proto . inet_service : {address} . inet_service; }}
    map published_at {{ type inet_proto . {address} . inet_service : {address} . inet_service; }}

    chain translate {{
        meta l4proto {{ tcp, udp, sctp }} dnat {ip} to meta l4proto . {ip} daddr . th dport map @published_at
        meta l4proto {{ tcp, udp, sctp }} dnat {ip} to meta l4proto . th dport map @published
    }}
    chain arriving {{
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local jump translate
    }}
    chain local {{
        type nat hook output priority -100; policy accept;
        {local}fib daddr type local jump translate
    }}
    {self._unspoofed()}
    {self._returning() if self.returns else ""}
    chain leaving {{
        type nat hook postrouting priority srcnat; policy accept;
        {self._outgoing()}
        # A container cannot answer the loopback; and one that talks to a neighbour by the host's address must get
        # the answer by the host too.
        oifname {bridge} {ip} saddr {loopback} masquerade
        oifname {bridge} {ip} saddr {subnet} ct status dnat masquerade
    }}
}}
"""
