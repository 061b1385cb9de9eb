"""Which networks a container is on, and who finds it there."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from harness.records import recorded
from wharf.apitypes.containers import (
    ContainerConfig,
    EndpointSettings,
    HostConfig,
    NetworkingConfig,
)
from wharf.engine.containers.record import Container
from wharf.engine.networks import attachments
from wharf.engine.networks.directory import Directory, shuffled
from wharf.errors import InvalidArgument
from wharf.network.contract import Endpoint


def container(
    name: str, mode: str = "front", address: str = "", address6: str = "", **asked: EndpointSettings
) -> Container:
    plain = recorded(
        name * 8,
        name,
        config=ContainerConfig(hostname=f"host-{name}"),
        host=HostConfig(network_mode=mode),
        networking=NetworkingConfig(endpoints_config=asked),
    )
    if not address:
        return plain
    endpoint = Endpoint("e", plain.id, mode, "veth0", "m", address, 16, "172.18.0.1", address6=address6)
    return plain.with_(endpoints={mode: endpoint})


def normalised(mode: str, *names: str) -> list[str]:
    asked = NetworkingConfig(endpoints_config={name: EndpointSettings() for name in names})
    return list(attachments.normalised(mode, asked, _name).endpoints_config)


def _name(ref: str) -> str:
    return {"0123": "front"}.get(ref, ref)


@pytest.mark.parametrize(
    ("mode", "asked", "found"),
    [
        ("", (), ["bridge"]),
        ("default", ("default",), ["bridge"]),
        ("bridge", (), ["bridge"]),
        ("front", (), ["front"]),
        ("0123", ("0123",), ["front"]),
        ("front", ("back", "front", "another"), ["front", "another", "back"]),
        ("front", ("back",), ["back"]),
        ("front", ("back", "another"), ["another", "back"]),
        ("default", ("back",), ["back"]),
        ("host", (), ["host"]),
        ("none", ("none",), ["none"]),
        ("default", ("none",), ["none"]),
        ("container:x", ("front",), []),
        ("container:web", ("front",), []),
    ],
)
def test_the_networks_of_a_request(mode: str, asked: tuple[str, ...], found: list[str]) -> None:
    assert normalised(mode, *asked) == found


def test_the_networks_of_a_record() -> None:
    assert attachments.of(container("web", "default")) == {}  # it has left them all
    web = container("web", front=EndpointSettings())
    more = attachments.with_endpoint(web, "back", EndpointSettings(aliases=["x"]))
    assert list(attachments.of(more)) == ["front", "back"]
    assert list(attachments.of(attachments.without_endpoint(more, "front"))) == ["back"]
    running = container("web", address="172.18.0.2")
    assert list(attachments.of(running)) == ["front"]


@pytest.mark.parametrize(
    ("mode", "asked", "message"),
    [
        ("front", ("host",), "must be created in host network mode"),
        ("host", ("front",), "sharing network namespace"),
        ("none", ("front",), "private"),
        ("front", ("none",), "private"),
    ],
)
def test_who_is_alone_is_alone(mode: str, asked: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        normalised(mode, *asked)


@pytest.mark.parametrize(
    ("mode", "asked", "found"),
    [
        ("default", (), "none"),
        ("bridge", ("default",), "none"),
        ("default", ("front",), "default"),
        ("front", ("bridge",), "front"),
        ("host", (), "host"),
    ],
)
def test_where_there_is_no_default_network(mode: str, asked: tuple[str, ...], found: str) -> None:
    networking = NetworkingConfig(endpoints_config={name: EndpointSettings() for name in asked})
    expected = NetworkingConfig() if found == "none" else networking
    assert attachments.without_default(mode, networking) == (found, expected)


def test_the_ways_out() -> None:
    asked = {"front": EndpointSettings(), "back": EndpointSettings(), "inner": EndpointSettings(gw_priority=9)}
    versions = {"front": (4, 6), "back": (4,), "inner": ()}

    def leads_out(name: str, version: int) -> bool:
        return version in versions[name]

    assert attachments.ways_out(asked, leads_out) == {4: "front", 6: "front"}
    preferred = attachments.ways_out(asked | {"back": EndpointSettings(gw_priority=1)}, leads_out)
    assert preferred == {4: "back", 6: "front"}
    versions["front"] = (4,)
    assert attachments.ways_out(asked, leads_out) == {4: "back"}
    assert attachments.ways_out({"inner": EndpointSettings()}, leads_out) == {}
    assert [attachments.publishing(ways) for ways in ({4: "a", 6: "b"}, {6: "b"}, {})] == ["a", "b", ""]


def test_interfaces_fill_gaps() -> None:
    assert attachments.interface("eth", []) == "eth0"
    assert attachments.interface("eth", {"eth0", "eth2"}) == "eth1"


def test_what_clients_send_back_is_not_asked_for() -> None:
    shown = EndpointSettings(aliases=["x"], network_id="1", endpoint_id="2", ip_address="3", dns_names=["x"])
    assert attachments.cleaned(shown) == EndpointSettings(aliases=["x"])


def directory() -> Directory:
    web = container("web", address="172.18.0.2", front=EndpointSettings(aliases=["WWW", "service"]))
    other = container("other", address="172.18.0.3", front=EndpointSettings(aliases=["service"]))
    hidden = container("hidden", "back", "172.19.0.2")
    plain = container("plain", "bridge", "172.17.0.2")
    return Directory.of([web, other, hidden, plain, container("stopped")])


def test_names_on_a_network() -> None:
    found = directory()
    web, other = IPv4Address("172.18.0.2"), IPv4Address("172.18.0.3")
    for name in ("web", "www", "web.front", "webwebwebweb", "host-web"):
        assert found.addresses(["front"], name) == [web], name
    assert found.addresses(["front"], "service") == [web, other]
    for name in ("hidden", "plain", "stopped", "web.back", "", "."):
        assert found.addresses(["front"], name) == (), name
    assert found.names(["front"], web) == ["web.front"]
    assert found.names(["back"], web) == ()


def test_containers_have_names_by_both_versions_of_ip() -> None:
    found = Directory.of([container("web", address="172.18.0.2", address6="fd00::2")])
    assert [str(address) for address in found.addresses(["front"], "web")] == ["172.18.0.2", "fd00::2"]
    assert found.names(["front"], IPv6Address("fd00::2")) == ["web.front"]


def test_private_names() -> None:
    found = directory()
    assert all(found.is_name(name) for name in ("hidden", "web", "hidden.back", "web.front"))
    assert not any(found.is_name(name) for name in ("plain", "stopped", "example.org", "org", ""))


def test_a_name_with_dots_may_be_another_name_outside() -> None:
    """As that of a mail server's container is, on networks that it is not on."""
    web = container("web", "back", "172.19.0.2")
    found = Directory.of([web.with_(config=ContainerConfig(hostname="mail.example.org"))])
    assert found.addresses(["back"], "mail.example.org") != ()
    assert not any(found.is_name(name) for name in ("mail.example.org", "web.front", "web.example.org"))
    assert found.is_name("web.back")


def test_any_address_may_be_the_first() -> None:
    addresses = [IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")]
    found = [shuffled(addresses) for _ in range(200)]
    assert all(sorted(one) == addresses for one in found)
    assert {one[0] for one in found} == set(addresses)
    assert shuffled([]) == []
