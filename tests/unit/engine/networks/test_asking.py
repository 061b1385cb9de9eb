"""What a request for a network becomes."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.networks import IPAM, IPAMConfig, NetworkCreateRequest
from wharf.engine.config import BridgeConfig
from wharf.engine.networks import asking
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError, InvalidArgument, NotFound, NotImplementedByUs, PermissionDenied


def place(*, ours: list[str] | None = None, on_host: list[str] | None = None, **given: Any) -> IPAMConfig:
    asked = IPAM(config=[IPAMConfig(**given)] if given else [])
    found = asking.place(asked, on_host=map(IPv4Network, on_host or []), ours=map(IPv4Network, ours or []))
    return found.config[0]


def test_the_first_free_pool_is_taken() -> None:
    assert place().subnet == "172.17.0.0/16"
    chosen = place(ours=["172.17.0.0/16"], on_host=["172.18.5.0/24"])
    assert (chosen.subnet, chosen.gateway) == ("172.19.0.0/16", "172.19.0.1")


def test_what_was_asked_for_is_kept() -> None:
    chosen = place(subnet="10.1.2.3/16", ip_range="10.1.5.0/24", auxiliary_addresses={"router": "10.1.5.1"})
    assert (chosen.subnet, chosen.ip_range, chosen.gateway) == ("10.1.0.0/16", "10.1.5.0/24", "10.1.5.2")
    assert place(subnet="10.1.0.0/16", gateway="10.1.9.9").gateway == "10.1.9.9"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"subnet": "10.1.0.0"}, InvalidArgument),
        ({"subnet": "nonsense/8"}, InvalidArgument),
        ({"subnet": "10.1.0.0/31"}, InvalidArgument),
        ({"subnet": "fd00::/64"}, NotImplementedByUs),
        ({"gateway": "10.1.0.1"}, InvalidArgument),
        ({"subnet": "172.17.5.0/24"}, PermissionDenied),
        ({"subnet": "10.1.0.0/16", "gateway": "10.2.0.1"}, EngineError),
        ({"subnet": "10.1.0.0/16", "gateway": "10.1.0.0"}, EngineError),
        ({"subnet": "10.1.0.0/16", "gateway": "x"}, InvalidArgument),
        ({"subnet": "10.1.0.0/16", "ip_range": "10.2.0.0/24"}, InvalidArgument),
        ({"subnet": "10.1.0.0/16", "ip_range": "10.0.0.0/8"}, InvalidArgument),
        ({"subnet": "10.1.0.0/16", "auxiliary_addresses": {"a": "10.2.0.1"}}, EngineError),
        ({"subnet": "10.1.0.0/16", "gateway": "10.1.0.9", "auxiliary_addresses": {"a": "10.1.0.9"}}, PermissionDenied),
    ],
)
def test_addresses_that_are_refused(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        place(ours=["172.17.0.0/16"], **given)


@given(st.data())
def test_no_two_networks_overlap(data: st.DataObject) -> None:
    """However many networks are made, by whatever mixture of choices."""
    ours: list[str] = []
    for _ in range(data.draw(st.integers(1, 6))):
        asked = data.draw(st.none() | st.tuples(st.integers(0, 2**32 - 1), st.integers(12, 30)))
        given: dict[str, Any] = {} if asked is None else {"subnet": f"{IPv4Address(asked[0])}/{asked[1]}"}
        try:
            made = place(ours=ours, **given)
        except EngineError:
            continue
        subnet = IPv4Network(made.subnet)
        assert not any(subnet.overlaps(IPv4Network(other)) for other in ours)
        assert IPv4Address(made.gateway) in subnet
        ours.append(made.subnet)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, InvalidArgument),
        ({"name": "host"}, PermissionDenied),
        ({"name": "container:x"}, PermissionDenied),
        ({"scope": "swarm"}, PermissionDenied),
        ({"driver": "host"}, PermissionDenied),
        ({"driver": "macvlan"}, NotImplementedByUs),
        ({"driver": "nothing"}, NotFound),
        ({"enable_ipv6": True}, NotImplementedByUs),
        ({"enable_ipv4": False}, NotImplementedByUs),
        ({"config_only": True}, NotImplementedByUs),
        ({"ipam": IPAM(driver="other")}, NotFound),
        ({"options": {asking.ICC: "perhaps"}}, InvalidArgument),
        ({"options": {asking.MTU: "large"}}, InvalidArgument),
        ({"options": {asking.HOST_BINDING: "::1"}}, InvalidArgument),
        ({"options": {asking.DEVICE: 'br"; flush ruleset'}}, InvalidArgument),
        ({"options": {asking.DEVICE: "a-name-too-long-for-it"}}, InvalidArgument),
        ({"options": {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}}, NotImplementedByUs),
    ],
)
def test_requests_that_are_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    asking.check(NetworkCreateRequest(name="front", driver="bridge", enable_ipv4=True))
    with pytest.raises(error):
        asking.check(NetworkCreateRequest(**{"name": "front", **changes}))


def test_settings_of_a_bridge() -> None:
    ipam = IPAM(config=[IPAMConfig(subnet="10.1.0.0/16", gateway="10.1.0.1", auxiliary_addresses={"a": "10.1.0.9"})])
    options = {asking.ICC: "false", asking.MTU: "1400", asking.HOST_BINDING: "127.0.0.1"}
    record = NetworkRecord(id="0123456789abcdef", name="front", created="", options=options, ipam=ipam)
    settings = asking.settings(record, BridgeConfig(masquerade=False, mtu=9000))
    assert settings.name == "br-0123456789ab"
    assert settings.address == IPv4Interface("10.1.0.1/16")
    assert (settings.mtu, settings.inter_container, settings.masquerade) == (1400, False, False)
    assert settings.publish_address == "127.0.0.1"
    assert asking.reserved(record) == [IPv4Address("10.1.0.9")]
