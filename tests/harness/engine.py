"""What wharfd and dockerd have in common when tests drive them: a socket, a docker CLI, raw HTTP."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from harness.netns import NetworkNamespace

#: How many times longer than usual all may last that is asked of an engine: more than 1 on an emulated processor.
PATIENCE: Final = float(os.environ.get("WHARF_TEST_PATIENCE", "1"))
#: Seconds after which something has failed. Long, since other work may share the machine.
LIMIT: Final = 30.0
READY_TIMEOUT: Final = 2 * LIMIT * PATIENCE
API: Final = "/v1.41"  # what both wharfd and Debian's dockerd speak


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode().strip()

    @property
    def error(self) -> str:
        return self.err.decode().strip()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Engine:
    """A daemon of one's own. Subclasses say how it is started."""

    name = "engine"

    def __init__(self) -> None:
        # Short, because unix sockets below it have at most 107 bytes for their names.
        self.root = Path(tempfile.mkdtemp(prefix=f"{self.name[:2]}-", dir="/tmp"))
        self.socket = self.root / "s"
        self.log = self.root / "log"
        self.network = NetworkNamespace()
        self.flags: list[str] = []
        self.variables: dict[str, str] = {}  # of the daemon's environment, besides those of the tests' own
        self._process: subprocess.Popen[bytes] | None = None
        (self.root / "cli").mkdir()

    # ── life ──

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> float:
        """Starts it and waits until it answers; seconds that took."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.network.command(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.variables},
                cwd="/",
            )
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() - began > READY_TIMEOUT:
                raise AssertionError(f"{self.name} did not start:\n{self.log_tail()}")
            time.sleep(0.005)
        return time.monotonic() - began

    def answers(self) -> bool:
        try:
            return self.request("GET", "/_ping", timeout=5).status == 200
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self, timeout: float = 2 * LIMIT) -> int:
        """Ends it in order; its exit code."""
        self.signal(signal.SIGTERM)
        return self._wait(timeout)

    def kill9(self) -> None:
        self.signal(signal.SIGKILL)
        self._wait(LIMIT)

    def restart(self) -> float:
        self.stop()
        return self.start()

    def _wait(self, timeout: float) -> int:
        assert self._process is not None
        try:
            return self._process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.name} did not end:\n{self.log_tail()}") from None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        """Ends and removes everything, whatever state it is in."""
        try:
            if self.running:
                self.remove_all()
                self.stop()
        finally:
            if self.running:
                self.kill9()
            self.network.__exit__(None, None, None)
            shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def loaded(self, archive: bytes) -> Iterator[Self]:
        """Runs, with the images of an archive, until the block ends."""
        try:
            self.start()
            self.docker("load", input=archive)
            yield self
        finally:
            self.close()

    def remove_all(self) -> None:
        """Removes all containers and their volumes."""
        ids = self.docker("ps", "-aq").text.split()
        if ids:
            self.docker("rm", "-fv", *ids, check=False)

    # ── drive ──

    @property
    def environment(self) -> dict[str, str]:
        """For a client: no setting of the user who runs the tests counts."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "cli"),
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.root / "cli"),
        }

    def docker(
        self, *arguments: str, input: bytes | None = None, check: bool = True, timeout: float = 60, program: str = ""
    ) -> Ran:
        """Runs the docker CLI; with `check`, only an exit code of 0 will do."""
        command = [program or "docker", *arguments]
        limit = timeout * PATIENCE
        done = subprocess.run(
            command, env=self.environment, input=input or b"", capture_output=True, timeout=limit, check=False
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert not check or ran.code == 0, f"{' '.join(command)} gave {ran.code}: {ran.error}\n{self.log_tail(15)}"
        return ran

    def docker_process(self, *arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
        """A docker CLI that goes on; the caller ends it."""
        settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen(["docker", *arguments], env=self.environment, **settings)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        """One HTTP request; a body that is not bytes goes as JSON."""
        sent, more = body, dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            sent, more = json.dumps(body).encode(), {"Content-Type": "application/json", **more}
        connection = _UnixConnection(self.socket, timeout * PATIENCE)
        try:
            connection.request(method, path, body=sent, headers=more)  # type: ignore[arg-type]
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def connect(self, timeout: float = 30) -> socket.socket:
        """A raw connection to the API."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout * PATIENCE)
        sock.connect(str(self.socket))
        return sock

    def inside(self, *arguments: str, check: bool = True) -> str:
        """Output of a program that runs where the engine's host addresses are."""
        return self.network.run(*arguments, check=check)

    def inspect(self, container: str) -> Any:
        return self.request("GET", f"{API}/containers/{container}/json").json

    def network_of(self, container: str) -> Path:
        """The network namespace of a running container."""
        return Path(f"/proc/{self.state(container)['Pid']}/ns/net")

    def state(self, container: str) -> Any:
        return self.inspect(container)["State"]


def wait_until(condition: Any, what: str, timeout: float = LIMIT) -> None:
    """Waits until `condition()` holds."""
    end = time.monotonic() + timeout * PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {timeout} s in vain: {what}"
        time.sleep(0.02)


def program(name: str) -> str | None:
    """Where a program is, also where a user's PATH does not lead."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin")


def missing(names: Sequence[str]) -> list[str]:
    return [name for name in names if program(name) is None]
