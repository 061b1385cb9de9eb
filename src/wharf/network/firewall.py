"""The firewall rules of one bridge: a table of its own, where a published port is one element of a map.

Nothing outside the table is read or changed. Other tables may still drop what this one accepts.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network

from wharf.errors import EngineError
from wharf.linux.nftables import NftError, Nftables
from wharf.network.contract import Endpoint


def table_name(bridge: str) -> str:
    """The table of a bridge; no two names of interfaces give the same one."""
    return "wharf_" + re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):x}_", bridge)


def ruleset(bridge: str, subnet: IPv4Network, *, masquerade: bool, inter_container: bool) -> str:
    """The whole table, empty of published ports; it replaces one of that name."""
    table = table_name(bridge)
    between = "accept" if inter_container else "drop"
    outgoing = f'oifname != "{bridge}" ip saddr {subnet} masquerade' if masquerade else ""
    return f"""
add table ip {table}
delete table ip {table}
table ip {table} {{
    map tcp_any {{ type inet_service : ipv4_addr . inet_service; }}
    map udp_any {{ type inet_service : ipv4_addr . inet_service; }}
    map tcp_at {{ type ipv4_addr . inet_service : ipv4_addr . inet_service; }}
    map udp_at {{ type ipv4_addr . inet_service : ipv4_addr . inet_service; }}
    chain publish {{
        dnat ip addr . port to ip daddr . tcp dport map @tcp_at
        dnat ip addr . port to tcp dport map @tcp_any
        dnat ip addr . port to ip daddr . udp dport map @udp_at
        dnat ip addr . port to udp dport map @udp_any
    }}
    chain prerouting {{
        type nat hook prerouting priority -100; policy accept;
        fib daddr type local jump publish
    }}
    chain output {{
        type nat hook output priority -100; policy accept;
        fib daddr type local jump publish
    }}
    chain postrouting {{
        type nat hook postrouting priority 100; policy accept;
        # Local processes on loopback, and containers that reach a port of this bridge by the host's address:
        # the answers must come back through here.
        oifname "{bridge}" ct status dnat ip saddr {{ 127.0.0.0/8, {subnet} }} masquerade
        {outgoing}
    }}
    chain raw {{
        type filter hook prerouting priority -300; policy accept;
        # route_localnet lets the host's loopback reach containers; this keeps containers from reaching loopback.
        iifname "{bridge}" ip daddr 127.0.0.0/8 drop
        iifname "{bridge}" ip saddr != {{ {subnet}, 0.0.0.0 }} drop
    }}
    chain forward {{
        type filter hook forward priority 0; policy accept;
        oifname "{bridge}" ct state established,related accept
        iifname "{bridge}" oifname "{bridge}" ct status != dnat {between}
        oifname "{bridge}" ct status dnat accept
        # What is not published is not reached from outside, not even by hosts that route to the subnet.
        oifname "{bridge}" drop
    }}
}}
"""


def elements(table: str, endpoint: Endpoint, verb: str) -> list[str]:
    """The commands that add or delete an endpoint's published ports."""
    commands = []
    for port in endpoint.ports:
        if ":" in port.host_ip:
            continue  # its listener forwards
        everywhere = port.host_ip == "0.0.0.0"
        name = f"{port.protocol}_{'any' if everywhere else 'at'}"
        key = str(port.host_port) if everywhere else f"{port.host_ip} . {port.host_port}"
        value = f" : {endpoint.address} . {port.container_port}" if verb == "add" else ""
        commands.append(f"{verb} element ip {table} {name} {{ {key}{value} }}")
    return commands


class Firewall:
    """The table of one bridge, kept in step with its endpoints."""

    def __init__(self, bridge: str, subnet: IPv4Network, *, masquerade: bool, inter_container: bool) -> None:
        self._table = table_name(bridge)
        self._rules = ruleset(bridge, subnet, masquerade=masquerade, inter_container=inter_container)
        self._nft: Nftables | None = None
        self._open_endpoints: set[str] = set()

    def open(self, endpoints: Iterable[Endpoint] = ()) -> None:
        """Makes the table with the ports of `endpoints`, in one transaction. Raises EngineError where it cannot."""
        wanted = list(endpoints)
        commands = [command for endpoint in wanted for command in elements(self._table, endpoint, "add")]
        self._run("\n".join([self._rules, *commands]))
        self._open_endpoints = {endpoint.id for endpoint in wanted}

    def publish(self, endpoint: Endpoint) -> None:
        """Opens the endpoint's ports, all or none."""
        if commands := elements(self._table, endpoint, "add"):
            self._run("\n".join(commands))
            self._open_endpoints.add(endpoint.id)

    def withdraw(self, endpoint: Endpoint) -> None:
        """Closes them; fine when they are not open."""
        if endpoint.id in self._open_endpoints:
            self._open_endpoints.discard(endpoint.id)
            if commands := elements(self._table, endpoint, "delete"):
                self._run("\n".join(commands))

    def _run(self, commands: str) -> None:
        try:
            if self._nft is None:
                self._nft = Nftables()
            self._nft.run(commands)
        except NftError as error:
            raise EngineError(f"firewall: {error}") from None

    def close(self) -> None:
        """Leaves the rules where they are: containers go on without us."""
        if self._nft is not None:
            self._nft.close()
            self._nft = None
