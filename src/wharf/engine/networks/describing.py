"""What is answered of a network. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from wharf.apitypes.networks import (
    IPAM,
    ConfigFrom,
    IPAMConfig,
    IPAMStatus,
    NetworkContainer,
    NetworkInspect,
    NetworkStatus,
    SubnetStatus,
)
from wharf.engine.containers.record import Container
from wharf.engine.networks import attachments, bridge_options, options
from wharf.engine.networks.record import NetworkRecord
from wharf.network.contract import Network
from wharf.network.settings import BridgeSettings
from wharf.network.subnets import Subnet


def describe(record: NetworkRecord) -> NetworkInspect:
    """As in a list: without containers and status."""
    return NetworkInspect(
        name=record.name,
        id=record.id,
        created=record.created,
        scope=record.scope,
        driver=record.driver,
        enable_ipv4=record.enable_ipv4,
        enable_ipv6=record.enable_ipv6,
        internal=record.internal,
        attachable=record.attachable,
        config_only=record.config_only,
        config_from=ConfigFrom(network=record.config_from),
        options=record.options,
        labels=record.labels,
        ipam=record.ipam,
    )


def describe_default(record: NetworkRecord, settings: BridgeSettings) -> NetworkInspect:
    """The default bridge, which the daemon's options describe and no record."""
    return msgspec.structs.replace(
        describe(record),
        enable_ipv4=settings.ipv4,
        enable_ipv6=any(subnet.version == 6 for subnet in settings.subnets),
        ipam=IPAM(config=[_config(subnet) for subnet in settings.subnets]),
        options={
            bridge_options.DEFAULT_BRIDGE: "true",
            bridge_options.ICC: str(settings.inter_container).lower(),
            bridge_options.MASQUERADE: str(settings.masquerade).lower(),
            bridge_options.HOST_BINDING: settings.publish_address or "0.0.0.0",
            bridge_options.DEVICE: settings.name,
            options.MTU: str(settings.mtu or 1500),
        },
    )


def _config(subnet: Subnet) -> IPAMConfig:
    return IPAMConfig(
        subnet=str(subnet.network),
        ip_range=str(subnet.pool) if subnet.pool else "",
        gateway=str(subnet.gateway or ""),
    )


def members(name: str, containers: Iterable[Container]) -> Mapping[str, NetworkContainer]:
    """The running containers on a network, by id."""
    found = {}
    for container in containers:
        if not container.running or name not in attachments.of(container):
            continue
        endpoint = container.endpoints.get(name)
        found[container.id] = NetworkContainer(
            name=container.name,
            # The host's network and none have no endpoints, but clients want a name for the place.
            endpoint_id=endpoint.id if endpoint else container.id if name in ("host", "none") else "",
            mac_address=endpoint.mac_address if endpoint else "",
            ipv4_address=f"{endpoint.address}/{endpoint.prefix_length}" if endpoint and endpoint.address else "",
            ipv6_address=f"{endpoint.address6}/{endpoint.prefix_length6}" if endpoint and endpoint.address6 else "",
        )
    return found


def status(network: Network) -> NetworkStatus:
    """How full its subnets are."""
    counted = {
        str(subnet): SubnetStatus(ips_in_use=usage.in_use, dynamic_ips_available=usage.available)
        for subnet, usage in network.usage().items()
    }
    return NetworkStatus(ipam=IPAMStatus(subnets=counted))
