"""From the record of a network to the network itself: which driver makes it."""

from collections.abc import Callable

from wharf.engine.config import BridgeConfig
from wharf.engine.networks import bridge_options, parent_options
from wharf.engine.networks.record import NetworkRecord
from wharf.network.bridge import BridgeNetwork
from wharf.network.contract import Network
from wharf.network.kernel import Kernel
from wharf.network.leased import LeaseChange, LeasedNetwork
from wharf.network.parented import ParentNetwork
from wharf.network.settings import GatewayMode


def made(record: NetworkRecord, daemon: BridgeConfig, kernel: Kernel, tell: Callable[[LeaseChange], None]) -> Network:
    """Not open yet. `tell` is told of leases that change."""
    if record.kind == "bridge":
        return BridgeNetwork(record.id, bridge_options.settings(record, daemon), kernel, name=record.name)
    if record.lends:
        return LeasedNetwork(record.id, parent_options.settings(record), kernel, name=record.name, tell=tell)
    return ParentNetwork(record.id, parent_options.settings(record), kernel, name=record.name)


def versions_with_gateway(record: NetworkRecord) -> frozenset[int]:
    """The versions of IP for which the network has a router."""
    if record.kind == "bridge":
        modes = {version: bridge_options.mode(record.options, version) for version in (4, 6)}
        return frozenset(version for version, mode in modes.items() if mode is not GatewayMode.ISOLATED)
    settings = parent_options.settings(record)
    # dockerd reserves a gateway also where the driver makes a parent of its own, unless the network is internal.
    return frozenset() if record.internal or settings.routes_by_device else frozenset((4, 6))
