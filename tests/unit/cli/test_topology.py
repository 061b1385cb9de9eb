"""What `wharf network graph` draws."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.cli.topology import dot, svg, text
from wharf.cli.topology.model import Topology, topology

Endpoint = dict[str, Any]

NETWORKS: list[dict[str, Any]] = [
    {"Name": "front", "Driver": "bridge", "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]}},
    {"Name": "back", "Driver": "bridge", "IPAM": {"Config": [{"Subnet": "172.19.0.0/16"}]}, "Internal": True},
    {"Name": "none", "Driver": "null", "IPAM": {"Config": None}},
]


def port(ip: str, public: int | None, private: int = 80) -> dict[str, Any]:
    return {"IP": ip, "PrivatePort": private, "Type": "tcp", **({"PublicPort": public} if public else {})}


WEB: dict[str, Any] = {
    "Id": "1" * 64,
    "Names": ["/proxy/web", "/web"],
    "State": "running",
    "Ports": [port("0.0.0.0", 8080), port("::", 8080), port("", None, 9000), port("127.0.0.1", 70, 70)],
    "NetworkSettings": {
        "Networks": {
            "front": {"IPAddress": "172.18.0.2", "GlobalIPv6Address": "fd00::2", "Gateway": "172.18.0.1"},
            "back": {"IPAddress": "172.19.0.2", "Gateway": ""},
        }
    },
}
DB: dict[str, Any] = {
    "Id": "2" * 64,
    "Names": ["/database"],
    "State": "exited",
    "Ports": [],
    "NetworkSettings": {"Networks": {"back": {"IPAddress": "", "Gateway": ""}}},
}
OTHER: dict[str, Any] = {
    "Id": "3" * 64,
    "Names": ["/other"],
    "State": "running",
    "NetworkSettings": {"Networks": {"away": {}}},
}


def picture() -> Topology:
    return topology(NETWORKS, [DB, WEB, OTHER])


def test_the_tree() -> None:
    assert text.draw(picture()) == (
        "back  bridge  172.19.0.0/16  internal\n"
        "├─ database  (exited)\n"
        "└─ web       172.19.0.2\n"
        "front  bridge  172.18.0.0/16\n"
        "└─ web       172.18.0.2 fd00::2  127.0.0.1:70->70/tcp, 0.0.0.0:8080->80/tcp\n"
        "none  null\n"
    )


BOTH = {"Gateway": "172.18.0.1", "IPv6Gateway": "fd00::1"}
ONE = {"Gateway": "172.19.0.1"}


@pytest.mark.parametrize(
    ("front", "back", "way_out"),
    [
        (BOTH, ONE | {"GwPriority": 1}, "back"),
        (BOTH, ONE, "front"),
        (ONE, ONE, "back"),
        (ONE, {"GwPriority": 1}, "front"),
        ({}, {}, None),
    ],
)
def test_the_way_out_is_where_the_engine_leads_it(front: Endpoint, back: Endpoint, way_out: str | None) -> None:
    drawn = topology(NETWORKS, [WEB | {"NetworkSettings": {"Networks": {"front": {**front}, "back": {**back}}}}])
    assert [one.name for one in drawn.networks if one.places and one.places[0].leads_out] == [way_out] * bool(way_out)


def test_dot_has_a_line_for_each_place() -> None:
    drawn = dot.draw(picture())
    assert '"container web" -- "network front" [label="172.18.0.2\\nfd00::2"]' in drawn
    assert drawn.count(" -- ") == 3 and "other" not in drawn
    assert '"container database" [shape=box, style=dashed, label="database"]' in drawn


def test_svg_is_a_document_with_a_line_for_each_place() -> None:
    root = ElementTree.fromstring(svg.draw(picture()))
    kinds = [element.tag.partition("}")[2] for element in root]
    assert kinds.count("line") == 3 and kinds.count("rect") == 5


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1))
def test_no_name_breaks_out_of_its_place(name: str) -> None:
    network = {"Name": name, "Driver": "bridge", "IPAM": {}}
    container = {**DB, "Names": [f"/{name}"], "NetworkSettings": {"Networks": {name: {}}}}
    drawn = topology([network], [container])
    assert name in "".join(ElementTree.fromstring(svg.draw(drawn)).itertext())
    written = re.findall(r'"((?:[^"\\]|\\.)*)"', dot.quoted(name))
    assert [re.sub(r"\\(.)", r"\1", one) for one in written] == [name]


def test_networks_on_a_wire() -> None:
    networks: list[dict[str, Any]] = [
        {"Name": "lan", "Driver": "macvlan", "Options": {"parent": "eth0"}, "IPAM": {"Driver": "dhcp", "Config": []}},
        {
            "Name": "vlan",
            "Driver": "ipvlan",
            "Options": {"parent": "eth0.10"},
            "IPAM": {"Config": [{"Subnet": "192.0.2.0/24"}]},
        },
    ]
    drawn = topology(networks, [])
    assert text.draw(drawn) == "lan  macvlan  on eth0  by dhcp\nvlan  ipvlan  on eth0.10  192.0.2.0/24\n"
    assert "on eth0" in svg.draw(drawn) and "by dhcp" in dot.draw(drawn)
