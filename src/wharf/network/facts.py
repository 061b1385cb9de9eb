"""What is known when somebody asks whether a packet would pass. Pure values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wharf.network.contract import PortRequest, PublishedPort
from wharf.network.rules import Table
from wharf.network.settings import GatewayMode

#: Statements by which a rule does something with packets, or does it by another chain.
_EFFECTS: Final = frozenset({"drop", "reject", "jump", "goto", "vmap", "queue", "xt"})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a packet meets. None: others decide, and what they will say is not known."""

    passes: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A network, as far as packets are concerned."""

    name: str
    has_names: bool = True  # containers find one another by name
    internal: bool = False
    inter_container: bool = True
    masquerade: bool = True
    mode: GatewayMode = GatewayMode.NAT
    hosted: bool = True  # the host has an address in it
    parent: str = ""  # the device of the host on whose network it is (macvlan, ipvlan)
    reflected: bool = False  # what its containers send one another leaves the host, and the switch may send it back
    lent: bool = False  # its addresses are lent by a server


@dataclass(frozen=True, slots=True)
class Node:
    """A container. `listening` are addresses with a program on the port in question."""

    name: str
    running: bool = True
    kind: str = "bridge"  # or "host", "none", "container"
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by network
    way_out: str = ""  # the network with the default route
    ports: Sequence[PublishedPort] = ()
    wanted: Sequence[PortRequest] = ()  # open or not
    listening: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chain:
    """A base chain of somebody else's."""

    table: str
    name: str
    hook: str  # "forward", "input", ...
    drops: bool  # by policy
    rules: Table | None = None  # None: nobody can read them
    priority: int = 0  # in its hook: a chain with a lower one is asked before

    @property
    def matters(self) -> bool:
        """Whether it may drop anything: by policy, or by a rule of its own, perhaps by another chain."""
        rules = self.rules.chains.get(self.name, ()) if self.rules else ()
        return self.drops or any(_EFFECTS & one.keys() for rule in rules for one in rule if isinstance(one, dict))


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is not the two containers."""

    segments: Mapping[str, Segment]
    forwards: frozenset[int] = frozenset((4, 6))  # the versions of IP that the host routes
    bridges_filtered: bool = False  # what passes from port to port of a bridge is asked of the chains of IP, too
    chains: Sequence[Chain] = ()
    unreadable: str = ""  # why nothing is known of chains
    devices: Mapping[str, str] = field(default_factory=dict)  # bridges, by network
    ways: Sequence[str] = ()  # devices that lead to other machines
    zones: Mapping[str, str] = field(default_factory=dict)  # of firewalld, by network; empty where it does not run
    listening: frozenset[str] = frozenset()  # the host's addresses with a program on the port in question


@dataclass(frozen=True, slots=True)
class Service:
    port: int  # 0 for any
    protocol: str = "tcp"

    def __str__(self) -> str:
        return f"port {self.port}/{self.protocol}"
