"""What is measured, each on one engine. Times are seconds, sizes bytes."""

import concurrent.futures
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.dockerd import Dockerd
from harness.engine import API, Engine
from harness.wharfd import Wharfd

LINE = b"x" * 99 + b"\n"


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def run_true(engine: Engine) -> float:
    return timed(lambda: engine.docker("run", "--rm", "busybox", "true"))


def lives_per_second(engine: Engine, clients: int = 4, lives: int = 20) -> float:
    """create+start+wait+remove by the API, from several clients at once."""

    def life(_: int) -> None:
        id = engine.request("POST", f"{API}/containers/create", {"Image": "busybox", "Cmd": ["true"]}).json["Id"]
        assert engine.request("POST", f"{API}/containers/{id}/start").status == 204
        assert engine.request("POST", f"{API}/containers/{id}/wait").json["StatusCode"] == 0
        assert engine.request("DELETE", f"{API}/containers/{id}").status == 204

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return lives / timed(lambda: list(pool.map(life, range(lives))))


def start(engine: Engine, *binds: str) -> float:
    """One start by the API, without a network, of a container with these binds and volumes."""
    asked = {
        "Image": "busybox",
        "Cmd": ["sleep", "60"],
        "HostConfig": {"NetworkMode": "none", "Binds": list(binds)},
    }
    id = engine.request("POST", f"{API}/containers/create", asked).json["Id"]
    took = timed(lambda: engine.request("POST", f"{API}/containers/{id}/start"))
    assert engine.request("DELETE", f"{API}/containers/{id}?force=1").status == 204
    return took


def make_volumes(engine: Engine, count: int) -> None:
    for number in range(count):
        assert engine.request("POST", f"{API}/volumes/create", {"Name": f"bench{number}"}).status == 201


def list_volumes(engine: Engine) -> float:
    return timed(lambda: engine.request("GET", f"{API}/volumes").json)


def writer(engine: Engine, program: Path) -> str:
    """The id of a container for written_inside(), with the volume `bench`."""
    mounted = ("-v", "bench:/m", "-v", f"{program}:/write:ro")
    return engine.docker("run", "-d", "--network", "none", *mounted, "busybox", "sleep", "3600").text


def written_inside(engine: Engine, writer: str) -> float:
    """Bytes a second that reach the disk from a container, by a file in its volume."""
    return float(engine.docker("exec", writer, "/write", "/m/file", "256").text)


def written_outside(engine: Engine, program: Path) -> float:
    """The same from the host, by a file on the same file system."""
    command = [str(program), str(engine.root / "file"), "256"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def execs(engine: Engine, count: int, *, at_once: bool) -> float:
    """Seconds for `count` execs of `true` in one container: create, run to the end, ask for the exit code."""
    box = engine.docker("run", "-d", "busybox", "sleep", "1000").text

    def one(_: int) -> None:
        body = {"Cmd": ["true"], "AttachStdout": True}
        id = engine.request("POST", f"{API}/containers/{box}/exec", body).json["Id"]
        assert engine.request("POST", f"{API}/exec/{id}/start", {}).status == 200
        assert engine.request("GET", f"{API}/exec/{id}/json").json["ExitCode"] == 0

    with concurrent.futures.ThreadPoolExecutor(count if at_once else 1) as pool:
        one(0)
        took = timed(lambda: list(pool.map(one, range(count))))
    engine.docker("rm", "-f", box)
    return took


def compiled(name: str, directory: Path) -> Path:
    """The program of a source that is beside this file; it needs no libraries, as in a container there are none."""
    program = directory / name
    subprocess.run(["cc", "-O2", "-static", "-o", program, Path(__file__).with_name(f"{name}.c")], check=True)
    return program


def pings_per_second(engine: Engine, program: Path, connections: int, seconds: float = 0.5) -> float:
    """A single connection has client and daemon on one processor.

    Only one of them ever works, and where they are on two, what is measured is how long a sleeping processor takes to
    wake up: on virtual machines a tenth of the rate, by the scheduler's whim.
    """
    command = [str(program), str(engine.socket), str(connections), str(seconds)]
    with contextlib.ExitStack() as pinned:
        if connections == 1:
            pinned.enter_context(_on_one_processor(engine.pid))
            command = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *command]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@contextlib.contextmanager
def _on_one_processor(pid: int) -> Iterator[None]:
    """All threads of a process are where a client on the first processor is."""
    every = os.sched_getaffinity(0)
    try:
        _place(pid, {min(every)})
        yield
    finally:
        _place(pid, every)


def _place(pid: int, processors: set[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), processors)


def pull(engine: Engine, name: str) -> float:
    """A pull of an image that is not there, all of it."""
    engine.docker("rmi", "-f", name, check=False, timeout=300)
    return timed(lambda: engine.docker("pull", "--quiet", name, timeout=300))


def log_bytes_per_second(engine: Engine, size: int = 100_000_000) -> float:
    """Bytes of payload a second that a container's output reaches its json-file log with."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(LINE * (size // len(LINE)))
        file.flush()
        options = ["-v", f"{file.name}:/lines:ro", "--log-opt", "max-size=1g", "--network", "none"]
        id = engine.docker("create", *options, "busybox", "cat", "/lines").text

        def go() -> None:
            engine.docker("start", id)
            assert engine.docker("wait", id).text == "0"

        seconds = timed(go)
        engine.docker("rm", id)
    return size / seconds


def resident(engine: Engine) -> int:
    """Memory of the daemon; of dockerd with its containerd, of wharfd with its spawner."""
    if isinstance(engine, Dockerd):
        pids = engine.daemons
    else:
        assert isinstance(engine, Wharfd)
        # Not the shims: they look the same to ps, and share the spawner's pages (see shim_memory).
        pids = [engine.pid, *(pid for pid, _ in engine.processes() if _parent(pid) == engine.pid)]
    return sum(_status(pid, "VmRSS") for pid in pids)


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def shim_memory(wharfd: Wharfd, containers: int = 10) -> int:
    """Proportional memory of one shim, while several run."""
    ids = [wharfd.docker("run", "-d", "busybox", "sleep", "600").text for _ in range(containers)]
    inits = {int(json.loads(wharfd.docker("inspect", id).out)[0]["State"]["Pid"]) for id in ids}
    shims = {_parent(pid) for pid in inits}
    total = 0
    for pid in shims:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) * 1024
    wharfd.docker("rm", "-f", *ids)
    return total // len(shims)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wharf_ps(engine: Wharfd) -> float:
    return timed(lambda: engine.wharf("ps"))


def docker_ps(engine: Engine) -> float:
    return timed(lambda: engine.docker("ps"))


def debian_image(directory: Path, suite: str) -> bytes:
    """An archive of a small Debian with at least 6,000 files."""
    from harness import images

    tree = directory / "tree.tar"
    subprocess.run(["mmdebstrap", "--variant=apt", "--quiet", suite, str(tree)], capture_output=True, check=True)
    return images.archive("debian:bench", [tree.read_bytes()], {"Cmd": ["bash"]})
