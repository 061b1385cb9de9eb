"""Published ports that obey the host's own rules for incoming packets, and containers that see their clients."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.outside import HOST, HOST6, OUTSIDE, OUTSIDE6, Outside, client_seen
from harness.wharfd import Wharfd

IDLE = ("busybox", "sleep", "1000")
GUARDED = ("run", "-d", "--annotation", "wharf.firewall=host")
#: What ufw and its like make of "deny incoming".
POLICY = """
table inet hosts_own {
    chain input {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto icmpv6 accept
    }
}
"""


@pytest.fixture
def engine(new_wharfd: Callable[..., Wharfd]) -> Wharfd:
    return new_wharfd()


@pytest.fixture
def outside(engine: Wharfd) -> Iterator[Outside]:
    with Outside(engine) as made:
        yield made


def close(engine: Wharfd) -> None:
    engine.inside("sh", "-c", f"nft -f - <<'END'\n{POLICY}\nEND")


def open_port(engine: Wharfd, rule: str) -> None:
    engine.inside("nft", f"add rule inet hosts_own input {rule} accept")


def test_the_hosts_rules_decide_and_the_container_sees_its_clients(engine: Wharfd, outside: Outside) -> None:
    engine.docker(*GUARDED, "--name", "guarded", "-p", "8080:80", "-p", "8080:80/udp", *IDLE)
    engine.docker("run", "-d", "--name", "plain", "-p", "8081:80", *IDLE)

    def seen(*, udp: bool = False) -> str:
        return client_seen(engine, "guarded", outside.namespace, HOST, 8080, udp=udp)

    assert seen() == OUTSIDE and seen(udp=True) == OUTSIDE
    close(engine)
    assert seen() == "" and seen(udp=True) == ""
    passes_by = client_seen(engine, "plain", outside.namespace, HOST, 8081)
    assert passes_by == OUTSIDE, "a port that obeys the engine's rules passes those of the host by"
    open_port(engine, "tcp dport 8080")
    assert seen() == OUTSIDE and seen(udp=True) == ""
    open_port(engine, "udp dport 8080")
    assert seen(udp=True) == OUTSIDE
    local = client_seen(engine, "guarded", engine.network.path, "127.0.0.1", 8080)
    assert local == "172.17.0.1", "clients on the host have the host's address on the bridge"
    pid = engine.state("guarded")["Pid"]
    engine.kill9()
    engine.start()
    assert engine.state("guarded")["Pid"] == pid and seen() == OUTSIDE


def test_ipv6(engine: Wharfd, outside: Outside) -> None:
    engine.docker("network", "create", "--ipv6", "six")
    engine.docker(*GUARDED, "--name", "guarded", "--network", "six", "-p", "8080:80", *IDLE)

    def seen() -> str:
        return client_seen(engine, "guarded", outside.namespace, HOST6, 8080)

    assert seen() == OUTSIDE6
    close(engine)
    assert seen() == ""
    open_port(engine, "tcp dport 8080")
    assert seen() == OUTSIDE6
    engine.docker("rm", "-f", "guarded")
    engine.docker("network", "rm", "six")


def test_neighbours_reach_such_a_port_by_the_hosts_address(engine: Wharfd) -> None:
    engine.docker(*GUARDED, "--name", "guarded", "-p", "8080:80", *IDLE)
    engine.docker("run", "-d", "--name", "near", *IDLE)
    engine.docker("network", "create", "other")
    engine.docker("run", "-d", "--name", "far", "--network", "other", *IDLE)
    near, far = (Path(f"/proc/{engine.state(name)['Pid']}/ns/net") for name in ("near", "far"))
    assert client_seen(engine, "guarded", near, "172.17.0.1", 8080) == "172.17.0.1"
    assert client_seen(engine, "guarded", far, "172.17.0.1", 8080).startswith("172.18.0.")
    engine.docker("rm", "-f", "far")
    engine.docker("network", "rm", "other")


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77"])
def test_datagrams_are_answered_from_where_they_were_sent_to(engine: Wharfd, address: str) -> None:
    """It is not the address that the host itself would take on the way to the client."""
    engine.inside("ip", "addr", "add", address, "dev", "lo")
    for network, name in (("one", "guarded"), ("other", "far")):
        engine.docker("network", "create", "--ipv6", network)
        engine.docker(*GUARDED, "--name", name, "--network", network, "-p", "80/udp", *IDLE)
    port = int(engine.docker("port", "guarded", "80/udp").text.splitlines()[0].rpartition(":")[2])
    assert client_seen(engine, "guarded", engine.network_of("far"), address, port, udp=True)
    engine.remove_all()
    engine.docker("network", "rm", "one", "other")


def test_by_daemon_by_flag_and_by_port(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd("--firewall", "host")
    with Outside(engine) as outside:
        close(engine)
        engine.docker("run", "-d", "--name", "daemon", "-p", "8080:80", *IDLE)
        engine.wharf("run", "-d", "--name", "flag", "--firewall", "own", "-p", "8081:80", *IDLE)
        ports = ("-p", "published=8082,target=80,firewall=own", "-p", "8083:80")
        engine.wharf("run", "-d", "--name", "port", *ports, *IDLE)
        asked = {"daemon": (8080,), "flag": (8081,), "port": (8082, 8083)}
        seen = {
            port: client_seen(engine, name, outside.namespace, HOST, port) for name in asked for port in asked[name]
        }
        assert seen == {8080: "", 8081: OUTSIDE, 8082: OUTSIDE, 8083: ""}


def test_nothing_stays_when_the_last_bridge_goes(engine: Wharfd) -> None:
    engine.docker(*GUARDED, "-p", "8080:80", *IDLE)
    assert "0x57480002" in engine.inside("ip", "rule")
    engine.remove_all()
    engine.stop()
    assert "0x57480002" not in engine.inside("ip", "rule") + engine.inside("ip", "-6", "rule")
    assert engine.inside("ip", "route", "show", "table", "22344", check=False) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--annotation", "wharf.firewall=none"), 'invalid firewall "none": expected own or host'),
        (("--annotation", "wharf.firewall=host", "-p", "81:80/sctp"), "SCTP ports cannot obey the host's firewall"),
    ],
)
def test_what_is_refused(wharfd: Wharfd, arguments: tuple[str, ...], message: str) -> None:
    ran = wharfd.docker("run", "--name", "refused", *arguments, "busybox", "true", check=False)
    assert ran.code == 125 and message in ran.error
