"""What --network and the flags around it mean. Pure."""

from wharf.cli.commands.container.kinds import split_fields
from wharf.cli.flags import Kind
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.cli.flags import Options

DEFAULT = "default"
#: The flags that speak of the first network, what they say of it, and what it is called.
_FIRST = (
    ("ip", "ip", "IPv4 address"),
    ("ip6", "ip6", "IPv6 address"),
    ("mac-address", "mac", "MAC address"),
    ("network-alias", "aliases", "alias"),
    ("link-local-ip", "local", "link-local IP addresses"),
)
OURS = ("default", "bridge", "host", "none", "nat")


def read_network(text: str) -> "dict[str, Any]":
    """A name, or `name=…,alias=…,ip=…`: {name, aliases, ip, ip6, links, mac, options, priority}. Raises ValueError."""
    network: dict[str, Any] = {
        "name": "" if "=" in text else text,
        "aliases": [],
        "ip": "",
        "ip6": "",
        "local": [],
        "mac": "",
    }
    network |= {"options": {}, "priority": 0}
    if "=" not in text:
        return network
    for field in split_fields(text):
        name, separator, value = field.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not separator or not name:
            raise ValueError(f"invalid field {field}")
        if name == "name":
            network["name"] = value
        elif name == "alias":
            network["aliases"].append(value)
        elif name in ("ip", "ip6"):
            network[name] = value
        elif name == "mac-address":
            network["mac"] = value
        elif name == "link-local-ip":
            network["local"].append(value)
        elif name == "driver-opt":
            option, equals, setting = value.partition("=")
            if not equals or not option:
                raise ValueError("invalid key value pair format in driver options")
            network["options"][option] = setting
        elif name == "gw-priority":
            try:
                network["priority"] = int(value)
            except ValueError:
                raise ValueError(f"invalid gw-priority ({value}): invalid syntax") from None
        else:
            raise ValueError(f"invalid field key {name}")
    if not network["name"]:
        raise ValueError("network name/id is not specified")
    return network


NETWORK = Kind("network", read_network, many=True)


def endpoints(options: "Options") -> "tuple[str, dict[str, Any]]":
    """The API's NetworkMode and EndpointsConfig. Raises InvalidArgument."""
    networks = [dict(network) for network in options["network"]] or [read_network(DEFAULT)]
    _apply_flags(networks[0], options)
    found: dict[str, Any] = {}
    for index, network in enumerate(networks):
        name = network["name"]
        if not name:
            raise InvalidArgument("no name set for network")
        if name in found:
            raise InvalidArgument(f'network "{name}" is specified multiple times')
        alone = name.startswith("container:") or name in ("host", "none")
        if alone and len(networks) > 1:
            raise InvalidArgument(
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
            )
        if network["aliases"] and (name in OURS or name.startswith("container:")):
            raise InvalidArgument("network-scoped aliases are only supported for user-defined networks")
        found[name] = _endpoint(network, options["link"] if index == 0 and name not in OURS else [])
    return networks[0]["name"], found


def _apply_flags(network: "dict[str, Any]", options: "Options") -> None:
    """--ip and its like speak of the first network."""
    for flag, field, what in _FIRST:
        if not options[flag]:
            continue
        if network[field]:
            raise InvalidArgument(f"conflicting options: cannot specify both --{flag} and per-network {what}")
        network[field] = options[flag]
    mac = network["mac"]
    if mac and not _is_mac(mac):
        raise InvalidArgument(f"{mac} is not a valid mac address")


def _is_mac(text: str) -> bool:
    parts = text.replace("-", ":").split(":")
    return len(parts) == 6 and all(len(part) == 2 and set(part) <= set("0123456789abcdefABCDEF") for part in parts)


def _endpoint(network: "dict[str, Any]", links: list[str]) -> "dict[str, Any]":
    addresses = {"IPv4Address": network["ip"], "IPv6Address": network["ip6"], "LinkLocalIPs": network["local"]}
    endpoint: dict[str, Any] = {}
    if any(addresses.values()):
        endpoint["IPAMConfig"] = {name: value for name, value in addresses.items() if value}
    for name, value in (
        ("Links", links),
        ("Aliases", network["aliases"]),
        ("MacAddress", network["mac"]),
        ("DriverOpts", network["options"]),
        ("GwPriority", network["priority"]),
    ):
        if value:
            endpoint[name] = value
    return endpoint
