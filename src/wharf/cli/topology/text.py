"""For a terminal: each network with its containers below it."""

from wharf.cli.topology.model import Network, Topology


def draw(topology: Topology) -> str:
    """Lines of a tree. A container on several networks is shown on each, with its ports where they lead through."""
    width = max((len(container.name) for container in topology.containers), default=0)
    return "\n".join(line for network in topology.networks for line in _network(topology, network, width)) + "\n"


def _network(topology: Topology, network: Network, width: int) -> list[str]:
    lines = ["  ".join(describe(network))]
    for number, place in enumerate(network.places, 1):
        container = topology.container(place.container)
        stem = "└─" if number == len(network.places) else "├─"
        where = " ".join(place.addresses) or f"({container.state})"
        ports = ", ".join(container.ports) if place.leads_out else ""
        lines.append(f"{stem} {container.name:<{width}}  {where:<15}  {ports}".rstrip())
    return lines


def describe(network: Network) -> list[str]:
    """What a network is, in a few words."""
    return [
        network.name,
        network.driver,
        *([f"on {network.parent}"] if network.parent else []),
        *network.subnets,
        *(["by dhcp"] if network.lent else []),
        *(["internal"] if network.internal else []),
    ]
