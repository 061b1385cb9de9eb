"""Capabilities, seccomp, masked paths: what the kernel lets a container do, asked from inside."""

import json
import os
import socket
from pathlib import Path

import pytest

from harness.engine import missing
from harness.wharfd import Wharfd
from wharf.linux import capabilities

#: What dockerd gives to a container that asks for nothing.
DEFAULT = 0xA80425FB
NET_ADMIN, CHOWN, SYS_ADMIN = (
    1 << capabilities.NAMES.index(f"CAP_{name}") for name in ("NET_ADMIN", "CHOWN", "SYS_ADMIN")
)
RUNTIMES = [name for name in ("crun", "runc") if not missing([name])]
STATUS = ("cat", "/proc/self/status")


def every() -> int:
    """All that the host itself can give."""
    return sum(1 << capabilities.NAMES.index(name) for name in capabilities.available())


def status(text: str) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def masks(text: str) -> tuple[int, int]:
    found = status(text)
    return int(found["CapEff"], 16), int(found["CapBnd"], 16)


@pytest.mark.parametrize(
    ("options", "mask"),
    [
        ((), DEFAULT),
        (("--cap-add", "net_admin", "--cap-drop", "CAP_CHOWN"), (DEFAULT | NET_ADMIN) & ~CHOWN),
        (("--cap-drop", "all"), 0),
        (("--cap-drop", "ALL", "--cap-add", "chown"), CHOWN),
        (("--cap-add", "all", "--cap-drop", "sys_admin"), every() & ~SYS_ADMIN),
        (("--privileged",), every()),
        (("--privileged", "--cap-drop", "ALL"), every()),
    ],
)
def test_capabilities(wharfd: Wharfd, options: tuple[str, ...], mask: int) -> None:
    assert masks(wharfd.docker("run", "--rm", *options, "busybox", *STATUS).text) == (mask, mask)


def test_another_user_has_capabilities_only_to_gain(wharfd: Wharfd) -> None:
    ran = wharfd.docker("run", "--rm", "--user", "alice", "--cap-add", "net_admin", "busybox", *STATUS)
    assert masks(ran.text) == (0, DEFAULT | NET_ADMIN)


def test_execs_have_their_containers_rights_unless_privileged(wharfd: Wharfd) -> None:
    box = ("--cap-drop", "ALL", "--cap-add", "chown", "--security-opt", "no-new-privileges")
    wharfd.docker("run", "-d", "--name", "box", *box, "busybox", "sleep", "600")
    plain = wharfd.docker("exec", "box", *STATUS).text
    assert masks(plain) == (CHOWN, CHOWN)
    assert status(plain)["NoNewPrivs"] == "1"
    assert masks(wharfd.docker("exec", "-u", "1000", "box", *STATUS).text) == (0, CHOWN)
    assert masks(wharfd.docker("exec", "--privileged", "box", *STATUS).text) == (every(), every())


def test_no_new_privileges(wharfd: Wharfd) -> None:
    options = ("--security-opt", "no-new-privileges:true")
    assert status(wharfd.docker("run", "--rm", *options, "busybox", *STATUS).text)["NoNewPrivs"] == "1"
    assert status(wharfd.docker("run", "--rm", "busybox", *STATUS).text)["NoNewPrivs"] == "0"


def test_a_seccomp_profile_of_ones_own(wharfd: Wharfd) -> None:
    profile = wharfd.root / "no-mkdir.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    script = "mkdir /tmp/a; grep Seccomp: /proc/self/status"
    ran = wharfd.docker("run", "--rm", "--security-opt", f"seccomp={profile}", "busybox", "sh", "-c", script)
    assert "mkdir: can't create directory '/tmp/a': " in ran.error
    assert ran.text.split() == ["Seccomp:", "2"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_seccomp_profile_may_hand_calls_to_a_listener(wharfd: Wharfd, runtime: str) -> None:
    """What is more than a filter is left to the OCI runtime; here the listener gets the descriptor of notifications."""
    profile, address = wharfd.root / "listened.json", wharfd.root / "listener"
    document: dict[str, object] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": str(address),
        "listenerMetadata": "of a test",
        "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_NOTIFY"}],
    }
    if runtime == "crun":  # runc takes flags since 1.2
        document["flags"] = ["SECCOMP_FILTER_FLAG_LOG"]
    profile.write_text(json.dumps(document))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        options = ("--runtime", runtime, "--security-opt", f"seccomp={profile}")
        ran = wharfd.docker("run", "--rm", *options, "busybox", *STATUS)
        listener.settimeout(30)
        connection, _ = listener.accept()
        with connection:
            message, descriptors, _, _ = socket.recv_fds(connection, 65536, 8)
    address.unlink()
    for descriptor in descriptors:
        os.close(descriptor)
    assert (len(descriptors) >= 1, json.loads(message)["metadata"]) == (True, "of a test")
    assert status(ran.text)["Seccomp"] == "2"


@pytest.mark.parametrize(("option", "mode"), [("unconfined", "0"), ("builtin", "2")])
def test_seccomp_by_name(wharfd: Wharfd, option: str, mode: str) -> None:
    if option == "builtin" and int(wharfd.docker("version", "-f", "{{.Client.Version}}").text.partition(".")[0]) < 23:
        pytest.skip("docker's client is older than 23: it takes `builtin` for a file")
    ran = wharfd.docker("run", "--rm", "--security-opt", f"seccomp={option}", "busybox", *STATUS)
    assert status(ran.text)["Seccomp"] == mode


@pytest.mark.skipif(
    Path("/sys/module/apparmor").exists() or Path("/sys/fs/selinux/enforce").exists(),
    reason="here the kernel has a module that these options are for",
)
def test_what_the_kernel_has_no_module_for_is_accepted_as_by_dockerd(wharfd: Wharfd) -> None:
    options = ("--security-opt", "apparmor=odd", "--security-opt", "label=type:odd")
    wharfd.docker("run", "--name", "box", *options, "busybox", "true")
    assert wharfd.docker("inspect", "-f", "{{.AppArmorProfile}}{{.ProcessLabel}}", "box").text == ""


def test_system_paths_are_hidden_unless_left_open(wharfd: Wharfd) -> None:
    script = "wc -c < /proc/keys; (echo 5 > /proc/sys/kernel/panic) 2>&1; grep -c ' /proc/' /proc/mounts"
    size, refused, mounts = wharfd.docker("run", "--rm", "busybox", "sh", "-c", script).text.splitlines()
    assert (size, "Read-only" in refused) == ("0", True)
    assert int(mounts) > 5
    opened = ("--security-opt", "systempaths=unconfined", "busybox", "sh", "-c", "grep -c ' /proc/' /proc/mounts; true")
    assert wharfd.docker("run", "--rm", *opened).text == "0"


def test_paths_that_the_request_names_are_hidden(wharfd: Wharfd) -> None:
    body = {
        "Image": "busybox",
        "Cmd": ["sh", "-c", "cat /etc/group | wc -c; touch /home/x 2>&1; cat /proc/keys >/dev/null && echo open"],
        "HostConfig": {"MaskedPaths": ["/etc/group"], "ReadonlyPaths": ["/home"]},
    }
    id = wharfd.request("POST", "/containers/create", body).json["Id"]
    assert wharfd.docker("start", "-a", id).text.splitlines() == ["0", "touch: /home/x: Read-only file system", "open"]


MAKE_GROUP = "cd /sys/fs/cgroup; cd pids 2>/dev/null; mkdir mine && rmdir mine && echo made"


def test_control_groups_are_writable_for_those_who_ask(wharfd: Wharfd) -> None:
    def made(*options: str) -> bool:
        ran = wharfd.docker(
            "run", "--rm", "--cgroupns=private", *options, "busybox", "sh", "-c", MAKE_GROUP, check=False
        )
        return ran.text == "made"

    assert not made()
    assert made("--security-opt", "writable-cgroups=true")
    assert made("--privileged")
    assert not made("--privileged", "--security-opt", "writable-cgroups=false")


def test_privileged_reaches_the_hosts_devices_and_settings(wharfd: Wharfd) -> None:
    script = "head -c 1 /dev/kmsg >/dev/null && echo kmsg; test -w /proc/sys/kernel/panic && grep ' /sys ' /proc/mounts"
    kmsg, sys = wharfd.docker("run", "--rm", "--privileged", "busybox", "sh", "-c", script).text.splitlines()
    assert (kmsg, sys.split()[3].split(",")[0]) == ("kmsg", "rw")
    assert wharfd.docker("run", "--rm", "busybox", "sh", "-c", "test -e /dev/kmsg || echo none").text == "none"


@pytest.mark.parametrize(
    ("host", "status", "message"),
    [
        ({"CapAdd": ["odd"]}, 400, 'invalid CapAdd: unknown capability: "CAP_ODD"'),
        ({"CapDrop": ["CAP_odd"], "Privileged": True}, 400, 'invalid CapDrop: unknown capability: "CAP_ODD"'),
        ({"CapAdd": ["CAP_ALL"]}, 400, 'invalid CapAdd: unknown capability: "CAP_ALL"'),
        ({"SecurityOpt": ["odd"]}, 500, 'invalid --security-opt 1: "odd"'),
        ({"SecurityOpt": ["odd=1"]}, 500, 'invalid --security-opt 2: "odd=1"'),
        ({"SecurityOpt": ["no-new-privileges=odd"]}, 500, 'invalid --security-opt 2: "no-new-privileges=odd"'),
        ({"SecurityOpt": ["systempaths=unconfined"]}, 500, 'invalid --security-opt 2: "systempaths=unconfined"'),
    ],
)
def test_refused_as_by_dockerd(wharfd: Wharfd, host: dict[str, object], status: int, message: str) -> None:
    answer = wharfd.request("POST", "/containers/create", {"Image": "busybox", "HostConfig": host})
    assert (answer.status, answer.message) == (status, message)
    assert wharfd.docker("ps", "-aq").text == ""


def test_a_profile_that_is_none_makes_no_container(wharfd: Wharfd) -> None:
    for profile in ("{", '{"defaultAction": "SCMP_ACT_ODD"}', "/etc/passwd"):
        body = {"Image": "busybox", "HostConfig": {"SecurityOpt": [f"seccomp={profile}"]}}
        answer = wharfd.request("POST", "/containers/create", body)
        assert answer.status == 400
        assert answer.message.startswith("Decoding seccomp profile failed: ")
    assert wharfd.docker("ps", "-aq").text == ""
