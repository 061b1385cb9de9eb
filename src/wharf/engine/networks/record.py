"""What the engine remembers of a network."""

from typing import Final

import msgspec

from wharf.apitypes.networks import IPAM

#: Those that are always there, and the drivers behind them.
BUILT_IN: Final = {"bridge": "bridge", "host": "host", "none": "null"}


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A network. `ipam` has the subnets and gateways that it got; `asked_subnet` says whether the user chose any."""

    id: str  # 64 hex digits
    name: str
    created: str  # RFC 3339
    kind: str = "bridge"  # the driver of a user's network
    scope: str = "local"
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    config_only: bool = False  # a configuration for others, no network
    config_from: str = ""  # name of the network whose configuration this is
    asked_subnet: bool = False
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    ipam: IPAM = IPAM()

    @property
    def built_in(self) -> bool:
        return self.name in BUILT_IN

    @property
    def driver(self) -> str:
        return "null" if self.config_only else BUILT_IN.get(self.name, self.kind)

    @property
    def real(self) -> bool:
        """Whether containers of the user's can be on it: not the host's network, none, or a mere configuration."""
        return self.driver not in ("host", "null")

    @property
    def lends(self) -> bool:
        """Whether its addresses come from a DHCP server on the wire."""
        return self.ipam.driver == "dhcp"

    @property
    def bridge(self) -> str:
        """Name of the device of a user's bridge network."""
        return self.options.get("com.docker.network.bridge.name") or f"br-{self.id[:12]}"


decode: Final = msgspec.json.Decoder(NetworkRecord).decode
encode: Final = msgspec.json.Encoder().encode
