"""The resolver in containers' networks, asked with dig from inside."""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.engine import API, missing, wait_until
from harness.names import FIRST, SECOND, Upstream, upstream
from harness.wharfd import Wharfd

pytestmark = pytest.mark.skipif(bool(missing(["dig"])), reason="not installed: dig")

MANY = 60  # containers that share an alias


@dataclass(frozen=True)
class World:
    """Containers on two networks, and two servers outside."""

    engine: Wharfd
    first: Upstream
    second: Upstream

    def pid(self, container: str) -> int:
        return int(self.engine.state(container)["Pid"])

    def at(self, container: str, version: int = 4) -> str:
        places = self.engine.request("GET", f"{API}/containers/{container}/json").json["NetworkSettings"]["Networks"]
        (place,) = places.values()
        return str(place["IPAddress" if version == 4 else "GlobalIPv6Address"])

    def dig(self, *words: str, container: str = "client") -> "Dug":
        command = ["nsenter", "-t", str(self.pid(container)), "-n", "dig", "@127.0.0.11", "+tries=1", "+timeout=8"]
        ran = subprocess.run([*command, *words], capture_output=True, text=True, timeout=60, check=False)
        return Dug(ran.stdout)


@dataclass(frozen=True)
class Dug:
    text: str

    @property
    def status(self) -> str:
        found = re.search(r"status: (\w+)", self.text)
        return found[1] if found else ""

    @property
    def flags(self) -> list[str]:
        found = re.search(r"flags: ([^;]*);", self.text)
        return found[1].split() if found else []

    @property
    def answers(self) -> list[str]:
        """Kind and value of each record, in their order."""
        _, _, section = self.text.partition("ANSWER SECTION:\n")
        lines = section.partition("\n\n")[0].splitlines()
        return [" ".join(line.split()[3:]) for line in lines]


@pytest.fixture(scope="module")
def world(shared_wharfd: Wharfd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    engine = shared_wharfd
    with upstream(engine, tmp_path_factory.mktemp("names")) as (first, second):
        engine.docker("network", "create", "--ipv6", "front")
        engine.docker("network", "create", "back")

        def run(name: str, *flags: str) -> None:
            engine.docker("run", "-d", "--name", name, *flags, "busybox", "sleep", "900")

        try:
            servers = ("--dns", FIRST, "--dns", SECOND)
            run("web", "--network", "front", "--network-alias", "www", "--network-alias", "Mixed-Case")
            run("mail", "--network", "back", "--hostname", "far.example", "--network-alias", "secret")
            run("client", "--network", "front", *servers, "--dns-search", "sea.example", "--dns-option", "ndots:2")
            run("shut", "--network", "back", "--dns", "127.0.0.1")
            engine.docker("network", "create", "--internal", "inner")
            run("inside", "--network", "inner", "--dns", FIRST)
            yield World(engine, first, second)
        finally:
            engine.remove_all()
            engine.docker("network", "rm", "front", "back", "inner")


#: What is asked; the answer's status; its records, or how many.
TABLE: dict[str, tuple[str, str, list[str] | int]] = {
    "a neighbour": ("web", "NOERROR", ["A {web}"]),
    "an alias": ("www", "NOERROR", ["A {web}"]),
    "a name in other letters": ("WeB", "NOERROR", ["A {web}"]),
    "an alias in other letters": ("MIXED-case", "NOERROR", ["A {web}"]),
    "with its network": ("web.front", "NOERROR", ["A {web}"]),
    "with its network in other letters": ("WEB.Front", "NOERROR", ["A {web}"]),
    "AAAA": ("web AAAA", "NOERROR", ["AAAA {web6}"]),
    "backwards": ("-x {web}", "NOERROR", ["PTR web.front."]),
    "backwards, version 6": ("-x {web6}", "NOERROR", ["PTR web.front."]),
    "a neighbour by TCP": ("+tcp web", "NOERROR", ["A {web}"]),
    "another kind of record": ("web MX", "NOERROR", []),
    "a newer EDNS": ("+edns=1 +noednsneg web", "BADVERS", []),
    "a stranger": ("mail", "NXDOMAIN", []),
    "a stranger with its network": ("mail.back", "NXDOMAIN", []),
    "a stranger's alias": ("SECRET", "NXDOMAIN", []),
    "a stranger backwards": ("-x {mail}", "NXDOMAIN", []),
    "outside": ("far.example", "NOERROR", ["A 192.0.2.7"]),
    "outside by TCP": ("+tcp far.example", "NOERROR", ["A 192.0.2.7"]),
    "outside, another kind": ("far.example MX", "NOERROR", ["MX 10 mail.example."]),
    "outside backwards": ("-x 192.0.2.7", "NOERROR", ["PTR far.example."]),
    "a chain": (
        "chain.example",
        "NOERROR",
        ["CNAME middle.example.", "CNAME far.example.", "A 192.0.2.7"],
    ),
    "nothing of that kind outside": ("only6.example", "NOERROR", []),
    "nowhere": ("nx.example", "NXDOMAIN", []),
    "a single word that is no container's": ("single", "NOERROR", ["A 192.0.2.9"]),
    "too large for a datagram": ("large.example TXT", "NOERROR", 40),  # dig asks again by TCP
    "as large as is asked for": ("+bufsize=16000 +ignore large.example TXT", "NOERROR", 40),
    "by the second server, as the first fails": ("ill.example", "NOERROR", ["A 192.0.2.54"]),
    "by the second server, as the first is silent": ("silent.example", "NOERROR", ["A 192.0.2.54"]),
    "both fail": ("broken.example", "SERVFAIL", []),
    "both are silent": ("dead.example", "SERVFAIL", []),
}


@pytest.mark.parametrize("what", TABLE)
def test_answers(world: World, what: str) -> None:
    words, status, records = TABLE[what]
    known = {"web": world.at("web"), "web6": world.at("web", 6), "mail": world.at("mail")}
    found = world.dig(*words.format(**known).split())
    assert found.status == status, found.text
    expected = records if isinstance(records, int) else [record.format(**known) for record in records]
    assert (len(found.answers) if isinstance(expected, int) else found.answers) == expected, found.text
    assert "ra" in found.flags or status in ("SERVFAIL", "BADVERS")


def test_sizes(world: World) -> None:
    """What does not fit is cut off and said to be so; the server outside is told how much fits."""
    cut = world.dig("+bufsize=1232", "+ignore", "large.example", "TXT")
    assert "tc" in cut.flags and cut.answers == []
    assert world.first.asked("large.example.")[-1].endswith(" 1232")
    assert "tc" in world.dig("+noedns", "+ignore", "large.example", "TXT").flags


def test_what_is_private_is_not_told_outside(world: World) -> None:
    for words in ("mail", "mail.back", "secret", "web.front", "web MX", f"-x {world.at('mail')}", "+tcp mail"):
        world.dig(*words.split())
    for server in (world.first, world.second):
        said = server.log.read_text().lower()
        assert not re.search(r"^(mail|secret|web|www)\.", said, re.MULTILINE)
        assert ".172.in-addr" not in said


def test_a_host_name_of_a_stranger_hides_nothing_outside(world: World) -> None:
    """`mail` is called far.example: on its network that is itself, and everywhere else what the world says."""
    assert world.dig("far.example").answers == ["A 192.0.2.7"]
    assert world.dig("far.example", container="shut").answers == [f"A {world.at('mail')}"]


def test_servers_of_a_container_are_asked_from_its_network(world: World) -> None:
    world.dig("far.example")
    assert world.first.asked("far.example.")[-1].split()[3] == world.at("client")
    # 127.0.0.1 is the container itself.
    pid = world.pid("shut")
    command = ["nsenter", "-t", str(pid), "-n", sys.executable, "-m", "harness.names", "127.0.0.1"]
    own = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    try:
        assert own.stdout is not None and own.stdout.readline() == b"ready\n"
        assert world.dig("chain.example", container="shut").answers[-1] == "A 192.0.2.7"
    finally:
        own.kill()
        own.communicate()


def test_an_internal_network_asks_nobody(world: World) -> None:
    before = world.first.asked("only6.example.")
    assert world.dig("only6.example", "AAAA", container="inside").status == "SERVFAIL"
    assert world.dig("inside", container="inside").answers == [f"A {world.at('inside')}"]
    assert world.first.asked("only6.example.") == before


def test_how_names_are_looked_for(world: World) -> None:
    """resolv.conf says it to the container's own library."""
    conf = world.engine.docker("exec", "client", "cat", "/etc/resolv.conf").text.splitlines()
    assert conf == ["nameserver 127.0.0.11", "search sea.example", "options ndots:2"]
    assert "192.0.2.8" in world.engine.docker("exec", "client", "nslookup", "short", check=False).text


def test_an_alias_of_many(world: World) -> None:
    endpoint = {"EndpointsConfig": {"front": {"Aliases": ["service"]}}}
    body = {"Image": "busybox", "Cmd": ["sleep", "900"], "HostConfig": {"NetworkMode": "front"}}
    for number in range(MANY):
        create = f"{API}/containers/create?name=part{number}"
        assert world.engine.request("POST", create, {**body, "NetworkingConfig": endpoint}).status == 201
        assert world.engine.request("POST", f"{API}/containers/part{number}/start").status == 204
    expected = {f"A {world.at(f'part{number}')}" for number in range(MANY)}
    found = [world.dig("service").answers for _ in range(12)]
    assert all(set(answers) == expected for answers in found)
    assert len({answers[0] for answers in found}) > 1  # all get their share
    # More than a datagram of old: cut off, and whole by TCP.
    assert "tc" in world.dig("+noedns", "+ignore", "service", "AAAA").flags
    assert len(world.dig("+noedns", "service", "AAAA").answers) == MANY
    # Whoever goes is not found any more.
    world.engine.docker("rm", "-f", "part0")
    assert len(world.dig("service").answers) == MANY - 1
    assert world.dig("part0").status == "NXDOMAIN"
    for asking, wanted in zip(random.sample(range(1, MANY), 8), random.sample(range(1, MANY), 8), strict=True):
        one = world.dig(f"part{wanted}", container=f"part{asking}").answers
        assert one == [f"A {world.at(f'part{wanted}')}"]


def test_a_container_may_listen_on_port_53_itself(world: World) -> None:
    script = "while :; do echo mine | nc -l -p 53; done"
    world.engine.docker("run", "-d", "--name", "server", "--network", "front", "busybox", "sh", "-c", script)
    asked = ("exec", "client", "sh", "-c", "nc -w 2 server 53 </dev/null")
    wait_until(lambda: world.engine.docker(*asked, check=False).text == "mine", "it serves")
    assert world.dig("+tcp", "web", container="server").answers == [f"A {world.at('web')}"]
    with subprocess.Popen(
        ["nsenter", "-t", str(world.pid("server")), "-n", sys.executable, "-c", BIND], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        assert world.dig("web", container="server").answers == [f"A {world.at('web')}"]
        process.kill()


#: busybox knows no UDP servers.
BIND = """
import socket, time
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.bind(("0.0.0.0", 53))
print("ready", flush=True)
time.sleep(60)
"""


def test_names_while_no_daemon_runs_and_after(new_wharfd: Callable[..., Wharfd], tmp_path: Path) -> None:
    engine = new_wharfd()
    with upstream(engine, tmp_path) as (first, second):
        engine.docker("network", "create", "front")
        for name in ("web", "client"):
            engine.docker("run", "-d", "--name", name, "--network", "front", "--dns", FIRST, "busybox", "sleep", "900")
        world = World(engine, first, second)
        at, started = world.at("web"), engine.state("client")["StartedAt"]
        pid = world.pid("client")
        engine.kill9()
        asking = ["nsenter", "-t", str(pid), "-n", "dig", "@127.0.0.11", "+tries=1", "+timeout=1", "web"]
        assert "no servers could be reached" in subprocess.run(asking, capture_output=True, text=True).stdout
        for begin in (engine.start, engine.restart):
            begin()
            # The engine answers before it has taken up the networks of all containers.
            wait_until(lambda: world.dig("web").answers == [f"A {at}"], "names are answered again")
            assert world.dig("+tcp", "far.example").answers == ["A 192.0.2.7"]
        assert (world.pid("client"), engine.state("client")["StartedAt"]) == (pid, started)
        engine.remove_all()
        engine.docker("network", "rm", "front")
