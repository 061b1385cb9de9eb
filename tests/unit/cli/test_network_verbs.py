"""What the verbs of `wharf network` ask for."""

from typing import Any

import pytest

from wharf.cli.commands.container.kinds import read_search_domain
from wharf.cli.commands.container.networks import read_network
from wharf.cli.commands.network import check, connect, create
from wharf.cli.flags import parse
from wharf.client.containers import with_one_mac_address
from wharf.errors import InvalidArgument


def ipam(*words: str) -> dict[str, Any]:
    options, _ = parse(create.COMMAND.flags, [*words, "front"])
    return create.ipam(options)


def test_nothing_is_asked_for_that_was_not_given() -> None:
    assert ipam() == {}
    options, _ = parse(connect.COMMAND.flags, ["front", "web"])
    assert connect.endpoint(options) == {}


def test_addresses_are_put_in_their_subnet() -> None:
    words = "--subnet 10.1.0.0/16,fd00::/64 --gateway 10.1.0.9 --gateway fd00::1 --ip-range 10.1.5.0/24"
    assert ipam(*words.split(), "--aux-address", "router=10.1.0.2", "--ipam-opt", "a=b") == {
        "Options": {"a": "b"},
        "Config": [
            {
                "Subnet": "10.1.0.0/16",
                "IPRange": "10.1.5.0/24",
                "Gateway": "10.1.0.9",
                "AuxiliaryAddresses": {"router": "10.1.0.2"},
            },
            {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
        ],
    }


@pytest.mark.parametrize(
    "words",
    [
        "--gateway 10.1.0.1",
        "--subnet 10.1.0.0/16 --gateway 10.2.0.1",
        "--subnet 10.1.0.0/16 --ip-range 10.2.0.0/24",
        "--subnet 10.1.0.0/16 --gateway nonsense",
        "--subnet 10.1.0.0/16 --aux-address a=10.2.0.1",
        "--subnet 10.1.0.0/16 --aux-address a",
        "--subnet 10.1.0.0/16 --subnet 10.1.5.0/24",
        "--subnet 10.1.0.0/16,10.2.0.0/16 --gateway 10.1.0.1 --gateway 10.1.0.2",
    ],
)
def test_addresses_that_are_refused(words: str) -> None:
    with pytest.raises(InvalidArgument):
        ipam(*words.split())


def test_an_endpoint() -> None:
    words = "--ip 10.1.0.7 --alias web --alias www --link db:data --driver-opt a=b --gw-priority 3 front web"
    options, _ = parse(connect.COMMAND.flags, words.split())
    assert connect.endpoint(options) == {
        "IPAMConfig": {"IPv4Address": "10.1.0.7"},
        "Aliases": ["web", "www"],
        "DriverOpts": {"a": "b"},
        "GwPriority": 3,
        "Links": ["db:data"],
    }
    options, _ = parse(connect.COMMAND.flags, ["--driver-opt", "nonsense", "front", "web"])
    with pytest.raises(InvalidArgument):
        connect.endpoint(options)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name=front,alias", "invalid field alias"),
        ("alias=x", "network name/id is not specified"),
        ("name=front,driver-opt=x", "invalid key value pair format in driver options"),
        ("name=front,gw-priority=x", "invalid gw-priority (x): invalid syntax"),
        ("name=front,colour=red", "invalid field key colour"),
    ],
)
def test_words_about_a_network_that_make_no_sense(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_network(text)
    assert str(raised.value) == problem


@pytest.mark.parametrize("text", ["example.org", "a", "x-1.org.", "."])
def test_domains_to_search_in(text: str) -> None:
    assert read_search_domain(f" {text}") == text


@pytest.mark.parametrize("text", ["a b", "-a.org", "a..b", "1.2", "", "a" * 256, "ü.org"])
def test_what_is_no_domain(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid domain"):
        read_search_domain(text)


def test_the_mac_address_for_engines_that_know_but_one() -> None:
    mac = "02:42:ac:11:00:99"
    networks = {"EndpointsConfig": {"front": {"MacAddress": mac}}}
    body = {"HostConfig": {"NetworkMode": "front"}, "NetworkingConfig": networks}
    assert with_one_mac_address(body) == {**body, "MacAddress": mac}
    assert with_one_mac_address({"Image": "x"}) == {"Image": "x"}


def test_where_packets_would_go() -> None:
    assert check.target("web:80/udp") == ("web", 80, "udp")
    assert check.target("outside") == ("outside", 0, "tcp")


@pytest.mark.parametrize("text", ["", ":80", "web:http", "web:-1", "web:100000", "web:" + "9" * 5000])
def test_a_target_that_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid target"):
        check.target(text)
