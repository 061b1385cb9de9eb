"""User namespaces of containers: what the kernel says of them, inside and on the host."""

import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, missing, wait_until
from harness.serving import wait_for_server
from harness.wharfd import Wharfd

#: Where --userns=auto takes ids from when the daemon is not told.
POOL = range(0x7000_0000, 0x7FFF_0000)
AUTO = ("--annotation", "wharf.userns=auto")
HOST_USER = 54_321


def pid_of(wharfd: Wharfd, name: str) -> int:
    return int(wharfd.state(name)["Pid"])


def uid_map(pid: int) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in Path(f"/proc/{pid}/uid_map").read_text().splitlines()]


def owners(pid: int) -> set[int]:
    """Real, effective, saved and file system user of a process, as the host sees them."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:"))
    return {int(word) for word in line.split()[1:]}


def upper(wharfd: Wharfd, name: str) -> Path:
    return Path(wharfd.docker("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", name).text)


def shell(wharfd: Wharfd, name: str, script: str, *options: str) -> str:
    ran = wharfd.docker("exec", *options, name, "sh", "-c", script)
    return ran.text


def members(archive: bytes) -> dict[str, tuple[int, int]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name: (one.uid, one.gid) for one in tar}


@contextmanager
def host_directory(wharfd: Wharfd, owner: int) -> Iterator[Path]:
    """A directory of a user of the host, where containers can reach it."""
    directory = wharfd.root / "of-host"
    directory.mkdir()
    (directory / "file").write_text("of the host")
    for path in (directory, directory / "file"):
        os.chown(path, owner, owner)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def no_volume_left(wharfd: Wharfd) -> Iterator[None]:
    yield
    wharfd.remove_all()
    if volumes := wharfd.docker("volume", "ls", "-q").text.split():
        wharfd.docker("volume", "rm", *volumes)


def test_root_in_the_container_is_nobody_on_the_host_and_all_works_as_ever(wharfd: Wharfd) -> None:
    with host_directory(wharfd, 0) as directory:
        wharfd.docker("volume", "create", "data")
        wharfd.docker(
            *("run", "-d", "--name", "web", *AUTO, "-p", "8080:80", "--cap-add", "NET_ADMIN", "--memory", "64m"),
            *(
                "-v",
                "data:/data",
                "-v",
                f"{directory}:/host",
                "-v",
                f"{directory}:/fixed:ro",
                "--tmpfs",
                "/fast:size=1m",
            ),
            *("--health-cmd", "test -e /www", "--health-interval", "200ms", "--init", "--device", "/dev/full:/dev/own"),
            *("--sysctl", "net.ipv4.ip_forward=1", "busybox", "sh", "-c"),
            "mkdir /www; echo hello >/www/index.html; echo said >/dev/stdout; httpd -f -p 80 -h /www",
        )
        pid = pid_of(wharfd, "web")
        ((inside, outside, size),) = uid_map(pid)
        assert (inside, size) == (0, 65536)
        assert outside in POOL
        assert owners(pid) == {outside}
        assert Path(f"/proc/{pid}/gid_map").read_text() == Path(f"/proc/{pid}/uid_map").read_text()
        _check_inside(wharfd)
        _check_binds(wharfd, directory)
    wait_for_server(wharfd, "web")
    assert wharfd.inside("busybox", "wget", "-qO-", "http://127.0.0.1:8080/") == "hello\n"
    assert wharfd.docker("logs", "web").text == "said"
    wait_until(lambda: wharfd.state("web")["Health"]["Status"] == "healthy", "the check has run in the namespace")


def _check_inside(wharfd: Wharfd) -> None:
    script = """
        id -u; touch /made /data/made /fast/made /dev/shm/made
        stat -c %u /made /data/made /fast/made /dev/shm/made /bin/busybox /etc/hosts /etc/resolv.conf /dev/pts
        ip link set lo mtu 1234 && cat /sys/class/net/lo/mtu
        stat -f -c %t /sys /dev/mqueue; cat /proc/sys/net/ipv4/ip_forward
        echo again >/dev/stdout; echo 1 >>/etc/hosts && echo lost >/dev/null; head -c 3 /dev/zero | wc -c
        echo x >/dev/own || echo full
    """
    lines = shell(wharfd, "web", script).splitlines()
    assert lines == ["0", *["0"] * 8, "1234", "62656572", "19800202", "1", "again", "3", "full"]
    # Another user of the container, with its own files and streams.
    assert shell(wharfd, "web", "id -u; touch /tmp/u; stat -c %u /tmp/u; echo out >/dev/stdout", "-u", "1000") == (
        "1000\n1000\nout"
    )
    # What it must not do, capabilities or not.
    refused = "mount -t tmpfs none /mnt; mknod /tmp/node c 1 3; chown 70000 /tmp/u; dmesg"
    assert wharfd.docker(
        "exec", "web", "sh", "-c", f"({refused}) 2>&1 | grep -c -e ermitted -e nvalid -e enied"
    ).text == ("4")
    assert "tty" not in shell(wharfd, "web", "tty", "-t").replace("/dev/tty", "")


def _check_binds(wharfd: Wharfd, directory: Path) -> None:
    """A directory of the host is the host's: the container's root is a stranger there."""
    assert shell(wharfd, "web", "stat -c %u /host/file; cat /host/file") == "65534\nof the host"
    tried = wharfd.docker("exec", "web", "sh", "-c", "touch /host/new; echo x >/host/file; rm /host/file", check=False)
    assert tried.code != 0
    assert (directory / "file").read_text() == "of the host"
    assert not (directory / "new").exists()
    assert "Read-only" in wharfd.docker("exec", "web", "touch", "/fixed/x", check=False).error


def test_ids_on_disk_are_those_that_the_container_sees(wharfd: Wharfd) -> None:
    """So that copies, commits, volumes and another mapping need no change of owners."""
    wharfd.docker("run", "-d", "--name", "box", *AUTO, "-v", "data:/data", "busybox", "sleep", "600")
    shell(wharfd, "box", "touch /made /data/made; chown 5:6 /made /data/made; chown 7:8 /tmp")
    mine = wharfd.root / "mine"
    mine.write_text("x")
    os.chown(mine, 5, 6)
    wharfd.docker("cp", "-a", str(mine), "box:/copied")
    assert shell(wharfd, "box", "stat -c %u:%g /made /copied /tmp") == "5:6\n5:6\n7:8"
    made = (upper(wharfd, "box") / "made").stat()
    assert (made.st_uid, made.st_gid) == (5, 6)
    for running in (True, False):
        if not running:
            wharfd.docker("stop", "-t", "0", "box")
            wharfd.docker("cp", "-a", str(mine), "box:/data/later")
        assert members(wharfd.docker("cp", "box:/made", "-").out) == {"made": (5, 6)}
        exported = members(wharfd.docker("export", "box").out)
        assert exported["made"] == exported["copied"] == (5, 6)
        assert exported["tmp"] == (7, 8)
        assert exported["bin/busybox"] == (0, 0)
    assert {"A /made", "A /copied", "C /tmp"} <= set(wharfd.docker("diff", "box").text.splitlines())
    wharfd.docker("commit", "box", "committed")
    script = "stat -c %u:%g /made /tmp /data/made /data/later"
    seen = "5:6\n7:8\n5:6\n5:6"
    for options in ((), AUTO, ("--annotation", "wharf.userns=map:uidmapping=0:300000:10,uidmapping=10:1000000:9")):
        ran = wharfd.docker("run", "--rm", *options, "-v", "data:/data", "committed", "sh", "-c", script)
        assert ran.text == seen
    wharfd.docker("rmi", "-f", "committed")


def test_parts_of_volumes_images_and_mapped_binds_have_the_owners_that_they_have_without(wharfd: Wharfd) -> None:
    script = """
        stat -c %u:%g /part/file /image/bin/busybox /host/file /memory
        touch /part/new /host/new /memory/new && stat -c %u /part/new /host/new /memory/new; touch /image/x || echo no
    """
    wharfd.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "memory")
    fill = "mkdir /d/sub && touch /d/sub/file && chown 5:6 /d/sub/file"
    wharfd.docker("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", fill)
    with host_directory(wharfd, HOST_USER) as directory:
        host = {
            "Mounts": [
                {"Type": "volume", "Source": "data", "Target": "/part", "VolumeOptions": {"Subpath": "sub"}},
                {"Type": "image", "Source": "busybox", "Target": "/image"},
                {"Type": "bind", "Source": str(directory), "Target": "/host"},
                {"Type": "volume", "Source": "memory", "Target": "/memory"},
            ],
            "Idmaps": {"/host": ""},
        }
        for mode in ("host", "auto"):
            body = {"Image": "busybox", "Cmd": ["sh", "-c", script], "HostConfig": host | {"UsernsMode": mode}}
            made = wharfd.request("POST", f"/v1.49/containers/create?name={mode}", body)
            assert made.status == 201, made.body
            seen = wharfd.docker("start", "-a", mode).text
            assert seen.split() == ["5:6", "0:0", "0:0", "0:0", "0", "0", "0", "no"], mode
            made_by_it = (directory / "new").stat()
            assert (made_by_it.st_uid, made_by_it.st_gid) == (HOST_USER, HOST_USER)
            (directory / "new").unlink()


def test_containers_have_ids_of_their_own_until_they_are_removed(wharfd: Wharfd) -> None:
    def first(name: str) -> int:
        wharfd.docker("start", name)
        return uid_map(pid_of(wharfd, name))[0][1]

    for name in ("one", "two", "three"):
        size = ("--annotation", "wharf.userns=auto:size=1000") if name == "two" else AUTO
        wharfd.docker("create", "--name", name, *size, "busybox", "sleep", "600")
    ids = {name: first(name) for name in ("one", "two", "three")}
    assert sorted(ids.values()) == [ids["one"], ids["one"] + 65536, ids["one"] + 66536]
    wharfd.kill9()
    wharfd.start()
    assert shell(wharfd, "one", "touch /made; stat -c %u /made") == "0"  # adopted, and still in its namespace
    wharfd.docker("restart", "-t", "0", "one", "two")
    assert {name: first(name) for name in ids} == ids
    wharfd.docker("rm", "-f", "two")
    wharfd.docker("create", "--name", "four", "--annotation", "wharf.userns=auto:size=500", "busybox", "sleep", "9")
    assert first("four") == ids["two"]
    assert shell(wharfd, "one", "stat -c %u /made") == "0"


def test_the_files_of_a_user_of_the_host_are_his_who_keeps_his_id(wharfd: Wharfd) -> None:
    with host_directory(wharfd, HOST_USER) as directory:
        keep = f"keep-id:uid=1000,gid=1000,host-uid={HOST_USER}"
        ran = wharfd.wharf(
            *("run", "--rm", "--userns", keep, "-v", f"{directory}:/work", "busybox", "sh", "-c"),
            "id -u; stat -c %u /work/file; touch /work/made; touch /not-mine || cat /proc/self/uid_map",
        )
        assert ran.text.splitlines()[:2] == ["1000", "1000"]
        assert [line.split() for line in ran.text.splitlines()[3:4]] == [["1000", str(HOST_USER), "1"]]
        made = (directory / "made").stat()
        assert (made.st_uid, made.st_gid) == (HOST_USER, HOST_USER)


def test_with_vfs_too_and_logs_are_rotated(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd("--storage-driver", "vfs")
    script = "seq 1000; touch /made; chown 5:6 /made; stat -c %u:%g /made /bin/busybox"
    options = (*AUTO, "--log-opt", "max-size=4k", "--log-opt", "max-file=3")
    said = engine.docker("run", "--name", "box", *options, "busybox", "sh", "-c", script).text
    assert said.endswith("1000\n5:6\n0:0")
    assert members(engine.docker("cp", "box:/made", "-").out) == {"made": (5, 6)}
    sizes = [file.stat().st_size for file in (engine.root / "data/containers").glob("*/*.log*")]
    assert len(sizes) == 3 and max(sizes) < 6000


def test_containers_share_a_user_namespace(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", *AUTO, "--ipc", "shareable", "busybox", "sleep", "600")
    join = [f"--{kind}=container:box" for kind in ("network", "pid", "ipc")]
    shared = ("--annotation", "wharf.userns=container:box")
    script = "stat -L -c %i /proc/self/ns/user /proc/1/ns/user | uniq | wc -l; mount | grep -c sysfs; touch /dev/shm/x"
    assert wharfd.docker("run", "--rm", *shared, *join, "busybox", "sh", "-c", script).text == "1\n1"
    alone = wharfd.docker("run", "--rm", *shared, "busybox", "cat", "/proc/self/uid_map").text.split()
    assert [int(word) for word in alone] == uid_map(pid_of(wharfd, "box"))[0]
    other = wharfd.docker("run", "--rm", *AUTO, *join[:1], "busybox", "true", check=False)
    assert "use --userns=container:" in other.error
    # Who has none may look into another's network all the same.
    seen = wharfd.docker("run", "--rm", *join[:1], "busybox", "cat", "/proc/self/uid_map").text.split()
    assert seen == ["0", "0", "4294967295"]
    wharfd.docker("stop", "-t", "0", "box")
    late = wharfd.docker("run", "--rm", *shared, "busybox", "true", check=False)
    assert "failed to join user namespace" in late.error


@pytest.mark.skipif(bool(missing(["runc"])), reason="not installed: runc")
def test_runc_does_the_same(wharfd: Wharfd) -> None:
    wharfd.root.chmod(0o711)  # it goes to the bundle as the container's root; /run is open to all
    wharfd.docker(
        *("run", "-d", "--name", "box", "--runtime", "runc", *AUTO, "-v", "data:/data", "-p", "8081:81"),
        *("--tmpfs", "/fast", "busybox", "sh", "-c", "echo said >/dev/stdout; httpd -f -p 81 -h /etc"),
    )
    assert all(id in POOL for id in owners(pid_of(wharfd, "box")))
    script = "touch /made /data/made /fast/made && stat -c %u /made /data/made /etc/hosts; echo out >/dev/stdout"
    assert shell(wharfd, "box", script) == "0\n0\n0\nout"
    assert shell(wharfd, "box", "id -u; echo out >/dev/stdout", "-u", "1000") == "1000\nout"
    wait_for_server(wharfd, "box", 81)
    assert wharfd.docker("logs", "box").text == "said"
    assert members(wharfd.docker("cp", "box:/made", "-").out) == {"made": (0, 0)}
    assert "localhost" in wharfd.inside("busybox", "wget", "-qO-", "http://127.0.0.1:8081/hosts")


@pytest.mark.parametrize(
    ("host", "status", "why"),
    [
        ({"UsernsMode": "private"}, 400, "invalid USER mode: private"),
        ({"UsernsMode": "auto:size=0"}, 400, "size must be at least 1"),
        ({"UsernsMode": "auto:size=4000000000"}, 409, "could not find 4000000000 user ids"),
        ({"UsernsMode": "map:uidmapping=0:0:65536"}, 400, "the host's root cannot be"),
        ({"UsernsMode": "map:uidmapping=0:5:10,uidmapping=9:100:1"}, 400, "overlap at 9"),
        ({"UsernsMode": "map:" + ",".join(f"uidmapping={n}:{n + 9}:1" for n in range(400))}, 400, "400 ranges"),
        ({"UsernsMode": "keep-id"}, 400, "whose id to keep is not said"),
        ({"UsernsMode": "keep-id:host-uid=0"}, 400, "the host's root cannot be"),
        ({"UsernsMode": "container:nobody"}, 400, "No such container: nobody"),
        ({"UsernsMode": "auto", "Privileged": True}, 400, "privileged mode is incompatible with user namespaces."),
        ({"UsernsMode": "auto", "NetworkMode": "host"}, 400, "cannot share the host's network namespace"),
        ({"UsernsMode": "auto", "PidMode": "host"}, 400, "cannot share the host PID namespace"),
        ({"UsernsMode": "auto", "IpcMode": "host"}, 400, "cannot share the host IPC namespace"),
        ({"UsernsMode": "host", "Annotations": {"wharf.userns": "auto"}}, 400, "conflicting options"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    wharfd: Wharfd, host: dict[str, Any], status: int, why: str
) -> None:
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": host}
    answer = wharfd.request("POST", f"{API}/containers/create", body)
    assert answer.status == status, answer.body
    assert why in answer.message
    assert len(answer.message) < 400
    assert wharfd.docker("ps", "-aq").text == ""
