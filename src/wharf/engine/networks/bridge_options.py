"""From the record of a bridge network to what the network room is told. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from wharf.engine.config import BridgeConfig
from wharf.engine.networks import options, placing
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError, InvalidArgument, PermissionDenied
from wharf.network.settings import BridgeSettings, GatewayMode

_BRIDGE: Final = "com.docker.network.bridge."
DEVICE: Final = f"{_BRIDGE}name"
ICC: Final = f"{_BRIDGE}enable_icc"
MASQUERADE: Final = f"{_BRIDGE}enable_ip_masquerade"
HOST_BINDING: Final = f"{_BRIDGE}host_binding_ipv4"
GATEWAY_MODE: Final = {4: f"{_BRIDGE}gateway_mode_ipv4", 6: f"{_BRIDGE}gateway_mode_ipv6"}
INHIBIT: Final = f"{_BRIDGE}inhibit_ipv4"
TRUSTED: Final = f"{_BRIDGE}trusted_host_interfaces"
HOST_ADDRESS: Final = {4: "com.docker.network.host_ipv4", 6: "com.docker.network.host_ipv6"}
DEFAULT_BRIDGE: Final = f"{_BRIDGE}default_bridge"


def check(record: NetworkRecord) -> None:
    """Raises InvalidArgument, PermissionDenied, EngineError."""
    if options.flag(record.options, DEFAULT_BRIDGE, default=False):
        raise PermissionDenied("default bridge network cannot be made by hand")
    options.device_name(record.bridge, DEVICE)
    options.interface_prefix(record.options)
    mtu = parsed(record.options).mtu
    if record.enable_ipv6 and 0 < mtu < options.SMALLEST_MTU6:
        raise InvalidArgument(f"invalid MTU number: {mtu}: IPv6 needs at least {options.SMALLEST_MTU6}")
    for version in (4, 6):
        if mode(record.options, version) is GatewayMode.ISOLATED and not record.internal:
            raise EngineError("gateway mode 'isolated' can only be used for an internal network")
    given = [subnet.version for subnet in placing.used_subnets(record)]
    if len(given) != len(set(given)):
        raise PermissionDenied("bridge driver doesn't support multiple subnets")


def mode(given: Mapping[str, str], version: int) -> GatewayMode:
    name = GATEWAY_MODE[version]
    text = given.get(name, "nat")
    try:
        return GatewayMode(text)
    except ValueError:
        raise InvalidArgument(f"failed to parse {name} value: {text} (unknown gateway mode {text})") from None


def parsed(given: Mapping[str, str]) -> BridgeSettings:
    """The settings that options alone decide. Raises InvalidArgument."""
    return BridgeSettings(
        name="",
        mtu=options.mtu(given),
        inter_container=options.flag(given, ICC, default=True),
        masquerade=options.flag(given, MASQUERADE, default=True),
        publish_address=options.address(given, HOST_BINDING),
        mode=mode(given, 4),
        mode6=mode(given, 6),
        inhibit_ipv4=options.flag(given, INHIBIT, default=False),
        host_address=options.address(given, HOST_ADDRESS[4], version=4),
        host_address6=options.address(given, HOST_ADDRESS[6], version=6),
        trusted=tuple(options.device_name(one, TRUSTED) for one in given.get(TRUSTED, "").split(":") if one),
    )


def settings(record: NetworkRecord, daemon: BridgeConfig) -> BridgeSettings:
    """What the network room is told of a record. The daemon decides where the options say nothing."""
    own = parsed(record.options)
    return replace(
        own,
        name=record.bridge,
        subnets=placing.used_subnets(record),
        ipv4=record.enable_ipv4,
        mtu=own.mtu or daemon.mtu,
        masquerade=own.masquerade and daemon.masquerade,
        internal=record.internal,
        firewall=daemon.firewall,
        firewall6=daemon.firewall6,
        forwarding=daemon.forwarding,
        publish_address=own.publish_address or daemon.publish_address,
    )
