"""`wharf` and docker's own command line, side by side against a real dockerd: same output, errors and exit codes.

The dockerd is started here, in network and mount namespaces of its own, and stopped at the end.
"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.engine import LIMIT, wait_until

pytestmark = pytest.mark.peer

STARTER = """\
mount --make-rprivate / && mount -t tmpfs tmpfs /run && ip link set lo up
exec dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" -H "unix://$1/docker.sock" \
    --cgroup-parent "$2" --storage-driver "$3"
"""
SCRIPT = "echo out; echo err >&2; trap 'exit 9' TERM; sleep 1000 & wait"
PORTS = ("-p", "8080:80", "-p", "127.0.0.1:5353:53/udp")
WHO = "id; pwd; hostname; echo $A"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Peer:
    """A dockerd, and both command lines for it."""

    directory: Path
    recent: bool  # docker's command line is of version 28 or later, whose texts are ours

    @property
    def host(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    def run(self, program: list[str], arguments: tuple[str, ...], stdin: str = "") -> Result:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "DOCKER_HOST": self.host,
            "DOCKER_CONFIG": str(self.directory / "config"),
        }
        done = subprocess.run(
            [*program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def docker(self, *arguments: str, stdin: str = "") -> Result:
        return self.run(["docker"], arguments, stdin)

    def wharf(self, *arguments: str, stdin: str = "") -> Result:
        return self.run([sys.executable, "-m", "wharf.cli.main"], arguments, stdin)

    def talk(
        self, program: list[str], arguments: tuple[str, ...], steps: list[tuple[bytes, bytes]]
    ) -> tuple[int, bytes]:
        """Exit code and output of a program at a terminal; a step waits for the first text and types the second."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(DOCKER_HOST=self.host, HOME=str(self.directory))
            os.execvp(program[0], [*program, *arguments])
        shown, seen = b"", 0
        end = time.monotonic() + LIMIT
        try:
            while time.monotonic() < end:
                if steps and (found := shown.find(steps[0][0], seen)) >= 0:
                    seen = found + len(steps[0][0])
                    os.write(terminal, steps.pop(0)[1])
                if not select.select([terminal], [], [], 0.2)[0]:
                    continue
                try:
                    piece = os.read(terminal, 65536)
                except OSError:  # EIO: nobody has the terminal open any more
                    break
                shown += piece
            else:
                os.kill(pid, 9)
        finally:
            os.close(terminal)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code, shown


def find_missing() -> str:
    """Why this machine cannot run the test, or ""."""
    if os.geteuid() != 0:
        return "a dockerd of our own needs root"
    missing = [name for name in ("dockerd", "docker", "unshare", "busybox") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    if reason := find_missing():
        pytest.skip(f"comparison with dockerd: {reason}")
    version = subprocess.run(["docker", "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"version (\d+)", version)
    # Not pytest's tmp_path: a socket's path has room for 107 bytes.
    with tempfile.TemporaryDirectory(prefix="wharf-peer-") as name:
        directory = Path(name)
        (directory / "config").mkdir()
        group = f"/wharf-peer-{os.getpid()}"
        log = directory / "log"
        with log.open("wb") as output:
            daemon = subprocess.Popen(
                ["unshare", "-n", "-m", "sh", "-c", STARTER, "sh", name, group, "overlay2"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        found = Peer(directory, recent=major is not None and int(major[1]) >= 28)
        try:
            wait_until_ready(found, daemon, log)
            prepare(found)
            yield found
            for id in found.docker("ps", "-aq").out.split():
                found.docker("rm", "-fv", id)
        finally:
            daemon.terminate()
            daemon.wait(30)
            remove_groups(group)


def wait_until_ready(peer: Peer, daemon: subprocess.Popen[bytes], log: Path) -> None:
    def ready() -> bool:
        assert daemon.poll() is None, log.read_text()[-2000:]
        return peer.docker("version").code == 0

    wait_until(ready, "dockerd answers")


def prepare(peer: Peer) -> None:
    """Two images' names, and containers in different states."""
    made = peer.wharf("image", "bootstrap", "busybox")
    assert (made.code, made.err) == (0, ""), made
    for arguments in (
        ("tag", "busybox", "example.com/some/where:v1"),
        (
            "run",
            "-d",
            "--name",
            "up",
            "-l",
            "a=b",
            "-p",
            "8080:80",
            "-p",
            "127.0.0.1:5353:53/udp",
            "busybox",
            "sh",
            "-c",
            SCRIPT,
        ),
        ("run", "--name", "done", "busybox", "sh", "-c", "exit 3"),
        ("create", "--name", "new", "-v", "/some", "--entrypoint", "/bin/echo", "busybox", "a", "b"),
        # Another image, not another name for the same: docker shows an image's names in any order.
        ("commit", "new", "example.com/some/where:v1"),
    ):
        result = peer.docker(*arguments)
        assert result.code in (0, 3), result
    wait_until(lambda: "err" in peer.docker("logs", "up").err, "the container has written all")


def remove_groups(group: str) -> None:
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        parent = Path(f"{hierarchy}{group}")
        if parent.is_dir():
            for child in sorted(parent.rglob("*/"), reverse=True):
                child.rmdir()
            parent.rmdir()


# What both say alike whatever the version of docker's command line; then what only recent ones say as we do.
SAME_OUTPUT = [
    ("ps",),
    ("ps", "-a"),
    ("ps", "-aq", "--no-trunc"),
    ("ps", "-a", "--filter", "status=exited", "--format", "{{.Names}} {{.Image}} {{.Command}}"),
    ("ps", "-a", "--format", "table {{.ID}}\\t{{.Names}}\\t{{.Ports}}"),
    ("ps", "-a", "--format", '{{.Names}} {{.Label "a"}} {{.State}} {{.Mounts}}'),
    ("ps", "-n", "1", "-s"),
    ("ps", "--filter", "nonsense=1"),
    ("container", "ls", "-l"),
    ("images",),
    ("images", "-q", "--no-trunc"),
    ("images", "--digests", "busybox"),
    ("image", "ls", "--filter", "dangling=true"),
    ("inspect", "up"),
    ("inspect", "busybox", "done"),
    ("inspect", "nothing"),
    ("inspect", "up", "nothing"),
    ("inspect", "-f", "{{.State.Status}} {{.Id}} {{json .Config.Labels}}", "up", "done"),
    ("inspect", "-f", "{{range $p, $b := .NetworkSettings.Ports}}{{$p}}={{(index $b 0).HostPort}} {{end}}", "up"),
    ("inspect", "-f", "{{.HostConfig.Memory}} {{.Config.Cmd}} {{.HostConfig.Binds}} {{.Config.Entrypoint}}", "new"),
    ("inspect", "-f", "{{.Nothing}}", "up"),
    ("inspect", "-f", "{{.Nothing", "up"),
    ("inspect", "--type", "image", "up"),
    ("container", "inspect", "nothing"),
    ("image", "inspect", "busybox", "nothing"),
    ("logs", "up"),
    ("logs", "--tail", "1", "-t", "up"),
    ("logs", "--since", "1h", "--until", "0s", "done"),
    ("logs", "nothing"),
    ("port", "up"),
    ("port", "up", "80"),
    ("port", "up", "81"),
    ("top", "up"),
    ("top", "up", "-o", "pid,comm"),
    ("top", "done"),
    ("top", "up", "-o", "comm"),
    ("top", "up", "--bogus"),
    ("stats", "--no-stream", "nothing"),
    ("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "done"),
    ("update", "--memory", "5m", "up"),
    ("update", "--cpus", "0.5", "up", "nothing"),
    ("history", "busybox"),
    ("history", "-q", "nothing"),
    ("events", "--since", "1h", "--until", "0s", "--filter", "container=done"),
    ("events", "--since", "1h", "--until", "0s", "--filter", "type=image", "--format", "{{json .}}"),
    ("info", "-f", "{{.ServerVersion}} {{.Driver}} {{.NCPU}} {{.Containers}}"),
    ("version", "-f", "{{.Server.Version}} {{.Server.Os}}"),
    ("system", "df"),
    ("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"),
    (
        "run",
        "--rm",
        "-e",
        "A=1",
        "-w",
        "/tmp",
        "-u",
        "1:2",
        "-h",
        "host",
        "busybox",
        "sh",
        "-c",
        "id; pwd; hostname; echo $A",
    ),
    ("run", "--rm", "--entrypoint", "", "busybox", "echo", "hi"),
    ("run", "--rm", "busybox", "sh", "-c", "kill -9 $$"),
    ("run", "--rm", "--network", "none", "busybox", "ip", "-o", "link", "show", "lo"),
    ("exec", "up", "sh", "-c", "echo in; exit 4"),
    ("exec", "done", "true"),
    ("start", "-a", "done"),
    ("wait", "done", "nothing"),
    ("stop", "nothing"),
    ("rm", "nothing", "up"),
    ("rmi", "nothing"),
    ("kill", "-s", "NONSENSE", "up"),
    ("rename", "up", "new"),
    ("tag", "nothing", "x"),
    ("container", "prune", "--filter", "label=nobody"),
]
SAME_WITH_RECENT = [
    ("ps", "--format", "json", "-a"),
    ("images", "--format", "json"),
    ("system", "df", "--format", "json"),
    ("ps", "--nothing"),
    ("ps", "-z"),
    ("ps", "extra"),
    ("ps", "-n", "x"),
    ("ps", "--format", "{{.Nothing}}"),
    ("images", "--format", "{{.Nothing}}"),
    ("run",),
    ("run", "--nothing", "busybox"),
    ("run", "busybox", "nothing"),
    ("run", "busybox", "/bin"),
    ("run", "-p", "99999:1", "busybox"),
    ("run", "-m", "x", "busybox"),
    ("run", "--name", "up", "busybox"),
    ("run", "-it", "busybox"),
    ("run", "--pull", "never", "nothing/here"),
    ("rename", "up"),
    ("nothing",),
    ("container", "nothing"),
    ("load", "-i", "/nothing"),
    ("start", "nothing"),
    ("rm",),
    ("create", "--cpus", "1e-10", "busybox"),
    ("create", "--memory-reservation", "1z", "busybox"),
    ("create", "--blkio-weight", "70000", "busybox"),
    ("create", "--blkio-weight-device", "/dev/vda:5", "busybox"),
    ("create", "--device-read-bps", "/dev/vda:x", "busybox"),
    ("create", "--device-write-iops", "vda:1", "busybox"),
    ("create", "--pids-limit", "99999999999999999999", "busybox"),
    ("create", "--ulimit", "bogus=1", "busybox"),
    ("create", "--ulimit", "nofile=5:1", "busybox"),
    ("create", "--sysctl", "kernel.panic=1", "busybox"),
    ("create", "--memory-swappiness", "101", "busybox"),
    ("create", "--cgroupns", "x", "busybox"),
    ("update", "up"),
    ("update", "--restart", "on-failure:x", "up"),
]


def in_our_words(text: str) -> str:
    return text.replace("docker", "wharf").replace("Docker", "Wharf")


def comparable(text: str) -> str:
    """Without what differs from second to second, which may also be the first of another minute."""
    text, replaced = re.subn(r"\b(Less than a|About an?|\d+) (second|minute|hour)s?\b", "some time", text)
    # A column is as wide as the longest of its texts.
    return re.sub("  +", "  ", text) if replaced else text


def compare(peer: Peer, arguments: tuple[str, ...], *, errors: bool) -> None:
    theirs, ours = peer.docker(*arguments), peer.wharf(*arguments)
    assert (comparable(ours.out), ours.code) == (comparable(theirs.out), theirs.code)
    if errors:
        assert in_our_words(ours.err) == in_our_words(theirs.err)
    else:
        assert bool(ours.err) == bool(theirs.err)


def name_of(arguments: tuple[str, ...]) -> str:
    return " ".join(arguments)[:60]


@pytest.mark.parametrize("arguments", SAME_OUTPUT, ids=name_of)
def test_same_output_and_exit_code(peer: Peer, arguments: tuple[str, ...]) -> None:
    compare(peer, arguments, errors=peer.recent)


@pytest.mark.parametrize("arguments", SAME_WITH_RECENT, ids=name_of)
def test_same_texts_as_docker_28(peer: Peer, arguments: tuple[str, ...]) -> None:
    if not peer.recent:
        pytest.skip("docker's command line is older than 28, and has other texts")
    compare(peer, arguments, errors=True)
    for id in peer.docker("ps", "-aq", "--filter", "status=created").out.split():
        if peer.docker("inspect", "-f", "{{.Name}}", id).out.strip() != "/new":
            peer.docker("rm", id)


def test_a_container_s_life(peer: Peer) -> None:
    """Names are printed where docker prints them, and the container does what was said."""
    made = peer.wharf("run", "-d", "--name", "life", "busybox", "sh", "-c", SCRIPT)
    assert re.fullmatch(r"[0-9a-f]{64}\n", made.out), made
    for verb, arguments, state in (
        ("pause", (), "paused"),
        ("unpause", (), "running"),
        ("stop", ("-t", "5"), "exited"),
        ("start", (), "running"),
        ("restart", ("-t", "5"), "running"),
        ("kill", (), "exited"),
    ):
        result = peer.wharf(verb, *arguments, "life")
        assert (result.out, result.err, result.code) == ("life\n", "", 0)
        assert peer.wharf("wait", "life").out if state == "exited" else True
        assert peer.docker("inspect", "-f", "{{.State.Status}}", "life").out.strip() == state
    assert peer.wharf("rename", "life", "afterlife") == Result(0, "", "")
    assert peer.wharf("rm", "afterlife") == Result(0, "afterlife\n", "")


def test_a_mac_address_for_an_engine_that_knows_one_for_each_container(peer: Peer) -> None:
    made = peer.wharf("create", "--network", "none", "--mac-address", "02:42:ac:11:00:99", "busybox").out.strip()
    assert peer.docker("inspect", "-f", "{{.Config.MacAddress}}", made).out == "02:42:ac:11:00:99\n"
    assert peer.wharf("rm", made).code == 0


def test_stdin_is_handed_on_and_its_end_too(peer: Peer) -> None:
    text = "some lines\n" * 100_000
    result = peer.wharf("run", "--rm", "-i", "busybox", "cat", stdin=text)
    assert (result.out == text, result.err, result.code) == (True, "", 0)


def test_archives_go_round(peer: Peer, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    assert peer.wharf("save", "-o", str(archive), "example.com/some/where:v1") == Result(0, "", "")
    removed = peer.wharf("rmi", "example.com/some/where:v1")
    assert removed.out.startswith("Untagged: example.com/some/where:v1\nDeleted: sha256:")
    loaded = peer.wharf("load", "-i", str(archive))
    assert loaded == Result(0, "Loaded image: example.com/some/where:v1\n", "")
    with archive.open("rb"):
        made = peer.wharf("import", "-c", "CMD x", str(archive), "imported:x")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", made.out), made
    assert peer.wharf("rmi", "imported:x").code == 0


def test_ids_are_written_to_a_file_once(peer: Peer, tmp_path: Path) -> None:
    path = tmp_path / "id"
    made = peer.wharf("create", "--cidfile", str(path), "busybox")
    assert path.read_text() == made.out.strip()
    again = peer.wharf("create", "--cidfile", str(path), "busybox")
    assert again.code == 1
    assert "container ID file found" in again.err
    peer.docker("rm", made.out.strip())


AT_A_TERMINAL = [
    (("run", "--rm", "-it", "busybox", "sh"), [(b"# ", b'test -t 0 && echo y""es; exit 5\n')], b"yes"),
    (("run", "--rm", "-it", "--init", "busybox", "sh", "-c", "echo ready; sleep 100"), [(b"ready", b"\x03")], b"^C"),
    (("run", "--rm", "-it", "--name", "left", "busybox", "sh"), [(b"# ", b"\x10\x11")], b""),
    (("attach", "left"), [(b"", b'echo h""i; exit 3\n')], b"hi"),
    (("run", "--rm", "busybox", "sh", "-c", f"echo ready; {SCRIPT}"), [(b"ready", b"\x03")], b"^C"),
    (("exec", "-it", "up", "sh"), [(b"# ", b"tty; exit 6\n")], b"/dev/pts/"),
]


def test_at_a_terminal_both_do_the_same(peer: Peer) -> None:
    for arguments, steps, shown in AT_A_TERMINAL:
        codes = []
        for program in (["docker"], [sys.executable, "-m", "wharf.cli.main"]):
            if arguments[0] == "attach":
                # What the run before has left is the other program's: each gets one of its own.
                peer.docker("rm", "-f", "left")
                peer.docker("run", "-dit", "--rm", "--name", "left", "busybox", "sh")
            code, output = peer.talk(program, arguments, list(steps))
            assert shown in output, (arguments, output)
            codes.append(code)
            peer.docker("rm", "-f", "left")
        assert codes[0] == codes[1], arguments


def test_a_signal_reaches_the_container(peer: Peer) -> None:
    script = "trap 'echo got; exit 9' USR1; echo ready; while :; do sleep 0.1; done"
    program = [sys.executable, "-m", "wharf.cli.main", "-H", peer.host, "run", "--rm", "busybox", "sh", "-c", script]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGUSR1)
        assert running.stdout.readline() == b"got\n"
    assert running.returncode == 9
