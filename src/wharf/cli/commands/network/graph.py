"""`wharf network graph`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.client import containers, networks
from wharf.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wharf.cli.topology.model import Topology


def _drawing(format: str) -> "Callable[[Topology], str]":
    from wharf.cli.topology import dot, svg, text

    drawings = {"text": text.draw, "dot": dot.draw, "svg": svg.draw}
    if format not in drawings:
        raise InvalidArgument(f"invalid format {format!r}: use {', '.join(drawings)}")
    return drawings[format]


def _chosen(found: "list[dict[str, Any]]", names: "list[str]", *, all: bool) -> "list[dict[str, Any]]":
    """The networks that are named; without names those in use, with `all` every one."""
    for name in names:
        if not any(name in (one["Name"], one["Id"]) for one in found):
            raise NotFound(f"network {name} not found")
    return [one for one in found if all or not names or one["Name"] in names or one["Id"] in names]


def run(call: Call) -> int:
    from wharf.cli.topology.model import Topology, topology

    draw = _drawing(call.options["format"])
    chosen = _chosen(networks.list_all(call.client, {}), call.arguments, all=call.options["all"])
    picture = topology(chosen, containers.list_all(call.client, all=call.options["all"]))
    if not call.arguments and not call.options["all"]:
        picture = Topology(tuple(one for one in picture.networks if one.places), picture.containers)
    out(draw(picture))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] [NETWORK...]",
    "Draw which container is on which network, and its published ports",
    (
        Flag("all", "a", BOOL, "Also stopped containers, and networks that nobody is on"),
        Flag("format", "", STRING, "'text', 'dot' (for Graphviz) or 'svg'", "text"),
    ),
    most=MANY,
)
