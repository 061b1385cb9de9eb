"""Where a container's ways out and its published ports belong, while it has these places in networks. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wharf.apitypes.containers import EndpointSettings
from wharf.engine.networks import attachments
from wharf.network.contract import Endpoint, PublishedPort


@dataclass(frozen=True, slots=True)
class Places:
    """A container's endpoints by network. Ports are parked while none of its networks can publish them.

    `home` is the network that does, "" for none; known of what is settled.
    """

    endpoints: Mapping[str, Endpoint]
    parked: tuple[PublishedPort, ...] = ()
    home: str = field(default="", compare=False)

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """All that it has published, or would."""
        return (*self.parked, *(port for one in self.endpoints.values() for port in one.ports))

    @property
    def hold(self) -> bool:
        """Whether any of its ports is one of the host's, and not only opened where its own address is routed to."""
        return any(port.host_port for port in self.ports)

    def without(self, name: str) -> "Places":
        """One network less; its ports are parked."""
        rest = {other: one for other, one in self.endpoints.items() if other != name}
        return Places(rest, (*self.parked, *self.endpoints[name].ports))

    def opened(self, endpoint: Endpoint) -> "Places":
        """With this one of its endpoints, which has ports now."""
        return replace(self, endpoints={**self.endpoints, endpoint.network: endpoint})

    def ported_as(self, other: "Places") -> "Places":
        """With the ports where `other` has them, and the ways out as they are."""
        return Places({n: one.with_ports(other.endpoints[n].ports) for n, one in self.endpoints.items()}, other.parked)


def settled(
    places: Places,
    attached: Mapping[str, EndpointSettings],
    leads_out: Callable[[str, int], bool],
    publishes: Callable[[str], bool],
) -> Places:
    """The same endpoints with ways out and ports where they belong."""
    ways = attachments.ways_out({name: attached[name] for name in places.endpoints}, leads_out)
    home = attachments.publishing(ways)
    if home and not publishes(home):
        home = ""
    ports: Sequence[PublishedPort] = places.ports
    if not places.hold:  # then there is nothing that could move
        ports = places.endpoints[home].ports if home else ()
    endpoints = {
        name: one.leading_out(*(version for version, way in ways.items() if way == name)).with_ports(
            ports if name == home else ()
        )
        for name, one in places.endpoints.items()
    }
    return Places(endpoints, () if home else tuple(ports), home)
