"""The options of the daemon that are about the default network, each by its effect."""

from collections.abc import Callable
from ipaddress import ip_interface, ip_network

from harness.engine import wait_until
from harness.wharfd import Wharfd

SERVE = ("sh", "-c", "while :; do echo hello | nc -l -p 80; done")
NO_FORWARDING = "IPv4 forwarding is disabled. Networking will not work."


def said_at_8090(engine: Wharfd) -> str:
    """What a client on the host gets there; "" while nobody serves."""
    return engine.inside("busybox", "sh", "-c", "busybox nc -w 2 127.0.0.1 8090 </dev/null", check=False).strip()


def test_the_default_network_is_as_the_daemon_is_told(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd(
        *("--bip", "172.17.0.1/16", "--fixed-cidr", "172.17.5.0/28", "--icc=false", "--ip", "127.0.0.1"),
        *("--mtu", "1380", "--ip-masq=false", "--userland-proxy=false"),
    )
    engine.docker("run", "-d", "--name", "web", "-p", "8090:80", "busybox", *SERVE)
    engine.docker("run", "-d", "--name", "near", "busybox", "sleep", "600")
    at = engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}/{{.NetworkSettings.IPPrefixLen}}", "web").text
    assert ip_interface(at).ip in ip_network("172.17.5.0/28")
    assert at in engine.docker("exec", "web", "ip", "-4", "addr").text
    assert engine.docker("exec", "near", "ping", "-c", "1", "-W", "2", "172.17.0.1").code == 0
    wait_until(lambda: said_at_8090(engine) == "hello", "it serves")
    neighbour = f"nc -w 1 {ip_interface(at).ip} 80 </dev/null"
    assert engine.docker("exec", "near", "sh", "-c", neighbour, check=False).text == ""
    assert engine.docker("exec", "near", "cat", "/sys/class/net/eth0/mtu").text == "1380"
    assert engine.docker("port", "web").text == "80/tcp -> 127.0.0.1:8090"
    # Out of the bridge's own device it stays: neighbours that come by published ports, and the host itself.
    rules = engine.inside("nft", "list", "ruleset").splitlines()
    assert [rule for rule in rules if "masquerade" in rule and 'oifname "wharf0"' not in rule] == []


def test_an_engine_without_a_default_network(new_wharfd: Callable[..., Wharfd]) -> None:
    """As with dockerd: who asks for that network has a loopback only."""
    engine = new_wharfd("--bridge", "none")
    assert engine.docker("network", "ls", "--format", "{{.Name}}").text.split() == ["host", "none"]
    assert engine.docker("network", "inspect", "bridge", check=False).error.endswith("network bridge not found")
    for flags in ((), ("--network", "bridge", "-p", "80:80")):
        assert engine.docker("run", "--rm", *flags, "busybox", "ls", "/sys/class/net").text == "lo"
    engine.docker("network", "create", "front")
    ping = ("busybox", "ping", "-c", "1", "-W", "2", "up")
    assert engine.docker("run", "--rm", "--network", "front", "--add-host", "up:host-gateway", *ping).code == 0
    engine.restart()
    assert engine.docker("network", "ls", "-q").text.count("\n") == 2
    engine.docker("network", "rm", "front")


def test_a_host_that_is_to_stay_no_router(new_wharfd: Callable[..., Wharfd]) -> None:
    """As with dockerd: neither switched on nor complained about but in warnings; who asks others gets no answer."""
    engine = new_wharfd("--ip-forward=false")
    assert engine.inside("cat", "/proc/sys/net/ipv4/ip_forward") == "0\n"
    info = engine.request("GET", "/v1.51/info").json
    assert info["IPv4Forwarding"] is False and "WARNING: IPv4 forwarding is disabled" in info["Warnings"]
    assert "IPv4 forwarding is disabled" in engine.log_tail()
    engine.docker("network", "create", "--ipv6", "front")
    modes = ("bridge", "front", "none", "host")
    warned = [engine.docker("create", "--network", mode, "busybox").error for mode in modes]
    assert warned == [f"WARNING: {NO_FORWARDING}", f"WARNING: {NO_FORWARDING}", "", ""]
    assert engine.docker("run", "--rm", "--network", "front", "busybox", "ping", "-c", "1", "172.17.0.1").code == 0
    assert engine.inside("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding") == "0\n0\n"
    assert "wharf_forwarding" not in engine.inside("nft", "list", "tables")
    # Switched on by the user: it is as everywhere else, and nothing of it is ours.
    engine.inside("sysctl", "-qw", "net.ipv4.ip_forward=1")
    assert engine.docker("create", "busybox").error == ""
    engine.remove_all()
    engine.stop()
    assert engine.inside("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"


def test_a_boot_that_finds_its_range_taken_takes_none_of_its_own_networks(new_wharfd: Callable[..., Wharfd]) -> None:
    """As after the start of another engine that came first: no bridge is there yet, and somebody has 172.17.0.0/16."""
    engine = new_wharfd()
    engine.docker("network", "create", "front")
    engine.docker("create", "--name", "web", "--network", "front", "-p", "8090:80", "busybox", *SERVE)
    engine.stop()
    for line in engine.inside("ip", "-o", "link", "show", "type", "bridge").splitlines():
        engine.inside("ip", "link", "del", line.split(":")[1].strip())
    engine.inside("ip", "link", "add", "taken", "type", "bridge")
    engine.inside("ip", "addr", "add", "172.17.0.1/16", "dev", "taken")
    engine.inside("ip", "link", "set", "taken", "up")
    engine.start()
    engine.docker("start", "web")
    wait_until(lambda: said_at_8090(engine) == "hello", "it serves")
    engine.docker("rm", "-f", "web")
    engine.docker("network", "rm", "front")
