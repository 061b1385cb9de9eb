"""Beside others' firewalls: what they flush is repaired, what they drop by policy passes, users have the last word."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine import missing, wait_until
from harness.outside import HOST, OUTSIDE, Outside, client_seen, seen
from harness.wharfd import Wharfd


@pytest.fixture
def engine(new_wharfd: Callable[..., Wharfd]) -> Wharfd:
    """With a container that has published a port."""
    made = new_wharfd()
    made.docker("run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sleep", "1000")
    return made


@pytest.fixture
def outside(engine: Wharfd) -> Iterator[Outside]:
    with Outside(engine) as made:
        assert reaches(engine, made)
        yield made


def reaches(engine: Wharfd, outside: Outside) -> bool:
    return client_seen(engine, "web", outside.namespace, HOST, 8080) == OUTSIDE


def rules(engine: Wharfd) -> str:
    return engine.inside("nft", "list", "ruleset")


def test_flushed_rules_are_put_back(engine: Wharfd, outside: Outside) -> None:
    engine.docker("network", "create", "second")
    engine.docker("run", "-d", "--name", "beside", "--network", "second", "-p", "8081:80", "busybox", "sleep", "1000")
    engine.inside("nft", "flush", "ruleset")
    wait_until(lambda: reaches(engine, outside), "the port answers again")
    wait_until(lambda: "table ip wharf_forwarding" in rules(engine), "strangers are kept out again")
    wait_until(lambda: "table inet wharf_user" in rules(engine), "users may write rules again")
    assert client_seen(engine, "beside", outside.namespace, HOST, 8081) == OUTSIDE, "that goes for every bridge"
    engine.inside("nft", "flush", "chain", "ip", "wharf_passing", "wharf_wharf0")
    wait_until(lambda: rules(engine).count("ct status dnat accept") == 2, "a bridge's chain is whole again")
    assert "made anew" in engine.log_tail()
    engine.inside("nft", "flush", "chain", "ip", "wharf_passing", "forward")
    wait_until(lambda: "oifname vmap @to" in rules(engine), "packets are led to the chains of bridges again")
    engine.inside("nft", "add", "chain", "ip", "wharf_forwarding", "forward", "{ policy accept; }")
    engine.inside("nft", "flush", "chain", "ip", "wharf_forwarding", "forward")
    wait_until(lambda: "policy drop" in rules(engine), "strangers are kept out again")
    engine.inside("nft", "flush", "chain", "ip", "wharf_sources", "sent")
    wait_until(lambda: "fib saddr oif @bridges return" in rules(engine), "senders are looked at again")


def test_the_users_table_is_theirs(engine: Wharfd, outside: Outside) -> None:
    drop = "add rule inet wharf_user forward meta l4proto tcp ct original proto-dst 8080 ip saddr 198.51.100.2 drop"
    engine.inside("nft", drop)
    assert not reaches(engine, outside)
    engine.restart()
    assert not reaches(engine, outside), "an engine that starts leaves the user's rules alone"
    engine.inside("nft", "flush", "chain", "inet", "wharf_user", "forward")
    wait_until(lambda: reaches(engine, outside), "the port answers again")


@pytest.mark.skipif(bool(missing(["iptables"])), reason="not installed: iptables")
def test_a_forward_policy_of_drop(engine: Wharfd, outside: Outside) -> None:
    engine.inside("iptables", "-P", "FORWARD", "DROP")
    wait_until(lambda: reaches(engine, outside), "the policy does not count for our bridge")
    engine.inside("iptables", "-F", "FORWARD")
    wait_until(lambda: reaches(engine, outside), "and after a flush")
    engine.inside("iptables", "-I", "FORWARD", "-p", "tcp", "-d", "172.16.0.0/12", "-j", "DROP")
    assert not reaches(engine, outside), "a rule of the user's counts"
    engine.remove_all()
    engine.stop()
    assert "wharf" not in engine.inside("iptables", "-S", "FORWARD")


def has_legacy_tables() -> bool:
    command = ["unshare", "--net", "iptables-legacy", "-S", "FORWARD"]
    return (
        not missing(["iptables-legacy"]) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def noted(engine: Wharfd, program: str) -> Path:
    """A file with a line for each time that the engine's next daemon runs the program."""
    (own := engine.root / "bin").mkdir()
    notes, wrapper = engine.root / "ran", own / program
    notes.touch()
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>{notes}\nexec {shutil.which(program)} "$@"\n')
    wrapper.chmod(0o755)
    engine.variables["PATH"] = f"{own}:{os.environ['PATH']}"
    return notes


@pytest.mark.skipif(not has_legacy_tables(), reason="this machine has no iptables-legacy")
def test_a_forward_policy_of_iptables_legacy(engine: Wharfd, outside: Outside) -> None:
    drops = "the chain FORWARD of the table iptables-legacy filter drops it"

    def is_told() -> bool:  # once the engine has looked at all tables after its start
        engine.inside("iptables-legacy", "-F", "FORWARD")
        return drops in engine.wharf("network", "check", "outside", "host:8080", check=False).text

    engine.inside("iptables-legacy", "-P", "FORWARD", "DROP")
    wait_until(is_told, "the policy is seen")
    assert not reaches(engine, outside)
    engine.docker("network", "create", "second")
    ran = noted(engine, "iptables-legacy")
    engine.restart()
    assert reaches(engine, outside)
    engine.docker("network", "create", "third")
    asked = [line for line in ran.read_text().splitlines() if "-S" in line.split()]
    assert len(asked) == 2, "it is asked once for all bridges at the start, and once for the new one"
    assert engine.inside("iptables-legacy", "-S", "FORWARD").count("--comment wharf") == 6
    engine.docker("network", "rm", "second", "third")
    engine.remove_all()
    engine.stop()
    assert "wharf" not in engine.inside("iptables-legacy", "-S", "FORWARD")


@pytest.mark.skipif(not has_legacy_tables(), reason="this machine has no iptables-legacy")
def test_rules_of_iptables_legacy(engine: Wharfd, outside: Outside) -> None:
    def told(*arguments: str) -> str:
        lines = engine.wharf(
            "network", "check", *(arguments or ("outside", "host:8080")), check=False
        ).text.splitlines()
        return "".join(line for line in lines if "iptables-legacy" in line)

    assert told() == "" and engine.inside("cat", "/proc/net/ip_tables_names") == "", "to ask makes no table"
    to_port, asked = "-p tcp --dport 80 -j DROP", "-m conntrack --ctorigdstport 8080 -j REJECT"
    for table, rule, says in (
        ("filter", f"-d 172.16.0.0/12 {to_port}", "NO"),
        ("filter", to_port.replace("80", "8080"), "ok"),  # it is translated already
        ("filter", asked, "NO"),
        ("mangle", "-m conntrack --ctstate DNAT ! -o up0 -j DROP", "NO"),
        ("filter", "-p tcp -m multiport --dports 22,81:90 -j DROP", "ok"),
        ("filter", f"-s {OUTSIDE} -j DROP", "?"),
        ("filter", "-m pkttype --pkt-type broadcast -j DROP", "?"),
    ):
        engine.inside("iptables-legacy", "-t", table, "-A", "FORWARD", *rule.split())
        said = told()
        assert said.split()[0] == says and f"the chain FORWARD of the table iptables-legacy {table}" in said, rule
        assert says == "?" or reaches(engine, outside) == (says == "ok"), rule
        engine.inside("iptables-legacy", "-t", table, "-F", "FORWARD")
    assert "what iptables' pkttype looks for" in said
    engine.inside("iptables-legacy", "-N", "guard")
    for chain, words in (("guard", "! -i up1 -j RETURN"), ("guard", "-j ACCEPT"), ("FORWARD", "-i up0 -g guard")):
        engine.inside("iptables-legacy", "-A", chain, *words.split())
    engine.inside("iptables-legacy", "-P", "FORWARD", "DROP")
    assert told().startswith("NO") and not reaches(engine, outside)
    engine.inside("iptables-legacy", "-P", "INPUT", "DROP")
    engine.docker("run", "-d", "--network", "host", "busybox", "httpd", "-f", "-p", "8082")
    wait_until(lambda: told("outside", "host:8082") != "", "it is listened on")
    assert told("outside", "host:8082") == "NO  the chain INPUT of the table iptables-legacy filter drops it"


def ufw(engine: Wharfd, *arguments: str) -> None:
    """Runs ufw with a configuration of the engine's own."""
    own = engine.root / "ufw"
    if not own.exists():
        shutil.copytree("/etc/ufw", own)
    script = f'mount --bind {own} /etc/ufw && mount -t tmpfs none /run && exec ufw "$@"'
    engine.inside("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *arguments)


@pytest.mark.skipif(bool(missing(["ufw"])), reason="not installed: ufw")
def test_ufw(engine: Wharfd, outside: Outside) -> None:
    engine.docker(
        "run",
        "-d",
        "--name",
        "guarded",
        "--annotation",
        "wharf.firewall=host",
        "-p",
        "8081:80",
        "busybox",
        "sleep",
        "1000",
    )
    ufw(engine, "default", "deny", "incoming")
    ufw(engine, "default", "deny", "routed")
    ufw(engine, "--force", "enable")

    def guarded() -> str:
        return client_seen(engine, "guarded", outside.namespace, HOST, 8081)

    wait_until(lambda: reaches(engine, outside), "published ports pass by ufw, as with dockerd")
    assert seen(outside.namespace, engine.network_of("web"), OUTSIDE, 9000) == HOST, "containers reach others"
    assert guarded() == "" and seen(engine.network.path, outside.namespace, HOST, 9000) == ""

    def said(source: str, target: str) -> list[str]:
        """Of ufw's chains."""
        lines = engine.wharf("network", "check", source, target, check=False).text.splitlines()
        return [line for line in lines if "the table ip filter" in line]

    forward = ["ok  the chain FORWARD of the table ip filter lets it pass"]
    assert said("outside", "host:8080") == said("web", "outside") == forward
    assert said("outside", "host:8081") == ["NO  the chain INPUT of the table ip filter drops it"]
    ufw(engine, "allow", "8081/tcp")
    assert guarded() == OUTSIDE
    assert said("outside", "host:8081") == ["ok  the chain INPUT of the table ip filter lets it pass"]
    ufw(engine, "reload")
    wait_until(lambda: reaches(engine, outside), "and after a reload")
    assert guarded() == OUTSIDE
    ufw(engine, "disable")
