"""wharfd as a process: start, end, kill -9, reload, sockets, TLS, several side by side."""

import concurrent.futures
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine import API, wait_until
from harness.wharfd import Wharfd

Make = Callable[..., Wharfd]
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"


def test_kill_9_and_a_new_start_lose_nothing(new_wharfd: Make, tmp_path: Path) -> None:
    wharfd = new_wharfd()
    wharfd.docker("run", "-d", "--name", "counts", "-p", "8080:80", "busybox", "sh", "-c", COUNT)
    script = "until test -e /go/now; do sleep 0.05; done; echo last words; exit 42"
    wharfd.docker("run", "-d", "--name", "ends", "-v", f"{tmp_path}:/go", "busybox", "sh", "-c", script)
    before, ends = wharfd.state("counts")["Pid"], wharfd.state("ends")["Pid"]
    wharfd.kill9()
    (tmp_path / "now").touch()
    wait_until(lambda: not Path(f"/proc/{ends}").exists(), "it has ended while no daemon runs")
    wharfd.start()
    assert wharfd.state("counts")["Pid"] == before
    # Its shim may have been busy with the last of it still when the daemon came.
    wait_until(lambda: wharfd.state("ends")["Status"] == "exited", "its end is seen")
    assert wharfd.state("ends")["ExitCode"] == 42
    assert wharfd.docker("logs", "ends").text == "last words"

    def numbers() -> list[int]:
        return [int(line) for line in wharfd.docker("logs", "counts").text.splitlines()]

    wait_until(lambda: len(numbers()) > 100, "it counts on")
    wharfd.docker("stop", "-t", "1", "counts")
    assert numbers() == list(range(1, len(numbers()) + 1))


def test_a_container_is_interactive_after_the_daemon_came_back(new_wharfd: Make) -> None:
    wharfd = new_wharfd()
    wharfd.docker("run", "-di", "--name", "box", "busybox", "cat")
    wharfd.kill9()
    wharfd.start()
    process = wharfd.docker_process("attach", "box")
    try:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"still here\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"still here\n"
    finally:
        process.kill()
        process.communicate()
    assert wharfd.state("box")["Running"]


def test_the_end_in_order_leaves_containers_running(new_wharfd: Make) -> None:
    wharfd = new_wharfd()
    wharfd.docker("run", "-d", "--name", "box", "busybox", "sleep", "600")
    pid = wharfd.state("box")["Pid"]
    assert wharfd.stop() == 0
    assert not wharfd.socket.exists()
    assert Path(f"/proc/{pid}").exists()
    wharfd.start()
    assert wharfd.state("box")["Pid"] == pid


def test_without_live_restore_containers_are_stopped(new_wharfd: Make) -> None:
    wharfd = new_wharfd("--live-restore=false", "--shutdown-timeout=1")
    wharfd.docker("run", "-d", "--name", "box", "busybox", "sleep", "600")
    pid = wharfd.state("box")["Pid"]
    assert wharfd.stop() == 0
    assert not Path(f"/proc/{pid}").exists()
    wharfd.start()
    assert wharfd.state("box")["ExitCode"] == 137


def test_a_second_daemon_on_the_same_roots_is_refused(new_wharfd: Make) -> None:
    wharfd = new_wharfd(image=False)
    second = subprocess.run(wharfd.network.command(wharfd.command()), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == f"wharfd: another wharfd (pid {wharfd.pid}) uses the data-root {wharfd.root / 'data'}\n"
    assert wharfd.answers()


def test_two_daemons_side_by_side(new_wharfd: Make) -> None:
    one, two = new_wharfd(), new_wharfd()
    for wharfd in (one, two):
        wharfd.docker("run", "-d", "--name", "same-name", "-p", "8080:80", "busybox", "sleep", "600")
    one.docker("rm", "-f", "same-name")
    assert two.state("same-name")["Running"]


def test_200_containers_are_there_after_a_new_start(new_wharfd: Make) -> None:
    wharfd = new_wharfd()
    body = {"Image": "busybox", "Cmd": ["true"]}
    for number in range(200):
        assert wharfd.request("POST", f"{API}/containers/create?name=box-{number}", body).status == 201
    wharfd.restart()
    assert len(wharfd.request("GET", f"{API}/containers/json?all=1").json) == 200


def test_200_containers_in_parallel_leave_nothing_behind(new_wharfd: Make) -> None:
    wharfd = new_wharfd()
    wharfd.docker("run", "--rm", "busybox", "true")  # the first one fills caches

    def left() -> tuple[int, str]:
        # Not rglob: files are deleted in the background, and it does not take that.
        return sum(len(dirs) + len(files) for _, dirs, files in os.walk(wharfd.root / "data")), wharfd.nft_elements()

    wait_until(lambda: not list((wharfd.root / "data/overlay2/trash").iterdir()), "the first one's files are deleted")
    before = left()

    def life(number: int) -> int:
        body = {"Image": "busybox", "Cmd": ["true"], "ExposedPorts": {"80/tcp": {}}}
        body["HostConfig"] = {"PortBindings": {"80/tcp": [{"HostPort": str(20000 + number)}]}}
        created = wharfd.request("POST", f"{API}/containers/create", body)
        assert created.status == 201, created.message
        id = created.json["Id"]
        started = wharfd.request("POST", f"{API}/containers/{id}/start")
        assert started.status == 204, started.message
        code = wharfd.request("POST", f"{API}/containers/{id}/wait").json["StatusCode"]
        assert wharfd.request("DELETE", f"{API}/containers/{id}?force=1&v=1").status == 204
        return int(code)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(life, range(200)))
    assert codes == [0] * 200
    wait_until(lambda: not wharfd.veths() and not wharfd.cgroups() and not wharfd.mounts(), "the kernel has cleaned up")
    wait_until(lambda: all("spawner" in found[1] for found in wharfd.processes()), "no shim is left")
    # Files are deleted in the background.
    wait_until(lambda: left() == before, "files and rules are as before")
    assert [path for path in (wharfd.root / "exec").rglob("*") if path.name.startswith("config.json")] == []


def test_reload(new_wharfd: Make) -> None:
    wharfd = new_wharfd(image=False)
    file = wharfd.root / "daemon.json"
    file.write_text("{}")
    wharfd.stop()
    wharfd.flags = ["--config-file", str(file)]
    command = [part for part in wharfd.command() if part != "/dev/null"]
    first = command.index("--config-file")
    wharfd.command = lambda: command[:first] + command[first + 1 :]  # type: ignore[method-assign]
    wharfd.start()
    file.write_text('{"labels": ["tier=front"], "debug": true}')
    wharfd.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in wharfd.log.read_text(), "the log tells of it")
    info = wharfd.request("GET", "/info").json
    assert (info["Labels"], info["Debug"]) == (["tier=front"], True)
    file.write_text('{"colour": "red"}')
    wharfd.signal(signal.SIGHUP)
    wait_until(lambda: "was not reloaded" in wharfd.log.read_text(), "the log tells of the fault")
    assert wharfd.request("GET", "/info").json["Labels"] == ["tier=front"]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--colour"], "wharfd: unknown flag: --colour\n"),
        (["--swarm-default-advertise-addr=eth0"], "is not implemented by this engine\n"),
        (["--config-file=/no/such/file"], "no such file or directory\n"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_1(flags: list[str], text: str) -> None:
    program = str(Path(sys.executable).parent / "wharfd")
    ran = subprocess.run([program, *flags], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith(text)
    assert ran.stderr.count("\n") == 1


def test_validate() -> None:
    program = str(Path(sys.executable).parent / "wharfd")
    ran = subprocess.run([program, "--validate", "--config-file=/dev/null"], capture_output=True, text=True, check=True)
    assert ran.stdout == "configuration OK\n"


def test_the_log_is_one_json_object_a_line(new_wharfd: Make) -> None:
    wharfd = new_wharfd("--log-format=json", "--debug", image=False)
    wharfd.request("GET", "/info")
    wharfd.stop()
    lines = [json.loads(line) for line in wharfd.log.read_text().splitlines()]
    assert {"ready", "stopping", "stopped"} <= {line["msg"] for line in lines}
    assert any("request" in line for line in lines)
    wharfd.start()


def test_socket_activation_and_notification(new_wharfd: Make) -> None:
    wharfd = new_wharfd(image=False)
    wharfd.stop()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(wharfd.root / "notify"))
    notify.settimeout(20)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(wharfd.socket))
    listening.listen()
    command = [part if not part.startswith("unix://") else "fd://" for part in wharfd.command()]
    # A process keeps its pid through exec, which is what LISTEN_PID has to say.
    script = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    fd = listening.fileno()
    process = subprocess.Popen(
        wharfd.network.command([sys.executable, "-c", script, str(fd), *command]),
        pass_fds=[fd],
        env={**os.environ, "NOTIFY_SOCKET": str(wharfd.root / "notify")},
    )
    try:
        assert notify.recv(100) == b"READY=1"
        assert wharfd.answers()
        process.terminate()
        assert notify.recv(100) == b"STOPPING=1"
        assert process.wait(20) == 0
        assert wharfd.socket.exists()
    finally:
        process.kill()
        process.wait()
        notify.close()
        listening.close()
        wharfd.socket.unlink()


def _certificates(directory: Path) -> dict[str, Path]:
    import trustme

    ca = trustme.CA()
    server, client, stranger = (
        ca.issue_cert("127.0.0.1", "localhost"),
        ca.issue_cert("client"),
        trustme.CA().issue_cert("client"),
    )
    files = {name: directory / f"{name}.pem" for name in ("ca", "cert", "key", "client", "stranger")}
    ca.cert_pem.write_to_path(files["ca"])
    server.private_key_pem.write_to_path(files["key"])
    server.cert_chain_pems[0].write_to_path(files["cert"])
    client.private_key_and_cert_chain_pem.write_to_path(files["client"])
    stranger.private_key_and_cert_chain_pem.write_to_path(files["stranger"])
    return files


ASK_BY_TLS = """
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
if len(sys.argv) > 2: context.load_cert_chain(sys.argv[2])
connection = http.client.HTTPSConnection("127.0.0.1", 2376, context=context, timeout=30)
connection.request("GET", "/_ping"); print(connection.getresponse().status)
"""


def test_tcp_with_mutual_tls(new_wharfd: Make, tmp_path: Path) -> None:
    files = _certificates(tmp_path)
    flags = ["--tlsverify", f"--tlscacert={files['ca']}", f"--tlscert={files['cert']}", f"--tlskey={files['key']}"]
    wharfd = new_wharfd("--host=tcp://127.0.0.1:2376", *flags, image=False)

    def ask(*client: Path) -> str:
        arguments = [sys.executable, "-c", ASK_BY_TLS, str(files["ca"]), *map(str, client)]
        return wharfd.inside(*arguments, check=False).strip()

    assert ask(files["client"]) == "200"
    assert ask() == ""
    assert ask(files["stranger"]) == ""


def test_a_stream_over_tls_ends_in_one_direction_only(new_wharfd: Make, tmp_path: Path) -> None:
    """What a container writes after the end of its stdin is not lost, by docker's client and by ours."""
    files = _certificates(tmp_path)
    flags = ["--tlsverify", f"--tlscacert={files['ca']}", f"--tlscert={files['cert']}", f"--tlskey={files['key']}"]
    wharfd = new_wharfd("--host=tcp://127.0.0.1:2376", *flags)
    ours = str(Path(sys.executable).parent / "wharf")
    data = os.urandom(300_000).hex().encode()
    (tmp_path / "input").write_bytes(data)
    trust = f"--tlsverify --tlscacert {files['ca']} --tlscert {files['client']} --tlskey {files['client']}"
    for program in ("docker", ours):
        command = f"{program} -H tcp://127.0.0.1:2376 {trust} run --rm -i busybox sh -c 'cat; sleep 0.3; echo end'"
        out = wharfd.inside("sh", "-c", f"{command} < {tmp_path}/input")
        assert out == f"{data.decode()}end\n", f"{program}: {len(out)} bytes"


def test_plain_tcp_only_when_it_is_meant(new_wharfd: Make) -> None:
    wharfd = new_wharfd("--host=tcp://127.0.0.1:2375", "--allow-plain-tcp", image=False)
    assert "without protection" in wharfd.log.read_text()
    ask = "printf 'GET /_ping HTTP/1.0\\r\\n\\r\\n' | busybox nc 127.0.0.1 2375"
    assert "200 OK" in wharfd.inside("sh", "-c", ask)


def test_the_daemon_may_open_more_files_than_its_containers(new_wharfd: Callable[..., Wharfd]) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (777, before[1]))
    try:
        engine = new_wharfd()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert resource.prlimit(engine.pid, resource.RLIMIT_NOFILE) == (before[1], before[1])
    asked = ("run", "--rm", "busybox", "sh", "-c", "ulimit -n")
    assert engine.docker(*asked).text == "777"
    (spawner,) = Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text().split()
    os.kill(int(spawner), signal.SIGKILL)
    assert engine.docker(*asked).text == "777"  # another one's, too
