"""From the daemon's options to the default bridge network. Pure."""

from collections.abc import Iterator, Sequence

from wharf.engine.config import BridgeConfig
from wharf.network.settings import BridgeSettings
from wharf.network.subnets import Interface, Network, PoolOfSubnets, Subnet, choose_subnet


def settings(config: BridgeConfig, pools: Sequence[PoolOfSubnets], others: Sequence[Network]) -> BridgeSettings:
    """Without an address for IPv4, the bridge takes the one that it has, or a range of the pools that is free.

    `others` are those of the engine's other networks.
    """
    return BridgeSettings(
        name=config.name,
        subnets=tuple(_subnets(config, pools)),
        pools=tuple(pools),
        others=tuple(others),
        mtu=config.mtu,
        inter_container=config.inter_container,
        masquerade=config.masquerade,
        firewall=config.firewall,
        firewall6=config.firewall6,
        forwarding=config.forwarding,
        publish_address=config.publish_address,
    )


def _subnets(config: BridgeConfig, pools: Sequence[PoolOfSubnets]) -> Iterator[Subnet]:
    if config.address is not None or config.fixed_cidr is not None:
        yield _subnet(config.address, config.fixed_cidr, config)
    if config.ipv6:
        # Always the first of our own ULA prefix: the host's other networks do not know it, and it stays the same.
        chosen = config.address6 or config.fixed_cidr6
        yield _subnet(config.address6, config.fixed_cidr6 if chosen else choose_subnet(pools, (), 6), config)


def _subnet(address: Interface | None, pool: Network | None, config: BridgeConfig) -> Subnet:
    """That of the bridge's address; without one, the range of the containers is all there is."""
    network = address.network if address is not None else pool
    assert network is not None
    own = address.ip if address is not None else network[1]
    router = config.default_gateway if network.version == 4 else config.default_gateway6
    return Subnet(network, router or own, own=own if router else None, pool=pool if pool != network else None)
