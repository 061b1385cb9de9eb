"""`wharf network connect`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import INT, LIST, STRING, Flag
from wharf.client import networks
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.cli.flags import Options


def endpoint(options: "Options") -> "dict[str, Any]":
    """The API's EndpointSettings: only what was asked for."""
    addresses = {
        "IPv4Address": options["ip"],
        "IPv6Address": options["ip6"],
        "LinkLocalIPs": options["link-local-ip"],
    }
    given = {name: value for name, value in addresses.items() if value}
    found: dict[str, Any] = {"IPAMConfig": given} if given else {}
    driver: dict[str, str] = {}
    for text in options["driver-opt"]:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise InvalidArgument("invalid key/value pair format in driver options")
        driver[name] = value
    for name, value in (
        ("Aliases", options["alias"]),
        ("DriverOpts", driver),
        ("GwPriority", options["gw-priority"]),
        ("Links", options["link"]),
    ):
        if value:
            found[name] = value
    return found


def run(call: Call) -> int:
    network, container = call.arguments
    networks.connect(call.client, network, container, endpoint(call.options))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] NETWORK CONTAINER",
    "Connect a container to a network",
    (
        Flag("alias", "", LIST, "One more name for the container in this network"),
        Flag("driver-opt", "", LIST, "An option of the network's driver (name=value)"),
        Flag("gw-priority", "", INT, "The network with the highest is the container's way out"),
        Flag("ip", "", STRING, "The container's IPv4 address"),
        Flag("ip6", "", STRING, "The container's IPv6 address"),
        Flag("link", "", LIST, "A name of its own for another container (container:name)"),
        Flag("link-local-ip", "", LIST, "A link-local address for the container"),
    ),
    least=2,
    most=2,
)
