"""Inspect and list beside dockerd: the same requests, the same answers but for what has to differ."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from harness.dockerd import Dockerd
from harness.engine import API, Engine, wait_until
from harness.wharfd import Wharfd

pytestmark = pytest.mark.peer

SLEEP = {"Image": "busybox", "Cmd": ["sleep", "600"]}
LIMITS = {
    "Memory": 64 << 20,
    "MemorySwap": 128 << 20,
    "NanoCpus": 500_000_000,
    "PidsLimit": 50,
    "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}],
    "CapAdd": ["NET_ADMIN"],
    "SecurityOpt": ["no-new-privileges"],
    "Dns": ["1.1.1.1"],
    "ExtraHosts": ["a:1.2.3.4"],
    "GroupAdd": ["5"],
    "Init": True,
    "ReadonlyRootfs": True,
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
    "Sysctls": {"net.ipv4.ip_forward": "1"},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
}
MOUNTS = {
    "Binds": ["/etc:/host/etc:ro", "named:/named"],
    "Tmpfs": {"/t": "size=1m"},
    "Mounts": [
        {"Type": "tmpfs", "Target": "/t2", "TmpfsOptions": {"SizeBytes": 65536}},
        {"Type": "bind", "Source": "/opt", "Target": "/opt2", "ReadOnly": True},
        {"Type": "volume", "Source": "named2", "Target": "/n2", "VolumeOptions": {"NoCopy": True}},
    ],
}
PORTS = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
#: One that is not exposed, and one that is bound to nothing.
IN_VAIN = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8090"}], "81/tcp": list[Any]()}
ADDRESS = {"Aliases": ["al"], "IPAMConfig": {"IPv4Address": "172.30.5.9"}}
CREATED = {
    "Image": "busybox",
    "Cmd": ["true"],
    "Hostname": "h",
    "Domainname": "d",
    "Env": ["A=1"],
    "ExposedPorts": {"90/tcp": {}},
    "WorkingDir": "/tmp",
    "Entrypoint": ["sh", "-c"],
    "Labels": {"a": "b"},
    "StopSignal": "SIGINT",
    "StopTimeout": 3,
    "Tty": True,
    "OpenStdin": True,
}
#: Name, what becomes of it, and the request.
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("start", SLEEP),
    "new": ("", CREATED),
    "ended": ("wait", {"Image": "busybox", "Cmd": ["sh", "-c", "exit 3"]}),
    "ports": ("start", {**SLEEP, "ExposedPorts": {"80/tcp": {}, "81/udp": {}}, "HostConfig": {"PortBindings": PORTS}}),
    "in-vain": ("start", {**SLEEP, "ExposedPorts": {"81/tcp": {}}, "HostConfig": {"PortBindings": IN_VAIN}}),
    "net": (
        "start",
        {**SLEEP, "HostConfig": {"NetworkMode": "n1"}, "NetworkingConfig": {"EndpointsConfig": {"n1": ADDRESS}}},
    ),
    "alone": ("start", {**SLEEP, "HostConfig": {"NetworkMode": "none"}}),
    "mounts": ("start", {**SLEEP, "HostConfig": MOUNTS}),
    "checked": ("start", {**SLEEP, "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 10**9}}),
    "limited": ("start", {**SLEEP, "HostConfig": LIMITS}),
    "joined": ("start", {**SLEEP, "HostConfig": {"NetworkMode": "container:plain", "PidMode": "container:plain"}}),
}
#: Where the two differ, and why that is meant.
MEANT = re.compile(
    r"""
      \.GraphDriver\.Data\.            # directories of the engine's own
    | \.SandboxID$ | \.SandboxKey$     # names of the engine's own
    | \.HostConfig\.Runtime$           # what the machine has
    | \.HostConfig\.LogConfig\.Config  # bounded, where nobody has asked for more
    | \.HostConfig\.(Masked|Readonly)Paths   # a newer list
    | \.HostConfig\.KernelMemory       # gone since API 1.42
    | \.RestartPolicy\.Name$           # "no" instead of nothing since API 1.42
    | \.NetworkID$ | \.MacAddress$ | \.IPAddress$ | \.EndpointID$
    | \.Status$                        # of a list: the seconds since
    | \.Health\.Log | \.ExecIDs$       # checks since
    """,
    re.VERBOSE,
)


@pytest.fixture(scope="module")
def pair(shared_wharfd: Wharfd, shared_dockerd: Dockerd) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The ids of the same containers in both engines, by name."""
    engines = (shared_wharfd, shared_dockerd)
    try:
        yield made(shared_wharfd), made(shared_dockerd)
    finally:
        for engine in engines:
            engine.remove_all()
            engine.docker("network", "rm", "n1")
            engine.docker("volume", "rm", "-f", "named", "named2")


def made(engine: Engine) -> dict[str, str]:
    network = {"Name": "n1", "IPAM": {"Config": [{"Subnet": "172.30.0.0/16"}]}}
    assert engine.request("POST", f"{API}/networks/create", network).status == 201
    ids = {}
    for name, (then, body) in BODIES.items():
        answer = engine.request("POST", f"{API}/containers/create?name={name}", body)
        assert answer.status == 201, (engine.name, name, answer.body)
        ids[name] = answer.json["Id"]
        if then:
            started = engine.request("POST", f"{API}/containers/{name}/start")
            assert started.status == 204, (engine.name, name, started.body)
        if then == "wait":
            engine.request("POST", f"{API}/containers/{name}/wait")
    wait_until(lambda: engine.state("checked")["Health"]["Status"] == "healthy", "it is healthy")
    return ids


def normalised(found: Any, engine: Engine, ids: Mapping[str, str]) -> Any:
    """Ids, directories, times and pids by what they stand for."""
    text = json.dumps(found).replace(str(engine.root), "ROOT")
    for name, id in ids.items():
        text = text.replace(id, f"<{name}>").replace(id[:12], f"<{name}>")
    text = re.sub(r"\b[0-9a-f]{64}\b", "HEX", text)
    text = re.sub(r"[1-9]\d{3}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "TIME", text)
    text = re.sub(r'"Pid": [1-9]\d*', '"Pid": 1', text)
    return json.loads(re.sub(r'"Created": \d+', '"Created": 1', text))


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            if name not in ours or name not in theirs:
                yield f"{path}.{name}" + (" is missing" if name not in ours else " is there")
            else:
                yield from differences(ours[name], theirs[name], f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        # Maps have no order in Go; ports and mounts come from maps.
        ordered = [sorted(side, key=json.dumps) for side in (ours, theirs)]
        for index, (one, other) in enumerate(zip(*ordered, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif ours != theirs and (ours or theirs):  # dockerd shows nothing as the request had it: null, [] or {}
        yield f"{path}: {ours!r} instead of {theirs!r}"


def unmeant(ours: Any, theirs: Any) -> list[str]:
    return [line for line in differences(ours, theirs) if not MEANT.search(line.partition(":")[0].split(" ")[0])]


@pytest.mark.parametrize("version", ["1.24", "1.30", "1.41"])
def test_inspect(
    shared_wharfd: Wharfd, shared_dockerd: Dockerd, pair: tuple[dict[str, str], dict[str, str]], version: str
) -> None:
    for name in BODIES:
        path = f"/v{version}/containers/{name}/json?size=1"
        ours, theirs = (
            normalised(engine.request("GET", path).json, engine, ids)
            for engine, ids in zip((shared_wharfd, shared_dockerd), pair, strict=True)
        )
        assert not unmeant(ours, theirs), name


def test_list(shared_wharfd: Wharfd, shared_dockerd: Dockerd, pair: tuple[dict[str, str], dict[str, str]]) -> None:
    for version in ("1.24", "1.41"):
        sides = []
        for engine, ids in zip((shared_wharfd, shared_dockerd), pair, strict=True):
            answer = normalised(engine.request("GET", f"/v{version}/containers/json?all=1").json, engine, ids)
            sides.append({line["Names"][0]: line for line in answer})
        assert not unmeant(*sides)


FILTERS: list[dict[str, list[str]]] = [
    *({"name": [name]} for name in ("lai", "^/plain$", "^plain$", "[")),
    *({"status": [status]} for status in ("running", "exited", "created", "paused", "dead")),
    *({"health": [health]} for health in ("healthy", "starting", "none")),
    *({"label": [label]} for label in ("a", "a=b", "a=c")),
    *({"publish": [port]} for port in ("80", "8080", "8080/tcp", "8080/udp", "8000-8100")),
    *({"expose": [port]} for port in ("80", "81/udp", "81")),
    *({"network": [network]} for network in ("n1", "none", "bridge", "no-such")),
    *({"volume": [volume]} for volume in ("named", "/named", "/host/etc", "/etc", "/t", "/nothing")),
    *({"exited": [code]} for code in ("0", "3")),
    *({"ancestor": [image]} for image in ("busybox", "nothing")),
    *({"before": [name]} for name in ("ports", "new")),
    *({"since": [name]} for name in ("ports", "new")),
    *({"is-task": [task]} for task in ("true", "false")),
    {"id": ["zz"]},
    {"name": ["plain", "ports"]},
    {"status": ["exited", "created"], "label": ["a"]},
]


@pytest.mark.parametrize("all", ["", "&all=1"])
def test_filters(
    shared_wharfd: Wharfd, shared_dockerd: Dockerd, pair: tuple[dict[str, str], dict[str, str]], all: str
) -> None:
    for filters in FILTERS:
        path = f"{API}/containers/json?filters={quote(json.dumps(filters))}{all}"
        ours, theirs = (
            sorted(line["Names"][0] for line in engine.request("GET", path).json)
            for engine in (shared_wharfd, shared_dockerd)
        )
        assert ours == theirs, filters
