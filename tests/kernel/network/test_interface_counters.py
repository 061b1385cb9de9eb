"""The counters of all interfaces that a process sees."""

import os

import pytest

from harness.world import World, ip
from wharf.linux.interfaces import traffic_of
from wharf.linux.namespaces import inside_network

pytestmark = pytest.mark.kernel


def test_however_many_there_are_and_whatever_they_are_called(world: World) -> None:
    with inside_network(world.namespace()):
        for number in range(20):
            ip("link", "add", f"here{number}", "type", "veth", "peer", "name", f"there{number}")
        ip("link", "set", "there19", "name", os.fsdecode(b"\xff\xfe"))
        found = traffic_of(os.getpid())
    expected = {*(f"here{number}" for number in range(20)), *(f"there{number}" for number in range(19)), "\ufffd\ufffd"}
    assert found.keys() == expected
