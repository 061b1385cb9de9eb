"""Why packets pass or do not."""

from dataclasses import replace

import pytest

from wharf.linux import listening
from wharf.network import checking
from wharf.network.contract import PortRequest, PublishedPort
from wharf.network.facts import Chain, Node, Segment, Service, Step, World
from wharf.network.rules import Table
from wharf.network.settings import GatewayMode

WORLD = World(
    {
        "bridge": Segment("bridge", has_names=False),
        "front": Segment("front"),
        "apart": Segment("apart", inter_container=False),
        "inner": Segment("inner", internal=True),
        "routed": Segment("routed", mode=GatewayMode.ROUTED),
        "open": Segment("open", mode=GatewayMode.NAT_UNPROTECTED),
        "lan": Segment("lan", parent="eth0"),
    }
)
ANY = frozenset(("0.0.0.0",))
WEB = Node("web", addresses={"front": ["172.18.0.2"]}, way_out="front", listening=ANY)
DB = Node("db", addresses={"front": ["172.18.0.3"]}, way_out="front", listening=ANY)
PORT = Service(80)
STATUS = {"ct": {"key": "status"}}
ORIGINAL = {"ct": {"key": "proto-dst", "dir": "original"}}


def said(steps: list[Step]) -> tuple[bool | None, str]:
    """The verdict and the step that decided it: the first that does not pass, else the last."""
    decisive = [step for step in steps if step.passes is False] or [step for step in steps if step.passes is None]
    return checking.verdict(steps), (decisive or steps)[-1 if not decisive else 0].text


@pytest.mark.parametrize(
    ("target", "verdict", "text"),
    [
        (DB, True, "a program listens"),
        (replace(DB, running=False), False, "db does not run"),
        (replace(DB, listening=frozenset()), False, "nothing in db listens on port 80/tcp"),
        (replace(DB, listening=frozenset(("127.0.0.1",))), False, "listened on 127.0.0.1 only"),
        (replace(DB, addresses={"bridge": ["172.17.0.2"]}), False, "web is on front, db on bridge"),
        (replace(DB, kind="none", addresses={}), False, "db has no network"),
        (replace(DB, kind="host", addresses={}), False, "db has the host's network: ask for host:PORT"),
    ],
)
def test_between_containers(target: Node, verdict: bool, text: str) -> None:
    found = said(checking.between(WEB, target, PORT, WORLD))
    assert found[0] is verdict and text in found[1]


def test_of_what_is_not_there_nothing_more_is_told() -> None:
    dead = replace(DB, running=False, addresses={}, way_out="")
    nowhere = replace(WEB, kind="none", addresses={}, way_out="")
    assert [step.text for step in checking.between(WEB, dead, PORT, WORLD)] == ["db does not run"]
    assert [step.text for step in checking.from_host(dead, PORT, WORLD)] == ["db does not run"]
    assert [step.text for step in checking.from_outside(dead, PORT, WORLD)] == ["db does not run"]
    assert [step.text for step in checking.outward(nowhere, WORLD)] == ["web has no network"]
    assert [step.text for step in checking.to_published_from(nowhere, PORT, [], WORLD)] == ["web has no network"]


def test_a_container_with_the_hosts_network_is_where_the_host_is() -> None:
    assert checking.between(replace(WEB, kind="host", addresses={}), DB, PORT, WORLD) == checking.from_host(
        DB, PORT, WORLD
    )


def test_neighbours_meet_the_rules_of_bridges_and_those_of_ip_where_the_kernel_asks_them() -> None:
    def verdict(table: str, *, filtered: bool) -> bool | None:
        closed = Chain(table, "forward", "forward", True, Table({"forward": []}))
        world = replace(WORLD, chains=[closed], bridges_filtered=filtered)
        return checking.verdict(checking.between(WEB, DB, PORT, world))

    assert verdict("bridge mine", filtered=False) is False
    assert verdict("inet mine", filtered=True) is False and verdict("ip6 mine", filtered=True) is True
    assert verdict("inet mine", filtered=False) is True
    on_bridge = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "br0"}}
    by_port = Table({"forward": [[on_bridge, {"drop": None}]]})
    world = replace(
        WORLD, chains=[Chain("bridge mine", "forward", "forward", False, by_port)], devices={"front": "br0"}
    )
    assert checking.verdict(checking.between(WEB, DB, PORT, world)) is None, "a port of the bridge has another name"


def test_a_network_that_keeps_its_containers_apart_matters_only_without_another() -> None:
    apart = [replace(one, addresses={"apart": ["172.20.0.2"]}) for one in (WEB, DB)]
    assert said(checking.between(apart[0], apart[1], PORT, WORLD))[0] is False
    both = [replace(one, addresses={"apart": ["172.20.0.2"], **one.addresses}) for one in (WEB, DB)]
    assert said(checking.between(both[0], both[1], PORT, WORLD))[0] is True


def test_programs_of_the_host() -> None:
    def reached(origin: str, *addresses: str, chains: tuple[Chain, ...] = ()) -> tuple[bool | None, str]:
        world = replace(WORLD, listening=frozenset(addresses), chains=chains)
        return said(checking.to_published(origin, Service(22), [WEB], world))  # type: ignore[arg-type]

    assert reached("outside", "127.0.0.1", "0.0.0.0") == (True, "on the host itself a program listens on port 22/tcp")
    assert reached("outside", "127.0.0.1", "::1")[0] is False and reached("host", "127.0.0.1")[0] is True
    closed = (Chain("ip filter", "INPUT", "input", True),)
    assert reached("outside", "::", chains=closed)[0] is None and reached("host", "::", chains=closed)[0] is True


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (replace(DB, way_out=""), "db is to publish it, but no network of it leads out"),
        (replace(DB, running=False), "db is to publish it, but it does not run"),
    ],
)
def test_why_nobody_has_published_what_somebody_wants_to(node: Node, text: str) -> None:
    node = replace(node, wanted=[PortRequest(80, "tcp", host_port=8000, host_port_end=8080)])
    found = checking.to_published("outside", Service(8080), [WEB, node], WORLD)
    assert [step.passes for step in found] == [False, False] and found[1].text == text
    taken = replace(WORLD, listening=ANY)
    assert checking.verdict(checking.to_published("outside", Service(8080), [node], taken)) is True
    assert len(checking.to_published("outside", Service(8081), [node], WORLD)) == 1


def test_published_ports() -> None:
    def published(origin: str, *ports: PublishedPort, world: World = WORLD) -> tuple[bool | None, str]:
        node = replace(WEB, ports=ports)
        return said(checking.to_published(origin, Service(8080), [DB, node], world))  # type: ignore[arg-type]

    everywhere = PublishedPort(80, "tcp", "0.0.0.0", 8080)
    local = PublishedPort(80, "tcp", "127.0.0.1", 8080)
    assert published("outside", everywhere)[0] is True
    assert published("outside") == (
        False,
        "no running container has published port 8080/tcp of the host, and nothing on the host listens on it",
    )
    assert published("outside", local)[0] is False and published("host", local)[0] is True
    rules = replace(WORLD, chains=[Chain("ip filter", "FORWARD", "forward", True)])
    assert published("outside", everywhere, world=rules)[0] is None
    by_translation = Table({"FORWARD": [[{"match": {"op": "in", "left": STATUS, "right": "dnat"}}, {"accept": None}]]})
    read = replace(WORLD, chains=[Chain("ip filter", "FORWARD", "forward", True, by_translation)])
    assert published("outside", everywhere, world=read)[0] is True
    assert published("host", everywhere, world=rules)[0] is True
    original = {"match": {"op": "==", "left": ORIGINAL, "right": 8080}}
    mine = Chain("inet wharf_user", "forward", "forward", False, Table({"forward": [[original, {"drop": None}]]}))
    assert published("outside", everywhere, world=replace(WORLD, chains=[mine]))[0] is False
    guarded = replace(everywhere, through_input=True)
    assert published("outside", guarded, world=rules)[0] is True, "it is received, not forwarded"
    closed = replace(WORLD, chains=[Chain("inet ufw", "input", "input", True)])
    assert published("outside", guarded, world=closed)[0] is None


def test_a_container_and_the_ports_of_its_host() -> None:
    node = replace(WEB, ports=(PublishedPort(80, "tcp", "0.0.0.0", 8080),))
    local = replace(WEB, ports=(PublishedPort(80, "tcp", "127.0.0.1", 8080),))
    inside = replace(DB, way_out="", addresses={"inner": ["172.21.0.2"]})

    def verdict(source: Node, published: Node) -> bool | None:
        return checking.verdict(checking.to_published_from(source, Service(8080), [published], WORLD))

    assert verdict(DB, node) is True and verdict(DB, local) is False and verdict(inside, node) is False
    assert verdict(replace(DB, kind="host", way_out=""), local) is True


@pytest.mark.parametrize(
    ("node", "world", "verdict", "text"),
    [
        (WEB, WORLD, True, "its way out is front"),
        (WEB, replace(WORLD, forwards=frozenset()), False, "ip_forward"),
        (replace(WEB, way_out="", addresses={"inner": ["172.21.0.2"]}), WORLD, False, "inner is internal"),
        (replace(WEB, way_out="routed"), WORLD, None, "the way back"),
        (replace(WEB, kind="host", way_out=""), WORLD, True, "the host's network"),
    ],
)
def test_outward(node: Node, world: World, verdict: bool | None, text: str) -> None:
    found = said(checking.outward(node, world))
    assert found[0] is verdict and text in found[1]


OPENED = (PublishedPort(80, "tcp", "0.0.0.0", 0),)


@pytest.mark.parametrize(
    ("network", "ports", "verdict"),
    [
        ("front", OPENED, False),
        ("routed", OPENED, True),
        ("routed", (), False),
        ("open", (), True),
        ("lan", (), None),
    ],
)
def test_from_elsewhere_to_a_containers_own_address(
    network: str, ports: tuple[PublishedPort, ...], verdict: bool | None
) -> None:
    node = replace(DB, addresses={network: ["172.18.0.2"]}, ports=ports)
    assert checking.verdict(checking.from_outside(node, PORT, WORLD)) is verdict
    if network != "lan":
        assert checking.verdict(checking.between(WEB, node, PORT, WORLD)) is (verdict or network == "front")
        assert checking.verdict(checking.between(replace(WEB, way_out=""), node, PORT, WORLD)) is (network == "front")


TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   2: 020012AC:0050 030012AC:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1 1
   3: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1
"""


def test_who_listens() -> None:
    assert list(listening.parse(TCP, "0A", 80)) == ["127.0.0.1", "::"]
    assert list(listening.parse(TCP, "0A", 8080)) == ["0.0.0.0"]
    assert listening.listeners(2**22 + 1, "tcp", 80) == frozenset()


WIRES = World(
    {
        "lan": Segment("lan", parent="eth0"),
        "lent": Segment("lent", parent="eth0", lent=True),
        "private": Segment("private", parent="eth0", inter_container=False),
        "vepa": Segment("vepa", parent="eth0", reflected=True),
        "alone": Segment("alone", parent="dm-1", internal=True),
    },
    forwards=frozenset(),  # what containers on a wire send passes no rule of the host, and is not forwarded by it
)


def on(name: str, network: str, *addresses: str) -> Node:
    way = "" if WIRES.segments[network].internal else network
    return Node(name, addresses={network: addresses}, way_out=way, listening=ANY)


@pytest.mark.parametrize(
    ("network", "between", "outward", "inward", "text"),
    [
        ("lan", True, None, None, "machines there decide"),
        ("private", False, None, None, "machines there decide"),
        ("vepa", None, None, None, "machines there decide"),
        ("alone", True, False, False, "no way out"),
    ],
)
def test_networks_on_a_wire(
    network: str, between: bool | None, outward: bool | None, inward: bool | None, text: str
) -> None:
    web, db = on("web", network, "198.51.100.7"), on("db", network, "198.51.100.8")
    assert checking.verdict(list(checking.between(web, db, PORT, WIRES))) is between
    assert checking.verdict(checking.outward(web, WIRES)) is outward
    assert text in " ".join(step.text for step in checking.outward(web, WIRES))
    assert checking.verdict(checking.from_outside(web, PORT, WIRES)) is inward
    found = checking.from_host(web, PORT, WIRES)
    assert (checking.verdict(found), "by which the host itself reaches none" in found[-1].text) == (False, True)


def test_a_container_whose_lease_has_ended() -> None:
    web, db = on("web", "lent"), on("db", "lent", "198.51.100.8")
    for steps in (
        checking.between(db, web, PORT, WIRES),
        checking.outward(web, WIRES),
        checking.from_outside(web, PORT, WIRES),
    ):
        assert checking.verdict(steps) is False
        assert "web has no address on lent: a DHCP server has lent it none" in " ".join(step.text for step in steps)
