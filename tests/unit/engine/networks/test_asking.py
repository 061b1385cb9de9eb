"""What a request for a network becomes: its record, its subnets, what the drivers are told."""

from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.networks import IPAM, ConfigFrom, IPAMConfig, NetworkCreateRequest
from wharf.engine.config import BridgeConfig
from wharf.engine.networks import asking, bridge_options, opening, options, parent_options, placing
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError, InvalidArgument, NotFound, NotImplementedByUs, PermissionDenied
from wharf.network.settings import GatewayMode
from wharf.network.subnets import DEFAULT_POOLS, Subnet, unique_local_pool

POOLS = (*DEFAULT_POOLS, unique_local_pool("test"))


def record(**given: Any) -> NetworkRecord:
    return NetworkRecord(**{"id": "0123456789abcdef", "name": "front", "created": "", **given})


def placed(
    *configs: IPAMConfig, ours: tuple[str, ...] = (), on_host: tuple[str, ...] = (), **given: Any
) -> list[IPAMConfig]:
    placing.check(configs)
    asked = record(ipam=IPAM(config=list(configs)), **given)
    found = placing.placed(
        asked,
        POOLS,
        on_host=map(ip_network, on_host),
        ours=map(ip_network, ours),
        gateways=opening.versions_with_gateway(asked),
    )
    return found.ipam.config


def test_the_first_free_pool_is_taken() -> None:
    assert [config.subnet for config in placed()] == ["172.17.0.0/16"]
    (chosen,) = placed(ours=("172.17.0.0/16",), on_host=("172.18.5.0/24", "fd00::/8"))
    assert (chosen.subnet, chosen.gateway) == ("172.19.0.0/16", "172.19.0.1")


def test_each_version_of_ip_has_a_subnet() -> None:
    own = str(unique_local_pool("test").base).replace("/48", "")
    both = placed(enable_ipv6=True)
    assert [config.subnet for config in both] == ["172.17.0.0/16", f"{own}/64"]
    assert both[1].gateway == f"{own}1"
    assert [config.subnet for config in placed(enable_ipv4=False, enable_ipv6=True)] == [f"{own}/64"]
    mixed = placed(IPAMConfig(subnet="fd01::/64"), enable_ipv6=True)
    assert [(config.subnet, config.gateway) for config in mixed] == [
        ("172.17.0.0/16", "172.17.0.1"),
        ("fd01::/64", "fd01::1"),
    ]


def test_a_subnet_of_a_version_that_is_off_is_kept_and_not_used() -> None:
    asked = record(enable_ipv6=False, ipam=IPAM(config=[IPAMConfig(subnet="fd01::/64")]))
    found = placing.placed(asked, POOLS, on_host=(), ours=(), gateways=(4, 6))
    assert [config.subnet for config in found.ipam.config] == ["172.17.0.0/16", "fd01::/64"]
    assert [str(subnet.network) for subnet in placing.used_subnets(found)] == ["172.17.0.0/16"]
    assert placing.unused(found) == ["subnet fd01::/64 is not used: IPv6 is not enabled on this network"]


def test_what_was_asked_for_is_kept() -> None:
    (chosen,) = placed(
        IPAMConfig(subnet="10.1.0.0/16", ip_range="10.1.5.0/24", auxiliary_addresses={"router": "10.1.5.0"})
    )
    assert (chosen.subnet, chosen.ip_range, chosen.gateway) == ("10.1.0.0/16", "10.1.5.0/24", "10.1.5.1")
    assert placed(IPAMConfig(subnet="10.1.0.0/16", gateway="10.1.9.9"))[0].gateway == "10.1.9.9"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subnet": "10.9.0.0/33"}, "invalid subnet 10.9.0.0/33: invalid CIDR block notation"),
        ({"subnet": "10.9.0.5/24"}, "invalid subnet 10.9.0.5/24: it should be 10.9.0.0/24"),
        ({"subnet": "10.9.0.0"}, "invalid subnet 10.9.0.0: invalid CIDR block notation"),
        ({"subnet": "10.9.0.0/024"}, "invalid subnet 10.9.0.0/024: invalid CIDR block notation"),
        (
            {"subnet": "10.9.0.0/255.255.0.0"},
            "invalid subnet 10.9.0.0/255.255.0.0: invalid CIDR block notation",
        ),
        ({"subnet": "::ffff:10.9.0.0/120"}, "invalid subnet ::ffff:10.9.0.0/120: invalid CIDR block notation"),
        ({"subnet": "fd01::%a b/64"}, "invalid subnet fd01::%a b/64: invalid CIDR block notation"),
        (
            {"subnet": "fd01::/64", "ip_range": "fd01::%}/80"},
            "invalid ip-range fd01::%}/80: invalid CIDR block notation",
        ),
        (
            {"subnet": "fd01::/64", "gateway": "fd01::1%eth0"},
            "invalid gateway fd01::1%eth0: parent subnet fd01::/64 doesn't contain this address",
        ),
        ({"gateway": "10.9.0.1"}, "invalid subnet : invalid CIDR block notation"),
        ({"gateway": "10.8.0.1"}, "invalid gateway 10.8.0.1: parent subnet 10.9.0.0/24 doesn't contain this address"),
        ({"gateway": "x"}, "invalid gateway x: invalid address"),
        ({"gateway": "fd00::1"}, "invalid gateway fd00::1: parent subnet is an IPv4 block"),
        ({"subnet": "fd01::/64", "gateway": "10.0.0.1"}, "invalid gateway 10.0.0.1: parent subnet is an IPv6 block"),
        (
            {"ip_range": "10.8.0.0/25"},
            "invalid ip-range 10.8.0.0/25: parent subnet 10.9.0.0/24 doesn't contain ip-range",
        ),
        (
            {"ip_range": "10.9.0.0/16"},
            "invalid ip-range 10.9.0.0/16: CIDR block is bigger than its parent subnet 10.9.0.0/24",
        ),
        ({"ip_range": "10.9.0.7/25"}, "invalid ip-range 10.9.0.7/25: it should be 10.9.0.0/25"),
        ({"ip_range": "fd00::/80"}, "invalid ip-range fd00::/80: parent subnet is an IPv4 block"),
        ({"ip_range": "x"}, "invalid ip-range x: invalid CIDR block notation"),
        ({"auxiliary_addresses": {"a": "x"}}, "invalid auxiliary address a: invalid address"),
    ],
)
def test_nonsense_is_told_in_dockerds_words(given: dict[str, Any], message: str) -> None:
    whole = {"subnet": "" if message.startswith("invalid subnet :") else "10.9.0.0/24", **given}
    with pytest.raises(InvalidArgument) as raised:
        placing.check([IPAMConfig(**whole)])
    assert str(raised.value) == f"invalid network config:\n{message}"


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidArgument) as raised:
        placing.check([IPAMConfig(subnet="10.9.0.0/24", gateway="x"), IPAMConfig(subnet="y")])
    assert str(raised.value).splitlines() == [
        "invalid network config:",
        "* invalid gateway x: invalid address",
        "* invalid subnet y: invalid CIDR block notation",
    ]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"subnet": "172.17.5.0/24"}, PermissionDenied, placing.OVERLAP),
        ({"subnet": "0.0.0.0/0"}, InvalidArgument, "ipv4 pool is empty"),
        ({"subnet": "ff02::/64"}, InvalidArgument, "multicast subnet 'ff02::1/64' is not allowed"),
        (
            {"subnet": "10.1.0.0/16", "gateway": "10.1.0.0"},
            EngineError,
            "failed to allocate gateway (10.1.0.0): Address already in use",
        ),
        (
            {"subnet": "10.1.0.0/16", "auxiliary_addresses": {"a": "10.1.0.0"}},
            EngineError,
            "failed to allocate secondary ip address (a:10.1.0.0): Address already in use",
        ),
        (
            {"subnet": "10.1.0.0/16", "auxiliary_addresses": {"a": "10.1.0.9", "b": "10.1.0.9"}},
            EngineError,
            "failed to allocate secondary ip address (b:10.1.0.9): Address already in use",
        ),
        (
            {"subnet": "10.1.0.0/16", "gateway": "10.1.0.9", "auxiliary_addresses": {"a": "10.1.0.9"}},
            EngineError,
            "failed to allocate secondary ip address (a:10.1.0.9): Address already in use",
        ),
        (
            {"subnet": "10.1.0.0/32", "auxiliary_addresses": {"a": "10.1.0.0"}},
            EngineError,
            "failed to allocate gateway (): no available addresses on this pool",
        ),
    ],
)
def test_places_that_cannot_be_had(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        placed(IPAMConfig(**given), ours=("172.17.0.0/16",), enable_ipv6=True)
    assert str(raised.value) == message


@given(st.data())
def test_no_two_networks_overlap(data: st.DataObject) -> None:
    """However many networks are made, by whatever mixture of choices."""
    ours: tuple[str, ...] = ()
    for _ in range(data.draw(st.integers(1, 6))):
        asked = data.draw(st.none() | st.tuples(st.integers(0, 2**32 - 1), st.integers(12, 31)))
        configs = [] if asked is None else [IPAMConfig(subnet=str(ip_network(asked, strict=False)))]
        try:
            made = placed(*configs, ours=ours, enable_ipv6=data.draw(st.booleans()))
        except EngineError:
            continue
        for config in made:
            subnet = ip_network(config.subnet)
            assert not any(subnet.overlaps(ip_network(other)) for other in ours)
            assert ip_address(config.gateway) in subnet
            ours += (config.subnet,)


def test_a_subnet_that_the_host_has_another_way_to() -> None:
    config = IPAMConfig(subnet="198.51.100.0/25")
    asked = record(asked_subnet=True, ipam=IPAM(config=[config]))
    assert placing.conflicts(asked, [ip_network("198.51.100.0/24")]) == [
        "subnet 198.51.100.0/25 overlaps 198.51.100.0/24, which this host has a route to"
    ]
    assert placing.conflicts(asked, [ip_network("198.51.0.0/24")]) == []
    on_wire = msgspec.structs.replace(asked, kind="macvlan")
    assert placing.conflicts(on_wire, [ip_network("198.51.100.0/24")]) == []  # there it is as it should be


CONFIG_FROM = ConfigFrom(network="cfg")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, InvalidArgument),
        ({"name": " "}, InvalidArgument),
        ({"name": "host"}, PermissionDenied),
        ({"name": "container:x"}, PermissionDenied),
        ({"scope": "swarm"}, PermissionDenied),
        ({"scope": "global"}, NotImplementedByUs),
        ({"ingress": True}, PermissionDenied),
        ({"driver": "host"}, PermissionDenied),
        ({"driver": "overlay"}, PermissionDenied),
        ({"driver": "nothing"}, NotFound),
        ({"config_only": True, "internal": True}, PermissionDenied),
        ({"config_only": True, "config_from": CONFIG_FROM}, PermissionDenied),
        ({"config_from": CONFIG_FROM, "options": {"a": "b"}}, PermissionDenied),
        ({"config_from": CONFIG_FROM, "labels": {"a": "b"}}, PermissionDenied),
        ({"config_from": CONFIG_FROM, "enable_ipv6": True}, PermissionDenied),
        ({"config_from": CONFIG_FROM, "ipam": IPAM(options={"a": "b"})}, PermissionDenied),
        ({"config_only": True, "ingress": True}, PermissionDenied),
    ],
)
def test_requests_that_are_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    asking.check(NetworkCreateRequest(name="front", driver="bridge", enable_ipv4=True))
    with pytest.raises(error):
        asking.check(NetworkCreateRequest(**{"name": "front", **changes}))


LENT: dict[str, Any] = {"kind": "macvlan", "options": {"parent": "eth0"}, "ipam": IPAM(driver="dhcp")}
MODE4 = bridge_options.GATEWAY_MODE[4]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"enable_ipv4": False}, InvalidArgument, "IPv4 or IPv6 must be enabled"),
        ({"ipam": IPAM(driver="other")}, NotFound, 'plugin "other" not found'),
        ({"ipam": IPAM(driver="null")}, InvalidArgument, "ipv4 pool is empty"),
        ({"ipam": IPAM(driver="null"), "enable_ipv4": False, "enable_ipv6": True}, InvalidArgument, "ipv6 pool is"),
        ({"ipam": IPAM(driver="null"), "kind": "macvlan"}, InvalidArgument, "ipv4 pool is empty"),
        (
            {"ipam": IPAM(driver="null", config=[IPAMConfig(subnet="10.1.0.0/24")])},
            InvalidArgument,
            "null ipam driver does not handle specific address pool requests",
        ),
        ({"ipam": IPAM(driver="dhcp")}, InvalidArgument, "is for networks of the driver macvlan, or ipvlan in mode l2"),
        ({**LENT, "kind": "ipvlan", "options": {"parent": "eth0", "ipvlan_mode": "l3"}}, InvalidArgument, "ipvlan in"),
        ({**LENT, "options": {}}, InvalidArgument, "needs a parent"),
        ({**LENT, "enable_ipv4": False}, InvalidArgument, "cannot be switched off"),
        (
            {**LENT, "ipam": IPAM(driver="dhcp", config=[IPAMConfig(subnet="10.1.0.0/24")])},
            InvalidArgument,
            "takes no subnets",
        ),
        ({**LENT, "ipam": IPAM(driver="dhcp", options={"lease": "1"})}, InvalidArgument, "unknown option"),
        ({**LENT, "ipam": IPAM(driver="dhcp", options={"timeout": "0"})}, InvalidArgument, "expected 1 to 300 seconds"),
        ({**LENT, "ipam": IPAM(driver="dhcp", options={"timeout": "301"})}, InvalidArgument, "expected 1 to 300"),
        (
            {"ipam": IPAM(config=[IPAMConfig(subnet="10.1.0.0/24"), IPAMConfig(subnet="10.2.0.0/24")])},
            PermissionDenied,
            "bridge driver doesn't support multiple subnets",
        ),
        ({"options": {bridge_options.ICC: "perhaps"}}, InvalidArgument, 'strconv.ParseBool: parsing "perhaps"'),
        ({"options": {bridge_options.ICC: ""}}, InvalidArgument, "failed to parse"),
        ({"options": {options.MTU: "large"}}, InvalidArgument, 'strconv.Atoi: parsing "large"'),
        ({"options": {options.MTU: "9" * 5000}}, InvalidArgument, "failed to parse"),
        ({"options": {bridge_options.HOST_ADDRESS[6]: "fd00::1%x }"}}, InvalidArgument, "nil ip"),
        ({"options": {bridge_options.HOST_BINDING: "fe80::1%lo"}}, InvalidArgument, "nil ip"),
        ({"options": {options.MTU: "-5"}}, InvalidArgument, "invalid MTU number: -5"),
        ({"options": {options.MTU: ""}}, InvalidArgument, 'strconv.Atoi: parsing ""'),
        ({"options": {options.MTU: "1279"}, "enable_ipv6": True}, InvalidArgument, "IPv6 needs at least 1280"),
        ({"options": {bridge_options.DEFAULT_BRIDGE: "true"}}, PermissionDenied, "cannot be made by hand"),
        ({"options": {bridge_options.HOST_BINDING: "x"}}, InvalidArgument, "value: x (nil ip)"),
        ({"options": {bridge_options.HOST_ADDRESS[4]: "fd00::1"}}, InvalidArgument, "value: fd00::1 (nil ip)"),
        ({"options": {bridge_options.DEVICE: 'br"; flush ruleset'}}, InvalidArgument, "cannot be the name"),
        ({"options": {bridge_options.DEVICE: "a-name-too-long-for-it"}}, InvalidArgument, "cannot be the name"),
        ({"options": {bridge_options.DEVICE: "br*"}}, InvalidArgument, "cannot be the name"),
        ({"options": {bridge_options.DEVICE: "br%d"}}, InvalidArgument, "cannot be the name"),
        ({"options": {bridge_options.TRUSTED: 'eth0:x" }; drop'}}, InvalidArgument, "cannot be the name"),
        ({"options": {options.INTERFACE_PREFIX: "a/b"}}, InvalidArgument, "cannot be the name"),
        ({"options": {MODE4: "x"}}, InvalidArgument, f"failed to parse {MODE4} value: x (unknown gateway mode x)"),
        ({"options": {MODE4: ""}}, InvalidArgument, f"failed to parse {MODE4} value:  (unknown gateway mode )"),
        (
            {"options": {MODE4: "isolated"}},
            EngineError,
            "gateway mode 'isolated' can only be used for an internal network",
        ),
        (
            {"kind": "macvlan", "options": {"macvlan_mode": "x"}},
            EngineError,
            "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default",
        ),
        (
            {"kind": "ipvlan", "options": {"ipvlan_mode": "x"}},
            EngineError,
            "requested ipvlan mode 'x' is not valid, 'l2' mode is the ipvlan driver default",
        ),
        (
            {"kind": "ipvlan", "options": {"ipvlan_flag": "x"}},
            EngineError,
            "requested ipvlan flag 'x' is not valid, 'bridge' is the ipvlan driver default",
        ),
    ],
)
def test_records_that_no_driver_can_make(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        asking.check_record(record(**changes))
    assert message in str(raised.value)


def test_the_words_of_the_daemon_and_of_the_request() -> None:
    defaults = {"bridge": {options.MTU: "1400", bridge_options.ICC: "false"}, "macvlan": {"parent": "eth0"}}
    asked = NetworkCreateRequest(name="front", options={options.MTU: "1300"})
    made = asking.described(asked, "1", "", defaults)
    assert made.options == {options.MTU: "1300", bridge_options.ICC: "false"}
    assert (made.kind, made.enable_ipv4, made.enable_ipv6, made.driver) == ("bridge", True, False, "bridge")
    by_option = NetworkCreateRequest(
        name="front", options={"com.docker.network.enable_ipv4": "false", "com.docker.network.enable_ipv6": "true"}
    )
    made = asking.described(by_option, "1", "", {})
    assert (made.enable_ipv4, made.enable_ipv6) == (False, True)
    by_member = msgspec.structs.replace(by_option, enable_ipv4=True, enable_ipv6=False)
    made = asking.described(by_member, "1", "", {})
    assert (made.enable_ipv4, made.enable_ipv6, made.options) == (True, False, {})
    with pytest.raises(InvalidArgument, match='enable_ipv6" is not a valid bool'):
        asking.described(NetworkCreateRequest(name="x", options={"com.docker.network.enable_ipv6": "x"}), "1", "", {})


def test_a_configuration_and_its_borrower() -> None:
    lender = record(
        name="cfg", config_only=True, enable_ipv6=True, options={"a": "b"}, labels={"l": "1"}, asked_subnet=True
    )
    assert (lender.driver, lender.real) == ("null", False)
    made = asking.borrowed(record(kind="macvlan", internal=True), lender)
    assert (made.config_from, made.enable_ipv6, made.options, made.labels) == ("cfg", True, {"a": "b"}, {"l": "1"})
    assert (made.driver, made.internal, made.config_only, made.real) == ("macvlan", True, False, True)


def test_settings_of_a_bridge() -> None:
    ipam = IPAM(config=[IPAMConfig(subnet="10.1.0.0/16", gateway="10.1.0.1", auxiliary_addresses={"a": "10.1.0.9"})])
    given = {
        bridge_options.ICC: "false",
        options.MTU: "1400",
        bridge_options.HOST_BINDING: "127.0.0.1",
        MODE4: "routed",
        bridge_options.TRUSTED: "eth0:eth1",
    }
    made = bridge_options.settings(record(options=given, ipam=ipam), BridgeConfig(masquerade=False, mtu=9000))
    assert made.name == "br-0123456789ab"
    assert made.subnets == (
        Subnet(ip_network("10.1.0.0/16"), ip_address("10.1.0.1"), reserved=frozenset({IPv4Address("10.1.0.9")})),
    )
    assert (made.mtu, made.inter_container, made.masquerade) == (1400, False, False)
    assert (made.publish_address, made.mode, made.trusted) == ("127.0.0.1", GatewayMode.ROUTED, ("eth0", "eth1"))


def test_settings_on_a_parent() -> None:
    own = parent_options.settings(record(kind="macvlan"))
    assert (own.parent, own.own_parent, own.internal, own.mode) == ("dm-0123456789ab", True, True, "bridge")
    given = parent_options.settings(record(kind="ipvlan", options={"parent": "eth0", "ipvlan_mode": "l3s"}))
    assert (given.parent, given.own_parent, given.internal, given.routes_by_device) == ("eth0", False, False, True)


@pytest.mark.parametrize(
    ("changes", "versions"),
    [
        ({}, {4, 6}),
        ({"internal": True}, {4, 6}),
        ({"internal": True, "options": {MODE4: "isolated"}}, {6}),
        ({"kind": "macvlan", "options": {"parent": "eth0"}}, {4, 6}),
        ({"kind": "macvlan", "options": {"parent": "eth0"}, "internal": True}, set()),
        ({"kind": "ipvlan", "options": {"parent": "eth0", "ipvlan_mode": "l3"}}, set()),
    ],
)
def test_which_networks_have_a_gateway(changes: dict[str, Any], versions: set[int]) -> None:
    assert opening.versions_with_gateway(record(**changes)) == versions


def test_a_device_is_for_one_ipvlan_network_or_one_in_mode_passthru() -> None:
    plain = record(id="1" * 64, kind="macvlan", options={"parent": "eth0"})
    passthru = record(id="2" * 64, kind="macvlan", options={"parent": "eth0", "macvlan_mode": "passthru"})
    elsewhere = record(id="3" * 64, kind="macvlan", options={"parent": "eth1", "macvlan_mode": "passthru"})
    ipvlan = record(id="4" * 64, kind="ipvlan", options={"parent": "eth0"})
    for fine in ((plain, [plain, elsewhere, ipvlan]), (passthru, [elsewhere, ipvlan]), (ipvlan, [passthru])):
        parent_options.check_neighbours(*fine)
    with pytest.raises(EngineError, match="network di-444444444444 is already using parent interface eth0"):
        parent_options.check_neighbours(record(id="5" * 64, kind="ipvlan", options={"parent": "eth0"}), [plain, ipvlan])
    with pytest.raises(EngineError, match=f"cannot use mode passthru, macvlan network {plain.id} is already"):
        parent_options.check_neighbours(passthru, [plain])
    with pytest.raises(EngineError, match=f"macvlan network {passthru.id} is already .* in mode passthru"):
        parent_options.check_neighbours(plain, [passthru])
