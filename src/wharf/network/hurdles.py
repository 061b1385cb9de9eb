"""What a packet meets of other people's rules, chain by chain. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from wharf.network import legacy_rules
from wharf.network.coexisting import FIREWALLD, USER_TABLE
from wharf.network.conditions import Packet
from wharf.network.facts import Chain, Service, Step, World
from wharf.network.rules import Fate

#: As many of the conditions that decide are told.
_MOST_CONDITIONS: Final = 4
_WORDS: Final = {True: "passes", False: "dropped", None: "depends"}

ANY_PORT: Final = Service(0)


@dataclass(frozen=True, slots=True)
class Flow:
    """What is known of a connection that the host passes on, or takes itself, before there is one."""

    came: str = ""  # the network that it comes from; "" for other machines
    goes: str = ""  # likewise
    source: str = ""  # address
    target: str = ""
    service: Service = ANY_PORT
    published: Service | None = None  # what its sender asked the host for, where that is translated

    @property
    def version(self) -> int:
        """Of IP; 4 where no address is known."""
        return 6 if ":" in self.source + self.target else 4

    def packets(self, world: World, hook: str) -> list[Packet]:
        """One for each device that it may come or go by."""
        any_port = not self.service.port
        asked = self.published or self.service
        return [
            Packet(
                version=self.version,
                incoming=incoming,
                outgoing=outgoing,
                protocol=None if any_port else self.service.protocol,
                port=self.service.port or None,
                asked=asked.port or None,
                source=ip_address(self.source) if self.source else None,
                target=ip_address(self.target) if self.target else None,
                translated=self.published is not None,
                received=hook == "input",
            )
            for incoming in self._devices(self.came, world)
            for outgoing in (self._devices(self.goes, world) if hook == "forward" else (None,))
        ]

    @staticmethod
    def _devices(network: str, world: World) -> Sequence[str | None]:
        return [world.devices.get(network)] if network else (world.ways or (None,))


def met(world: World, hook: str, flow: Flow) -> Iterator[Step]:
    """In the chains of a hook, "forward" or "input"."""
    if world.unreadable:
        yield Step(None, f"the rules of others decide, which cannot be read: {world.unreadable}")
    packets = flow.packets(world, hook)
    version = packets[0].version
    yield from _asked(
        world, hook, flow, packets, ("inet", "ip" if version == 4 else "ip6", legacy_rules.FAMILY[version])
    )


def met_on_bridge(world: World, flow: Flow) -> Iterator[Step]:
    """From port to port of one bridge: in the chains of bridges, and in those of IP where the kernel asks them, too."""
    packets = flow.packets(world, "forward")
    ports = [replace(packet, incoming=None, outgoing=None) for packet in packets]  # not the bridge itself
    yield from _asked(world, "forward", flow, ports, ("bridge",))
    if world.bridges_filtered:
        yield from met(world, "forward", flow)


def _asked(world: World, hook: str, flow: Flow, packets: Sequence[Packet], families: Collection[str]) -> Iterator[Step]:
    """In the chains of tables of these families."""
    for chain in sorted(world.chains, key=lambda chain: chain.priority):
        if chain.hook != hook or chain.table.split()[0] not in families:
            continue
        if chain.rules is None:
            how = "drops what none of its rules accepts" if chain.drops else "may drop it"
            yield Step(None, f"{_name(chain)} {how}: its rules are of a kind that is not read")
        else:
            fates = {packet: chain.rules.fate(chain.name, packet, drops=chain.drops) for packet in packets}
            yield _told(chain, fates, _zone(chain, flow, world))


def _name(chain: Chain) -> str:
    if chain.table == USER_TABLE:
        return f"your own table {USER_TABLE}"
    return "firewalld" if chain.table == FIREWALLD else f"the chain {chain.name} of the table {chain.table}"


def _zone(chain: Chain, flow: Flow, world: World) -> str:
    """Where firewalld has the container's bridge."""
    network = flow.goes or flow.came
    if chain.table != FIREWALLD or (zone := world.zones.get(network)) is None:
        return ""
    return f": the bridge of {network} is in {f'its zone {zone}' if zone else 'no zone of its own'}"


def _told(chain: Chain, fates: Mapping[Packet, Fate], more: str) -> Step:
    """What a chain does with a packet, for each device that it may come or go by."""
    answers = {fate.passes for fate in fates.values()}
    if answers == {True}:
        return Step(True, f"{_name(chain)} lets it pass{more}")
    if answers == {False}:
        places = sorted({fate.dropped_in for fate in fates.values()} - {chain.name})
        where = f" in {', '.join(places)}" if places else ""
        return Step(False, f"{_name(chain)} drops it{where}{more}")
    conditions = tuple(dict.fromkeys(word for fate in fates.values() for word in fate.depends))
    shown = [*conditions[:_MOST_CONDITIONS], *(("...",) if len(conditions) > _MOST_CONDITIONS else ())]
    ways = [f"{_way(packet)}: {_WORDS[fate.passes]}" for packet, fate in fates.items()] if len(answers) > 1 else []
    return Step(None, f"{_name(chain)} decides by {'; '.join([*ways, *shown])}{more}")


def _way(packet: Packet) -> str:
    return " to ".join(device for device in (packet.incoming, packet.outgoing) if device)
