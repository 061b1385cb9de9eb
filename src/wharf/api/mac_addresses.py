"""The MAC address of a whole container, which API 1.44 replaced by those of its networks, and 1.52 took away. Pure."""

from typing import Final

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig, NetworkingConfig
from wharf.errors import InvalidArgument

_PER_NETWORK_SINCE: Final = 44
_GONE_SINCE: Final = 52
_WARNING: Final = (
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
)


def accepted(
    config: ContainerConfig, host: HostConfig, networking: NetworkingConfig, version: int
) -> tuple[ContainerConfig, list[str]]:
    """What a request means, with warnings. Raises InvalidArgument, in dockerd's words, where it says two things."""
    if not config.mac_address or version < _PER_NETWORK_SINCE:
        return config, []
    if version >= _GONE_SINCE:
        return msgspec.structs.replace(config, mac_address=""), []
    mode = host.network_mode or "default"
    if mode not in ("host", "none") and not mode.startswith("container:"):
        _check_main(config.mac_address, mode, networking)
    return config, [_WARNING]


def _check_main(address: str, mode: str, networking: NetworkingConfig) -> None:
    endpoints = networking.endpoints_config
    names = ("default", "bridge") if mode in ("default", "bridge") else (mode,)
    main = next((endpoints[name] for name in names if name in endpoints), None)
    if main is None and endpoints:
        raise InvalidArgument(
            "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the "
            "identity of a network in NetworkSettings.Networks"
        )
    if main is not None and main.mac_address not in ("", address):
        raise InvalidArgument(
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be "
            "left empty"
        )
