"""Who a container's process is, what it is called, how it ends: asked from inside."""

import json

import pytest

from harness.engine import wait_until
from harness.wharfd import Wharfd

#: Says which signal ended it; ready when it says so.
TRAP = "trap 'exit 7' {}; echo ready; while :; do sleep 0.05; done"


def run(wharfd: Wharfd, *arguments: str) -> str:
    return wharfd.docker("run", "--rm", *arguments).text


@pytest.mark.parametrize(
    ("option", "trapped"),
    [("SIGUSR1", "USR1"), ("usr2", "USR2"), ("12", "USR2"), ("RTMIN+3", "37"), ("SIGRTMAX-1", "63")],
)
def test_the_signal_that_stops(wharfd: Wharfd, option: str, trapped: str) -> None:
    wharfd.docker("run", "-d", "--name", "box", "--stop-signal", option, "busybox", "sh", "-c", TRAP.format(trapped))
    wait_until(lambda: "ready" in wharfd.docker("logs", "box").text, "the trap is set")
    wharfd.docker("stop", "box")
    assert wharfd.state("box")["ExitCode"] == 7


def test_who_does_not_stop_in_time_is_killed(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "--stop-timeout", "0", "busybox", "sleep", "1000")
    wharfd.docker("stop", "box")
    assert wharfd.state("box")["ExitCode"] == 137
    assert wharfd.docker("inspect", "-f", "{{.Config.StopTimeout}}", "box").text == "0"


def test_an_init_hands_signals_on_and_reaps(wharfd: Wharfd) -> None:
    # It ends when a shell is no longer process 1, which would reap it.
    orphan = "((while grep -qx sh /proc/1/comm; do sleep 0.01; done; touch /tmp/ends) &); exec sleep 1000"
    wharfd.docker("run", "-d", "--name", "with", "--init", "busybox", "sh", "-c", orphan)
    wharfd.docker("run", "-d", "--name", "without", "--stop-timeout", "0", "busybox", "sh", "-c", orphan)

    def zombies(name: str) -> str:
        ends = "until test -e /tmp/ends; do sleep 0.02; done; sleep 0.3"
        count = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l"
        return wharfd.docker("exec", name, "sh", "-c", f"{ends}; {count}").text

    wait_until(lambda: (zombies("with"), zombies("without")) == ("0", "1"), "only an init reaps")
    wharfd.docker("stop", "with", "without")
    assert wharfd.state("with")["ExitCode"] == 128 + 15  # process 1 of a container ignores what it does not handle
    assert wharfd.state("without")["ExitCode"] == 128 + 9


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ((), "0 0 0"),
        (("-u", "alice"), "1000 1000 1000 2000"),
        (("-u", "1000"), "1000 1000 1000 2000"),
        (("-u", "alice:extra"), "1000 2000 2000"),
        (("-u", "4242:17"), "4242 17 17"),
        (("-u", ":1"), "0 1 1"),
        (("-u", "4242", "--group-add", "daemon", "--group-add", "99"), "4242 0 0 1 99"),
    ],
)
def test_users_and_groups(wharfd: Wharfd, options: tuple[str, ...], answer: str) -> None:
    script = "echo $(id -u) $(id -g) $(sed -n 's/^Groups:.//p' /proc/self/status)"
    assert run(wharfd, *options, "busybox", "sh", "-c", script) == answer


def test_names(wharfd: Wharfd) -> None:
    script = "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname /etc/hostname; grep boat /etc/hosts"
    lines = run(wharfd, "-h", "boat", "--domainname", "sea.example", "busybox", "sh", "-c", script).splitlines()
    assert lines[:3] == ["boat", "sea.example", "boat"]
    assert lines[3].split()[1:] == ["boat.sea.example", "boat"]


def test_servers_and_hosts_of_ones_own(wharfd: Wharfd) -> None:
    names = ("--dns", "192.0.2.1", "--dns", "2001:db8::1", "--dns-search", "sea.example", "--dns-option", "ndots:3")
    assert run(wharfd, *names, "busybox", "cat", "/etc/resolv.conf").splitlines() == [
        "nameserver 192.0.2.1",
        "nameserver 2001:db8::1",
        "search sea.example",
        "options ndots:3",
    ]
    hosts = ("--add-host", "far=192.0.2.9", "--add-host", "six=[2001:db8::9]", "--add-host", "up:host-gateway")
    script = "ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'; cat /etc/hosts"
    gateway, *lines = run(wharfd, *hosts, "busybox", "sh", "-c", script).splitlines()
    assert {"192.0.2.9\tfar", "2001:db8::9\tsix", f"{gateway}\tup"} <= set(lines)


def test_directories_in_memory(wharfd: Wharfd) -> None:
    options = ("--tmpfs", "/plain", "--tmpfs", "/own:size=1m,mode=0700,exec")
    script = "grep -E ' /(plain|own) ' /proc/mounts; stat -c %a /own"
    lines = run(wharfd, *options, "busybox", "sh", "-c", script).splitlines()
    plain, own = sorted(lines[:2], reverse=True)
    assert {"nosuid", "nodev", "noexec"} <= set(plain.split()[3].split(","))
    assert {"size=1024k", "nosuid"} <= set(own.split()[3].split(",")) and "noexec" not in own
    assert lines[2] == "700"


def test_annotations_reach_the_runtime(wharfd: Wharfd) -> None:
    id = wharfd.docker("run", "-d", "--annotation", "org.example.a=b=c", "busybox", "sleep", "600").text
    told = json.loads((wharfd.root / "exec/containers" / id / "config.json").read_text())["annotations"]
    assert told["org.example.a"] == "b=c"
    assert wharfd.docker("inspect", "-f", "{{json .HostConfig.Annotations}}", id).text == '{"org.example.a":"b=c"}'
