"""The units of contrib/systemd, installed as the guide says: crashes, restarts, and those of the whole machine.

Only in a machine that is for nothing else. These tests let it start again, and go on after that (vm/guest.sh): what is
to be found then is set up by the last test before.
"""

import grp
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from harness import images
from harness.engine import wait_until
from harness.wharfd import SYSTEMD

UNITS: Final = Path(__file__).resolve().parents[2] / "contrib/systemd"
SOCKET: Final = Path("/run/wharf.sock")
SETTINGS: Final = Path("/etc/wharf/daemon.json")
#: What was found before the restart; not there in the first run.
NOTES: Final = Path("/var/lib/wharf-tests.json")
AGAIN: Final = 75  # the exit status with which the machine starts again
IS_HERE: Final = SYSTEMD and "WHARF_TEST_VM" in os.environ
IS_AGAIN: Final = NOTES.exists()
SERVES: Final = ("sh", "-c", "echo hello >/tmp/index.html; echo serving; exec httpd -f -p 80 -h /tmp")

pytestmark = [
    pytest.mark.skipif(not IS_HERE, reason="not in a machine of its own"),
    pytest.mark.timeout(900),
]
before = pytest.mark.skipif(IS_HERE and IS_AGAIN, reason="it has run before the machine's restart")
after = pytest.mark.skipif(IS_HERE and not IS_AGAIN, reason="it runs after the machine's restart")


def run(*command: str, input: bytes = b"", check: bool = True) -> str:
    done = subprocess.run(command, input=input, capture_output=True, timeout=300, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


def docker(*arguments: str, input: bytes = b"", check: bool = True) -> str:
    return run("docker", "-H", f"unix://{SOCKET}", *arguments, input=input, check=check)


def shown(unit: str, name: str) -> str:
    """What systemd says of a unit."""
    return run("systemctl", "show", "--value", f"--property={name}", unit)


def pid_of(container: str) -> int:
    return int(docker("inspect", "--format", "{{.State.Pid}}", container))


def answer(port: int, *where: str) -> str:
    """What a web server says at a port of this host, asked by a program that `where` runs."""
    script = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).read().decode())"
    address = "198.51.100.1" if where else "127.0.0.1"
    return run(*where, sys.executable, "-c", script, f"http://{address}:{port}/", check=False)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if IS_AGAIN:
        return
    for name in ("wharf", "wharfd"):
        Path("/usr/bin", name).symlink_to(Path(sys.executable).parent / name)
    for name in ("wharf.service", "wharf.socket"):
        shutil.copy(UNITS / name, "/etc/systemd/system")
    shutil.copy(UNITS / "wharf.sysusers.conf", "/etc/sysusers.d")
    run("systemd-sysusers")
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "wharf.service")
    run("systemctl", "start", "wharf.socket")


@before
def test_who_connects_first_starts_it() -> None:
    assert shown("wharf.service", "ActiveState") == "inactive"
    found = SOCKET.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, grp.getgrnam("docker").gr_gid)
    docker("load", input=images.busybox())
    assert shown("wharf.service", "ActiveState") == "active"
    assert docker("info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}") == "systemd 2"


@before
def test_containers_are_scopes_and_log_to_the_journal() -> None:
    id = docker("run", "-d", "--name", "web", "-p", "8080:80", "--log-driver", "journald", "busybox", *SERVES)
    assert f"/system.slice/wharf-{id}.scope" in Path(f"/proc/{pid_of('web')}/cgroup").read_text()
    wait_until(lambda: answer(8080) == "hello", "it serves")
    lines = run("journalctl", "--output=json", "CONTAINER_NAME=web").splitlines()
    assert [json.loads(line)["MESSAGE"] for line in lines] == ["serving"]
    assert docker("logs", "web") == "serving"


@before
@pytest.mark.parametrize("how", ["restart", "kill -9", "stop and start"])
def test_containers_outlive_the_daemon(how: str) -> None:
    container, daemon = pid_of("web"), shown("wharf.service", "MainPID")
    match how:
        case "restart":
            run("systemctl", "restart", "wharf.service")
        case "kill -9":
            run("kill", "-9", daemon)
            wait_until(lambda: shown("wharf.service", "NRestarts") == "1", "systemd starts it again")
        case "stop and start":
            run("systemctl", "stop", "wharf.socket", "wharf.service")
            assert docker("ps", check=False) == ""
            assert answer(8080) == "hello"
            run("systemctl", "start", "wharf.service")
    assert (pid_of("web"), answer(8080)) == (container, "hello")
    assert docker("exec", "web", "cat", "/tmp/index.html") == "hello"
    assert shown("wharf.service", "MainPID") != daemon
    assert shown("wharf.service", "ActiveState") == "active"


@before
def test_reload() -> None:
    daemon = shown("wharf.service", "MainPID")
    SETTINGS.parent.mkdir(exist_ok=True)
    SETTINGS.write_text('{"labels": ["tier=front"]}')
    run("systemctl", "reload", "wharf.service")
    wait_until(lambda: docker("info", "--format", "{{.Labels}}") == "[tier=front]", "the label is known")
    assert (shown("wharf.service", "ActiveState"), shown("wharf.service", "MainPID")) == ("active", daemon)


@before
def test_the_machine_starts_again(request: pytest.FixtureRequest) -> None:
    """What every container is to see of that is checked below."""
    if request.session.testsfailed:
        pytest.skip("something has failed before")
    docker("network", "create", "front")
    docker("rm", "-f", "web")
    serving = ("-d", "--network", "front", "--restart", "always")
    docker("run", *serving, "--name", "web", "-p", "8080:80", "busybox", *SERVES)
    docker(
        "run", *serving, "--name", "asks", "busybox", "sh", "-c", "while :; do wget -qO /dev/shm/x web && sleep 9; done"
    )
    orderly = "trap 'sleep 1; echo in order >/kept/end; exit 0' TERM; while :; do sleep 0.1; done"
    docker("run", "-d", "--name", "orderly", "-v", "kept:/kept", "busybox", "sh", "-c", orderly)
    for policy in ("unless-stopped", "on-failure", "no"):
        docker("run", "-d", "--name", policy, "--restart", policy, "busybox", "sleep", "100000")
        docker("run", "-d", "--name", f"{policy}-ended", "--restart", policy, "busybox", "sleep", "100000")
        docker("stop", "-t", "0", f"{policy}-ended")
    docker("run", "-d", "--rm", "--name", "goes", "busybox", "sleep", "100000")
    # A second engine on the same machine.
    run("systemctl", "unmask", "docker.service", "docker.socket", "containerd.service")
    run("systemctl", "enable", "docker.service", "containerd.service")
    NOTES.write_text(json.dumps({"boot": boot()}))
    pytest.exit("the machine starts again", returncode=AGAIN)


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@after
def test_what_is_to_run_runs_again() -> None:
    assert json.loads(NOTES.read_text())["boot"] != boot()
    run("systemctl", "mask", "--runtime", "serial-getty@ttyS0.service")  # our own output goes there
    run("systemctl", "start", "multi-user.target")  # as at the boot of any other machine
    assert shown("wharf.service", "ActiveState") == shown("docker.service", "ActiveState") == "active"
    expected = {"web", "asks", "unless-stopped", "on-failure"}
    wait_until(lambda: set(docker("ps", "--format", "{{.Names}}").split()) == expected, f"{expected} run", timeout=30)
    states: dict[str, Any] = {
        name: json.loads(docker("inspect", "--format", "{{json .State}}", name))
        for name in docker("ps", "-a", "--filter", "status=exited", "--format", "{{.Names}}").split()
    }
    assert states.keys() == {"orderly", "no", "no-ended", "unless-stopped-ended", "on-failure-ended"}
    assert (states["orderly"]["ExitCode"], states["no"]["ExitCode"]) == (0, 137)


@after
def test_the_machine_went_down_in_order() -> None:
    """Each container got its signal, and the time that `docker stop` gives."""
    assert docker("run", "--rm", "-v", "kept:/kept", "busybox", "cat", "/kept/end") == "in order"


@after
def test_networks_and_ports_work_again_and_nothing_is_left_of_the_last_boot() -> None:
    wait_until(
        lambda: docker("exec", "asks", "cat", "/dev/shm/x", check=False) == "hello", "it has found web by its name"
    )
    wait_until(lambda: answer(8080) == "hello", "it serves")
    running = docker("ps", "-q", "--no-trunc").split()
    scopes = {path.name for path in Path("/sys/fs/cgroup/system.slice").glob("wharf-*.scope")}
    assert scopes == {f"wharf-{id}.scope" for id in running}
    assert len(run("ip", "-o", "link", "show", "type", "veth").splitlines()) == len(running)


@after
def test_beside_docker_ports_are_reached_from_other_machines() -> None:
    """Where dockerd comes first, it drops what is passed on and is not its own."""
    run("iptables", "-P", "FORWARD", "DROP")
    run("ip", "netns", "add", "other")
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", "other")
    run("ip", "addr", "add", "198.51.100.1/24", "dev", "up0")
    run("ip", "link", "set", "up0", "up")
    run("ip", "-n", "other", "addr", "add", "198.51.100.2/24", "dev", "eth0")
    run("ip", "-n", "other", "link", "set", "eth0", "up")
    wait_until(lambda: answer(8080, "ip", "netns", "exec", "other") == "hello", "it is reached")
    docker("restart", "-t", "0", "web")
    wait_until(lambda: answer(8080, "ip", "netns", "exec", "other") == "hello", "it serves again")
