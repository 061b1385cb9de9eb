"""For Graphviz: `wharf network graph --format dot | dot -Tpng`. The language: https://graphviz.org/doc/info/lang.html."""

from collections.abc import Iterator

from wharf.cli.topology.model import Topology
from wharf.cli.topology.text import describe


def draw(topology: Topology) -> str:
    return "\n".join(["graph networks {", *(f"  {line}" for line in _statements(topology)), "}"]) + "\n"


def _statements(topology: Topology) -> Iterator[str]:
    yield "rankdir=LR"
    yield 'node [fontname="sans-serif"]'
    for network in topology.networks:
        label = quoted("\n".join(describe(network)))
        yield f"{quoted('network ' + network.name)} [shape=ellipse, label={label}]"
    for container in topology.containers:
        style = "solid" if container.state == "running" else "dashed"
        label = quoted("\n".join([container.name, *container.ports]))
        yield f"{quoted('container ' + container.name)} [shape=box, style={style}, label={label}]"
    for network in topology.networks:
        for place in network.places:
            ends = (f"container {topology.container(place.container).name}", f"network {network.name}")
            yield f"{' -- '.join(map(quoted, ends))} [label={quoted(chr(10).join(place.addresses))}]"


def quoted(text: str) -> str:
    r"""A double-quoted ID; a line break is written as `\n`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
