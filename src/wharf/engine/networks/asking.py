"""From a request for a network to what it will be. Refuses nonsense, in dockerd's words. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from typing import Final

from wharf.apitypes.networks import IPAM, IPAMConfig, NetworkCreateRequest
from wharf.engine.config import BridgeConfig
from wharf.engine.networks.record import BUILT_IN, NetworkRecord
from wharf.errors import EngineError, InvalidArgument, NotFound, NotImplementedByUs, PermissionDenied
from wharf.network.ipam import choose_subnet

_BRIDGE: Final = "com.docker.network.bridge."
ICC: Final = f"{_BRIDGE}enable_icc"
MASQUERADE: Final = f"{_BRIDGE}enable_ip_masquerade"
HOST_BINDING: Final = f"{_BRIDGE}host_binding_ipv4"
DEVICE: Final = f"{_BRIDGE}name"
MTU: Final = "com.docker.network.driver.mtu"
INTERFACE_PREFIX: Final = "com.docker.network.container_iface_prefix"
_LONGEST_DEVICE: Final = 15  # the kernel's IFNAMSIZ, without the closing zero
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


@dataclass(frozen=True, slots=True)
class UserBridge:
    """The network room's BridgeSettings of a user's network."""

    name: str
    address: IPv4Interface | None
    fixed_cidr: IPv4Network | None
    mtu: int
    inter_container: bool
    masquerade: bool
    firewall: bool
    publish_address: str


def check(asked: NetworkCreateRequest) -> None:
    """Raises what can be said before looking at other networks."""
    if not asked.name.strip():
        raise InvalidArgument("invalid name: name is empty" if not asked.name else f"invalid name: {asked.name}")
    if asked.name in (*BUILT_IN, "default") or asked.name.startswith("container:"):
        raise PermissionDenied(f"operation is not permitted on predefined {asked.name} network ")
    if asked.scope not in ("", "local"):
        raise PermissionDenied("cannot create a swarm scoped network when swarm is not active")
    _check_driver(asked.driver)
    for given, what in (
        (asked.config_only or (asked.config_from is not None and asked.config_from.network), "config-only networks"),
        (asked.ingress, "an ingress network"),
        (asked.enable_ipv6, "IPv6 on a network"),
        (asked.enable_ipv4 is False, "a network without IPv4"),
    ):
        if given:
            raise NotImplementedByUs(f"{what} is not supported by this engine yet")
    ipam = asked.ipam or IPAM()
    if ipam.driver not in ("", "default"):
        raise NotFound(f'plugin "{ipam.driver}" not found')
    if len(ipam.config) > 1:
        raise PermissionDenied("bridge driver doesn't support multiple subnets")
    _check_options(asked.options)


def _check_driver(driver: str) -> None:
    if driver in ("", "default", "bridge"):
        return
    if driver in ("host", "null"):
        raise PermissionDenied(f'only one instance of "{driver}" network is allowed')
    if driver in ("macvlan", "ipvlan", "overlay"):
        raise NotImplementedByUs(f'network driver "{driver}" is not supported by this engine yet')
    raise NotFound(f'plugin "{driver}" not found')


#: Options that change who reaches whom. Ignored, they would promise what we do not keep.
_NOT_OFFERED: Final = ("gateway_mode_ipv4", "gateway_mode_ipv6", "inhibit_ipv4", "trusted_host_interfaces")


def _check_options(options: Mapping[str, str]) -> None:
    for name in _NOT_OFFERED:
        if options.get(f"{_BRIDGE}{name}", "") not in ("", "nat", *_FALSE):
            raise NotImplementedByUs(f"network option {_BRIDGE}{name} is not supported by this engine yet")
    for name in (ICC, MASQUERADE):
        if name in options:
            _flag(name, options[name])
    _number(MTU, options.get(MTU, ""))
    if text := options.get(HOST_BINDING):
        try:
            IPv4Address(text)
        except ValueError:
            raise InvalidArgument(f"failed to parse {HOST_BINDING} value: {text} (no valid IP)") from None
    for name in (DEVICE, INTERFACE_PREFIX):
        text = options.get(name, "")
        if len(text) > _LONGEST_DEVICE or set(text) & set("/: \t\n\"'\\") or text in (".", ".."):
            raise InvalidArgument(f"invalid {name}: {text!r} cannot be the name of a network device")


def _flag(name: str, text: str) -> bool:
    if text not in (*_TRUE, *_FALSE):
        raise InvalidArgument(
            f'failed to parse {name} value: {text} (strconv.ParseBool: parsing "{text}": invalid syntax)'
        )
    return text in _TRUE


def _number(name: str, text: str) -> int:
    if text and not text.isdecimal():
        raise InvalidArgument(f'failed to parse {name} value: {text} (strconv.Atoi: parsing "{text}": invalid syntax)')
    return int(text or 0)


def place(asked: IPAM, *, on_host: Iterable[IPv4Network], ours: Iterable[IPv4Network]) -> IPAM:
    """Subnet and gateway of a new network: as asked, or the first pool that meets nothing.

    `on_host` are the networks that the host knows, `ours` those of other records (whose bridges may be closed).
    """
    taken = list(ours)
    given = asked.config[0] if asked.config else IPAMConfig()
    if not given.subnet:
        if given.gateway or given.ip_range or given.auxiliary_addresses:
            raise InvalidArgument("Invalid subnet  : invalid CIDR address: ")
        chosen = choose_subnet([*on_host, *taken])
        return _resolved(asked, IPAMConfig(subnet=str(chosen.network), gateway=str(chosen.ip)))
    subnet = _subnet(given.subnet)
    if any(subnet.overlaps(other) for other in taken):
        raise PermissionDenied("Pool overlaps with other one on this address space")
    pool = _pool(given.ip_range, subnet)
    reserved = {_address(text, subnet, f"auxiliary address ({name}") for name, text in _auxiliary(given)}
    gateway = _address(given.gateway, subnet, "gateway (") if given.gateway else _first_free(pool or subnet, reserved)
    if gateway in reserved:
        raise PermissionDenied(f"failed to allocate gateway ({gateway}): Address already in use")
    return _resolved(
        asked,
        IPAMConfig(
            subnet=str(subnet),
            ip_range=str(pool) if pool else "",
            gateway=str(gateway),
            auxiliary_addresses=given.auxiliary_addresses,
        ),
    )


def _resolved(asked: IPAM, config: IPAMConfig) -> IPAM:
    return IPAM(driver="default", options=asked.options, config=[config])


def _subnet(text: str) -> IPv4Network:
    try:
        subnet = ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        subnet = None
    if subnet is None:
        raise InvalidArgument(f"Invalid subnet {text} : invalid CIDR address: {text}")
    if not isinstance(subnet, IPv4Network):
        raise NotImplementedByUs("IPv6 on a network is not supported by this engine yet")
    if subnet.prefixlen > 30:
        raise InvalidArgument(f"Invalid subnet {text} : it has no room for a gateway and a container")
    return subnet


def _pool(text: str, subnet: IPv4Network) -> IPv4Network | None:
    if not text:
        return None
    try:
        pool = IPv4Network(text, strict=False)
    except ValueError:
        raise InvalidArgument(f"invalid ip-range {text}") from None
    if not pool.subnet_of(subnet):
        raise InvalidArgument(f"no matching subnet for range {text}")
    return pool


def _auxiliary(config: IPAMConfig) -> Iterable[tuple[str, str]]:
    return config.auxiliary_addresses.items()


def _address(text: str, subnet: IPv4Network, what: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise InvalidArgument(f"failed to allocate {what}{text}): invalid IP address") from None
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise EngineError(f"failed to allocate {what}{text}): Requested address is out of range")
    return address


def _first_free(pool: IPv4Network, reserved: set[IPv4Address]) -> IPv4Address:
    for address in pool.hosts():
        if address not in reserved:
            return address
    raise EngineError("failed to allocate gateway (): No available addresses on this pool")


def settings(record: NetworkRecord, daemon: BridgeConfig) -> UserBridge:
    """What the network room is told of a record."""
    config, options = record.ipam.config[0], record.options
    subnet = IPv4Network(config.subnet)
    return UserBridge(
        name=record.bridge,
        address=IPv4Interface((config.gateway, subnet.prefixlen)),
        fixed_cidr=IPv4Network(config.ip_range) if config.ip_range else None,
        mtu=_number(MTU, options.get(MTU, "")) or daemon.mtu,
        inter_container=_flag(ICC, options.get(ICC, "true")),
        masquerade=_flag(MASQUERADE, options.get(MASQUERADE, "true")) and daemon.masquerade,
        firewall=daemon.firewall,
        publish_address=options.get(HOST_BINDING, "") or daemon.publish_address,
    )


def reserved(record: NetworkRecord) -> list[IPv4Address]:
    """Auxiliary addresses: nobody gets them."""
    return [IPv4Address(text) for config in record.ipam.config for text in config.auxiliary_addresses.values()]


def subnets(record: NetworkRecord) -> list[IPv4Network]:
    return [IPv4Network(config.subnet) for config in record.ipam.config if config.subnet]
