"""--link: other containers by a name of one's own."""

import re
from collections.abc import Callable

import pytest

from harness.wharfd import Wharfd

SLEEP = ("busybox", "sleep", "1000")


def address(wharfd: Wharfd, name: str) -> str:
    return wharfd.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name).text


def hosts(wharfd: Wharfd, name: str) -> dict[str, str]:
    """Addresses by the names of their lines."""
    lines = (line.split() for line in wharfd.docker("exec", name, "cat", "/etc/hosts").text.splitlines())
    return {" ".join(words[1:]): words[0] for words in lines}


def test_a_linked_container_is_known_by_name_and_by_variables(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "db", "-h", "dbhost", "-e", "A=1", "--expose", "80", "--expose", "81", *SLEEP)
    wharfd.docker("run", "-d", "--name", "web", "--link", "db:my-db", "--link", "db", *SLEEP)
    at = address(wharfd, "db")
    assert hosts(wharfd, "web") | {"my-db dbhost db": at, "db dbhost": at} == hosts(wharfd, "web")
    assert "1 packets received" in wharfd.docker("exec", "web", "ping", "-c", "1", "my-db").text
    variables = {
        "MY_DB_NAME=/web/my-db",
        "MY_DB_ENV_A=1",
        f"DB_PORT_80_TCP=tcp://{at}:80",
        "DB_PORT_80_TCP_PORT_END=81",
    }
    assert variables <= set(wharfd.docker("exec", "web", "env").text.splitlines())
    told = wharfd.docker("exec", "web", "sh", "-c", "tr '\\0' '\\n' < /proc/1/environ").text.splitlines()
    assert variables <= set(told)

    shown = wharfd.docker("inspect", "-f", "{{json .HostConfig.Links}}", "web").text
    assert shown == '["/db:/web/my-db","/db:/web/db"]'
    assert wharfd.docker("ps", "--no-trunc", "--format", "{{.Names}}").text.splitlines() == [
        "web",
        "db,web/db,web/my-db",
    ]


def test_a_link_follows_its_container(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--bip", "10.99.9.1/29")  # five addresses for containers
    wharfd.docker("run", "-d", "--name", "db", "-h", "dbhost", *SLEEP)
    wharfd.docker("run", "-d", "--name", "web", "--link", "db:d", *SLEEP)
    wharfd.docker("exec", "web", "sh", "-c", "echo 10.9.8.7 mine >> /etc/hosts")
    wharfd.docker("rename", "db", "base")
    wharfd.docker("stop", "-t", "0", "base")
    fillers = [wharfd.docker("run", "-d", *SLEEP).text for _ in range(4)]  # the last one gets its address
    old = hosts(wharfd, "web")["d dbhost db"]
    assert address(wharfd, fillers[-1]) == old
    wharfd.docker("rm", "-f", fillers[0])
    wharfd.docker("start", "base")
    found = hosts(wharfd, "web")
    assert found["d dbhost base"] == address(wharfd, "base") != old
    assert found["mine"] == "10.9.8.7"
    assert old not in found.values()
    wharfd.docker("rm", "--link", "web/d")
    assert wharfd.docker("inspect", "-f", "{{json .HostConfig.Links}}", "web").text == "null"
    assert "No such container: web/d" in wharfd.docker("rm", "--link", "web/d", check=False).error


def test_whom_nobody_can_link_to(wharfd: Wharfd) -> None:
    def create(link: str, mode: str = "") -> tuple[int, str]:
        body = {"Image": "busybox", "HostConfig": {"Links": [link], "NetworkMode": mode}}
        answer = wharfd.request("POST", "/containers/create", body)
        return answer.status, answer.message

    wharfd.docker("run", "-d", "--name", "open", "--network", "host", *SLEEP)
    undefined = "can't be used with links. This would result in undefined behavior"
    assert create("nobody") == (400, "could not get container for nobody: No such container: nobody")
    assert create("") == (500, "empty string specified for links")
    assert create("a:b:c") == (500, "bad format for links: a:b:c")
    assert create("open:x") == (400, f"conflicting options: host type networking {undefined}")
    assert create("open:x", "host") == (400, f"conflicting options: host type networking {undefined}")
    assert create("open:x", "container:open") == (400, f"conflicting options: container type network {undefined}")
    assert wharfd.docker("ps", "-aq").text.count("\n") == 0

    wharfd.docker("create", "--name", "idle", *SLEEP)
    ran = wharfd.docker("run", "--name", "web", "--link", "idle:x", "busybox", "true", check=False)
    assert (ran.code, "Cannot link to a non running container: /idle AS /web/x" in ran.error) == (125, True)


@pytest.mark.parametrize("by", ["endpoint", "host"])
def test_links_of_a_users_network(wharfd: Wharfd, by: str) -> None:
    wharfd.docker("network", "create", "front")
    try:
        wharfd.docker("run", "-d", "--name", "db", "--network", "front", *SLEEP)
        where: dict[str, object] = {"HostConfig": {"NetworkMode": "front", "Links": ["db:alias"]}}
        if by == "endpoint":
            endpoints = {"EndpointsConfig": {"front": {"Links": ["db:alias"]}}}
            where = {"HostConfig": {"NetworkMode": "front"}, "NetworkingConfig": endpoints}
        body = {"Image": "busybox", "Cmd": ["ping", "-c", "1", "alias"], **where}
        id = wharfd.request("POST", "/containers/create", body).json["Id"]
        assert re.search(
            r"^1 packets transmitted, 1 packets received", wharfd.docker("start", "-a", id).text, re.MULTILINE
        )
    finally:
        wharfd.remove_all()
        wharfd.docker("network", "rm", "front")
