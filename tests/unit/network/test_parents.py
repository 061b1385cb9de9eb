"""Names of 802.1Q parents, and who uses which device."""

import pytest

from wharf.errors import EngineError
from wharf.network.parents import ParentUsers, parse_vlan


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("eth0.10", ("eth0", 10)), ("eth0.4094", ("eth0", 4094)), ("bond0.007", ("bond0", 7)), ("eth0.-1", ("eth0", -1))],
)
def test_device_and_tag(name: str, parsed: tuple[str, int]) -> None:
    assert parse_vlan(name) == parsed


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eth0", "invalid subinterface vlan name eth0, example formatting is eth0.10"),
        ("eth0.", "unable to parse a valid vlan id from:  (ex. eth0.10 for vlan 10)"),
        ("eth0.x", "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"),
        ("eth0.١", "unable to parse a valid vlan id from: ١ (ex. eth0.10 for vlan 10)"),
        ("eth0." + "9" * 30, f"unable to parse a valid vlan id from: {'9' * 30} (ex. eth0.10 for vlan 10)"),
        (
            "eth0.10.20",
            "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received eth0.10.20",
        ),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(EngineError) as raised:
        parse_vlan(name)
    assert str(raised.value) == message


def test_a_device_is_let_go_by_the_last_of_its_networks() -> None:
    users = ParentUsers()
    for network in ("one", "two", "two"):
        users.add("eth0.10", network)
    users.add("eth0.20", "three")
    assert [users.remove("eth0.10", network) for network in ("two", "one", "one")] == [False, True, True]
    assert users.remove("eth0.20", "three")
