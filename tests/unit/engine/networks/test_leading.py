"""Where ways out and published ports belong."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import EndpointSettings
from wharf.engine.networks.leading import Places, settled
from wharf.network.contract import Endpoint, PublishedPort

WEB, DNS = PublishedPort(80, "tcp", "0.0.0.0", 8080), PublishedPort(53, "udp", "0.0.0.0", 53)
#: By its name, what leads out of a network, and whether it publishes.
LEADS = {"four": (4,), "six": (6,), "both": (4, 6), "wire": (4, 6), "inner": ()}


def endpoint(name: str, ports: Sequence[PublishedPort] = ()) -> Endpoint:
    return Endpoint("0" * 64, "c" * 64, name, "", "", "10.0.0.2", 24, "10.0.0.1", list(ports), default_route=False)


def places(*names: str, ports: Sequence[PublishedPort] = (), parked: Sequence[PublishedPort] = ()) -> Places:
    """The first one has the ports."""
    return Places({name: endpoint(name, () if number else ports) for number, name in enumerate(names)}, tuple(parked))


def settle(before: Places, **priorities: int) -> Places:
    attached = {name: EndpointSettings(gw_priority=priorities.get(name, 0)) for name in before.endpoints}
    return settled(before, attached, lambda name, version: version in LEADS[name], lambda name: name != "wire")


def homes(found: Places) -> list[str]:
    return [name for name, one in found.endpoints.items() if one.ports]


def test_ports_go_where_the_way_out_goes() -> None:
    found = settle(places("inner", "four", "both", ports=[WEB, DNS]))
    assert homes(found) == ["both"] and found.endpoints["both"].ports == [WEB, DNS]
    assert found.endpoints["both"].default_route and found.endpoints["both"].default_route6
    assert homes(settle(places("four", "both", ports=[WEB]), four=1)) == ["four"]
    assert homes(settle(places("six", "four", ports=[WEB]))) == ["four"]
    assert homes(settle(places("six", ports=[WEB]))) == ["six"]


def test_ports_are_parked_and_come_back() -> None:
    for nowhere in ((), ("inner",), ("wire",)):
        parked = settle(Places(places(*nowhere).endpoints, (WEB,)))
        assert parked.parked == (WEB,) and homes(parked) == []
    back = settle(Places({**parked.endpoints, "both": endpoint("both")}, parked.parked))
    assert homes(back) == ["both"] and not back.parked


def test_what_is_no_port_of_the_host_does_not_move() -> None:
    routed = PublishedPort(80, "tcp", "0.0.0.0", 0)
    stays, goes = settle(places("four", "six", ports=[routed])), settle(places("six", "four", ports=[routed]))
    assert (stays.home, homes(stays)) == ("four", ["four"])
    assert (goes.home, goes.ports) == ("four", ()), "it is opened anew"
    assert settle(places("inner", parked=[routed])).parked == ()


def test_the_intent_has_the_ports_moved_and_shows_that_the_rest_is_to_be_done() -> None:
    rest = settle(places("both", "four", ports=[WEB])).without("both")
    wanted = settle(rest)
    intent = rest.ported_as(wanted)
    assert homes(intent) == ["four"] and not intent.parked
    assert intent != wanted and settle(intent) == wanted


@given(st.lists(st.sampled_from(sorted(LEADS)), unique=True), st.lists(st.sampled_from([WEB, DNS]), unique=True))
def test_no_port_is_lost_or_twice(names: list[str], ports: list[PublishedPort]) -> None:
    before = Places(places(*names).endpoints, tuple(ports))
    after = settle(before)
    assert after.ports == tuple(ports) and len(homes(after)) <= 1
    assert settle(after) == after
