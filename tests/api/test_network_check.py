"""What `wharf network check` says is what happens."""

from collections.abc import Iterator

import pytest

from harness.engine import Ran, wait_until
from harness.serving import SERVE, serve
from harness.wharfd import Wharfd


@pytest.fixture
def networks(wharfd: Wharfd) -> Iterator[Wharfd]:
    for arguments in (["check-front"], ["--internal", "check-back"]):
        wharfd.docker("network", "create", *arguments)
    run = ("run", "-d", "--name")
    serve(wharfd, "web", "--network", "check-front", "-p", "127.0.0.1:8080:80")
    wharfd.docker(*run, "near", "--network", "check-front", "busybox", "sleep", "100")
    wharfd.docker(*run, "far", "--network", "check-back", "busybox", "sleep", "100")
    yield wharfd
    wharfd.remove_all()
    wharfd.docker("network", "rm", "check-front", "check-back")


def asks(engine: Wharfd, container: str, *target: str) -> bool:
    return engine.docker("exec", container, "nc", "-w", "1", *target, check=False).text == "hello"


def test_answers_agree_with_packets(networks: Wharfd) -> None:
    def check(*arguments: str) -> Ran:
        return networks.wharf("network", "check", *arguments, check=False)

    address = networks.docker(
        "inspect", "-f", '{{(index .NetworkSettings.Networks "check-front").IPAddress}}', "web"
    ).text
    assert check("near", "web:80").code == 0 and asks(networks, "near", "web", "80")
    assert f"ok  both are on check-front: web is {address}\n" in check("near", "web:80").out.decode()
    assert "nothing in web listens on port 81/tcp" in check("near", "web:81").text
    assert check("far", "web:80").code == 1 and not asks(networks, "far", address, "80")
    assert check("far", "outside").code == 1 and check("near", "outside").code == 0
    assert check("host", "host:8080").code == 0 and check("outside", "host:8080").code == 1
    assert "no running container has published port 8081/tcp" in check("outside", "host:8081").text
    assert check("host", "web:80").code == 0
    gateway = address.rpartition(".")[0] + ".1"
    assert check("near", "host:8080").code == 1 and not asks(networks, "near", gateway, "8080")
    elsewhere = SERVE.replace("-p 80", "-p 8082")
    networks.docker("run", "-d", "--name", "on-host", "--network", "host", "busybox", *elsewhere.split())
    wait_until(lambda: asks(networks, "near", gateway, "8082"), "what listens on the host is reached")
    wait_until(lambda: check("near", "host:8082").code == 0, "and so it is said")
    networks.docker("stop", "-t", "0", "web")
    assert "web is to publish it, but it does not run" in check("host", "host:8080").text
    assert "web does not run" in check("near", "web:80").text
    assert '"Passes":false' in check("--json", "near", "web:80").text


def test_networks_without_ipv4_and_without_an_address_of_the_host(wharfd: Wharfd) -> None:
    def says(*arguments: str) -> tuple[int, str]:
        ran = wharfd.wharf("network", "check", *arguments, check=False)
        return ran.code, ran.text

    option = "com.docker.network.bridge."
    wharfd.docker("network", "create", "--ipv6", "--ipv4=false", "-o", f"{option}gateway_mode_ipv6=routed", "check-six")
    wharfd.docker("network", "create", "-o", f"{option}inhibit_ipv4=true", "check-lone")
    for name in ("six", "lone"):
        serve(wharfd, name, "--network", f"check-{name}", "-p", "80")
    code, text = says("host", "lone:80")
    assert code == 1 and "the host has no address on a network of lone" in text
    code, text = says("outside", "six:80")
    assert code == 0 and "in the mode routed" in text
    wharfd.inside("sysctl", "-qw", "net.ipv6.conf.all.forwarding=0")
    try:
        code, text = says("outside", "six:80")
        assert code == 1 and "net.ipv6.conf.all.forwarding is 0" in text
    finally:
        wharfd.inside("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    wharfd.remove_all()
    wharfd.docker("network", "rm", "check-six", "check-lone")


def test_rules_between_neighbours(networks: Wharfd) -> None:
    setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"  # only where the kernel has br_netfilter
    before = networks.inside("cat", setting, check=False).strip()
    chain = "{ chain f { type filter hook forward priority 5; policy drop; }; }"
    try:
        for table, filtered in (("bridge", before), ("inet", "1"), ("inet", "0")):
            if before:
                networks.inside("sh", "-c", f"echo {filtered} >{setting}")
            networks.inside("nft", f"table {table} check_test {chain}")
            reached = asks(networks, "near", "web", "80")
            checked = networks.wharf("network", "check", "near", "web:80", check=False)
            assert (checked.code == 0) is reached and not (reached and table == "bridge"), checked.text
            networks.inside("nft", "delete", "table", table, "check_test")
    finally:
        networks.inside("sh", "-c", f"[ -z '{before}' ] || echo {before} >{setting}")
        networks.inside("nft", "delete", "table", "bridge", "check_test", check=False)
        networks.inside("nft", "delete", "table", "inet", "check_test", check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", "web:80"), "No such container: nothing"),
        (("near", "web:x"), "invalid target"),
        (("near", "web:70000"), "invalid port 70000"),
        (("near", "web:80/icmp"), "invalid protocol"),
        (("outside", "host"), "which port of the host?"),
        (("host", "outside"), "is not the engine's"),
    ],
)
def test_what_is_no_question(networks: Wharfd, arguments: tuple[str, ...], message: str) -> None:
    ran = networks.wharf("network", "check", *arguments, check=False)
    assert ran.code == 1 and message in ran.error


def test_who_join_one_another_in_a_circle(wharfd: Wharfd) -> None:
    for name, other in (("egg", "hen"), ("hen", "egg"), ("self", "self")):
        wharfd.docker("create", "--name", name, "--network", f"container:{other}", "busybox")
    for question in (("egg", "hen:80"), ("host", "egg:80"), ("self", "outside")):
        assert "does not run" in wharfd.wharf("network", "check", *question, check=False).text
    wharfd.remove_all()
