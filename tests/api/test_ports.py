"""The default network and published ports, from where the engine's host addresses are."""

import sys
from pathlib import Path

import pytest

from harness.engine import wait_until
from harness.serving import serve
from harness.wharfd import Wharfd


def _ask(wharfd: Wharfd, host: str, port: str) -> str:
    return wharfd.inside("busybox", "sh", "-c", f"busybox nc -w 2 {host} {port} </dev/null", check=False).strip()


def _port(wharfd: Wharfd, name: str, spec: str) -> str:
    return wharfd.docker("port", name, spec).text.splitlines()[0].rpartition(":")[2]


def test_a_published_port_answers_on_every_address_of_the_host(wharfd: Wharfd) -> None:
    serve(wharfd, "web", "-p", "8080:80")
    gateway = wharfd.docker("inspect", "-f", "{{.NetworkSettings.Gateway}}", "web").text
    for host in ("127.0.0.1", gateway, "::1"):
        wait_until(lambda host=host: _ask(wharfd, host, "8080") == "hello", f"an answer on {host}")
    assert wharfd.docker("port", "web").text.splitlines()[0] == "80/tcp -> 0.0.0.0:8080"
    assert "0.0.0.0:8080->80/tcp" in wharfd.docker("ps", "--format", "{{.Ports}}").text


def test_a_port_of_one_address_only(wharfd: Wharfd) -> None:
    serve(wharfd, "web", "-p", "127.0.0.1:8081:80")
    gateway = wharfd.docker("inspect", "-f", "{{.NetworkSettings.Gateway}}", "web").text
    wait_until(lambda: _ask(wharfd, "127.0.0.1", "8081") == "hello", "an answer")
    assert _ask(wharfd, gateway, "8081") == ""


ECHO_BY_UDP = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 53))
while True:
    data, peer = sock.recvfrom(512)
    sock.sendto(data, peer)
"""
ASK_BY_UDP = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(1)
    sock.sendto(b"ping", ("127.0.0.1", 5353))
    print(sock.recv(512).decode())
"""


def test_udp(wharfd: Wharfd) -> None:
    # busybox knows no UDP, so the container borrows the host's Python.
    python = Path(sys.executable).resolve()
    command = ["chroot", "/host", str(python), "-c", ECHO_BY_UDP]
    wharfd.docker("run", "-d", "--name", "echo", "-p", "5353:53/udp", "-v", "/:/host:ro", "busybox", *command)
    ask = [sys.executable, "-c", ASK_BY_UDP]
    wait_until(lambda: wharfd.inside(*ask, check=False).strip() == "ping", "an answer by UDP")


def test_a_free_port_is_chosen_and_given_back(wharfd: Wharfd) -> None:
    serve(wharfd, "web", "-p", "80")
    port = _port(wharfd, "web", "80/tcp")
    assert int(port) >= 32768
    wait_until(lambda: _ask(wharfd, "127.0.0.1", port) == "hello", "an answer")
    wharfd.docker("rm", "-f", "web")
    assert _ask(wharfd, "127.0.0.1", port) == ""
    assert f" {port} " not in wharfd.nft_elements()


def test_a_port_in_use(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "first", "-p", "8082:80", "busybox", "sleep", "600")
    refused = wharfd.docker("run", "-d", "--name", "second", "-p", "8082:80", "busybox", "true", check=False)
    assert refused.code == 125
    assert "port is already allocated" in refused.error
    wharfd.docker("rm", "-f", "first")
    wharfd.docker("start", "second")


def test_containers_reach_one_another_and_their_host(wharfd: Wharfd) -> None:
    serve(wharfd, "web")
    address = wharfd.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web").text
    ask = f"nc -w 2 {address} 80 </dev/null"
    wait_until(
        lambda: wharfd.docker("run", "--rm", "busybox", "sh", "-c", ask, check=False).text == "hello", "an answer"
    )
    gateway = wharfd.docker("inspect", "-f", "{{.NetworkSettings.Gateway}}", "web").text
    assert wharfd.docker("run", "--rm", "busybox", "ping", "-c", "1", "-W", "20", gateway).code == 0


def test_other_network_modes(wharfd: Wharfd) -> None:
    links = "ls /sys/class/net | xargs"
    assert wharfd.docker("run", "--rm", "--network", "none", "busybox", "sh", "-c", links).text == "lo"
    assert "wharf0" in wharfd.docker("run", "--rm", "--network", "host", "busybox", "sh", "-c", links).text.split()
    wharfd.docker("run", "-d", "--name", "first", "busybox", "sleep", "600")
    own = "cat /sys/class/net/eth0/address"
    joined = wharfd.docker("run", "--rm", "--network", "container:first", "busybox", "sh", "-c", own).text
    assert joined == wharfd.docker("inspect", "-f", "{{.NetworkSettings.MacAddress}}", "first").text
    refused = wharfd.docker("run", "--rm", "--network", "nowhere", "busybox", "true", check=False)
    assert refused.code == 125
    assert "failed to set up container networking: network nowhere not found" in refused.error


@pytest.mark.parametrize("port", ["70000:80", "80:x", "80:80/icmp"])
def test_ports_that_make_no_sense(wharfd: Wharfd, port: str) -> None:
    assert wharfd.docker("run", "--rm", "-p", port, "busybox", "true", check=False).code == 125


def test_the_api_is_not_reachable_over_the_network(wharfd: Wharfd) -> None:
    listening = wharfd.inside("ss", "-Hltn", check=False)
    assert listening.strip() == ""
