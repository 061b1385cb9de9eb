"""Beside others' firewalls: what they flush is repaired, what they drop by policy passes, users have the last word."""

from collections.abc import Callable, Iterator

import pytest

from harness.engine import missing, wait_until
from harness.wharfd import Wharfd

SERVE = "while :; do echo hello | nc -l -p 80; done"


@pytest.fixture
def served(new_wharfd: Callable[..., Wharfd]) -> Iterator[Wharfd]:
    """A container with a published port, and a machine outside that has a route to the host only."""
    engine = new_wharfd()
    outside = f"o{engine.root.name}"[:15]
    engine.inside("ip", "netns", "add", outside)
    try:
        engine.inside("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", outside)
        engine.inside("ip", "addr", "add", "198.51.100.1/24", "dev", "up0")
        engine.inside("ip", "link", "set", "up0", "up")
        engine.inside("ip", "-n", outside, "addr", "add", "198.51.100.2/24", "dev", "eth0")
        engine.inside("ip", "-n", outside, "link", "set", "eth0", "up")
        engine.docker("run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sh", "-c", SERVE)
        yield engine
    finally:
        engine.inside("ip", "netns", "del", outside)


def reaches(engine: Wharfd) -> bool:
    """Whether the machine outside gets an answer from the published port."""
    outside = f"o{engine.root.name}"[:15]
    client = ("ip", "netns", "exec", outside, "busybox", "nc", "-w", "1", "198.51.100.1", "8080")
    return engine.inside(*client, check=False) == "hello\n"


def rules(engine: Wharfd) -> str:
    return engine.inside("nft", "list", "ruleset")


def test_flushed_rules_are_put_back(served: Wharfd) -> None:
    wait_until(lambda: reaches(served), "the port answers")
    before = rules(served)
    served.inside("nft", "flush", "ruleset")
    wait_until(lambda: reaches(served), "the port answers again")
    wait_until(lambda: "table ip wharf_forwarding" in rules(served), "strangers are kept out again")
    bridge = next(line for line in before.splitlines() if line.startswith("table ip wharf_") and "forw" not in line)
    served.inside("nft", "flush", "chain", *bridge.split()[1:3], "passing")
    wait_until(lambda: "ct status dnat accept" in rules(served), "a chain is whole again")
    assert "made anew" in served.log_tail()


def test_the_users_table_is_theirs(served: Wharfd) -> None:
    wait_until(lambda: reaches(served), "the port answers")
    drop = "add rule inet wharf_user forward meta l4proto tcp ct original proto-dst 8080 ip saddr 198.51.100.2 drop"
    served.inside("nft", drop)
    assert not reaches(served)
    served.restart()
    assert not reaches(served), "an engine that starts leaves the user's rules alone"
    served.inside("nft", "flush", "chain", "inet", "wharf_user", "forward")
    wait_until(lambda: reaches(served), "the port answers again")


@pytest.mark.skipif(bool(missing(["iptables"])), reason="not installed: iptables")
def test_a_forward_policy_of_drop(served: Wharfd) -> None:
    wait_until(lambda: reaches(served), "the port answers")
    served.inside("iptables", "-P", "FORWARD", "DROP")
    wait_until(lambda: reaches(served), "the policy does not count for our bridge")
    served.inside("iptables", "-F", "FORWARD")
    wait_until(lambda: reaches(served), "and after a flush")
    served.inside("iptables", "-I", "FORWARD", "-p", "tcp", "-d", "172.16.0.0/12", "-j", "DROP")
    assert not reaches(served), "a rule of the user's counts"
    served.remove_all()
    served.stop()
    assert "wharf" not in served.inside("iptables", "-S", "FORWARD")
