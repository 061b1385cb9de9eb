"""`wharf network create`."""

from ipaddress import ip_address, ip_network

from wharf.cli.command import Call, Command
from wharf.cli.commands.container.kinds import LABELS
from wharf.cli.flags import BOOL, LIST, STRING, Flag
from wharf.cli.output import err, out
from wharf.client import networks
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

    from wharf.cli.flags import Options


def _pairs(texts: "list[str]") -> "dict[str, str]":
    return dict(text.partition("=")[::2] for text in texts)


def ipam(options: "Options") -> "dict[str, Any]":
    """The API's IPAM: a configuration for each subnet, with what lies in it. Raises InvalidArgument."""
    subnets = _split(options["subnet"])
    _refuse_overlaps(subnets)
    gateways, ranges = _split(options["gateway"]), _split(options["ip-range"])
    if len(ranges) > len(subnets) or len(gateways) > len(subnets):
        raise InvalidArgument("every ip-range or gateway must have a corresponding subnet")
    configs: dict[str, dict[str, Any]] = {subnet: {"Subnet": subnet} for subnet in subnets}
    for text in ranges:
        config = _holder(configs, text, f"no matching subnet for range {text}")
        if "IPRange" in config:
            raise InvalidArgument(f"cannot configure multiple ranges ({text}, {config['IPRange']}) on the same subnet")
        config["IPRange"] = text
    for text in gateways:
        config = _holder(configs, text, f"no matching subnet for gateway {text}")
        if "Gateway" in config:
            raise InvalidArgument(f"cannot configure multiple gateways ({text}, {config['Gateway']}) on same subnet")
        config["Gateway"] = text
    for name, text in _pairs(options["aux-address"]).items():
        config = _holder(configs, text, f"no matching subnet for aux-address {text}")
        config.setdefault("AuxiliaryAddresses", {})[name] = text
    made = {"Driver": options["ipam-driver"], "Options": _pairs(options["ipam-opt"]), "Config": list(configs.values())}
    return {name: value for name, value in made.items() if value}


def _split(texts: "list[str]") -> list[str]:
    return [part for text in texts for part in text.split(",") if part]


def _refuse_overlaps(subnets: list[str]) -> None:
    """What is no subnet is the daemon's to refuse."""
    known: list[IPv4Network | IPv6Network] = []
    for text in subnets:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            continue
        if any(network.version == other.version and network.overlaps(other) for other in known):
            raise InvalidArgument("multiple overlapping subnet configuration is not supported")
        known.append(network)


def _holder(configs: "dict[str, dict[str, Any]]", text: str, refusal: str) -> "dict[str, Any]":
    """The configuration whose subnet has this address or range."""
    try:
        address = ip_network(text, strict=False).network_address if "/" in text else ip_address(text)
        for subnet, config in configs.items():
            network = ip_network(subnet, strict=False)
            if network.version == address.version and address in network:
                return config
    except ValueError:
        pass  # it is in none
    raise InvalidArgument(refusal)


def run(call: Call) -> int:
    options = call.options
    request: dict[str, Any] = {
        "Name": call.arguments[0],
        "Driver": options["driver"],
        "Scope": options["scope"],
        "Internal": options["internal"],
        "Attachable": options["attachable"],
        "Ingress": options["ingress"],
        "ConfigOnly": options["config-only"],
        "ConfigFrom": {"Network": options["config-from"]} if options["config-from"] else None,
        "EnableIPv4": options["ipv4"] if "ipv4" in options.given else None,
        "EnableIPv6": options["ipv6"],
        "IPAM": ipam(options),
        "Options": _pairs(options["opt"]),
        "Labels": _pairs(options["label"]),
        "CheckDuplicate": True,
    }
    made = networks.create(call.client, request)
    if made.get("Warning"):
        err(f"WARNING: {made['Warning']}\n")
    out(f"{made['Id']}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] NETWORK",
    "Make a network",
    (
        Flag("attachable", "", BOOL, "Containers may be connected by hand"),
        Flag("aux-address", "", LIST, "An address that no container gets (name=address)"),
        Flag("config-from", "", STRING, "The network to take the configuration from"),
        Flag("config-only", "", BOOL, "A configuration for others, no network"),
        Flag("driver", "d", STRING, "What makes the network", "bridge"),
        Flag("gateway", "", LIST, "The address of this host in the subnet"),
        Flag("ingress", "", BOOL, "The network by which a swarm publishes ports"),
        Flag("internal", "", BOOL, "No way to and from anywhere else"),
        Flag("ip-range", "", LIST, "The part of the subnet that containers' addresses come from"),
        Flag("ipam-driver", "", STRING, "What gives out addresses"),
        Flag("ipam-opt", "", LIST, "An option for it (name=value)"),
        Flag("ipv4", "", BOOL, "With IPv4 (--ipv4=false: without)", True),
        Flag("ipv6", "", BOOL, "With IPv6"),
        Flag("label", "", LABELS, "A note for people and filters (name=value)"),
        Flag("opt", "o", LIST, "An option of the driver (name=value)"),
        Flag("scope", "", STRING, "How far the network reaches"),
        Flag("subnet", "", LIST, "The network's addresses, such as 10.1.0.0/24"),
    ),
    least=1,
    most=1,
)
