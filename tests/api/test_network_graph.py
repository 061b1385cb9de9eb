"""`wharf network graph` shows what is really connected."""

from collections.abc import Iterator

import pytest

from harness.wharfd import Wharfd


@pytest.fixture
def networks(wharfd: Wharfd) -> Iterator[Wharfd]:
    for arguments in (["graph-front"], ["--internal", "graph-back"]):
        wharfd.docker("network", "create", *arguments)
    yield wharfd
    wharfd.remove_all()
    wharfd.docker("network", "rm", "graph-front", "graph-back")


def test_the_topology_follows_the_engine(networks: Wharfd) -> None:
    run = ("run", "-d", "--name", "graph-web", "--network", "graph-front", "-p", "127.0.0.1:8080:80", "busybox")
    networks.docker(*run, "sleep", "100")
    address = networks.docker("exec", "graph-web", "ip", "-4", "-o", "addr", "show", "eth0").text.split()[3]
    drawn = networks.wharf("network", "graph").text
    assert "graph-back" not in drawn
    assert f"└─ graph-web  {address.partition('/')[0]:<15}  127.0.0.1:8080->80/tcp" in drawn
    networks.docker("network", "connect", "graph-back", "graph-web")
    assert networks.wharf("network", "graph", "graph-back", "graph-front").text.count("graph-web") == 2
    networks.docker("stop", "-t", "0", "graph-web")
    assert "graph-web" not in networks.wharf("network", "graph").text
    assert "└─ graph-web  (exited)" in networks.wharf("network", "graph", "--all").text


def test_what_is_refused(networks: Wharfd) -> None:
    assert networks.wharf("network", "graph", "nothing", check=False).error == "network nothing not found"
    assert "text, dot, svg" in networks.wharf("network", "graph", "--format", "png", check=False).error
