"""Further processes in containers, with the real docker CLI and raw HTTP."""

import fcntl
import hashlib
import json
import os
import pty
import re
import resource
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, LIMIT, wait_until
from harness.wharfd import Wharfd

#: Waits for a file on the host, whose directory is bound there.
TOLD_TO_GO = "until test -e /go/now; do sleep 0.05; done"


def box(wharfd: Wharfd, *options: str, name: str = "box", command: tuple[str, ...] = ("sleep", "600")) -> str:
    return wharfd.docker("run", "-d", "--name", name, *options, "busybox", *command).text


def create(wharfd: Wharfd, *command: str, container: str = "box", **more: Any) -> str:
    body = {"Cmd": command, "AttachStdout": True, "AttachStderr": True, **more}
    return str(wharfd.request("POST", f"{API}/containers/{container}/exec", body).json["Id"])


def inspect(wharfd: Wharfd, id: str) -> Any:
    return wharfd.request("GET", f"{API}/exec/{id}/json").json


def shim(wharfd: Wharfd, id: str) -> int:
    record = wharfd.root / "exec" / "containers" / id / "shim.json"
    return int(json.loads(record.read_text())["pid"])


def files(wharfd: Wharfd, id: str) -> list[str]:
    return [path.name for path in (wharfd.root / "exec" / "containers" / id).iterdir() if path.name.startswith("exec-")]


@contextmanager
def started(wharfd: Wharfd, id: str, *, tty: bool = False) -> Iterator[socket.socket]:
    """The raw connection of an exec's start, after the head of the answer."""
    body = json.dumps({"Detach": False, "Tty": tty}).encode()
    head = (
        f"POST {API}/exec/{id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with wharfd.connect() as connection:
        connection.sendall(head.encode() + body)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield connection


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


def test_output_errors_and_exit_code(wharfd: Wharfd) -> None:
    box(wharfd)
    ran = wharfd.docker("exec", "box", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (ran.code, ran.out, ran.err) == (3, b"out\n", b"err\n")
    killed = wharfd.docker("exec", "box", "sh", "-c", "kill -9 $$", check=False)
    assert killed.code == 137


def test_it_is_in_the_container(wharfd: Wharfd) -> None:
    box(wharfd, "--hostname", "inside", "--cgroupns", "host")
    ran = wharfd.docker(
        "exec", "box", "sh", "-c", "hostname; cat /proc/1/cmdline | tr '\\0' ' '; cat /proc/self/cgroup"
    )
    assert ran.text.startswith("inside\nsleep 600")
    assert wharfd.cgroup in ran.text


def test_environment_directory_and_user(wharfd: Wharfd) -> None:
    box(wharfd, "-e", "A=1", "-e", "B=1", "-w", "/tmp")
    ran = wharfd.docker(
        "exec", "-e", "B=2", "-e", "C=3", "box", "sh", "-c", "echo $A$B$C $HOME $(pwd); env | grep -c TERM; true"
    )
    assert ran.text == "123 /root /tmp\n0"
    ran = wharfd.docker("exec", "-u", "alice", "-w", "/etc", "box", "sh", "-c", "id; echo $HOME; pwd")
    assert re.fullmatch(r"uid=1000\(alice\) gid=1000\(alice\) groups=.*2000\(extra\)\n/home/alice\n/etc", ran.text)
    ran = wharfd.docker("exec", "-u", "7:8", "box", "id")
    assert ran.text.startswith("uid=7 gid=8")


def test_users_made_in_the_running_container_count(wharfd: Wharfd) -> None:
    box(wharfd)
    wharfd.docker("exec", "box", "sh", "-c", "echo 'new:x:4321:4321::/new:/bin/sh' >> /etc/passwd")
    assert wharfd.docker("exec", "-u", "new", "box", "sh", "-c", "id -u; echo $HOME").text == "4321\n/new"


def test_rights_are_the_containers_unless_privileged(wharfd: Wharfd) -> None:
    box(wharfd, "--cap-drop", "ALL", "--cap-add", "CHOWN", "--security-opt", "no-new-privileges")
    look = ("grep", "-E", "CapBnd|CapEff|Seccomp:|NoNewPrivs", "/proc/self/status")
    own = wharfd.docker("exec", "box", *look).text
    assert "CapEff:\t0000000000000001" in own and "CapBnd:\t0000000000000001" in own
    assert "NoNewPrivs:\t1" in own and "Seccomp:\t2" in own
    privileged = wharfd.docker("exec", "--privileged", "box", *look).text
    assert int(re.findall(r"CapEff:\t(\w+)", privileged)[0], 16) > 0xFFFF
    user = wharfd.docker("exec", "-u", "alice", "box", *look).text
    assert "CapEff:\t0000000000000000" in user and "CapBnd:\t0000000000000001" in user


def test_stdin_both_ways(wharfd: Wharfd) -> None:
    box(wharfd)
    data = os.urandom(1 << 20) * 64
    ran = wharfd.docker("exec", "-i", "box", "cat", input=data)
    assert hashlib.sha256(ran.out).digest() == hashlib.sha256(data).digest()
    counted = wharfd.docker("exec", "-i", "box", "sh", "-c", "wc -c; echo end", input=b"12345")
    assert counted.text == "5\nend"
    assert wharfd.docker("exec", "box", "cat", input=b"nobody reads this").out == b""


def test_a_terminal(wharfd: Wharfd) -> None:
    box(wharfd)
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    shell = wharfd.docker_process("exec", "-it", "box", "sh", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        seen = b""

        def until(text: bytes) -> None:
            nonlocal seen
            deadline = time.monotonic() + LIMIT
            while text not in seen:
                assert time.monotonic() < deadline, seen
                if select.select([ours], [], [], 0.2)[0]:
                    seen += os.read(ours, 65536)

        until(b"# ")
        os.write(ours, b"tty; echo $TERM\n")
        until(b"/dev/pts/")
        until(b"xterm")
        wait_size = b"while [ \"$(stty size)\" != '33 77' ]; do sleep 0.1; done; echo size-'is'-right\n"
        os.write(ours, wait_size)
        until(b"size-is-right")
        os.write(ours, b"exit 9\n")
        assert shell.wait(LIMIT) == 9
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def test_the_size_can_be_given_at_once(wharfd: Wharfd) -> None:
    box(wharfd)
    # crun 1.8 sets the size while the program runs already: of a terminal without one stty only complains.
    wait = "until stty size 2>/dev/null | grep .; do sleep 0.01; done"
    id = create(wharfd, "sh", "-c", wait, Tty=True, ConsoleSize=[11, 22])
    with started(wharfd, id, tty=True) as connection:
        assert read_all(connection) == b"11 22\r\n"


def test_what_is_framed_is_said_at_the_start(wharfd: Wharfd) -> None:
    """As with dockerd, where docker-py may start an exec that has a terminal without a word about it."""
    box(wharfd)
    with started(wharfd, create(wharfd, "echo", "x", Tty=True)) as connection:
        assert read_all(connection) == frame(1, b"x\r\n")
    with started(wharfd, create(wharfd, "sh", "-c", "echo a; sleep .1; echo b >&2"), tty=True) as connection:
        assert read_all(connection) == b"a\nb\n"


@pytest.mark.parametrize(
    ("options", "command", "code", "message"),
    [
        ((), ("nosuch",), 127, 'exec: "nosuch": executable file not found in $PATH: unknown'),
        ((), ("/no/such",), 127, 'exec: "/no/such": stat /no/such: no such file or directory: unknown'),
        ((), ("/etc/passwd",), 126, 'exec: "/etc/passwd": permission denied: unknown'),
        ((), ("/etc",), 126, 'exec: "/etc": permission denied: unknown'),
        (("-w", "/no"), ("pwd",), 127, 'chdir to cwd ("/no") set in config.json failed: no such file or directory'),
    ],
)
def test_commands_that_cannot_run(
    wharfd: Wharfd, options: tuple[str, ...], command: tuple[str, ...], code: int, message: str
) -> None:
    id = box(wharfd)
    ran = wharfd.docker("exec", *options, "box", *command, check=False)
    assert ran.code == code
    assert ran.text.startswith("OCI runtime exec failed: exec failed: unable to start container process: " + message)
    detached = wharfd.docker("exec", "-d", *options, "box", *command, check=False)
    assert detached.code == 1 and "OCI runtime exec failed" in detached.error
    assert files(wharfd, id) == []
    unknown = wharfd.docker("exec", "-u", "nosuch", "box", "id", check=False)
    assert "unable to find user nosuch: no matching entries in passwd file" in unknown.error


def test_states_in_which_nothing_can_be_started(wharfd: Wharfd) -> None:
    id = box(wharfd)
    exec_id = create(wharfd, "true")
    wharfd.docker("pause", "box")
    body = {"Cmd": ["true"]}
    paused = wharfd.request("POST", f"{API}/containers/box/exec", body)
    assert (paused.status, paused.message) == (409, "Container box is paused, unpause the container before exec")
    assert wharfd.request("POST", f"{API}/exec/{exec_id}/start", {}).status == 409
    wharfd.docker("unpause", "box")
    wharfd.docker("stop", "-t", "0", "box")
    ended = wharfd.request("POST", f"{API}/containers/box/exec", body)
    assert (ended.status, ended.message) == (409, f"container {id} is not running")
    assert wharfd.request("POST", f"{API}/exec/{exec_id}/start", {}).status == 404
    assert wharfd.request("POST", f"{API}/containers/none/exec", body).status == 404
    wharfd.docker("rm", "box")
    assert wharfd.request("GET", f"{API}/exec/{exec_id}/json").message == f"No such exec instance: {exec_id}"


def test_bad_requests(wharfd: Wharfd) -> None:
    box(wharfd)
    none = wharfd.request("POST", f"{API}/containers/box/exec", {"Cmd": []})
    assert (none.status, none.message) == (400, "No exec command specified")
    assert wharfd.request("POST", f"{API}/containers/box/exec").status == 400
    keys = wharfd.request("POST", f"{API}/containers/box/exec", {"Cmd": ["true"], "DetachKeys": "ctrl-ä"})
    assert keys.status == 400 and "Invalid detach keys" in keys.message
    for method, path in (("GET", "json"), ("POST", "start"), ("POST", "resize?h=1&w=1")):
        answer = wharfd.request(method, f"{API}/exec/none/{path}", {} if path == "start" else None)
        assert (answer.status, answer.message) == (404, "No such exec instance: none")
    id = create(wharfd, "true")
    assert wharfd.request("POST", f"{API}/exec/{id}/start", {"Detach": True}).status == 200
    again = wharfd.request("POST", f"{API}/exec/{id}/start", {"Detach": True})
    assert again.status == 409 and again.message.startswith(f"exec command {id} ")
    wait_until(lambda: inspect(wharfd, id)["ExitCode"] == 0, "it has ended")
    assert wharfd.request("POST", f"{API}/exec/{id}/resize?h=1&w=1").status == 404


def test_inspect_and_events(wharfd: Wharfd) -> None:
    container = box(wharfd, "--label", "tier=x")
    id = create(wharfd, "sh", "-c", "read line; exit 5", User="alice", Tty=True, AttachStdin=True, DetachKeys="ctrl-a")
    found = inspect(wharfd, id)
    assert found == {
        "ID": id,
        "Running": False,
        "ExitCode": None,
        "ProcessConfig": {
            "tty": True,
            "entrypoint": "sh",
            "arguments": ["-c", "read line; exit 5"],
            "privileged": False,
            "user": "alice",
        },
        "OpenStdin": True,
        "OpenStderr": True,
        "OpenStdout": True,
        "CanRemove": False,
        "ContainerID": container,
        "DetachKeys": "AQ==",
        "Pid": 0,
    }
    with started(wharfd, id, tty=True) as connection:
        running = inspect(wharfd, id)
        assert running["Running"] and running["ExitCode"] is None
        assert "read line" in Path(f"/proc/{running['Pid']}/cmdline").read_text()
        assert wharfd.request("GET", f"{API}/containers/box/json").json["ExecIDs"] == [id]
        connection.sendall(b"\n")
        read_all(connection)
    assert inspect(wharfd, id) == {**found, "ExitCode": 5, "Pid": running["Pid"]}
    assert wharfd.request("GET", f"{API}/containers/box/json").json["ExecIDs"] is None
    answer = wharfd.request("GET", f"{API}/events?since=1&until={time.time():.6f}")
    events = [json.loads(line) for line in answer.body.splitlines()]
    of_exec = [event for event in events if event["Actor"]["Attributes"].get("execID") == id]
    assert [event["Action"] for event in of_exec] == [
        "exec_create: sh -c read line; exit 5",
        "exec_start: sh -c read line; exit 5",
        "exec_die",
    ]
    assert of_exec[-1]["Actor"]["Attributes"]["exitCode"] == "5"
    assert of_exec[-1]["Actor"]["Attributes"]["tier"] == "x"


def test_detached(wharfd: Wharfd) -> None:
    box(wharfd)
    assert wharfd.docker("exec", "-d", "box", "sh", "-c", "echo done > /tmp/file").out == b""
    wait_until(lambda: wharfd.docker("exec", "box", "cat", "/tmp/file", check=False).text == "done", "it ran")


def test_detach_keys_leave_it_running(wharfd: Wharfd) -> None:
    box(wharfd)
    id = create(wharfd, "sleep", "300", Tty=True, AttachStdin=True, DetachKeys="ctrl-x,y")
    with started(wharfd, id, tty=True) as connection:
        connection.sendall(b"\x18y")
        assert read_all(connection) == b""
    assert inspect(wharfd, id)["Running"]
    told = wharfd.docker("events", "--since", "1", "--until", str(time.time()), "--filter", "event=exec_detach").text
    assert "container exec_detach" in told and f"execID={id}" in told


def test_a_client_that_goes_leaves_its_process_running(wharfd: Wharfd) -> None:
    box(wharfd)
    id = create(wharfd, "sh", "-c", "cat > /dev/null; echo eof > /tmp/eof; exec sleep 300", AttachStdin=True)
    with started(wharfd, id):
        pass
    wait_until(
        lambda: wharfd.docker("exec", "box", "cat", "/tmp/eof", check=False).code == 0, "it saw the end of stdin"
    )
    assert inspect(wharfd, id)["Running"]


def test_output_that_nobody_reads_any_more_does_not_stop_it(wharfd: Wharfd) -> None:
    box(wharfd)
    id = create(wharfd, "sh", "-c", "yes | head -c 20000000; exit 6")
    with started(wharfd, id) as connection:
        connection.recv(1000)
    wait_until(lambda: inspect(wharfd, id)["ExitCode"] == 6, "it has ended")


def test_a_slow_client_gets_everything(wharfd: Wharfd) -> None:
    box(wharfd)
    with started(wharfd, create(wharfd, "sh", "-c", "yes | head -c 8000000"), tty=True) as connection:
        time.sleep(1)
        assert len(read_all(connection)) == 8_000_000


def test_a_process_left_behind_does_not_hold_the_end(wharfd: Wharfd) -> None:
    box(wharfd)
    ran = wharfd.docker("exec", "box", "sh", "-c", "sleep 500 & echo started; exit 3", check=False)
    assert (ran.code, ran.out) == (3, b"started\n")


def test_the_containers_end_is_the_end_of_its_execs(wharfd: Wharfd) -> None:
    box(wharfd)
    waiting = wharfd.docker_process("exec", "box", "sleep", "300")
    wait_until(lambda: "sleep 300" in wharfd.docker("top", "box").text, "it runs")
    wharfd.docker("kill", "box")
    waiting.communicate(timeout=LIMIT)
    assert waiting.returncode == 137


def test_an_exec_in_a_container_that_is_paused_meanwhile_goes_on_later(wharfd: Wharfd, tmp_path: Path) -> None:
    box(wharfd, "-v", f"{tmp_path}:/go")
    running = wharfd.docker_process("exec", "box", "sh", "-c", f"echo began; {TOLD_TO_GO}; echo on; exit 4")
    assert running.stdout is not None and running.stdout.readline() == b"began\n"
    wharfd.docker("pause", "box")
    (tmp_path / "now").touch()
    time.sleep(0.5)
    assert running.poll() is None
    wharfd.docker("unpause", "box")
    assert running.communicate(timeout=LIMIT)[0] == b"on\n"
    assert running.returncode == 4


def test_many_in_a_row_and_at_once_leave_nothing(wharfd: Wharfd) -> None:
    id = box(wharfd)
    wharfd.docker("exec", "box", "true")
    pid = shim(wharfd, id)
    before = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    daemon = len(os.listdir(f"/proc/{wharfd.pid}/fd"))  # noqa: PTH208

    def run(number: int) -> bool:
        tty = number % 5 == 0
        with started(wharfd, create(wharfd, "sh", "-c", f"echo {number}", Tty=tty), tty=True) as connection:
            return read_all(connection).strip() == str(number).encode()

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(run, range(50)))
    for number in range(150):
        assert run(number)
    assert files(wharfd, id) == []
    assert len(wharfd.docker("top", "box").text.splitlines()) == 2
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before, "the shim has closed all")  # noqa: PTH208
    wait_until(lambda: len(os.listdir(f"/proc/{wharfd.pid}/fd")) <= daemon, "the daemon has closed all")  # noqa: PTH208
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1


def test_execs_go_on_without_the_daemon(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--live-restore")
    id = box(wharfd)
    old = create(wharfd, "sh", "-c", "sleep 1; echo late > /tmp/late", Tty=False)
    with started(wharfd, old):
        wharfd.kill9()
    wharfd.start()
    wait_until(lambda: wharfd.docker("exec", "box", "cat", "/tmp/late", check=False).text == "late", "it went on")
    assert wharfd.request("GET", f"{API}/exec/{old}/json").status == 404
    wait_until(lambda: files(wharfd, id) == [], "the shim has cleared away")
    assert wharfd.state("box")["Running"]


def test_by_runc_too(wharfd: Wharfd) -> None:
    box(wharfd, "--runtime", "runc")
    ran = wharfd.docker(
        "exec", "-u", "alice", "box", "sh", "-c", "id -u; grep Seccomp: /proc/self/status; exit 2", check=False
    )
    assert (ran.code, ran.text) == (2, "1000\nSeccomp:\t2")
    assert wharfd.docker("exec", "-t", "box", "tty").text.startswith("/dev/pts/")
    missing = wharfd.docker("exec", "box", "nosuch", check=False)
    assert (missing.code, missing.text) == (
        127,
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "nosuch": executable file not found in $PATH: unknown',
    )


def test_our_own_command_line(wharfd: Wharfd) -> None:
    box(wharfd)
    ran = wharfd.wharf("exec", "-i", "-e", "A=b", "box", "sh", "-c", "cat; echo $A; exit 7", input=b"in\n", check=False)
    assert (ran.code, ran.out) == (7, b"in\nb\n")
    assert wharfd.wharf("exec", "box", "nosuch", check=False).code == 127


def test_too_many_at_once_fail_alone(new_wharfd: Callable[..., Wharfd], tmp_path: Path) -> None:
    """A shim that has no descriptors left refuses execs; its container goes on."""
    wharfd = new_wharfd()
    id = box(wharfd, "-v", f"{tmp_path}:/go")
    wharfd.docker("exec", "box", "true")  # a shim that sleeps has other descriptors
    pid = shim(wharfd, id)
    before = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (before + 12, before + 12))

    def run(_: int) -> bytes:
        with started(wharfd, create(wharfd, "sh", "-c", f"{TOLD_TO_GO}; echo fine"), tty=True) as connection:
            return read_all(connection)

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(run, number) for number in range(16)]
        wait(running, return_when=FIRST_COMPLETED)  # those that are refused end at once
        (tmp_path / "now").touch()
        answers = [one.result() for one in running]
    assert b"fine\n" in answers
    refused = [answer for answer in answers if answer != b"fine\n"]
    assert refused and all(b"too many open files" in answer.lower() for answer in refused)
    assert run(0) == b"fine\n"
    assert wharfd.state("box")["Running"]
    assert files(wharfd, id) == []
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before, "the shim has closed all")  # noqa: PTH208
