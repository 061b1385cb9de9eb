"""Beside firewalld: its zones decide on the host, and what containers send and receive passes."""

from collections.abc import Iterator

import pytest

from harness.engine import missing, wait_until
from harness.firewalld import PROGRAMS, Firewalld
from harness.outside import HOST, HOST6, OUTSIDE, OUTSIDE6, Outside, client_seen, seen
from harness.wharfd import Wharfd

pytestmark = pytest.mark.skipif(bool(missing(PROGRAMS)), reason="not installed: firewalld")

IDLE = ("busybox", "sleep", "1000")
GUARDED = ("--annotation", "wharf.firewall=host")


@pytest.fixture(scope="module")
def engine(busybox_archive: bytes) -> Iterator[Wharfd]:
    with Wharfd().loaded(busybox_archive) as made:
        yield made


@pytest.fixture
def firewalld(engine: Wharfd) -> Iterator[Firewalld]:
    """Running since before the engine, with its default zone `public` on the way to the outside."""
    with Firewalld(engine) as made:
        made.start()
        engine.restart()
        yield made
        engine.remove_all()
        engine.docker("network", "prune", "-f")


@pytest.fixture
def outside(engine: Wharfd) -> Iterator[Outside]:
    with Outside(engine) as made:
        yield made


def test_what_containers_send_and_receive_passes(engine: Wharfd, firewalld: Firewalld, outside: Outside) -> None:
    host, far = engine.network.path, outside.namespace
    assert seen(host, far, HOST, 9000) == "", "firewalld rejects what the host has not opened"
    engine.docker("run", "-d", "--name", "old", "-p", "8080:80", *IDLE)
    engine.docker("network", "create", "--ipv6", "fire")
    engine.docker("run", "-d", "--name", "new", "--network", "fire", "-p", "8081:80", *IDLE)
    old, new = engine.network_of("old"), engine.network_of("new")

    def passes() -> bool:
        got = [client_seen(engine, "old", far, HOST, 8080), client_seen(engine, "new", far, HOST6, 8081)]
        sent = [seen(far, old, OUTSIDE, 9000), seen(far, new, OUTSIDE6, 9000)]
        return got == [OUTSIDE, OUTSIDE6] and sent == [HOST, HOST6]

    assert passes()
    assert (
        "firewalld lets it pass: the bridge of fire is in its zone wharf"
        in engine.wharf("network", "check", "new", "outside").text
    )
    for command in ("--reload", "--complete-reload"):
        firewalld.command(command)
        wait_until(passes, f"all passes after {command}")
    firewalld.stop()
    assert passes()
    firewalld.start()
    wait_until(passes, "all passes after firewalld has come back")
    engine.kill9()
    engine.start()
    assert passes() and seen(host, far, HOST, 9000) == ""


def test_published_ports_obey_its_zones(engine: Wharfd, firewalld: Firewalld, outside: Outside) -> None:
    engine.docker("network", "create", "--ipv6", "fire")
    engine.docker("run", "-d", "--name", "guarded", *GUARDED, "--network", "fire", "-p", "8080:80", *IDLE)

    def reached() -> tuple[str, str]:
        v4, v6 = (client_seen(engine, "guarded", outside.namespace, host, 8080) for host in (HOST, HOST6))
        return v4, v6

    assert reached() == ("", "")
    firewalld.command("--zone=public", "--add-port=8080/tcp")
    assert reached() == (OUTSIDE, OUTSIDE6)
    engine.docker("rm", "-f", "guarded")


def test_the_user_has_the_last_word(engine: Wharfd, firewalld: Firewalld, outside: Outside) -> None:
    engine.docker("run", "-d", "--name", "one", *IDLE)
    inside, host = engine.network_of("one"), engine.network.path
    assert seen(host, inside, "172.17.0.1", 9000) == "172.17.0.2"
    firewalld.command("--permanent", "--zone=wharf", "--set-target=default")
    firewalld.command("--reload")
    wait_until(lambda: seen(host, inside, "172.17.0.1", 9000) == "", "the host's own ports are closed to containers")
    wait_until(lambda: seen(outside.namespace, inside, OUTSIDE, 9000) == HOST, "the bridge is in its zone again")
    firewalld.command("--permanent", "--zone=drop", "--add-interface=br-mine")
    firewalld.command("--reload")
    engine.docker("network", "create", "-o", "com.docker.network.bridge.name=br-mine", "mine")
    assert firewalld.command("--get-zone-of-interface=br-mine") == "drop", "a bridge stays where the user has put it"
    engine.docker("network", "connect", "mine", "one")
    engine.docker("network", "disconnect", "bridge", "one")
    answer = engine.wharf("network", "check", "one", "outside", check=False)
    assert "NO  firewalld drops it in" in answer.text and "the bridge of mine is in its zone drop" in answer.text
    assert seen(outside.namespace, inside, OUTSIDE, 9000) == ""
    engine.docker("rm", "-f", "one")
    engine.docker("network", "rm", "mine")
    assert firewalld.command("--get-zone-of-interface=br-mine") == "drop"


def test_what_is_said_of_its_rules_is_what_happens(engine: Wharfd, firewalld: Firewalld, outside: Outside) -> None:
    """Ports, services, masquerading, zones by interface and by sender, sets, rich rules, policies."""
    ports = ("-p", "8080:80", "-p", "8081:80")
    engine.docker("run", "-d", "--name", "guarded", *GUARDED, *ports, *IDLE)
    engine.docker("run", "-d", "--name", "open", "-p", "8082:80", *IDLE)

    def said(source: str, target: str) -> tuple[str, str]:
        """The answer, and what is said of firewalld."""
        lines = engine.wharf("network", "check", source, target, check=False).text.splitlines()
        found = [(line[:2].strip(), line[4:]) for line in lines if line[4:].startswith("firewalld")]
        assert found, lines
        return found[0]

    def agree(port: int) -> str:
        """The answer for a port of the host, which has to be what becomes of a connection."""
        answer, text = said("outside", f"host:{port}")
        name = "open" if port == 8082 else "guarded"
        reached = client_seen(engine, name, outside.namespace, HOST, port) != ""
        assert answer == {True: "ok", False: "NO"}[reached], (port, text)
        return text

    assert "drops it" in agree(8080)
    assert agree(8082).startswith("firewalld lets it pass: the bridge of bridge is in its zone wharf")
    for change in ("--add-port=8080/tcp", "--add-masquerade", "--add-forward"):
        firewalld.command("--zone=public", change)
    assert "lets it pass" in agree(8080) and "drops it" in agree(8081) and agree(8082)
    firewalld.command("--zone=public", "--remove-port=8080/tcp")
    firewalld.command("--zone=public", "--add-service=http")  # port 80 of the host: nobody has that
    assert "drops it" in agree(8080)
    firewalld.command("--zone=public", "--add-rich-rule=rule priority=-5 port port=8080-8090 protocol=tcp accept")
    assert "lets it pass" in agree(8080) and "lets it pass" in agree(8081)
    firewalld.command("--zone=block", "--change-interface=up0")
    assert "drops it in filter_IN_block" in agree(8080)
    firewalld.command("--zone=trusted", "--change-interface=up0")
    assert "lets it pass" in agree(8081)
    # Who sends it is not known: that is said, and nothing else.
    firewalld.command("--zone=drop", "--change-interface=up0")
    friend = f"rule family=ipv4 source address={OUTSIDE}/32 port port=8080 protocol=tcp accept"
    firewalld.command("--zone=drop", f"--add-rich-rule={friend}")
    assert said("outside", "host:8080") == ("?", f"firewalld decides by ip saddr {OUTSIDE}")
    assert agree(8081)
    firewalld.command("--permanent", "--new-ipset=friends", "--type=hash:ip")
    firewalld.command("--permanent", "--zone=trusted", "--add-source=ipset:friends")
    firewalld.command("--reload")
    assert agree(8080), "the set has no members"
    firewalld.command("--ipset=friends", f"--add-entry={OUTSIDE}")
    assert said("outside", "host:8080") == ("?", "firewalld decides by ip saddr @friends")
    # A policy for what is forwarded.
    firewalld.command("--permanent", "--new-policy=closed")
    for setting in ("set-target=REJECT", "set-priority=-50", "add-ingress-zone=wharf", "add-egress-zone=ANY"):
        firewalld.command("--permanent", "--policy=closed", f"--{setting}")
    firewalld.command("--reload")
    inside = engine.network_of("open")
    wait_until(lambda: seen(outside.namespace, inside, OUTSIDE, 9000) == "", "nothing goes out")
    answer, text = said("open", "outside")
    assert answer == "NO" and "closed" in text


def test_it_is_noticed_when_it_comes_and_forgets_what_goes(engine: Wharfd, firewalld: Firewalld) -> None:
    firewalld.stop()
    engine.docker("network", "create", "-o", "com.docker.network.bridge.name=br-late", "late")
    firewalld.start()

    def interfaces() -> set[str]:
        return set(firewalld.command("--zone=wharf", "--list-interfaces").split())

    wait_until(lambda: interfaces() == {"wharf0", "br-late"}, "bridges are in the zone of a firewalld that has come")
    engine.docker("network", "rm", "late")
    assert interfaces() == {"wharf0"}
    firewalld.restart_bus()
    wait_until(lambda: interfaces() == {"wharf0"}, "bridges are in the zone again after a restart of the bus")
    firewalld.command("--reload")
    wait_until(lambda: interfaces() == {"wharf0"}, "and it is watched as before")
    engine.stop()
    assert interfaces() == set()
    engine.start()
    assert interfaces() == {"wharf0"}
