"""Containers in the namespaces of others and of the host: the kernel's numbers of namespaces are compared."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine import missing, wait_until
from harness.wharfd import Wharfd

RUNTIMES = [name for name in ("crun", "runc") if not missing([name])]
KINDS = ("net", "pid", "ipc", "uts", "cgroup", "mnt")
SHOW = ("sh", "-c", f"for kind in {' '.join(KINDS)}; do readlink /proc/self/ns/$kind; done")
NOT_SHAREABLE = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
NO_NETWORK = "cannot join network namespace of a non running container"
SLEEP = ("busybox", "sleep", "1000")


def own() -> dict[str, str]:
    """The namespaces of this process. The daemon has the same but for the network, where it has one of its own."""
    return {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS}


def seen(text: str) -> dict[str, str]:
    return dict(zip(KINDS, text.split(), strict=True))


def namespaces(wharfd: Wharfd, *options: str) -> dict[str, str]:
    """Of a new container with these options."""
    return seen(wharfd.docker("run", "--rm", *options, "busybox", *SHOW).text)


def shared(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {kind for kind in KINDS if one[kind] == other[kind]}


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (("--cgroupns=private",), set()),
        (("--cgroupns=host",), {"cgroup"}),
        (("--cgroupns=private", "--pid=host"), {"pid"}),
        (("--cgroupns=private", "--ipc=host"), {"ipc"}),
        (("--cgroupns=private", "--ipc=none"), set()),
        (("--cgroupns=private", "--uts=host"), {"uts"}),
    ],
)
def test_namespaces_of_the_host(wharfd: Wharfd, options: tuple[str, ...], kinds: set[str]) -> None:
    assert shared(namespaces(wharfd, *options), own()) == kinds


def test_the_hosts_network_is_the_daemons(wharfd: Wharfd) -> None:
    found = namespaces(wharfd, "--network=host", "--cgroupns=private")
    assert found["net"] == f"net:[{wharfd.network.inode}]"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_container_joins_the_namespaces_of_another(wharfd: Wharfd, runtime: str) -> None:
    wharfd.docker("run", "-d", "--name", "first", "--ipc=shareable", "--cgroupns=private", *SLEEP)
    first = seen(wharfd.docker("exec", "first", *SHOW).text)
    for option, kind in (("--network", "net"), ("--pid", "pid"), ("--ipc", "ipc")):
        options = ("--runtime", runtime, "--cgroupns=private", option, "container:first")
        assert shared(namespaces(wharfd, *options), first) == {kind}
    every = ("--network=container:first", "--pid=container:first", "--ipc=container:first", "--cgroupns=private")
    assert shared(namespaces(wharfd, *every), first) == {"net", "pid", "ipc"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_shared_memory_is_shared(wharfd: Wharfd, runtime: str) -> None:
    wharfd.docker("run", "-d", "--name", "donor", "--ipc=shareable", "--shm-size=32m", *SLEEP)
    wharfd.docker("run", "-d", "--name", "guest", "--runtime", runtime, "--ipc=container:donor", *SLEEP)
    wharfd.docker("exec", "donor", "sh", "-c", "echo from the donor > /dev/shm/letter")
    assert wharfd.docker("exec", "guest", "cat", "/dev/shm/letter").text == "from the donor"
    wharfd.docker("exec", "guest", "sh", "-c", "echo answer > /dev/shm/letter")
    assert wharfd.docker("exec", "donor", "cat", "/dev/shm/letter").text == "answer"
    # Whoever has joined can be joined; the size and the restrictions are the donor's.
    mount = wharfd.docker(
        "run", "--rm", "--ipc=container:guest", "--shm-size=1m", "busybox", "grep", "/dev/shm", "/proc/mounts"
    )
    assert mount.text.split()[2:4] == ["tmpfs", "rw,nosuid,nodev,noexec,relatime,size=32768k"]
    assert not [line for line in wharfd.mounts() if "shm" in line]


def test_a_guest_that_starts_again_joins_what_the_donor_is_now(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "donor", "--ipc=shareable", *SLEEP)
    sharing = ("--network=container:donor", "--pid=container:donor", "--ipc=container:donor")
    wharfd.docker("run", "-d", "--name", "guest", "--cgroupns=private", *sharing, *SLEEP)
    wharfd.docker("rename", "donor", "giver")
    wharfd.docker("restart", "-t", "0", "giver")
    wharfd.docker("restart", "-t", "0", "guest")
    giver, guest = (seen(wharfd.docker("exec", name, *SHOW).text) for name in ("giver", "guest"))
    assert shared(giver, guest) - {"cgroup"} == {"net", "pid", "ipc"}
    wharfd.docker("exec", "giver", "touch", "/dev/shm/new")
    wharfd.docker("exec", "guest", "ls", "/dev/shm/new")


def test_a_guest_loses_the_networks_of_a_donor_that_ends(wharfd: Wharfd) -> None:
    """Others get the donor's address now."""
    wharfd.docker("network", "create", "--subnet", "10.64.1.0/24", "small")
    try:
        wharfd.docker("run", "-d", "--name", "donor", "--network", "small", *SLEEP)
        wharfd.docker("run", "-d", "--name", "guest", "--network", "container:donor", *SLEEP)
        wharfd.docker("run", "-d", "--name", "second", "--network", "container:guest", *SLEEP)
        wharfd.docker("kill", "guest")
        assert "10.64.1.2/24" in wharfd.docker("exec", "second", "ip", "addr").text
        wharfd.docker("kill", "donor")
        wait_until(lambda: not wharfd.veths(), "the donor's interface is gone")
        assert "10.64.1.2/24" not in wharfd.docker("exec", "second", "ip", "addr").text
    finally:
        wharfd.remove_all()
        wharfd.docker("network", "rm", "small")


def test_links_of_a_hostile_donor_lead_nowhere(wharfd: Wharfd) -> None:
    """It could put a link to a directory of the host in place of /dev/shm, by way of a process that it sees."""
    box = ("--ipc=shareable", "--pid=host", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE")
    wharfd.docker("run", "-d", "--name", "donor", *box, "--security-opt", "seccomp=unconfined", *SLEEP)
    swap = f"umount /dev/shm && rmdir /dev/shm && ln -s /proc/{os.getpid()}/root/etc /dev/shm"
    wharfd.docker("exec", "donor", "sh", "-c", swap)
    refused = wharfd.docker("run", "--ipc=container:donor", "busybox", "ls", "/dev/shm", check=False)
    assert refused.code == 125
    assert refused.out == b""


@pytest.mark.parametrize(
    ("mode", "donor", "status", "message"),
    [
        ("IpcMode", "private", 400, f"failed to join IPC namespace: container {{id}}: {NOT_SHAREABLE}"),
        ("IpcMode", "stopped", 409, "failed to join IPC namespace: container {id} is not running"),
        ("PidMode", "stopped", 500, "failed to join PID namespace: container {id} is not running"),
        ("NetworkMode", "stopped", 409, f"{NO_NETWORK}: container stopped is created"),
    ],
)
def test_who_cannot_be_joined(wharfd: Wharfd, mode: str, donor: str, status: int, message: str) -> None:
    start = ("run", "-d") if donor == "private" else ("create", "--ipc=shareable")
    id = wharfd.docker(*start, "--name", donor, *SLEEP).text
    body = {"Image": "busybox", "HostConfig": {mode: f"container:{donor}"}}
    guest = wharfd.request("POST", "/containers/create", body).json["Id"]
    assert wharfd.docker("inspect", "-f", f"{{{{.HostConfig.{mode}}}}}", guest).text == f"container:{id}"
    answer = wharfd.request("POST", f"/containers/{guest}/start")
    assert (answer.status, answer.message) == (status, message.format(id=id))
    answer = wharfd.request("POST", f"/containers/{guest}/restart")
    assert answer.message == f"Cannot restart container {guest}: {message.format(id=id)}"


@pytest.mark.parametrize("mode", ["IpcMode", "PidMode"])
def test_nobody_cannot_be_joined_and_nothing_is_made(wharfd: Wharfd, mode: str) -> None:
    body = {"Image": "busybox", "HostConfig": {mode: "container:nobody"}}
    answer = wharfd.request("POST", "/containers/create", body)
    assert (answer.status, answer.message) == (400, "No such container: nobody")
    assert wharfd.docker("ps", "-aq").text == ""


def test_ipc_none_has_no_shared_memory(wharfd: Wharfd) -> None:
    assert wharfd.docker("run", "--rm", "--ipc=none", "busybox", "ls", "/dev").text.split().count("shm") == 0


def test_the_hosts_shared_memory(wharfd: Wharfd) -> None:
    mine = Path(f"/dev/shm/wharf-test-{os.getpid()}")
    mine.write_text("from the host")
    try:
        assert wharfd.docker("run", "--rm", "--ipc=host", "busybox", "cat", str(mine)).text == "from the host"
    finally:
        mine.unlink()


def test_the_daemon_may_let_all_share_theirs(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--default-ipc-mode=shareable")
    wharfd.docker("run", "-d", "--name", "donor", "busybox", "sh", "-c", "echo shared >/dev/shm/file; sleep 1000")
    read = ("run", "--rm", "--ipc", "container:donor", "busybox", "cat", "/dev/shm/file")
    wait_until(lambda: wharfd.docker(*read, check=False).text == "shared", "the other sees the donor's memory")
    wharfd.docker("run", "-d", "--name", "closed", "--ipc", "private", "busybox", "sleep", "1000")
    refused = wharfd.docker("run", "--rm", "--ipc", "container:closed", "busybox", "true", check=False)
    assert refused.code == 125 and "non-shareable" in refused.error
