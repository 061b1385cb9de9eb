"""What the engine remembers of a network."""

from typing import Final

import msgspec

from wharf.apitypes.networks import IPAM

#: Those that are always there, and the drivers behind them.
BUILT_IN: Final = {"bridge": "bridge", "host": "host", "none": "null"}


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A network. `ipam` has the subnet and gateway that it got; `asked_subnet` says whether the user chose it."""

    id: str  # 64 hex digits
    name: str
    created: str  # RFC 3339
    internal: bool = False
    attachable: bool = False
    asked_subnet: bool = False
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    ipam: IPAM = IPAM()

    @property
    def built_in(self) -> bool:
        return self.name in BUILT_IN

    @property
    def driver(self) -> str:
        return BUILT_IN.get(self.name, "bridge")

    @property
    def bridge(self) -> str:
        """Name of the device of a user's network."""
        return self.options.get("com.docker.network.bridge.name") or f"br-{self.id[:12]}"


decode: Final = msgspec.json.Decoder(NetworkRecord).decode
encode: Final = msgspec.json.Encoder().encode
