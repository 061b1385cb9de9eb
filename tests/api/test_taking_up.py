"""A daemon that has no descriptors left for what it should do: it does it when there are some again."""

import os
import signal
from collections.abc import Callable

import pytest

from harness.engine import wait_until
from harness.files import no_more_files
from harness.managed_plugin import parent_of
from harness.wharfd import Wharfd


@pytest.fixture
def engine(new_wharfd: Callable[..., Wharfd]) -> Wharfd:
    engine = new_wharfd()
    engine.docker("network", "create", "back")
    for name in ("box", "peer"):
        engine.docker("run", "-d", "--name", name, "--network", "back", "busybox", "sleep", "600")
    return engine


def test_a_container_is_taken_up(engine: Wharfd) -> None:
    pid = engine.state("box")["Pid"]
    keeper = parent_of(pid)
    engine.kill9()
    os.kill(keeper, signal.SIGSTOP)
    try:
        engine.start()
        engine.docker("exec", "peer", "true")  # which has been taken up
        with no_more_files(engine.pid):
            os.kill(keeper, signal.SIGCONT)
            wait_until(lambda: "is tried again" in engine.log_tail(), "it is tried in vain")
    finally:
        os.kill(keeper, signal.SIGCONT)
    wait_until(lambda: engine.docker("exec", "box", "nslookup", "peer", check=False).code == 0, "names are found")
    assert engine.log_tail().count("not looked after") == 1
    assert engine.state("box")["Pid"] == pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: engine.state("box")["Status"] == "exited", "its end is noticed")


def test_flushed_rules_are_put_back(engine: Wharfd) -> None:
    with no_more_files(engine.pid):
        engine.inside("nft", "flush", "ruleset")
        wait_until(lambda: "is tried again" in engine.log_tail(), "it is tried in vain")
    wait_until(lambda: "iif @bridges" in engine.nft_elements(), "the rules are there again")
    assert engine.log_tail().count("the firewall is not as it was") == 1


def test_names_are_found_whatever_a_container_has_done_to_its_network(engine: Wharfd) -> None:
    inside = ("nsenter", "-t", str(engine.state("box")["Pid"]), "-n")
    engine.inside(*inside, "nft", "flush", "ruleset")
    engine.inside(*inside, "ip", "addr", "flush", "dev", "eth0")
    engine.kill9()
    engine.start()
    wait_until(lambda: engine.docker("exec", "box", "nslookup", "peer", check=False).code == 0, "names are found")
