"""The MAC address of a whole container in each version of the API."""

import pytest

from wharf.api.mac_addresses import accepted
from wharf.apitypes.containers import ContainerConfig, EndpointSettings, HostConfig, NetworkingConfig
from wharf.errors import InvalidArgument

MAC, OTHER = "02:42:ac:11:00:77", "02:42:ac:11:00:78"


def asked(mode: str, version: int, **macs: str) -> tuple[str, int]:
    """The container's address, and how many warnings there are."""
    networking = NetworkingConfig(
        endpoints_config={name: EndpointSettings(mac_address=mac) for name, mac in macs.items()}
    )
    config, warnings = accepted(ContainerConfig(mac_address=MAC), HostConfig(network_mode=mode), networking, version)
    return config.mac_address, len(warnings)


@pytest.mark.parametrize(
    ("mode", "version", "macs", "found"),
    [
        ("front", 43, {"front": OTHER}, (MAC, 0)),
        ("front", 44, {}, (MAC, 1)),
        ("front", 51, {"front": ""}, (MAC, 1)),
        ("front", 51, {"front": MAC}, (MAC, 1)),
        ("default", 51, {"bridge": MAC}, (MAC, 1)),
        ("", 51, {"default": ""}, (MAC, 1)),
        ("host", 51, {"host": OTHER}, (MAC, 1)),
        ("container:x", 51, {"front": OTHER}, (MAC, 1)),
        ("front", 52, {"front": OTHER}, ("", 0)),
    ],
)
def test_what_it_means(mode: str, version: int, macs: dict[str, str], found: tuple[str, int]) -> None:
    assert asked(mode, version, **macs) == found


@pytest.mark.parametrize(
    ("macs", "message"), [({"front": OTHER}, "must match the endpoint-specific"), ({"back": ""}, "unable to migrate")]
)
def test_two_things_at_once_are_refused(macs: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        asked("front", 44, **macs)


def test_who_asks_for_none_hears_nothing() -> None:
    assert accepted(ContainerConfig(), HostConfig(), NetworkingConfig(), 51) == (ContainerConfig(), [])
