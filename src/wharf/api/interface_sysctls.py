"""Kernel parameters of one interface: of a container before API 1.48, of its places in networks since. Pure."""

import re
from typing import Final

import msgspec

from wharf.apitypes.containers import EndpointSettings, HostConfig, NetworkingConfig
from wharf.errors import InvalidArgument

_PER_NETWORK_SINCE: Final = 48
_OPTION: Final = "com.docker.network.endpoint.sysctls"
_OF_INTERFACE: Final = re.compile(r"(net\.[^.]+\.[^.]+)\.(eth[^.]*)\.(.+)")


def accepted(
    host: HostConfig, networking: NetworkingConfig, version: int
) -> tuple[HostConfig, NetworkingConfig, list[str]]:
    """What a request means, with warnings: those of eth0 become an option of the container's main network.

    Raises InvalidArgument, in dockerd's words, for those of others, and for all since API 1.48.
    """
    found = {name: match for name in host.sysctls if (match := _OF_INTERFACE.fullmatch(name))}
    if not found or host.network_mode == "host" or host.network_mode.startswith("container:"):
        return host, networking, []
    if version >= _PER_NETWORK_SINCE:
        name = next(iter(found))
        raise InvalidArgument(
            f"interface specific sysctl setting \"{name}\" must be supplied using driver option '{_OPTION}'"
        )
    main = _main(host.network_mode, networking)
    elsewhere = [name for name, match in found.items() if match[2] != "eth0"]
    if main is None or elsewhere:
        raise InvalidArgument(
            f"unable to determine network endpoint for sysctl {[*elsewhere, *found][0]}, use driver option '{_OPTION}' "
            "to set per-interface sysctls"
        )
    moved = {name: f"{match[1]}.IFNAME.{match[3]}={host.sysctls[name]}" for name, match in found.items()}
    kept = {name: value for name, value in host.sysctls.items() if name not in found}
    warnings = [f'Migrated sysctl "{name}" to DriverOpts{{"{_OPTION}":"{text}"}}.' for name, text in moved.items()]
    networking = _told(networking, main, ",".join(moved.values()))
    return msgspec.structs.replace(host, sysctls=kept), networking, warnings


def _main(mode: str, networking: NetworkingConfig) -> str | None:
    """The network that eth0 is in, by the name that the request has for it; None where it names others only."""
    names = ("default", "bridge") if mode in ("", "default", "bridge") else (mode,)
    if not networking.endpoints_config:
        return names[-1]
    return next((name for name in names if name in networking.endpoints_config), None)


def _told(networking: NetworkingConfig, network: str, sysctls: str) -> NetworkingConfig:
    settings = networking.endpoints_config.get(network, EndpointSettings())
    options = dict(settings.driver_opts or {})
    options[_OPTION] = ",".join(filter(None, (options.get(_OPTION), sysctls)))
    told = msgspec.structs.replace(settings, driver_opts=options)
    return NetworkingConfig(endpoints_config={**networking.endpoints_config, network: told})
